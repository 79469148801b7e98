//! Spans for tests, in milliseconds.

use amphi_chassis::telemetry::{FinishedSpan, SpanId, SpanKind, SpanStatus, TraceId};

/// 2023-11-14T22:13:20Z; starts are counted from here.
pub const BASE_NS: u64 = 1_700_000_000_000_000_000;

/// A span as tests write it; parent 0 is none.
#[derive(Debug, Clone)]
pub struct TestSpan {
    pub id: u64,
    parent: u64,
    start_ms: i64,
    duration_ms: i64,
    service: &'static str,
    kind: SpanKind,
    name: &'static str,
    status: SpanStatus,
    attributes: Vec<(&'static str, &'static str)>,
}

impl TestSpan {
    pub fn new(
        id: u64,
        parent: u64,
        start_ms: impl TryInto<i64>,
        duration_ms: impl TryInto<i64>,
    ) -> Self {
        Self {
            id,
            parent,
            start_ms: start_ms.try_into().unwrap_or_default(),
            duration_ms: duration_ms.try_into().unwrap_or_default(),
            service: "test",
            kind: SpanKind::Internal,
            name: "work",
            status: SpanStatus::Unset,
            attributes: Vec::new(),
        }
    }

    pub fn by(mut self, service: &'static str, kind: SpanKind) -> Self {
        self.service = service;
        self.kind = kind;
        self
    }

    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn failed(mut self) -> Self {
        self.status = SpanStatus::Error;
        self
    }

    pub fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.attributes.push((name, value));
        self
    }

    pub fn in_trace(&self, trace: u64) -> FinishedSpan {
        FinishedSpan {
            trace_id: trace_id(trace),
            span_id: SpanId(self.id.to_be_bytes()),
            parent_span_id: (self.parent != 0).then(|| SpanId(self.parent.to_be_bytes())),
            service: self.service.into(),
            name: self.name.into(),
            kind: self.kind,
            start_unix_ns: BASE_NS.saturating_add_signed(self.start_ms * 1_000_000),
            duration_ns: u64::try_from(self.duration_ms).unwrap_or_default() * 1_000_000,
            status: self.status,
            status_message: String::new(),
            attributes: self
                .attributes
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).to_owned()))
                .collect(),
            events: Vec::new(),
        }
    }
}

pub fn trace_id(number: u64) -> TraceId {
    TraceId(u128::from(number).to_be_bytes())
}

/// The spans as one trace.
pub fn trace(spans: &[TestSpan]) -> Vec<FinishedSpan> {
    spans.iter().map(|span| span.in_trace(1)).collect()
}
