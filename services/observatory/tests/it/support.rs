//! An observatory, spans to send it, and those who ask it.

use std::time::{SystemTime, UNIX_EPOCH};

use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::rpc::{Channel, Clients};
use amphi_chassis::service::build_fn;
use amphi_chassis::telemetry::otlp::to_request;
use amphi_chassis::telemetry::{
    FinishedSpan, SERVER_SERVICE, SpanId, SpanKind, SpanStatus, TraceId,
};
use amphi_chassis::testing::TestProcess;
use amphi_contracts::AccountId;
use amphi_contracts::proto::observatory::v1::observatory_service_client::ObservatoryServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;

pub async fn observatory() -> TestProcess {
    observatory_with(&[]).await
}

pub async fn observatory_with(settings: &[(&str, i64)]) -> TestProcess {
    let build = build_fn(|context| Box::pin(amphi_observatory::build(context)));
    let builder = TestProcess::builder().role(Role::Observatory, build);
    let builder = settings.iter().fold(builder, |builder, (key, value)| {
        builder.setting(key, *value)
    });
    builder.start().await
}

pub fn admin(process: &TestProcess) -> Clients {
    process.account(AccountId::generate(), AccountRole::Admin)
}

pub fn asked_by(clients: &Clients) -> ObservatoryServiceClient<Channel> {
    clients.observatory()
}

/// Sends spans as another process does.
pub async fn send(process: &TestProcess, spans: &[FinishedSpan]) {
    let url = format!("http://{}", process.internal());
    let mut client = TraceServiceClient::connect(url).await.unwrap();
    let answer = client.export(to_request(spans)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success, None);
}

/// A call of the gateway to a service of this name: three spans over 100 ms, ended just now.
pub fn call(service: &str, trace_id: TraceId) -> Vec<FinishedSpan> {
    const MS: u64 = 1_000_000;
    let begun = unix_ns_now() - 100 * MS;
    let span =
        |id: u64, parent: u64, service: &str, kind, start_ms: u64, duration_ms: u64| FinishedSpan {
            trace_id,
            span_id: SpanId(id.to_be_bytes()),
            parent_span_id: (parent != 0).then(|| SpanId(parent.to_be_bytes())),
            service: service.into(),
            name: format!("{service}.work").into(),
            kind,
            start_unix_ns: begun + start_ms * MS,
            duration_ns: duration_ms * MS,
            status: SpanStatus::Unset,
            status_message: String::new(),
            attributes: Vec::new(),
            events: Vec::new(),
        };
    let caller = format!("caller-of-{service}");
    let mut client = span(2, 1, &caller, SpanKind::Client, 10, 80);
    client
        .attributes
        .push((SERVER_SERVICE.into(), service.to_owned()));
    vec![
        span(1, 0, &caller, SpanKind::Server, 0, 100),
        client,
        span(3, 2, service, SpanKind::Server, 20, 60),
    ]
}

fn unix_ns_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}
