//! Calls between services behave alike in one process and between two.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use amphi_chassis::auth::{AccountRole, Caller};
use amphi_chassis::rpc::CallContext;
use amphi_chassis::telemetry::{FinishedSpan, SpanKind, SpanStatus, SpanSubscription};
use amphi_chassis::testing::{TestKeys, TestProcess, eventually};
use amphi_chassis::{Kind, Problem, Role};
use amphi_contracts::AccountId;
use amphi_contracts::proto::observatory::v1::{
    GetServiceMapRequest, ListServicesRequest, ServiceMap,
};
use amphi_contracts::proto::playback::v1::{CreateGrantsRequest, RevokeSessionRequest};
use futures::{Stream, StreamExt};
use tokio::sync::{Notify, mpsc};
use tonic::{Code, Status};

use crate::stand_ins::{Observatory, Pair, Seen, Wiring, create_session, get_trace, playback};

/// An observatory that keeps what it has seen.
fn recorder() -> (Observatory, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let observatory = Observatory::answering(move |call| {
        kept.lock().unwrap().push(call);
        async { Ok(()) }
    });
    (observatory, seen)
}

/// An observatory that fails the first `failures` calls.
fn failing(failures: usize, problem: fn() -> Problem) -> (Observatory, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let observatory = Observatory::answering(move |_| {
        let fails = counted.fetch_add(1, Ordering::SeqCst) < failures;
        async move { if fails { Err(problem()) } else { Ok(()) } }
    });
    (observatory, calls)
}

fn away() -> Problem {
    Problem::unavailable("away", "Not now.")
}

#[tokio::test]
async fn a_call_is_made_in_the_name_of_its_caller() {
    for wiring in Wiring::BOTH {
        let (observatory, seen) = recorder();
        let keys = TestKeys::generate();
        let pair =
            Pair::start_with(wiring, &observatory, |builder| builder.keys(keys.clone())).await;
        let account = AccountId::generate();
        let viewer = pair.playback.account(account, AccountRole::Viewer);
        create_session(&viewer, "t").await.unwrap();
        let caller = seen.lock().unwrap().pop().unwrap().caller;
        assert_eq!(caller.account_id(), Some(account), "{wiring:?}");
        let service = pair.playback.service(Role::Catalog);
        create_session(&service, "t").await.unwrap();
        let caller = seen.lock().unwrap().pop().unwrap().caller;
        assert_eq!(caller, Caller::Service(Role::Catalog), "{wiring:?}");
        create_session(&pair.playback.anonymous(), "t")
            .await
            .unwrap();
        let caller = seen.lock().unwrap().pop().unwrap().caller;
        assert_eq!(caller, Caller::Anonymous, "{wiring:?}");
    }
}

