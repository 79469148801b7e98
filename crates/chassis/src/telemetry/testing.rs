//! Spans for tests.

use super::span::{FinishedSpan, SpanKind, SpanStatus};
use super::trace_context::{SpanId, TraceId};

/// A span of 1 ms of service `test`, in a trace of its own.
#[must_use]
pub fn span(name: &'static str) -> FinishedSpan {
    FinishedSpan {
        trace_id: TraceId::generate(),
        span_id: SpanId::generate(),
        parent_span_id: None,
        service: "test".into(),
        name: name.into(),
        kind: SpanKind::Internal,
        start_unix_ns: 1_700_000_000_000_000_000,
        duration_ns: 1_000_000,
        status: SpanStatus::Unset,
        status_message: String::new(),
        attributes: Vec::new(),
        events: Vec::new(),
    }
}
