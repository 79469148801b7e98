//! The spans of the last while, in memory and bounded.
//!
//! Limits are on the number of spans and on their bytes. When one is passed, whole traces go: those without anything
//! notable first, the one that was silent longest before the others. A trace is notable when one of its spans failed, or
//! when it took half as long again as 95 % of the traces of its operation. Notable traces may fill half of the store;
//! beyond that the oldest of them goes first.
//!
//! Anybody may send spans as a browser. So what they say makes no trace notable, and traces that have no other spans may
//! fill an eighth of the store, whatever room there is besides. With the first span of a service a trace is like any other,
//! but browsers may fill no more than a tenth of it.

mod index;
mod size;
mod slow;
mod stored_trace;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use amphi_chassis::telemetry::{FinishedSpan, SpanStatus, TraceId};

pub use index::{Position, TraceQuery};
pub use stored_trace::{StoredTrace, TraceSummary};

use index::Index;
use slow::UsualDurations;
use stored_trace::Standing;

use crate::domain::calls::BROWSER;

/// The part of the store that notable traces may fill: one half.
const NOTABLE_PART: usize = 2;
/// The part of the store that traces of browsers alone may fill.
const HEARSAY_PART: usize = 8;
/// The part of a trace that spans of browsers may fill.
const BROWSER_PART_OF_TRACE: usize = 10;

/// What the store may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub spans_max: usize,
    pub bytes_max: usize,
    /// More spans of one trace are refused.
    pub spans_per_trace_max: usize,
}

/// What became of a span that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Insertion {
    Stored,
    /// The same span was there already: senders repeat a request whose answer was lost.
    Repeated,
    /// The trace has as many spans as it may have.
    TraceFull,
}

/// How full the store is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    pub traces: usize,
    pub spans: usize,
    pub bytes: usize,
}

/// A class of traces, in the order in which they would go.
#[derive(Debug, Default)]
struct Class {
    /// By the time on the store's clock at which each had its last span.
    by_last_seen: BTreeMap<u64, TraceId>,
    fill: Fill,
}

impl Class {
    fn add(&mut self, id: TraceId, trace: &StoredTrace) {
        self.by_last_seen.insert(trace.last_seen, id);
        self.fill.traces += 1;
        self.fill.spans += trace.span_count();
        self.fill.bytes += trace.bytes();
    }

    fn remove(&mut self, trace: &StoredTrace) {
        self.by_last_seen.remove(&trace.last_seen);
        self.fill.traces -= 1;
        self.fill.spans -= trace.span_count();
        self.fill.bytes -= trace.bytes();
    }

    /// The trace that was silent longest, after the time of its last span.
    fn oldest(&self) -> Option<(u64, TraceId)> {
        let (last_seen, id) = self.by_last_seen.first_key_value()?;
        Some((*last_seen, *id))
    }
}

/// Traces by id and by what they are searched for.
#[derive(Debug)]
pub struct SpanStore {
    limits: Limits,
    traces: HashMap<TraceId, StoredTrace>,
    index: Index,
    usual: UsualDurations,
    hearsay: Class,
    ordinary: Class,
    notable: Class,
    /// Counts insertions: the store's own clock.
    clock: u64,
    evicted_traces: u64,
}

