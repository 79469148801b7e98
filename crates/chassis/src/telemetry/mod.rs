//! Traces, logs and metrics of this process.
//!
//! Spans are plain `tracing` spans. Those of targets `amphi*` at level info or above, and the database library's, are
//! recorded by [`SpanLayer`] into a [`SpanFeed`]; the observatory reads it in the same process, or an exporter sends it
//! there as OTLP. These fields of a span have a meaning, all others become attributes:
//!
//! | field | meaning |
//! |---|---|
//! | `traceparent` | the parent, from another process or task; it wins over the tracing parent |
//! | `service` | the service doing the work; inherited by the spans within |
//! | `otel.kind` | `server`, `client`, `producer`, `consumer`; otherwise internal |
//! | `otel.name` | the operation, when it is only known at run time; no ids in it |
//! | `otel.status_code`, `otel.status_message` | `ok` or `error`, and a sentence |
//!
//! Work that outlives its request starts with `parent: None` and `traceparent = …`, or the request's span would last as
//! long as the work. Where that can't be, [`end`] stops the request's clock. Work that must not be recorded runs in an
//! [`unrecorded`] span.

mod database;
mod export;
mod feed;
mod init;
mod layer;
mod log;
mod metrics;
pub mod otlp;
mod recording;
mod seldom;
mod span;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trace_context;

pub use export::SpanExporter;
pub use feed::{SpanFeed, SpanSubscription};
pub use init::{Telemetry, TelemetryError, init};
pub use layer::{
    RecordedSpans, SpanLayer, current_trace, current_trace_id, current_traceparent, end,
    traceparent_of, unrecorded,
};
pub use metrics::Metrics;
pub use seldom::Seldom;
pub use span::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_PER_SPAN_MAX, Attributes, DB_SYSTEM, EVENTS_PER_SPAN_MAX,
    FinishedSpan, SERVER_SERVICE, SpanEvent, SpanKind, SpanStatus, cut,
};
pub use trace_context::{SpanId, TraceContextError, TraceId, TraceParent};
