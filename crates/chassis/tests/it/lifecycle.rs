//! A process from its start to its end.

#![allow(clippy::unwrap_used)]

use std::error::Error as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use amphi_chassis::Role;
use amphi_chassis::service::{Service, StartError, build_fn};
use amphi_chassis::testing::{TestProcess, eventually};
use axum::Router;
use axum::routing::get;
use http::StatusCode;
use tokio::sync::Notify;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::stand_ins::{Observatory, get_trace};

const OBSERVATORY: &str = "amphi.observatory.v1.ObservatoryService";

fn observatory() -> Service {
    Observatory::answering(async |_| Ok(())).service()
}

#[tokio::test]
async fn a_worker_that_fails_stops_the_process_with_its_reason() {
    let process = TestProcess::builder()
        .stand_in(|| observatory().worker("accountant", async |_| Err("the books do not balance")))
        .start()
        .await;
    let error = process.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "accountant failed");
    assert_eq!(
        error.source().unwrap().to_string(),
        "the books do not balance"
    );
}

#[tokio::test]
async fn a_worker_that_panics_stops_the_process() {
    let process = TestProcess::builder()
        .stand_in(|| {
            observatory().worker("clumsy", async |_| -> Result<(), String> {
                panic!("dropped it")
            })
        })
        .start()
        .await;
    let error = process.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "clumsy failed");
    assert!(error.source().unwrap().to_string().contains("dropped it"));
}

#[tokio::test]
async fn a_worker_may_be_done_before_the_process_is() {
    let done = Arc::new(Notify::new());
    let told = Arc::clone(&done);
    let process = TestProcess::builder()
        .stand_in(move || {
            let done = Arc::clone(&told);
            observatory().worker("short", async move |_| {
                done.notify_one();
                Ok::<_, String>(())
            })
        })
        .start()
        .await;
    done.notified().await;
    get_trace(&process.anonymous(), "t").await.unwrap();
    process.stop().await;
}

#[tokio::test]
async fn workers_stop_in_reverse_and_each_before_the_one_it_was_started_after() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&order);
    let process = TestProcess::builder()
        .stand_in(move || {
            ["first", "second", "third"]
                .into_iter()
                .fold(observatory(), |service, name| {
                    let order = Arc::clone(&kept);
                    service.worker(name, async move |shutdown| {
                        shutdown.cancelled().await;
                        order.lock().unwrap().push(name);
                        Ok::<_, String>(())
                    })
                })
        })
        .start()
        .await;
    process.stop().await;
    assert_eq!(*order.lock().unwrap(), ["third", "second", "first"]);
}

#[tokio::test]
async fn a_worker_that_does_not_stop_is_cut_off() {
    let process = TestProcess::builder()
        .stand_in(|| {
            observatory().worker("stubborn", async |_| {
                std::future::pending::<()>().await;
                Ok::<_, String>(())
            })
        })
        .setting("server.shutdown_timeout_ms", 100)
        .start()
        .await;
    process.stop().await;
}

#[tokio::test]
async fn nothing_runs_when_one_role_cannot_be_built() {
    let has_run = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&has_run);
    let error = TestProcess::builder()
        .stand_in(move || {
            let has_run = Arc::clone(&told);
            observatory().worker("early", async move |_| {
                has_run.store(true, Ordering::SeqCst);
                Ok::<_, String>(())
            })
        })
        .role(
            Role::Media,
            build_fn(|context| {
                let error = StartError::service(context.role, "has no ffmpeg", "not found");
                Box::pin(std::future::ready(Err(error)))
            }),
        )
        .try_start()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "media: has no ffmpeg");
    assert!(!has_run.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = TestProcess::builder()
        .stand_in(observatory)
        .setting("server.internal_listen", address.to_string())
        .try_start()
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot listen on server.internal_listen = {address}")
    );
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let is_well = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&is_well);
    let process = TestProcess::builder()
        .stand_in(move || {
            let is_well = Arc::clone(&asked);
            observatory().ready("disk", move || {
                let is_well = is_well.load(Ordering::SeqCst);
                async move {
                    if is_well {
                        Ok(())
                    } else {
                        Err("the disk is full".to_owned())
                    }
                }
            })
        })
        .start()
        .await;
    let url = |path: &str| format!("http://{}{path}", process.internal());
    let ready = async || {
        let response = reqwest::get(url("/readyz")).await.unwrap();
        let status = response.status();
        (status, response.json::<serde_json::Value>().await.unwrap())
    };
    let (status, body) = ready().await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(body["checks"]["observatory disk"], "ok");

    let channel = tonic::transport::Endpoint::from_shared(url(""))
        .unwrap()
        .connect_lazy();
    let health = async |service: &str| {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let answer = HealthClient::new(channel.clone()).check(request).await;
        answer.unwrap().into_inner().status()
    };
    assert_eq!(health(OBSERVATORY).await, ServingStatus::Serving);
    assert_eq!(health("").await, ServingStatus::Serving);

    is_well.store(false, Ordering::SeqCst);
    let (status, body) = ready().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["ready"], false);
    assert_eq!(body["checks"]["observatory disk"], "the disk is full");
    eventually("gRPC health to follow", async || {
        (health(OBSERVATORY).await == ServingStatus::NotServing).then_some(())
    })
    .await;
    let livez = reqwest::get(url("/livez")).await.unwrap();
    assert_eq!(livez.status(), StatusCode::OK, "alive, though not ready");
}