impl SpanStore {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            traces: HashMap::new(),
            index: Index::default(),
            usual: UsualDurations::default(),
            hearsay: Class::default(),
            ordinary: Class::default(),
            notable: Class::default(),
            clock: 0,
            evicted_traces: 0,
        }
    }

    /// Takes a span in, and makes room for it.
    pub fn insert(&mut self, span: Arc<FinishedSpan>) -> Insertion {
        self.clock += 1;
        let now = self.clock;
        let id = span.trace_id;
        if let Some(trace) = self.traces.get(&id) {
            if trace.span(span.span_id).is_some() {
                return Insertion::Repeated;
            }
            if self.is_full(trace, &span) {
                return Insertion::TraceFull;
            }
        }
        let known = self.traces.remove(&id);
        if let Some(trace) = &known {
            self.class_mut(trace.standing()).remove(trace);
        }
        let mut trace = known.unwrap_or_else(|| StoredTrace::new(now));
        let has_failed = span.status == SpanStatus::Error && &*span.service != BROWSER;
        trace.is_notable |= self.usual.is_slow_entry(&span) || has_failed;
        self.index.add(&span, trace.position(id));
        trace.add(span, now);
        self.class_mut(trace.standing()).add(id, &trace);
        self.traces.insert(id, trace);
        self.make_room();
        Insertion::Stored
    }

    #[must_use]
    pub fn trace(&self, id: TraceId) -> Option<&StoredTrace> {
        self.traces.get(&id)
    }

    /// Traces that fit, the last seen first, at most `limit`, beginning after a position.
    #[must_use]
    pub fn find(
        &self,
        query: &TraceQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<(Position, TraceSummary)> {
        self.index
            .last_seen_first(query, after)
            .filter_map(|position| {
                let trace = self.traces.get(&position.trace_id)?;
                query.fits(trace).then(|| (position, trace.summary()))
            })
            .take(limit)
            .collect()
    }

    /// Services and their operations, by name; at most `operations_max` of each.
    #[must_use]
    pub fn services(&self, operations_max: usize) -> Vec<(Arc<str>, Vec<String>)> {
        self.index.services(operations_max)
    }

    #[must_use]
    pub fn fill(&self) -> Fill {
        [&self.hearsay, &self.ordinary, &self.notable]
            .iter()
            .fold(Fill::default(), |sum, class| Fill {
                traces: sum.traces + class.fill.traces,
                spans: sum.spans + class.fill.spans,
                bytes: sum.bytes + class.fill.bytes,
            })
    }

    /// Traces that have gone since the start to make room.
    #[must_use]
    pub const fn evicted_traces(&self) -> u64 {
        self.evicted_traces
    }

    const fn class_mut(&mut self, standing: Standing) -> &mut Class {
        match standing {
            Standing::Hearsay => &mut self.hearsay,
            Standing::Ordinary => &mut self.ordinary,
            Standing::Notable => &mut self.notable,
        }
    }

    fn is_full(&self, trace: &StoredTrace, span: &FinishedSpan) -> bool {
        let spans_max = self.limits.spans_per_trace_max;
        let browser_spans_max = (spans_max / BROWSER_PART_OF_TRACE).max(1);
        let is_browsers = &*span.service == BROWSER;
        trace.span_count() >= spans_max
            || is_browsers && trace.browser_span_count() >= browser_spans_max
    }

    fn make_room(&mut self) {
        while exceeds(self.hearsay.fill, self.limits, HEARSAY_PART) {
            let Some((_, oldest)) = self.hearsay.oldest() else {
                break;
            };
            self.remove(oldest);
        }
        while exceeds(self.fill(), self.limits, 1) {
            let Some(oldest) = self.next_to_go() else {
                return;
            };
            self.remove(oldest);
        }
    }

    fn next_to_go(&self) -> Option<TraceId> {
        // Within its part hearsay is as good as what is ordinary.
        let plain = [self.hearsay.oldest(), self.ordinary.oldest()];
        let plain = plain.into_iter().flatten().min();
        let notable = self.notable.oldest();
        let notable_may_stay = !exceeds(self.notable.fill, self.limits, NOTABLE_PART);
        let (first, second) = if notable_may_stay {
            (plain, notable)
        } else {
            (notable, plain)
        };
        first.or(second).map(|(_, id)| id)
    }

    fn remove(&mut self, id: TraceId) {
        let Some(trace) = self.traces.remove(&id) else {
            return;
        };
        let position = trace.position(id);
        for span in trace.spans() {
            self.index.remove(span, position);
        }
        self.class_mut(trace.standing()).remove(&trace);
        self.evicted_traces += 1;
    }
}

/// Whether more is there than this part of what may be.
const fn exceeds(fill: Fill, limits: Limits, parts: usize) -> bool {
    fill.spans > limits.spans_max / parts || fill.bytes > limits.bytes_max / parts
}
