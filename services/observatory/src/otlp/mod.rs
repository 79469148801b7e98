//! Spans of other processes, by OTLP: gRPC and HTTP with protobuf or JSON.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>

pub mod grpc;
pub mod http;

use std::sync::Arc;

use amphi_chassis::telemetry::otlp::Received;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};

use crate::collector::Collector;

/// Stores what came in; the answer says how many spans were not taken.
fn take_in(collector: &Collector, received: Received) -> ExportTraceServiceResponse {
    let refused = collector.take_in(received.spans.into_iter().map(Arc::new));
    let mut reasons = Vec::new();
    if received.rejected > 0 {
        reasons.push("spans without a valid id or time");
    }
    if refused > 0 {
        reasons.push("traces with too many spans");
    }
    let partial_success = (!reasons.is_empty()).then(|| ExportTracePartialSuccess {
        rejected_spans: i64::try_from(received.rejected + refused).unwrap_or(i64::MAX),
        error_message: reasons.join(", "),
    });
    ExportTraceServiceResponse { partial_success }
}
