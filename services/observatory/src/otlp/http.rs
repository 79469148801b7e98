//! OTLP over HTTP: `POST /v1/traces`, in protobuf or JSON, gzip or plain.

use amphi_chassis::telemetry::otlp::{Received, from_request};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;

use super::take_in;
use crate::collector::Collector;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

#[derive(Clone)]
struct Intake {
    collector: Collector,
    request_bytes_max: usize,
}

/// The route for other processes, and for what the gateway passes on from browsers.
pub fn router(collector: Collector, request_bytes_max: usize) -> Router {
    Router::new()
        .route("/v1/traces", post(receive))
        .layer(RequestDecompressionLayer::new())
        // Before decompression: what is sent. After it, `read` counts what comes out.
        .layer(RequestBodyLimitLayer::new(request_bytes_max))
        .layer(DefaultBodyLimit::disable())
        .with_state(Intake {
            collector,
            request_bytes_max,
        })
}

/// How a request is encoded, and so its answer.
#[derive(Debug, Clone, Copy)]
enum Encoding {
    Protobuf,
    Json,
}

/// The body of an error, `google.rpc.Status`, as the protocol wants it.
#[derive(Clone, PartialEq, Message, serde::Serialize)]
struct ErrorStatus {
    /// By `google.rpc.Code`.
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the content type must be {PROTOBUF} or {JSON}")]
    ContentType,
    #[error("the body is larger than {0} bytes, or ended early")]
    Body(usize),
    #[error("the body is no ExportTraceServiceRequest: {0}")]
    Malformed(String),
}

impl Refusal {
    fn into_response(self, encoding: Encoding) -> Response {
        let status = match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
        };
        let body = ErrorStatus {
            code: tonic::Code::InvalidArgument.into(),
            message: self.to_string(),
        };
        (status, encoding.encode(&body)).into_response()
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let content_type = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = content_type.split(';').next()?.trim();
        if essence.eq_ignore_ascii_case(PROTOBUF) {
            return Some(Self::Protobuf);
        }
        essence.eq_ignore_ascii_case(JSON).then_some(Self::Json)
    }

    fn decode(self, bytes: &[u8]) -> Result<ExportTraceServiceRequest, Refusal> {
        match self {
            Self::Protobuf => Message::decode(bytes).map_err(|error| error.to_string()),
            Self::Json => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        }
        .map_err(Refusal::Malformed)
    }

    fn encode<M: Message + serde::Serialize>(self, message: &M) -> Response {
        let (content_type, bytes) = match self {
            Self::Protobuf => (PROTOBUF, message.encode_to_vec()),
            Self::Json => (JSON, serde_json::to_vec(message).unwrap_or_default()),
        };
        let content_type = HeaderValue::from_static(content_type);
        ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
    }
}

async fn receive(State(intake): State<Intake>, headers: HeaderMap, body: Body) -> Response {
    let Some(encoding) = Encoding::of(&headers) else {
        return Refusal::ContentType.into_response(Encoding::Json);
    };
    match read(encoding, body, intake.request_bytes_max).await {
        Ok(received) => encoding.encode(&take_in(&intake.collector, received)),
        Err(refusal) => refusal.into_response(encoding),
    }
}

async fn read(encoding: Encoding, body: Body, bytes_max: usize) -> Result<Received, Refusal> {
    let bytes = to_bytes(body, bytes_max)
        .await
        .map_err(|_| Refusal::Body(bytes_max))?;
    encoding.decode(&bytes).map(from_request)
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
