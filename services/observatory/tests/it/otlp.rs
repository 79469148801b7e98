use amphi_chassis::Role;
use amphi_chassis::telemetry::TraceId;
use amphi_chassis::telemetry::otlp::to_request;
use amphi_chassis::testing::{TestProcess, eventually};
use amphi_contracts::proto::observatory::v1::{
    FindTracesRequest, GetServiceMapRequest, GetTraceRequest, ListServicesRequest, Trace,
};
use axum::body::Body;
use http::{Request, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::support::{admin, asked_by, call, observatory, observatory_with, send};

async fn trace(process: &TestProcess, id: TraceId) -> Option<Trace> {
    let request = GetTraceRequest {
        trace_id: id.to_string(),
    };
    let answer = asked_by(&admin(process)).get_trace(request).await;
    answer.ok().map(tonic::Response::into_inner)
}

#[tokio::test]
async fn packed_requests_are_taken_by_grpc() {
    let process = observatory().await;
    let id = TraceId::generate();
    let url = format!("http://{}", process.internal());
    let client = TraceServiceClient::connect(url).await.unwrap();
    let mut client = client.send_compressed(CompressionEncoding::Gzip);
    client
        .export(to_request(&call("packed", id)))
        .await
        .unwrap();
    assert_eq!(trace(&process, id).await.unwrap().spans.len(), 3);
}

#[tokio::test]
async fn json_is_taken_by_http_on_the_internal_port() {
    let process = observatory().await;
    let id = TraceId::generate();
    let request = Request::post("/v1/traces")
        .header("content-type", "application/json")
        .body(Body::from(
            serde_json::to_vec(&to_request(&call("posted", id))).unwrap(),
        ))
        .unwrap();
    let gateway = process.service(Role::Gateway);
    let response = gateway.http(Role::Observatory).call(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(trace(&process, id).await.unwrap().spans.len(), 3);
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_refused() {
    let process = observatory_with(&[("observatory.request_bytes_max", 1000)]).await;
    let url = format!("http://{}", process.internal());
    let mut client = TraceServiceClient::connect(url).await.unwrap();
    let many: Vec<_> = (0..20)
        .flat_map(|_| call("large", TraceId::generate()))
        .collect();
    let refusal = client.export(to_request(&many)).await.unwrap_err();
    assert!(
        matches!(refusal.code(), Code::OutOfRange | Code::ResourceExhausted),
        "{refusal:?}"
    );
}

#[tokio::test]
async fn a_traced_call_in_this_process_is_seen_within_a_second_or_so() {
    let process = observatory().await;
    let client = asked_by(&admin(&process));
    client
        .clone()
        .get_service_map(GetServiceMapRequest::default())
        .await
        .unwrap();
    eventually("the call's own trace", || {
        let mut client = client.clone();
        async move {
            let request = FindTracesRequest {
                service: "observatory".to_owned(),
                operation: "amphi.observatory.v1.ObservatoryService/GetServiceMap".to_owned(),
                ..FindTracesRequest::default()
            };
            let found = client
                .find_traces(request)
                .await
                .unwrap()
                .into_inner()
                .traces;
            found.into_iter().find(|trace| trace.span_count >= 1)
        }
    })
    .await;
}

#[tokio::test]
async fn the_carrying_of_spans_leaves_no_spans() {
    let process = observatory().await;
    let client = asked_by(&admin(&process));
    send(&process, &call("carried", TraceId::generate())).await;
    let request = Request::post("/v1/traces").body(Body::empty()).unwrap();
    process
        .service(Role::Gateway)
        .http(Role::Observatory)
        .call(request)
        .await;
    // A call made after it is there: so would be the spans of what came before.
    client
        .clone()
        .get_service_map(GetServiceMapRequest::default())
        .await
        .unwrap();
    let operations = eventually("the call after it", || {
        let mut client = client.clone();
        async move {
            let answer = client
                .list_services(ListServicesRequest {})
                .await
                .unwrap()
                .into_inner();
            let ours = answer
                .services
                .into_iter()
                .find(|service| service.name == "observatory")?;
            let operations = ours.operations;
            operations
                .iter()
                .any(|name| name.ends_with("/GetServiceMap"))
                .then_some(operations)
        }
    })
    .await;
    let carrying = ["Export", "traces"];
    let seen = operations
        .iter()
        .find(|name| carrying.iter().any(|word| name.contains(word)));
    assert_eq!(seen, None);
}
