//! One trace in the store, and what a list tells of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use amphi_chassis::telemetry::{FinishedSpan, SpanId, SpanKind, SpanStatus, TraceId};

use super::index::Position;
use super::size;
use crate::domain::calls::BROWSER;

/// How much a trace is worth keeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nobody but browsers has told of it.
    Hearsay,
    Ordinary,
    Notable,
}

/// The spans of a trace that have come in.
#[derive(Debug)]
pub struct StoredTrace {
    spans: Vec<Arc<FinishedSpan>>,
    by_id: HashMap<SpanId, usize>,
    /// The first server or consumer span below each span.
    entries: HashMap<SpanId, usize>,
    bytes: usize,
    error_count: usize,
    browser_span_count: usize,
    start_unix_ns: u64,
    end_unix_ns: u64,
    /// By the store's clock.
    first_seen: u64,
    pub(super) last_seen: u64,
    pub(super) is_notable: bool,
}

/// What a list tells of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceSummary {
    pub trace_id: TraceId,
    pub root_service: Arc<str>,
    pub root_operation: String,
    /// The earliest start and, from there, the latest end, by the clocks of the senders.
    pub start_unix_ns: u64,
    pub duration_ns: u64,
    pub span_count: usize,
    pub error_count: usize,
    pub services: BTreeMap<Arc<str>, u32>,
}

impl StoredTrace {
    pub(super) fn new(first_seen: u64) -> Self {
        Self {
            spans: Vec::new(),
            by_id: HashMap::new(),
            entries: HashMap::new(),
            bytes: size::OF_TRACE,
            error_count: 0,
            browser_span_count: 0,
            start_unix_ns: u64::MAX,
            end_unix_ns: 0,
            first_seen,
            last_seen: first_seen,
            is_notable: false,
        }
    }

    pub(super) fn add(&mut self, span: Arc<FinishedSpan>, now: u64) {
        self.last_seen = now;
        self.bytes += size::of_span(&span);
        self.error_count += usize::from(span.status == SpanStatus::Error);
        self.browser_span_count += usize::from(&*span.service == BROWSER);
        self.start_unix_ns = self.start_unix_ns.min(span.start_unix_ns);
        self.end_unix_ns = self.end_unix_ns.max(span.end_unix_ns());
        let place = self.spans.len();
        self.by_id.insert(span.span_id, place);
        let is_entry = matches!(span.kind, SpanKind::Server | SpanKind::Consumer);
        if let Some(parent) = span.parent_span_id.filter(|_| is_entry) {
            self.entries.entry(parent).or_insert(place);
        }
        self.spans.push(span);
    }

    /// In the order they came in.
    #[must_use]
    pub fn spans(&self) -> &[Arc<FinishedSpan>] {
        &self.spans
    }

    #[must_use]
    pub fn span(&self, id: SpanId) -> Option<&Arc<FinishedSpan>> {
        self.spans.get(*self.by_id.get(&id)?)
    }

    /// The server or consumer span that a span led to.
    #[must_use]
    pub fn entry_below(&self, id: SpanId) -> Option<&Arc<FinishedSpan>> {
        self.spans.get(*self.entries.get(&id)?)
    }

    #[must_use]
    pub fn span_count(&self) -> usize {
        self.spans.len()
    }

    pub(super) const fn browser_span_count(&self) -> usize {
        self.browser_span_count
    }

    pub(super) fn standing(&self) -> Standing {
        if self.is_notable {
            Standing::Notable
        } else if self.browser_span_count == self.span_count() {
            Standing::Hearsay
        } else {
            Standing::Ordinary
        }
    }

    #[must_use]
    pub const fn error_count(&self) -> usize {
        self.error_count
    }

    #[must_use]
    pub const fn start_unix_ns(&self) -> u64 {
        self.start_unix_ns
    }

    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.end_unix_ns.saturating_sub(self.start_unix_ns)
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) const fn position(&self, trace_id: TraceId) -> Position {
        Position {
            first_seen: self.first_seen,
            trace_id,
        }
    }

    /// A trace in the store has a span; without one the summary is empty.
    #[must_use]
    pub fn summary(&self) -> TraceSummary {
        // Until the root is in, the earliest span stands for it.
        let root = self
            .spans
            .iter()
            .min_by_key(|span| (span.parent_span_id.is_some(), span.start_unix_ns));
        let mut services = BTreeMap::new();
        for span in &self.spans {
            *services.entry(Arc::clone(&span.service)).or_default() += 1;
        }
        TraceSummary {
            trace_id: root.map_or(TraceId([0; 16]), |root| root.trace_id),
            root_service: root.map_or_else(Arc::default, |root| Arc::clone(&root.service)),
            root_operation: root.map_or_else(String::new, |root| root.name.to_string()),
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns(),
            span_count: self.span_count(),
            error_count: self.error_count,
            services,
        }
    }
}
