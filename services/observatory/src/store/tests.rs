#![allow(clippy::unwrap_used)]
use amphi_chassis::telemetry::SpanKind::{Internal, Server};
use proptest::prelude::*;

use super::*;
use crate::testing::{BASE_NS, TestSpan as S, trace_id};

const ROOMY: Limits = Limits {
    spans_max: 100_000,
    bytes_max: 1 << 30,
    spans_per_trace_max: 100,
};

fn store(limits: Limits, spans: impl IntoIterator<Item = (u64, S)>) -> SpanStore {
    let mut store = SpanStore::new(limits);
    for (trace, span) in spans {
        store.insert(Arc::new(span.in_trace(trace)));
    }
    store
}

fn holds(store: &SpanStore, traces: impl IntoIterator<Item = u64>) -> Vec<u64> {
    let is_there = |trace: &u64| store.trace(trace_id(*trace)).is_some();
    traces.into_iter().filter(is_there).collect()
}

fn found(store: &SpanStore, query: &TraceQuery) -> Vec<TraceId> {
    store
        .find(query, None, 100)
        .into_iter()
        .map(|(_, summary)| summary.trace_id)
        .collect()
}

#[test]
fn whole_traces_go_the_oldest_first() {
    let limits = Limits {
        spans_max: 6,
        ..ROOMY
    };
    let spans =
        (1..=5).flat_map(|trace| [(trace, S::new(1, 2, 0, 1)), (trace, S::new(2, 0, 0, 1))]);
    let store = store(limits, spans);
    assert_eq!(holds(&store, 1..=5), [3, 4, 5]);
    assert_eq!(
        (
            store.fill().traces,
            store.fill().spans,
            store.evicted_traces()
        ),
        (3, 6, 2)
    );
}

#[test]
fn a_trace_that_still_grows_outlives_one_that_was_silent() {
    let limits = Limits {
        spans_max: 3,
        ..ROOMY
    };
    let spans = [
        (1, S::new(1, 9, 0, 1)),
        (2, S::new(1, 0, 0, 1)),
        (1, S::new(2, 9, 0, 1)),
        (3, S::new(1, 0, 0, 1)),
    ];
    assert_eq!(holds(&store(limits, spans), 1..=3), [1, 3]);
}

#[test]
fn bytes_are_limited_as_spans_are() {
    let one = store(ROOMY, [(1, S::new(1, 0, 0, 1))]).fill().bytes;
    let limits = Limits {
        bytes_max: one * 5 / 2,
        ..ROOMY
    };
    let store = store(limits, (1..=4).map(|trace| (trace, S::new(1, 0, 0, 1))));
    assert_eq!(holds(&store, 1..=4), [3, 4]);
    assert!(store.fill().bytes <= limits.bytes_max);
}

#[test]
fn failed_traces_outlive_ordinary_ones_up_to_half_of_the_store() {
    let limits = Limits {
        spans_max: 10,
        ..ROOMY
    };
    let failed = (1..=3).map(|trace| (trace, S::new(1, 0, 0, 1).failed()));
    let ordinary = (10..=40).map(|trace| (trace, S::new(1, 0, 0, 1)));
    let mut store = store(limits, failed.chain(ordinary));
    assert_eq!(holds(&store, 1..=40), [1, 2, 3, 34, 35, 36, 37, 38, 39, 40]);

    for trace in 50..=59 {
        store.insert(Arc::new(S::new(1, 0, 0, 1).failed().in_trace(trace)));
    }
    let kept = holds(&store, 1..=59);
    assert_eq!(kept.len(), 10);
    assert!(!kept.contains(&1), "{kept:?}");
}

#[test]
fn unusually_slow_traces_outlive_ordinary_ones() {
    let limits = Limits {
        spans_max: 40,
        ..ROOMY
    };
    let usual = (1..=30).map(|trace| (trace, S::new(1, 0, 0, 10)));
    let slow = [(31, S::new(1, 0, 0, 500))];
    let more = (100..=200).map(|trace| (trace, S::new(1, 0, 0, 10)));
    let store = store(limits, usual.chain(slow).chain(more));
    assert_eq!(holds(&store, 1..=31), [31]);
}

#[test]
fn a_trace_that_fails_late_is_kept_with_all_it_had() {
    let limits = Limits {
        spans_max: 8,
        ..ROOMY
    };
    let begun = [
        (1, S::new(1, 3, 0, 1)),
        (1, S::new(2, 3, 0, 1)),
        (1, S::new(3, 0, 0, 1).failed()),
    ];
    let others = (10..=30).map(|trace| (trace, S::new(1, 0, 0, 1)));
    let store = store(limits, begun.into_iter().chain(others));
    assert_eq!(store.trace(trace_id(1)).unwrap().span_count(), 3);
}

