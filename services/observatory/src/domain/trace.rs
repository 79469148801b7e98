//! One trace, analyzed for its waterfall.

use std::collections::BTreeMap;
use std::sync::Arc;

use amphi_chassis::telemetry::FinishedSpan;

use super::critical_path::critical_path;
use super::self_time::self_times;
use super::skew;
use super::tree::Tree;

/// A trace as it is shown.
#[derive(Debug, Clone)]
pub struct AnalyzedTrace {
    /// The earliest start after adjustment of clocks, Unix nanoseconds.
    pub started_unix_ns: u64,
    /// From the earliest start to the latest end.
    pub duration_ns: u64,
    /// Depth first, children by start.
    pub spans: Vec<AnalyzedSpan>,
    /// How many spans each service has, by name.
    pub services: BTreeMap<Arc<str>, u32>,
}

/// A span and what its place in the trace says about it.
#[derive(Debug, Clone)]
pub struct AnalyzedSpan {
    pub span: Arc<FinishedSpan>,
    /// From the start of the trace, after adjustment of clocks.
    pub start_ns: u64,
    /// Time in which no child ran.
    pub self_ns: u64,
    pub is_on_critical_path: bool,
}

impl AnalyzedSpan {
    /// A moment of the span's own clock, as nanoseconds from the start of the trace.
    #[must_use]
    pub fn offset_ns(&self, unix_ns: u64) -> u64 {
        let within = i128::from(unix_ns) - i128::from(self.span.start_unix_ns);
        u64::try_from(i128::from(self.start_ns) + within).unwrap_or(0)
    }
}

/// Analyzes the spans of one trace; `None` when there are none.
#[must_use]
pub fn analyze(spans: &[Arc<FinishedSpan>]) -> Option<AnalyzedTrace> {
    let recorded_start = spans.iter().map(|span| span.start_unix_ns).min()?;
    let mut tree = Tree::build(spans.iter().map(Arc::as_ref));
    skew::adjust(&mut tree);
    let self_times = self_times(&tree);
    let path = critical_path(&tree);

    let first = tree
        .nodes
        .iter()
        .map(|node| node.start_ns)
        .min()
        .unwrap_or(0);
    let last = tree
        .nodes
        .iter()
        .map(super::tree::Node::end_ns)
        .max()
        .unwrap_or(0);
    let analyzed = |at: usize| AnalyzedSpan {
        span: Arc::clone(&spans[at]),
        start_ns: tree.nodes[at].start_ns.abs_diff(first),
        self_ns: self_times[at],
        is_on_critical_path: path.is_on_path[at],
    };
    let mut services = BTreeMap::new();
    for span in spans {
        *services.entry(Arc::clone(&span.service)).or_default() += 1;
    }
    Some(AnalyzedTrace {
        started_unix_ns: recorded_start.saturating_add_signed(first),
        duration_ns: last.abs_diff(first),
        spans: tree.depth_first().into_iter().map(analyzed).collect(),
        services,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_chassis::telemetry::SpanKind::{Client, Server};

    use super::*;
    use crate::testing::{BASE_NS, TestSpan as S, trace};

    const MS: u64 = 1_000_000;

    fn analyzed(spans: &[S]) -> AnalyzedTrace {
        let spans: Vec<_> = trace(spans).into_iter().map(Arc::new).collect();
        analyze(&spans).unwrap()
    }

    #[test]
    fn a_click_is_told_hop_by_hop() {
        let trace = analyzed(&[
            S::new(1, 0, 0, 100).by("browser", Client).named("play"),
            S::new(2, 1, 10, 80)
                .by("gateway", Server)
                .named("POST playback"),
            S::new(3, 2, 20, 60).by("gateway", Client).named("Start"),
            S::new(4, 3, 25, 50).by("playback", Server).named("Start"),
            S::new(5, 4, 30, 5)
                .by("playback-db", Client)
                .named("SELECT sessions"),
            S::new(6, 4, 30, 40)
                .by("playback", Client)
                .named("GetAsset"),
        ]);
        let told: Vec<_> = trace
            .spans
            .iter()
            .map(|span| {
                (
                    span.span.name.as_ref(),
                    span.start_ns / MS,
                    span.self_ns / MS,
                    span.is_on_critical_path,
                )
            })
            .collect();
        let expected = [
            ("play", 0, 20, true),
            ("POST playback", 10, 20, true),
            ("Start", 20, 10, true),
            ("Start", 25, 10, true),
            ("SELECT sessions", 30, 5, false),
            ("GetAsset", 30, 40, true),
        ];
        assert_eq!(told, expected);
        assert_eq!(
            (trace.started_unix_ns, trace.duration_ns),
            (BASE_NS, 100 * MS)
        );
        assert_eq!(trace.services.get("gateway"), Some(&2));
    }

    #[test]
    fn a_browser_whose_clock_is_off_does_not_stretch_the_trace() {
        for server_start in [-60_000_i64, 60_000] {
            let trace = analyzed(&[
                S::new(1, 0, 0, 100).by("browser", Client),
                S::new(2, 1, server_start, 80).by("gateway", Server),
            ]);
            assert_eq!(trace.duration_ns, 100 * MS);
            assert_eq!(trace.started_unix_ns, BASE_NS);
            assert_eq!(trace.spans[1].start_ns, 10 * MS);
        }
    }

    #[test]
    fn an_event_is_placed_by_its_spans_clock() {
        let trace = analyzed(&[
            S::new(1, 0, 0, 100).by("browser", Client),
            S::new(2, 1, 60_000, 80).by("gateway", Server),
        ]);
        assert_eq!(trace.spans[1].offset_ns(BASE_NS + 60_005 * MS), 15 * MS);
        assert_eq!(trace.spans[1].offset_ns(0), 0);
    }

    #[test]
    fn nothing_is_no_trace() {
        assert!(analyze(&[]).is_none());
    }
}
