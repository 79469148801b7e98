#![allow(clippy::unwrap_used)]
use std::io::Write as _;

use amphi_chassis::telemetry::SpanKind;
use amphi_chassis::telemetry::otlp::to_request;
use http::Request;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tower::ServiceExt as _;

use super::*;
use crate::domain::trace::AnalyzedTrace;
use crate::store::{Limits, SpanStore};
use crate::testing::{TestSpan as S, trace_id};

const BYTES_MAX: usize = 64 * 1024;

const LIMITS: Limits = Limits {
    spans_max: 1000,
    bytes_max: 1 << 24,
    spans_per_trace_max: 10,
};

struct World {
    collector: Collector,
}

impl World {
    fn new() -> Self {
        let collector = Collector::new(SpanStore::new(LIMITS));
        Self { collector }
    }

    async fn post(&self, headers: &[(&str, &str)], body: Vec<u8>) -> (StatusCode, Vec<u8>) {
        let mut request = Request::post("/v1/traces");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let router = router(self.collector.clone(), BYTES_MAX);
        let response = router
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), BYTES_MAX).await.unwrap();
        (status, body.to_vec())
    }

    fn trace(&self) -> AnalyzedTrace {
        self.collector.trace(trace_id(1)).unwrap()
    }
}

fn request() -> ExportTraceServiceRequest {
    let span = S::new(1, 0, 0, 5)
        .by("shop", SpanKind::Server)
        .named("GET /cart");
    to_request([&span.in_trace(1)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn spans_come_in_by_protobuf_and_json_plain_and_packed() {
    let protobuf = request().encode_to_vec();
    let json = serde_json::to_vec(&request()).unwrap();
    let packed = ("content-encoding", "gzip");
    let (protobuf_type, json_type) = (
        ("content-type", PROTOBUF),
        ("content-type", "application/json; charset=utf-8"),
    );
    let cases = [
        (vec![protobuf_type], protobuf.clone()),
        (vec![json_type], json.clone()),
        (vec![protobuf_type, packed], gzip(&protobuf)),
        (vec![json_type, packed], gzip(&json)),
    ];
    for (headers, body) in cases {
        let world = World::new();
        let (status, answer) = world.post(&headers, body).await;
        assert_eq!(status, StatusCode::OK, "{headers:?}");
        let partial = if headers[0] == protobuf_type {
            ExportTraceServiceResponse::decode(answer.as_slice()).unwrap()
        } else {
            serde_json::from_slice(&answer).unwrap()
        };
        assert_eq!(partial.partial_success, None);
        assert_eq!(world.trace().spans[0].span.name, "GET /cart");
    }
}

#[tokio::test]
async fn what_is_not_taken_is_counted_in_the_answer() {
    let spans: Vec<_> = (1..=12)
        .map(|id| S::new(id, 99, 0, 1).in_trace(1))
        .collect();
    let mut request = to_request(&spans);
    request.resource_spans[0].scope_spans[0].spans[0].span_id = vec![];
    let world = World::new();
    let (_, answer) = world
        .post(&[("content-type", PROTOBUF)], request.encode_to_vec())
        .await;
    let answer = ExportTraceServiceResponse::decode(answer.as_slice()).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected_spans, 2);
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_the_protocols_own_words() {
    let bomb = gzip(&vec![0; 50 * 1024 * 1024]);
    assert!(bomb.len() < BYTES_MAX);
    let (json, protobuf) = (("content-type", JSON), ("content-type", PROTOBUF));
    let packed = ("content-encoding", "gzip");
    type Case<'a> = (&'a [(&'a str, &'a str)], Vec<u8>, StatusCode);
    let cases: [Case<'_>; 8] = [
        (&[json], b"{".to_vec(), StatusCode::BAD_REQUEST),
        (
            &[json],
            br#"{"resourceSpans":3}"#.to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        (
            &[protobuf],
            b"\xff\xff\xff".to_vec(),
            StatusCode::BAD_REQUEST,
        ),
        (
            &[("content-type", "text/plain")],
            vec![],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (&[], vec![], StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            &[json, ("content-encoding", "br")],
            vec![],
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            &[protobuf],
            vec![0; BYTES_MAX + 1],
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
        (&[protobuf, packed], bomb, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (headers, body, expected) in cases {
        let (status, answer) = World::new().post(headers, body).await;
        assert_eq!(status, expected, "{headers:?}");
        if status == StatusCode::BAD_REQUEST && headers[0] == json {
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["code"], 3);
            assert!(
                answer["message"]
                    .as_str()
                    .unwrap()
                    .contains("ExportTraceServiceRequest")
            );
        }
    }
}
