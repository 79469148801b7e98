//! Callers get past processes that fail, are stopped, or are found elsewhere.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use amphi_chassis::service::Service;
use amphi_chassis::testing::{TestProcess, eventually, free_address};
use amphi_chassis::{Problem, Role};
use axum::body::Body;
use axum::routing::post;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::stand_ins::{Observatory, Pair, Wiring, create_session, get_trace, playback};

/// An observatory that is away while the flag is set, and counts what reaches it.
fn sometimes_away() -> (Observatory, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let (away, calls) = (
        Arc::new(AtomicBool::new(true)),
        Arc::new(AtomicUsize::new(0)),
    );
    let (is_away, counted) = (Arc::clone(&away), Arc::clone(&calls));
    let observatory = Observatory::answering(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let away = is_away.load(Ordering::SeqCst);
        async move {
            if away {
                return Err(Problem::unavailable("away", "Not now."));
            }
            Ok(())
        }
    });
    (observatory, away, calls)
}

async fn playback_process(observatory: SocketAddr, listen: &str) -> TestProcess {
    TestProcess::builder()
        .role(Role::Playback, playback())
        .setting("server.internal_listen", listen)
        .setting(
            "cluster.services.observatory",
            format!("http://{observatory}"),
        )
        .start()
        .await
}

/// A process without roles that calls playback at these addresses.
async fn caller_of_playback(addresses: &[SocketAddr]) -> TestProcess {
    let urls: Vec<String> = addresses.iter().map(|it| format!("http://{it}")).collect();
    TestProcess::builder()
        .setting("cluster.services.playback", urls.join(","))
        .start()
        .await
}

async fn observatory_process() -> TestProcess {
    let observatory = Observatory::answering(async |_| Ok(()));
    TestProcess::builder()
        .stand_in(move || observatory.service())
        .start()
        .await
}

