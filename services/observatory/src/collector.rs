//! Takes spans in from wherever they come, stores them at once, and counts them as calls a little later.
//!
//! A call's two spans may come from two processes, in either order. So a span is counted only after it has waited for its
//! neighbours; one that comes later still finds what was counted of the other and adds its own half, nothing twice.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use amphi_chassis::telemetry::{FinishedSpan, SpanSubscription, TraceId};
use tokio_util::sync::CancellationToken;

use crate::domain::calls::{Neighbours, calls_of};
use crate::domain::service_map::{ServiceMap, Traffic};
use crate::domain::trace::{AnalyzedTrace, analyze};
use crate::store::{Insertion, Position, SpanStore, TraceQuery, TraceSummary};

/// Longer than an exporter gathers a batch, and as long as a live map may lag.
const SETTLING_TIME: Duration = Duration::from_secs(2);

/// Beyond that the oldest are counted at once, with the neighbours they have.
const SETTLING_MAX: usize = 20_000;

const SETTLE_INTERVAL: Duration = Duration::from_millis(500);

/// Spans of this process are taken in such batches: large enough to be cheap, soon enough for a waterfall to be there.
const FEED_BATCH_MAX: usize = 1024;
const FEED_LINGER: Duration = Duration::from_millis(100);

/// Operations listed per service.
const OPERATIONS_MAX: usize = 200;

/// The observatory's state; a handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Collector {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    store: SpanStore,
    traffic: Traffic,
    /// With the time at which each is counted.
    settling: VecDeque<(Duration, Arc<FinishedSpan>)>,
}

impl Collector {
    #[must_use]
    pub fn new(store: SpanStore) -> Self {
        Self {
            shared: Arc::new(Shared {
                started: Instant::now(),
                state: Mutex::new(State {
                    store,
                    traffic: Traffic::default(),
                    settling: VecDeque::new(),
                }),
            }),
        }
    }

    /// Stores spans; returns how many were refused because their trace is full.
    pub fn take_in(&self, spans: impl IntoIterator<Item = Arc<FinishedSpan>>) -> u64 {
        let ready_at = self.now() + SETTLING_TIME;
        let mut state = self.state();
        let mut refused = 0;
        for span in spans {
            match state.store.insert(Arc::clone(&span)) {
                Insertion::Stored => state.settling.push_back((ready_at, span)),
                Insertion::Repeated => {}
                Insertion::TraceFull => refused += 1,
            }
        }
        while state.settling.len() > SETTLING_MAX {
            state.count_oldest(ready_at);
        }
        metrics::counter!("amphi.observatory.spans.refused").increment(refused);
        refused
    }

    /// Counts the calls of all spans that have waited for their neighbours.
    pub fn settle(&self) {
        let now = self.now();
        let mut state = self.state();
        while state
            .settling
            .front()
            .is_some_and(|(ready_at, _)| *ready_at <= now)
        {
            state.count_oldest(now);
        }
        state.report();
    }

    /// Takes in the spans of this process until it is cancelled.
    ///
    /// # Errors
    /// None; the type is what a worker has.
    pub async fn run(
        self,
        mut feed: SpanSubscription,
        shutdown: CancellationToken,
    ) -> Result<(), Infallible> {
        let mut settle = tokio::time::interval(SETTLE_INTERVAL);
        settle.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                _ = settle.tick() => self.settle(),
                spans = feed.next_batch(FEED_BATCH_MAX, FEED_LINGER) => {
                    self.take_in(spans);
                }
            }
        }
    }

    /// A trace for its waterfall; `None` when no span of it is here.
    #[must_use]
    pub fn trace(&self, id: TraceId) -> Option<AnalyzedTrace> {
        let spans = self.state().store.trace(id)?.spans().to_vec();
        analyze(&spans)
    }

    /// Traces that fit, the last seen first, at most `limit`, beginning after a position.
    #[must_use]
    pub fn find(
        &self,
        query: &TraceQuery,
        after: Option<Position>,
        limit: usize,
    ) -> Vec<(Position, TraceSummary)> {
        self.state().store.find(query, after, limit)
    }

    /// Services and their operations, by name.
    #[must_use]
    pub fn services(&self) -> Vec<(Arc<str>, Vec<String>)> {
        self.state().store.services(OPERATIONS_MAX)
    }

    /// Calls and latencies of the last `window`.
    #[must_use]
    pub fn service_map(&self, window: Duration) -> ServiceMap {
        self.state().traffic.map(window, self.now())
    }

    fn now(&self) -> Duration {
        self.shared.started.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.shared.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count_oldest(&mut self, now: Duration) {
        let Some((_, span)) = self.settling.pop_front() else {
            return;
        };
        let trace = self.store.trace(span.trace_id);
        let parent = span.parent_span_id.and_then(|id| trace?.span(id));
        let callee = trace
            .and_then(|trace| trace.entry_below(span.span_id))
            .filter(|callee| callee.service != span.service);
        let neighbours = Neighbours {
            parent: parent.map(Arc::as_ref),
            callee: callee.map(Arc::as_ref),
        };
        self.traffic.record(calls_of(&span, neighbours), now);
    }

    fn report(&self) {
        let fill = self.store.fill();
        #[allow(clippy::cast_precision_loss)]
        let as_gauge = |value: usize| value as f64;
        metrics::gauge!("amphi.observatory.traces.stored").set(as_gauge(fill.traces));
        metrics::gauge!("amphi.observatory.spans.stored").set(as_gauge(fill.spans));
        metrics::gauge!("amphi.observatory.stored").set(as_gauge(fill.bytes));
        metrics::counter!("amphi.observatory.traces.evicted").absolute(self.store.evicted_traces());
        metrics::counter!("amphi.observatory.calls.left_out").absolute(self.traffic.left_out());
    }
}

