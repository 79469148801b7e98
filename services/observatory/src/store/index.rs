//! Finds traces by what their spans are. The sets are ordered by when the store first saw each trace: unlike its start, that
//! never changes while more of its spans come in, so pages neither skip nor repeat a trace.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use amphi_chassis::telemetry::{FinishedSpan, SpanStatus, TraceId};

use super::stored_trace::StoredTrace;

/// A trace's place in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// By the store's clock.
    pub first_seen: u64,
    pub trace_id: TraceId,
}

/// What a trace must be like. Absent conditions hold for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceQuery {
    /// A span of it is of this service …
    pub service: Option<String>,
    /// … and the same span is of this operation.
    pub operation: Option<String>,
    pub duration_ns_min: u64,
    /// It began at this moment or later, Unix nanoseconds.
    pub since_unix_ns: Option<u64>,
    /// It began before this moment.
    pub until_unix_ns: Option<u64>,
    pub only_errors: bool,
}

impl TraceQuery {
    /// The conditions that no set answers. An operation without a service is one of them.
    pub(super) fn fits(&self, trace: &StoredTrace) -> bool {
        let start = trace.start_unix_ns();
        trace.duration_ns() >= self.duration_ns_min
            && self.since_unix_ns.is_none_or(|since| start >= since)
            && self.until_unix_ns.is_none_or(|until| start < until)
            && (!self.only_errors || trace.error_count() > 0)
            && (self.service.is_some()
                || self.operation.as_ref().is_none_or(|operation| {
                    trace.spans().iter().any(|span| span.name == *operation)
                }))
    }
}

type Positions = BTreeSet<Position>;

#[derive(Debug, Default)]
struct ServiceIndex {
    all: Positions,
    by_operation: HashMap<Cow<'static, str>, Positions>,
}

#[derive(Debug, Default)]
pub(super) struct Index {
    all: Positions,
    failed: Positions,
    by_service: HashMap<Arc<str>, ServiceIndex>,
}

impl Index {
    pub fn add(&mut self, span: &FinishedSpan, position: Position) {
        self.all.insert(position);
        if span.status == SpanStatus::Error {
            self.failed.insert(position);
        }
        let service = self
            .by_service
            .entry(Arc::clone(&span.service))
            .or_default();
        service.all.insert(position);
        let operation = service.by_operation.entry(span.name.clone());
        operation.or_default().insert(position);
    }

    /// Of a trace that goes altogether.
    pub fn remove(&mut self, span: &FinishedSpan, position: Position) {
        self.all.remove(&position);
        self.failed.remove(&position);
        let Some(service) = self.by_service.get_mut(&span.service) else {
            return;
        };
        service.all.remove(&position);
        if let Some(traces) = service.by_operation.get_mut(&span.name) {
            traces.remove(&position);
            if traces.is_empty() {
                service.by_operation.remove(&span.name);
            }
        }
        if service.all.is_empty() {
            self.by_service.remove(&span.service);
        }
    }

    /// The traces in the smallest set that holds all that fit.
    pub fn last_seen_first(
        &self,
        query: &TraceQuery,
        after: Option<Position>,
    ) -> impl Iterator<Item = Position> {
        let set = self.set_for(query);
        let before_cursor = match after {
            Some(after) => set.range(..after),
            None => set.range(..),
        };
        before_cursor.rev().copied()
    }

    fn set_for(&self, query: &TraceQuery) -> &Positions {
        static NONE: LazyLock<Positions> = LazyLock::new(Positions::new);
        let Some(service) = &query.service else {
            return if query.only_errors {
                &self.failed
            } else {
                &self.all
            };
        };
        let Some(service) = self.by_service.get(service.as_str()) else {
            return &NONE;
        };
        match &query.operation {
            Some(operation) => service
                .by_operation
                .get(operation.as_str())
                .unwrap_or(&NONE),
            None => &service.all,
        }
    }

    pub fn services(&self, operations_max: usize) -> Vec<(Arc<str>, Vec<String>)> {
        let mut services: Vec<(Arc<str>, Vec<String>)> = self
            .by_service
            .iter()
            .map(|(name, service)| {
                let mut operations: Vec<String> = service
                    .by_operation
                    .keys()
                    .map(ToString::to_string)
                    .collect();
                operations.sort_unstable();
                operations.truncate(operations_max);
                (Arc::clone(name), operations)
            })
            .collect();
        services.sort();
        services
    }
}