async fn peers_seen_by(process: &TestProcess) -> Value {
    let url = format!("http://{}/debug/peers", process.internal());
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_role_that_mostly_fails_is_spared_and_called_again_when_it_is_well() {
    for wiring in Wiring::BOTH {
        let (observatory, away, calls) = sometimes_away();
        let pair = Pair::start_with(wiring, &observatory, |builder| {
            builder
                .setting("rpc.retries_max", 0)
                .setting("rpc.breaker_calls_min", 10)
                .setting("rpc.breaker_open_ms", 2_000)
        })
        .await;
        let clients = pair.playback.anonymous();
        let mut codes = Vec::new();
        for _ in 0..30 {
            let status = get_trace(&clients, "t").await.unwrap_err();
            codes.push(Problem::from(status).code.into_owned());
        }
        assert_eq!(codes[..10], vec!["away"; 10], "{wiring:?}");
        assert_eq!(codes[10], "service_unavailable", "{wiring:?}");
        assert!(calls.load(Ordering::SeqCst) < 30, "{wiring:?}");
        away.store(false, Ordering::SeqCst);
        eventually("an answer", async || get_trace(&clients, "t").await.ok()).await;
        for _ in 0..20 {
            get_trace(&clients, "t").await.unwrap();
        }
    }
}

#[tokio::test]
async fn refusals_do_not_open_the_circuit() {
    let observatory = Observatory::answering(async |_| Err(Problem::not_found("no", "None.")));
    let pair = Pair::start(Wiring::Apart, &observatory).await;
    for _ in 0..50 {
        let status = get_trace(&pair.playback.anonymous(), "t")
            .await
            .unwrap_err();
        assert_eq!(Problem::from(status).code, "no");
    }
}

#[tokio::test]
async fn a_changing_call_that_was_not_sent_is_made_at_another_process() {
    let observatory = observatory_process().await;
    let alive = playback_process(observatory.internal(), "127.0.0.1:0").await;
    let caller = caller_of_playback(&[free_address(), alive.internal()]).await;
    for number in 0..40 {
        let id = number.to_string();
        let session = create_session(&caller.anonymous(), &id).await.unwrap();
        assert_eq!(session.session_id, id);
    }
}

#[tokio::test]
async fn an_upload_is_sent_to_another_process_when_one_cannot_be_connected_to() {
    let media = TestProcess::builder()
        .stand_in(|| {
            let echo = post(async |body: axum::body::Bytes| body);
            Service::new(Role::Media).http(axum::Router::new().route("/echo", echo))
        })
        .start()
        .await;
    let urls = format!("http://{}, http://{}", free_address(), media.internal());
    let caller = TestProcess::builder()
        .setting("cluster.services.media", urls)
        .start()
        .await;
    let media = caller.anonymous().http(Role::Media);
    for _ in 0..10 {
        let bytes = Body::from_stream(futures::stream::iter([
            Ok::<_, axum::Error>("some "),
            Ok("bytes"),
        ]));
        let request = Request::post("/echo").body(bytes).unwrap();
        let response = media.call(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "some bytes");
    }
}

#[tokio::test]
async fn processes_are_found_by_their_name() {
    let observatory = observatory_process().await;
    let port = observatory.internal().port();
    let caller = TestProcess::builder()
        .setting(
            "cluster.services.observatory",
            format!("dns+http://localhost:{port}"),
        )
        .start()
        .await;
    let clients = caller.anonymous();
    eventually("an answer", async || get_trace(&clients, "t").await.ok()).await;
    let seen = peers_seen_by(&caller).await;
    let addresses: Vec<&str> = seen[0]["peers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|peer| peer["address"].as_str().unwrap())
        .collect();
    let found = format!("http://{}", observatory.internal());
    assert!(addresses.contains(&found.as_str()), "{seen}");
}

#[tokio::test]
async fn a_name_that_nobody_has_is_said_to_be_so() {
    let caller = TestProcess::builder()
        .setting(
            "cluster.services.observatory",
            "dns+http://nobody.invalid:7000",
        )
        .start()
        .await;
    let status = get_trace(&caller.anonymous(), "t").await.unwrap_err();
    assert!(
        status.message().contains("cluster.services.observatory"),
        "{status:?}"
    );
}

#[tokio::test]
async fn a_process_that_keeps_failing_is_left_out_and_shown_so() {
    let (failing, _, calls) = sometimes_away();
    let failing = TestProcess::builder()
        .stand_in(move || failing.service())
        .start()
        .await;
    let healthy = observatory_process().await;
    let urls = format!(
        "http://{}, http://{}",
        failing.internal(),
        healthy.internal()
    );
    let caller = TestProcess::builder()
        .setting("cluster.services.observatory", urls)
        .setting("rpc.ejection_failures", 1)
        .setting("rpc.ejection_ms", 30_000)
        .start()
        .await;
    for _ in 0..100 {
        get_trace(&caller.anonymous(), "t").await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1, "one failure was enough");
    let seen = peers_seen_by(&caller).await;
    assert_eq!(seen[0]["role"], "observatory");
    assert_eq!(seen[0]["breaker"], "closed");
    let states: Vec<&Value> = [0, 1].map(|index| &seen[0]["peers"][index]["state"]).into();
    assert_eq!(states, ["ejected", "available"], "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_fails_no_call() {
    const ROUNDS: usize = 3;
    let observatory = observatory_process().await;
    let addresses = [free_address(), free_address()];
    let start = async |address: SocketAddr| {
        playback_process(observatory.internal(), &address.to_string()).await
    };
    let mut replicas = vec![start(addresses[0]).await, start(addresses[1]).await];
    let caller = caller_of_playback(&addresses).await;

    let stop = Arc::new(AtomicBool::new(false));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (clients, stop) = (caller.anonymous(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut made = 0_usize;
                while !stop.load(Ordering::SeqCst) {
                    // It changes something, so it is made again only when it certainly was not sent.
                    create_session(&clients, "t").await?;
                    made += 1;
                }
                Ok::<_, tonic::Status>(made)
            })
        })
        .collect();
    for _ in 0..ROUNDS {
        for address in addresses {
            let index = replicas
                .iter()
                .position(|replica| replica.internal() == address)
                .unwrap();
            replicas.remove(index).stop().await;
            replicas.push(start(address).await);
            // The next one stops only when this one is used again, as an orchestrator waits for readiness.
            eventually("the new process to be used", async || {
                let seen = peers_seen_by(&caller).await;
                let is_used =
                    |peer: &Value| peer["failures_in_a_row"] == 0 && peer["state"] == "available";
                seen[0]["peers"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(is_used)
                    .then_some(())
            })
            .await;
        }
    }
    stop.store(true, Ordering::SeqCst);
    for calls in load {
        let made = calls.await.unwrap().unwrap();
        assert!(made > 0);
    }
}