#[tokio::test]
async fn a_service_can_call_on_its_own_account() {
    for wiring in Wiring::BOTH {
        let (observatory, seen) = recorder();
        let pair = Pair::start(wiring, &observatory).await;
        let request = RevokeSessionRequest {
            session_id: "s".to_owned(),
        };
        let mut client = pair.playback.anonymous().playback();
        client.revoke_session(request).await.unwrap();
        let caller = seen.lock().unwrap().pop().unwrap().caller;
        assert_eq!(caller, Caller::Service(Role::Playback), "{wiring:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_to_be_believed_is_refused() {
    for wiring in Wiring::BOTH {
        let (observatory, seen) = recorder();
        let pair = Pair::start(wiring, &observatory).await;
        let status = get_trace(&pair.playback.with_token("nonsense"), "t")
            .await
            .unwrap_err();
        assert_eq!(
            Problem::from(status).kind,
            Kind::Unauthenticated,
            "{wiring:?}"
        );
        assert!(seen.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_remaining_time_is_carried_on() {
    for wiring in Wiring::BOTH {
        let (observatory, seen) = recorder();
        let pair = Pair::start(wiring, &observatory).await;
        let minute = CallContext::default().with_timeout(Duration::from_secs(60));
        minute
            .scope(create_session(&pair.playback.anonymous(), "t"))
            .await
            .unwrap();
        let remaining = seen.lock().unwrap().pop().unwrap().context.remaining();
        let remaining = remaining.unwrap();
        assert!(
            remaining <= Duration::from_secs(60),
            "{wiring:?} {remaining:?}"
        );
        assert!(
            remaining > Duration::from_secs(20),
            "{wiring:?} {remaining:?}"
        );
    }
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_over() {
    for wiring in Wiring::BOTH {
        let observatory = Observatory::answering(|_| std::future::pending());
        let pair = Pair::start(wiring, &observatory).await;
        let moment = CallContext::default().with_timeout(Duration::from_millis(100));
        let status = moment
            .scope(create_session(&pair.playback.anonymous(), "t"))
            .await
            .unwrap_err();
        assert_eq!(
            Problem::from(status).kind,
            Kind::DeadlineExceeded,
            "{wiring:?}"
        );
    }
}

fn maps(receiver: mpsc::Receiver<ServiceMap>) -> impl Stream<Item = Result<ServiceMap, Status>> {
    futures::stream::unfold(receiver, async |mut receiver| {
        let map = receiver.recv().await?;
        Some((Ok(map), receiver))
    })
}

#[tokio::test]
async fn a_stream_may_last_longer_than_the_time_of_its_call() {
    for wiring in Wiring::BOTH {
        let (sender, receiver) = mpsc::channel(1);
        let receiver = Mutex::new(Some(receiver));
        let observatory = Observatory::watched_with(move |_| {
            let receiver = receiver.lock().unwrap().take().unwrap();
            Box::pin(maps(receiver))
        });
        let pair = Pair::start(wiring, &observatory).await;
        let moment = CallContext::default().with_timeout(Duration::from_millis(1_500));
        let over = moment.deadline().unwrap();
        let mut client = pair.playback.anonymous().observatory();
        let mut stream = moment
            .scope(client.watch_service_map(GetServiceMapRequest::default()))
            .await
            .unwrap()
            .into_inner();
        tokio::time::sleep_until((over + Duration::from_millis(50)).into()).await;
        let map = ServiceMap {
            window_s: 7,
            ..Default::default()
        };
        sender.send(map).await.unwrap();
        let received = stream.next().await.unwrap().unwrap();
        assert_eq!(received.window_s, 7, "{wiring:?}");
        drop(sender);
        assert!(stream.next().await.is_none(), "{wiring:?}");
    }
}

#[tokio::test]
async fn a_stream_ends_as_unavailable_when_its_service_stops() {
    for wiring in Wiring::BOTH {
        let observatory = Observatory::watched_with(|_| Box::pin(futures::stream::pending()));
        let pair = Pair::start(wiring, &observatory).await;
        let mut client = pair.playback.anonymous().observatory();
        let mut stream = client
            .watch_service_map(GetServiceMapRequest::default())
            .await
            .unwrap()
            .into_inner();
        let stopping = match pair.observatory {
            Some(observatory) => tokio::spawn(observatory.stop()),
            None => tokio::spawn(pair.playback.stop()),
        };
        let status = stream.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{wiring:?}");
        stopping.await.unwrap();
    }
}

#[tokio::test]
async fn a_reading_call_is_repeated_while_its_service_is_away() {
    for wiring in Wiring::BOTH {
        let (observatory, calls) = failing(2, away);
        let pair = Pair::start(wiring, &observatory).await;
        let trace = get_trace(&pair.playback.anonymous(), "t").await.unwrap();
        assert_eq!(trace.trace_id, "t");
        assert_eq!(calls.load(Ordering::SeqCst), 3, "{wiring:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    for wiring in Wiring::BOTH {
        let (observatory, calls) = failing(1, || Problem::conflict("taken", "It is taken."));
        let pair = Pair::start(wiring, &observatory).await;
        let status = get_trace(&pair.playback.anonymous(), "t")
            .await
            .unwrap_err();
        assert_eq!(Problem::from(status).code, "taken");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{wiring:?}");
    }
}

#[tokio::test]
async fn a_writing_call_is_not_repeated() {
    let (observatory, _) = recorder();
    let pair = Pair::start(Wiring::InProcess, &observatory).await;
    let mut spans = pair.playback.context().spans.subscribe();
    let mut client = pair.playback.anonymous().playback();
    // The stand-in answers that it is away.
    let trace = parent_of_this_test();
    let request = request_in(&trace, CreateGrantsRequest::default());
    client.create_grants(request).await.unwrap_err();
    let mut served = 0;
    eventually("the client span", || {
        let spans = spans.take(usize::MAX);
        served += spans
            .iter()
            .filter(|span| is_of(span, &trace) && span.name.ends_with("/CreateGrants"))
            .filter(|span| span.kind == SpanKind::Server)
            .count();
        async move { (served > 0).then_some(()) }
    })
    .await;
    assert_eq!(served, 1);
}

#[tokio::test]
async fn without_a_budget_nothing_is_repeated() {
    let (observatory, calls) = failing(usize::MAX, away);
    let pair = Pair::start_with(Wiring::InProcess, &observatory, |builder| {
        builder
            .setting("rpc.retry_budget_percent", 0)
            .setting("rpc.retry_budget_min_per_s", 0)
    })
    .await;
    for _ in 0..10 {
        get_trace(&pair.playback.anonymous(), "t")
            .await
            .unwrap_err();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 10);
}

#[tokio::test]
async fn retries_do_not_multiply_an_outage() {
    let (observatory, calls) = failing(usize::MAX, away);
    let pair = Pair::start_with(Wiring::InProcess, &observatory, |builder| {
        builder
            .setting("rpc.retry_budget_percent", 20)
            .setting("rpc.retry_budget_min_per_s", 0)
            .setting("rpc.breaker_failure_percent", 0)
    })
    .await;
    for _ in 0..100 {
        get_trace(&pair.playback.anonymous(), "t")
            .await
            .unwrap_err();
    }
    let calls = calls.load(Ordering::SeqCst);
    assert!((101..=125).contains(&calls), "{calls} calls were made");
}

#[tokio::test]
async fn a_panic_fails_its_call_and_no_other() {
    for wiring in Wiring::BOTH {
        let (observatory, _) = recorder();
        let pair = Pair::start(wiring, &observatory).await;
        let clients = pair.playback.anonymous();
        let status = clients
            .observatory()
            .list_services(ListServicesRequest {})
            .await
            .unwrap_err();
        let problem = Problem::from(status);
        assert_eq!(problem.kind, Kind::Internal, "{wiring:?}");
        assert!(!problem.detail.contains("panic"), "{}", problem.detail);
        get_trace(&clients, "t").await.unwrap();
    }
}

#[tokio::test]
async fn a_role_that_is_too_busy_says_so() {
    for wiring in Wiring::BOTH {
        let started = Arc::new(Notify::new());
        let release = Arc::new(Notify::new());
        let gates = (Arc::clone(&started), Arc::clone(&release));
        let observatory = Observatory::answering(move |_| {
            let (started, release) = gates.clone();
            async move {
                started.notify_one();
                release.notified().await;
                Ok(())
            }
        });
        let pair = Pair::start_with(wiring, &observatory, |builder| {
            builder
                .setting("rpc.concurrency_max", 1)
                .setting("rpc.retries_max", 0)
        })
        .await;
        let clients = pair.playback.anonymous();
        let first = tokio::spawn({
            let clients = clients.clone();
            async move { get_trace(&clients, "first").await }
        });
        started.notified().await;
        let status = get_trace(&clients, "second").await.unwrap_err();
        assert_eq!(Problem::from(status).code, "too_busy", "{wiring:?}");
        release.notify_one();
        first.await.unwrap().unwrap();
        release.notify_one();
        get_trace(&clients, "third").await.unwrap();
    }
}

#[tokio::test]
async fn a_problem_crosses_whole() {
    for wiring in Wiring::BOTH {
        let observatory = Observatory::answering(async |_| {
            Err(
                Problem::unprocessable("bad_window", "The window is bad: 한국어.")
                    .with_field("/window_s", "too_long", "At most 3600.")
                    .with_retry_after(Duration::from_secs(9)),
            )
        });
        let pair = Pair::start(wiring, &observatory).await;
        let status = create_session(&pair.playback.anonymous(), "t")
            .await
            .unwrap_err();
        let problem = Problem::from(status);
        assert_eq!(problem.kind, Kind::Unprocessable, "{wiring:?}");
        assert_eq!(problem.code, "bad_window");
        assert_eq!(problem.detail, "The window is bad: 한국어.");
        assert_eq!(problem.fields[0].pointer, "/window_s");
        assert_eq!(problem.retry_after_s, Some(9));
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    for wiring in Wiring::BOTH {
        let (observatory, seen) = recorder();
        let pair = Pair::start_with(wiring, &observatory, |builder| {
            builder.setting("rpc.message_bytes_max", 1024)
        })
        .await;
        let status = get_trace(&pair.playback.anonymous(), &"x".repeat(2048))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::OutOfRange, "{wiring:?} {status:?}");
        assert!(seen.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_role_that_is_nowhere_is_unavailable_and_named() {
    let process = TestProcess::builder()
        .role(Role::Playback, playback())
        .start()
        .await;
    let status = create_session(&process.anonymous(), "t").await.unwrap_err();
    let problem = Problem::from(status);
    assert_eq!(problem.kind, Kind::Unavailable);
    assert!(
        problem.detail.contains("cluster.services.observatory"),
        "{}",
        problem.detail
    );
}

#[tokio::test]
async fn calls_go_on_when_one_of_two_replicas_is_gone() {
    let start = async |name: &'static str| {
        TestProcess::builder()
            .stand_in(move || {
                let refuse = move || Problem::conflict(name, "Answered by name.");
                Observatory::answering(move |_| async move { Err(refuse()) }).service()
            })
            .start()
            .await
    };
    let (one, two) = (start("one").await, start("two").await);
    let urls = format!("http://{}, http://{}", one.internal(), two.internal());
    let near = TestProcess::builder()
        .role(Role::Playback, playback())
        .setting("cluster.services.observatory", urls)
        // Half of the calls meet the dead replica first, and half of their repetitions again.
        .setting("rpc.retries_max", 20)
        .setting("rpc.retry_budget_min_per_s", 1000)
        .start()
        .await;
    let mut answered_by = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let status = get_trace(&near.anonymous(), "t").await.unwrap_err();
        answered_by.insert(Problem::from(status).code.into_owned());
    }
    assert_eq!(answered_by.len(), 2, "{answered_by:?}");
    two.stop().await;
    for _ in 0..20 {
        let status = get_trace(&near.anonymous(), "t").await.unwrap_err();
        assert_eq!(Problem::from(status).code, "one");
    }
}

#[tokio::test]
async fn a_replica_that_comes_back_is_used_again() {
    let (observatory, _) = recorder();
    let pair = Pair::start_with(Wiring::Apart, &observatory, |builder| {
        builder.setting("rpc.retries_max", 0)
    })
    .await;
    let clients = pair.playback.anonymous();
    get_trace(&clients, "t").await.unwrap();
    let far = pair.observatory.unwrap();
    let address = far.internal();
    let builder = far.stop().await;
    let status = get_trace(&clients, "t").await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let _far = builder
        .stand_in(move || observatory.service())
        .setting("server.internal_listen", address.to_string())
        .start()
        .await;
    eventually("an answer", async || get_trace(&clients, "t").await.ok()).await;
}

#[tokio::test]
async fn one_trace_holds_all_hops_and_a_delay_shows_on_its_hop_alone() {
    const DELAY: Duration = Duration::from_millis(300);
    for wiring in Wiring::BOTH {
        let (observatory, _) = recorder();
        let pair = Pair::start_with(wiring, &observatory, |builder| {
            builder.setting("fault.delay_ms.observatory", 300)
        })
        .await;
        let mut subscription = pair.playback.context().spans.subscribe();
        let trace = parent_of_this_test();
        let request = amphi_contracts::proto::playback::v1::CreateSessionRequest::default();
        let started = Instant::now();
        let mut client = pair.playback.anonymous().playback();
        client
            .create_session(request_in(&trace, request))
            .await
            .unwrap();
        assert!(started.elapsed() >= DELAY);

        let spans = three_spans_of(&mut subscription, &trace).await;
        let find = |kind: SpanKind, service: &str| {
            spans
                .iter()
                .find(|span| span.kind == kind && &*span.service == service)
                .unwrap_or_else(|| panic!("no {kind:?} span of {service}: {spans:#?}"))
        };
        let server = find(SpanKind::Server, "playback");
        let client = find(SpanKind::Client, "playback");
        let far = find(SpanKind::Server, "observatory");
        assert_eq!(client.parent_span_id, Some(server.span_id), "{wiring:?}");
        assert_eq!(far.parent_span_id, Some(client.span_id), "{wiring:?}");
        let delay_ns = u64::try_from(DELAY.as_nanos()).unwrap();
        assert!(far.duration_ns >= delay_ns);
        let own = server.duration_ns - client.duration_ns;
        assert!(
            own < delay_ns / 2,
            "{wiring:?}: playback itself took {own} ns"
        );
    }
}

/// Whether each of the three spans of a call over two hops is marked as failed, by kind and service.
async fn failed_spans(wiring: Wiring, answer: fn() -> Problem) -> Vec<(SpanKind, String, bool)> {
    let observatory = Observatory::answering(move |_| async move { Err(answer()) });
    let pair = Pair::start_with(wiring, &observatory, |builder| {
        builder.setting("rpc.retries_max", 0)
    })
    .await;
    let mut subscription = pair.playback.context().spans.subscribe();
    let trace = parent_of_this_test();
    let request = amphi_contracts::proto::playback::v1::CreateSessionRequest::default();
    let mut client = pair.playback.anonymous().playback();
    client
        .create_session(request_in(&trace, request))
        .await
        .unwrap_err();
    let spans = three_spans_of(&mut subscription, &trace).await;
    spans
        .iter()
        .map(|span| {
            let is_failed = span.status == SpanStatus::Error;
            (span.kind, span.service.to_string(), is_failed)
        })
        .collect()
}

#[tokio::test]
async fn a_refusal_marks_no_span_as_failed_and_a_fault_marks_both_sides() {
    type Case = (fn() -> Problem, bool);
    let cases: [Case; 7] = [
        (|| Problem::not_found("gone", "It is not there."), false),
        (|| Problem::unauthenticated("who", "Sign in."), false),
        (|| Problem::invalid("bad", "It is malformed."), false),
        (|| Problem::rate_limited("often", "Wait."), false),
        (|| Problem::unavailable("away", "It is away."), true),
        (|| Problem::internal("broken"), true),
        (|| Problem::deadline_exceeded("late", "Too late."), true),
    ];
    for wiring in Wiring::BOTH {
        for (answer, expected) in cases {
            let spans = failed_spans(wiring, answer).await;
            let is_as_expected = spans.iter().all(|(_, _, failed)| *failed == expected);
            assert!(is_as_expected, "{wiring:?} {}: {spans:?}", answer().code);
            let has_both_sides = [SpanKind::Client, SpanKind::Server]
                .iter()
                .all(|kind| spans.iter().any(|(found, ..)| found == kind));
            assert!(has_both_sides, "{spans:?}");
        }
    }
}

async fn three_spans_of(
    subscription: &mut SpanSubscription,
    trace: &str,
) -> Vec<Arc<FinishedSpan>> {
    let mut spans = Vec::new();
    eventually("three spans of the trace", || {
        let new = subscription.take(usize::MAX);
        spans.extend(new.into_iter().filter(|span| is_of(span, trace)));
        let complete = spans.len() >= 3;
        async move { complete.then_some(()) }
    })
    .await;
    spans
}

/// A trace to find the spans of one test by: the feed is shared by all processes of this binary.
fn parent_of_this_test() -> String {
    format!("{:032x}", uuid::Uuid::new_v4().as_u128())
}

fn request_in<T>(trace_id: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    request
        .metadata_mut()
        .insert("traceparent", traceparent.parse().unwrap());
    request
}

fn is_of(span: &FinishedSpan, trace_id: &str) -> bool {
    span.trace_id.to_string() == trace_id
}