fn click() -> S {
    S::new(1, 0, 0, 1).by("browser", Internal)
}

#[test]
fn browsers_fill_no_more_than_their_part_of_the_store() {
    let limits = Limits {
        spans_max: 80,
        ..ROOMY
    };
    let ours = (1..=20).map(|trace| (trace, S::new(1, 0, 0, 1)));
    let flood = (100..=1000).map(|trace| (trace, click()));
    let store = store(limits, ours.chain(flood));
    assert_eq!(holds(&store, 1..=20).len(), 20, "ours stay");
    assert_eq!(holds(&store, 100..=1000), (991..=1000).collect::<Vec<_>>());
}

#[test]
fn a_browsers_word_alone_makes_no_trace_notable() {
    let limits = Limits {
        spans_max: 10,
        ..ROOMY
    };
    let claimed = [
        (1, click().failed()),
        (2, click().failed()),
        (2, S::new(2, 1, 0, 1).by("gateway", Server)),
        (3, click()),
        (3, S::new(2, 1, 0, 1).by("gateway", Server).failed()),
    ];
    let others = (10..=40).map(|trace| (trace, S::new(1, 0, 0, 1)));
    let store = store(limits, claimed.into_iter().chain(others));
    assert_eq!(holds(&store, 1..=3), [3], "only what a service says counts");
}

#[test]
fn a_trace_takes_more_of_services_than_of_browsers() {
    let mut store = SpanStore::new(Limits {
        spans_per_trace_max: 30,
        ..ROOMY
    });
    let mut insert = |span: S| store.insert(Arc::new(span.in_trace(1)));
    insert(S::new(100, 0, 0, 1).by("gateway", Server));
    let told = (1..=5).map(|id| insert(S::new(id, 100, 0, 1).by("browser", Internal)));
    use Insertion::{Stored, TraceFull};
    assert_eq!(
        told.collect::<Vec<_>>(),
        [Stored, Stored, Stored, TraceFull, TraceFull]
    );
    assert_eq!(insert(S::new(6, 100, 0, 1)), Stored);
}

#[test]
fn a_repeated_span_is_stored_once_and_a_full_trace_takes_no_more() {
    let mut store = SpanStore::new(Limits {
        spans_per_trace_max: 2,
        ..ROOMY
    });
    let mut insert = |id| store.insert(Arc::new(S::new(id, 9, 0, 1).in_trace(1)));
    let outcomes = [insert(1), insert(1), insert(2), insert(3)];
    use Insertion::{Repeated, Stored, TraceFull};
    assert_eq!(outcomes, [Stored, Repeated, Stored, TraceFull]);
    assert_eq!(store.fill().spans, 2);
}

#[test]
fn a_trace_larger_than_the_store_does_not_stay() {
    let limits = Limits {
        spans_max: 3,
        ..ROOMY
    };
    let store = store(limits, (1..=10).map(|id| (1, S::new(id, 99, 0, 1))));
    assert!(store.fill().spans <= 3);
}

#[test]
fn traces_are_found_by_each_condition() {
    let spans = [
        (1, S::new(1, 2, 10, 5).by("catalog", Server).named("Get")),
        (
            1,
            S::new(2, 0, 0, 100)
                .by("gateway", Server)
                .named("GET /videos"),
        ),
        (
            2,
            S::new(1, 0, 1000, 10)
                .by("catalog", Server)
                .named("List")
                .failed(),
        ),
        (
            3,
            S::new(1, 0, 2000, 300).by("gateway", Server).named("Get"),
        ),
    ];
    let store = store(ROOMY, spans);
    let at = |ms: u64| Some(BASE_NS + ms * 1_000_000);
    let any = TraceQuery::default();
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (any.clone(), vec![3, 2, 1]),
        (
            TraceQuery {
                service: text("catalog"),
                ..any.clone()
            },
            vec![2, 1],
        ),
        (
            TraceQuery {
                service: text("catalog"),
                operation: text("Get"),
                ..any.clone()
            },
            vec![1],
        ),
        (
            TraceQuery {
                service: text("gateway"),
                operation: text("List"),
                ..any.clone()
            },
            vec![],
        ),
        (
            TraceQuery {
                operation: text("Get"),
                ..any.clone()
            },
            vec![3, 1],
        ),
        (
            TraceQuery {
                service: text("nobody"),
                ..any.clone()
            },
            vec![],
        ),
        (
            TraceQuery {
                duration_ns_min: 100_000_000,
                ..any.clone()
            },
            vec![3, 1],
        ),
        (
            TraceQuery {
                since_unix_ns: at(1000),
                ..any.clone()
            },
            vec![3, 2],
        ),
        (
            TraceQuery {
                until_unix_ns: at(1000),
                ..any.clone()
            },
            vec![1],
        ),
        (
            TraceQuery {
                only_errors: true,
                ..any.clone()
            },
            vec![2],
        ),
        (
            TraceQuery {
                only_errors: true,
                service: text("gateway"),
                ..any
            },
            vec![],
        ),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.into_iter().map(trace_id).collect();
        assert_eq!(found(&store, &query), expected, "{query:?}");
    }
}

