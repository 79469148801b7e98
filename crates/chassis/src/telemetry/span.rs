//! A span that has ended, as it is recorded, sent and stored.

use std::borrow::Cow;
use std::sync::Arc;

use super::trace_context::{SpanId, TraceId};

/// Text attributes of a span or an event, in the order they were said.
pub type Attributes = Vec<(Cow<'static, str>, String)>;

/// More attributes are left out.
pub const ATTRIBUTES_PER_SPAN_MAX: usize = 64;

/// Longer names and values are cut.
pub const ATTRIBUTE_BYTES_MAX: usize = 256;

/// More events are left out.
pub const EVENTS_PER_SPAN_MAX: usize = 16;

/// Attribute of a span that is a call to a database, as OpenTelemetry names it.
pub const DB_SYSTEM: &str = "db.system.name";

/// Attribute of a client span of ours: the role that is called.
pub const SERVER_SERVICE: &str = "server.service";

/// The part a span has in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SpanKind {
    #[default]
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// How a span ended, as far as its code said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SpanStatus {
    #[default]
    Unset,
    Ok,
    Error,
}

/// Something that happened at a moment within a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanEvent {
    pub name: Cow<'static, str>,
    pub unix_ns: u64,
    pub attributes: Attributes,
}

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FinishedSpan {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub parent_span_id: Option<SpanId>,
    /// The service that did the work; a database or a store counts as a service of its own.
    pub service: Arc<str>,
    /// The operation, without ids or other values.
    pub name: Cow<'static, str>,
    pub kind: SpanKind,
    pub start_unix_ns: u64,
    pub duration_ns: u64,
    pub status: SpanStatus,
    pub status_message: String,
    pub attributes: Attributes,
    pub events: Vec<SpanEvent>,
}

impl FinishedSpan {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    #[must_use]
    pub const fn end_unix_ns(&self) -> u64 {
        self.start_unix_ns.saturating_add(self.duration_ns)
    }
}

/// The text, cut to so many bytes at most, at a character's border.
#[must_use]
pub fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|at| text.is_char_boundary(*at));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