/// What the observatory records of itself.
pub(crate) fn describe_metrics() {
    const COUNTERS: [(&str, &str); 3] = [
        (
            "amphi.observatory.spans.refused",
            "Spans beyond what one trace may have",
        ),
        (
            "amphi.observatory.traces.evicted",
            "Traces that have made room for newer ones",
        ),
        (
            "amphi.observatory.calls.left_out",
            "Calls not on the service map, which has too many names",
        ),
    ];
    const GAUGES: [(&str, &str); 2] = [
        ("amphi.observatory.traces.stored", "Traces in memory"),
        ("amphi.observatory.spans.stored", "Spans in memory"),
    ];
    for (name, help) in COUNTERS {
        metrics::describe_counter!(name, help);
    }
    for (name, help) in GAUGES {
        metrics::describe_gauge!(name, help);
    }
    let help = "Memory that the spans take, as their limit counts it";
    metrics::describe_gauge!("amphi.observatory.stored", metrics::Unit::Bytes, help);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_chassis::telemetry::SpanKind::{Client, Server};
    use amphi_chassis::telemetry::{DB_SYSTEM, SERVER_SERVICE, SpanFeed};

    use super::*;
    use crate::store::Limits;
    use crate::testing::{TestSpan as S, trace_id};

    const LIMITS: Limits = Limits {
        spans_max: 1000,
        bytes_max: 1 << 24,
        spans_per_trace_max: 100,
    };

    fn call() -> [S; 4] {
        [
            S::new(1, 0, 0, 100).by("gateway", Server),
            S::new(2, 1, 10, 50)
                .by("gateway", Client)
                .with(SERVER_SERVICE, "catalog"),
            S::new(3, 2, 15, 40).by("catalog", Server),
            S::new(4, 3, 20, 5)
                .by("catalog-db", Client)
                .with(DB_SYSTEM, "sqlite"),
        ]
    }

    /// Hands in spans one by one in this order, each counted before the next one when `hurried`.
    fn edges(spans: &[S], hurried: bool) -> Vec<(String, u64)> {
        let collector = Collector::new(SpanStore::new(LIMITS));
        for span in spans {
            collector.take_in([Arc::new(span.in_trace(1))]);
            if hurried {
                collector.state().count_oldest(Duration::ZERO);
            }
        }
        while !collector.state().settling.is_empty() {
            collector.state().count_oldest(Duration::ZERO);
        }
        let map = collector.service_map(Duration::from_secs(300));
        let nodes = map
            .nodes
            .iter()
            .map(|(node, latency)| (node.name.to_string(), latency.calls));
        let edges = map
            .edges
            .iter()
            .map(|(from, to, latency)| (format!("{from}>{to}"), latency.calls));
        nodes.chain(edges).collect()
    }

    #[test]
    fn a_call_counts_once_in_whatever_order_its_spans_come() {
        let expected = [
            ("catalog", 1),
            ("catalog-db", 1),
            ("gateway", 1),
            ("catalog>catalog-db", 1),
            ("gateway>catalog", 1),
        ]
        .map(|(name, calls)| (name.to_owned(), calls));
        let spans = call();
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]];
        for order in orders {
            let ordered = order.map(|at| spans[at].clone());
            for hurried in [false, true] {
                assert_eq!(edges(&ordered, hurried), expected, "{order:?} {hurried}");
            }
        }
    }

    #[test]
    fn a_span_sent_twice_counts_once() {
        let spans = [call(), call()].concat();
        assert!(edges(&spans, false).iter().all(|(_, calls)| *calls == 1));
    }

    #[test]
    fn what_waits_to_be_counted_is_bounded() {
        let limits = Limits {
            spans_max: SETTLING_MAX * 2,
            ..LIMITS
        };
        let collector = Collector::new(SpanStore::new(limits));
        let spans = (0..SETTLING_MAX as u64 + 500)
            .map(|trace| Arc::new(S::new(1, 0, 0, 1).by("gateway", Server).in_trace(trace + 1)));
        collector.take_in(spans);
        assert_eq!(collector.state().settling.len(), SETTLING_MAX);
        assert_eq!(
            collector.service_map(Duration::from_secs(60)).nodes[0]
                .1
                .calls,
            500
        );
    }

    #[test]
    fn spans_beyond_what_a_trace_may_have_are_refused() {
        let limits = Limits {
            spans_per_trace_max: 2,
            ..LIMITS
        };
        let collector = Collector::new(SpanStore::new(limits));
        assert_eq!(
            collector.take_in(call().map(|span| Arc::new(span.in_trace(1)))),
            2
        );
    }

    #[tokio::test]
    async fn spans_of_this_process_are_taken_in_until_it_stops() {
        let feed = SpanFeed::new(64);
        let collector = Collector::new(SpanStore::new(LIMITS));
        let shutdown = CancellationToken::new();
        let worker = tokio::spawn(collector.clone().run(feed.subscribe(), shutdown.clone()));
        feed.push(call()[0].in_trace(7));
        while collector.trace(trace_id(7)).is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.cancel();
        worker.await.unwrap().unwrap();
    }
}