#[tokio::test]
async fn a_draining_process_is_not_ready_and_still_answers() {
    let process = TestProcess::builder()
        .stand_in(observatory)
        .setting("server.drain_ms", 60_000)
        .start()
        .await;
    let readyz = format!("http://{}/readyz", process.internal());
    assert_eq!(
        reqwest::get(&readyz).await.unwrap().status(),
        StatusCode::OK
    );
    process.ask_to_stop();
    eventually("not ready", async || {
        let status = reqwest::get(&readyz).await.unwrap().status();
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;
    get_trace(&process.anonymous(), "t").await.unwrap();
}

/// A gateway with one route that waits for the test.
fn gate(entered: &Arc<Notify>, release: &Arc<Notify>) -> impl Fn() -> Service + use<> {
    let (entered, release) = (Arc::clone(entered), Arc::clone(release));
    move || {
        let (entered, release) = (Arc::clone(&entered), Arc::clone(&release));
        let router = Router::new().route(
            "/gate",
            get(async move || {
                entered.notify_one();
                release.notified().await;
                "through"
            }),
        );
        Service::new(Role::Gateway).public(router)
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_while_the_process_stops() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let process = TestProcess::builder()
        .stand_in(gate(&entered, &release))
        .start()
        .await;
    let address = process.http();
    let url = format!("http://{address}/gate");
    let request = tokio::spawn(async move { reqwest::get(url).await.unwrap().text().await });
    entered.notified().await;
    let stopping = tokio::spawn(process.stop());
    eventually("the port to be closed", async || {
        tokio::net::TcpStream::connect(address).await.err()
    })
    .await;
    release.notify_one();
    assert_eq!(request.await.unwrap().unwrap(), "through");
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let process = TestProcess::builder()
        .stand_in(gate(&entered, &release))
        .setting("server.shutdown_timeout_ms", 100)
        .start()
        .await;
    let url = format!("http://{}/gate", process.http());
    let request = tokio::spawn(reqwest::get(url));
    entered.notified().await;
    process.stop().await;
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn metrics_tell_of_calls_by_method_and_code() {
    let process = TestProcess::builder().stand_in(observatory).start().await;
    get_trace(&process.anonymous(), "t").await.unwrap();
    let url = format!("http://{}/metrics", process.internal());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let counted = text.lines().any(|line| {
        line.starts_with("rpc_server_call_duration")
            && line.contains("rpc_method=\"amphi.observatory.v1.ObservatoryService/GetTrace\"")
            && line.contains("rpc_response_status_code=\"OK\"")
    });
    assert!(counted, "{text}");
}

#[tokio::test]
async fn names_that_do_not_exist_make_no_metric() {
    let process = TestProcess::builder().stand_in(observatory).start().await;
    let address = format!("http://{}", process.internal());
    let path = format!("{address}/{OBSERVATORY}/NoSuchMethodAtAll");
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let response = client
        .post(path)
        .header("content-type", "application/grpc")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["grpc-status"], "12");
    let absent = client
        .post(format!("{address}/amphi.media.v1.MediaService/GetAsset"))
        .header("content-type", "application/grpc")
        .send()
        .await
        .unwrap();
    assert_eq!(absent.headers()["grpc-status"], "12");
    let text = reqwest::get(format!("{address}/metrics"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(!text.contains("NoSuchMethodAtAll"), "{text}");
    assert!(text.contains("rpc_method=\"unknown\""), "{text}");
}

#[tokio::test]
async fn reflection_tells_the_contracts() {
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let process = TestProcess::builder().stand_in(observatory).start().await;
    let url = format!("http://{}", process.internal());
    let channel = tonic::transport::Endpoint::from_shared(url)
        .unwrap()
        .connect_lazy();
    let request = tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = ServerReflectionClient::new(channel)
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(names.iter().any(|name| name == OBSERVATORY), "{names:?}");
    assert!(
        names.iter().any(|name| name == "grpc.health.v1.Health"),
        "{names:?}"
    );
}