#[test]
fn a_summary_tells_root_extent_and_services() {
    let store = store(
        ROOMY,
        [
            (
                1,
                S::new(2, 1, 10, 5)
                    .by("catalog", Server)
                    .named("Get")
                    .failed(),
            ),
            (1, S::new(3, 1, 20, 200).by("catalog", Server).named("Late")),
            (
                1,
                S::new(1, 0, 5, 100)
                    .by("gateway", Server)
                    .named("GET /videos"),
            ),
        ],
    );
    let (_, summary) = store.find(&TraceQuery::default(), None, 1).remove(0);
    assert_eq!(
        (&*summary.root_service, summary.root_operation.as_str()),
        ("gateway", "GET /videos")
    );
    assert_eq!(
        (summary.start_unix_ns, summary.duration_ns),
        (BASE_NS + 5_000_000, 215_000_000)
    );
    assert_eq!((summary.span_count, summary.error_count), (3, 1));
    assert_eq!(summary.services.get("catalog"), Some(&2));
}

#[test]
fn pages_neither_skip_nor_repeat_a_trace_while_spans_come_in() {
    let mut store = store(ROOMY, (1..=10).map(|trace| (trace, S::new(1, 9, 100, 1))));
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.find(&TraceQuery::default(), after, 3);
        let Some((last, _)) = page.last() else { break };
        after = Some(*last);
        seen.extend(page.iter().map(|(_, summary)| summary.trace_id));
        // An earlier start of a trace seen, one of a trace not seen, and a new trace.
        for (trace, id) in [(10, 50), (1, 50), (99, 50)] {
            store.insert(Arc::new(
                S::new(id + seen.len() as u64, 0, -500, 1).in_trace(trace),
            ));
        }
    }
    let expected: Vec<_> = (1..=10).rev().map(trace_id).collect();
    assert_eq!(seen, expected);
}

#[test]
fn services_and_operations_are_known_as_long_as_their_traces() {
    let limits = Limits {
        spans_max: 2,
        ..ROOMY
    };
    let store = store(
        limits,
        [
            (1, S::new(1, 0, 0, 1).by("gone", Server)),
            (2, S::new(1, 0, 0, 1).by("catalog", Server).named("List")),
            (3, S::new(1, 0, 0, 1).by("catalog", Server).named("Get")),
        ],
    );
    let expected = vec![("catalog".into(), vec!["Get".to_owned(), "List".to_owned()])];
    assert_eq!(store.services(10), expected);
    assert_eq!(store.services(1)[0].1, ["Get"]);
}

proptest! {
    #[test]
    fn limits_hold_and_nothing_is_left_behind(
        spans in prop::collection::vec((1_u64..30, 1_u64..6, 0_i64..400, any::<bool>()), 1..400),
        spans_max in 1_usize..40,
    ) {
        let mut store = SpanStore::new(Limits { spans_max, spans_per_trace_max: 4, ..ROOMY });
        for (trace, id, duration, failed) in spans {
            let span = S::new(id, id - 1, 0, duration);
            let span = if failed { span.failed() } else { span };
            store.insert(Arc::new(span.in_trace(trace)));
            prop_assert!(store.fill().spans <= spans_max);
        }
        let counted: usize = store.traces.values().map(StoredTrace::span_count).sum();
        let bytes: usize = store.traces.values().map(StoredTrace::bytes).sum();
        let fill = Fill { traces: store.traces.len(), spans: counted, bytes };
        prop_assert_eq!(store.fill(), fill);
        prop_assert_eq!(found(&store, &TraceQuery::default()).len(), store.traces.len());
    }
}
