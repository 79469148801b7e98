//! Moves spans of machines whose clocks disagree to where they can have happened.
//!
//! After Jaeger's clock skew adjustment: a server's work on a call lies within the caller's wait for it; when it does not,
//! the clocks differ, and the server's span is put into the middle of the caller's, with all that lies below it. What may
//! rightly outlive its cause (a message's consumer, work below an internal span) is only moved when it comes before it.

use amphi_chassis::telemetry::SpanKind;

use super::tree::Tree;

/// Within one machine the ends of two spans of one call may be recorded in either order.
const TOLERANCE_NS: i64 = 1_000_000;

/// Adjusts the starts of all nodes; returns by how much each was moved, nanoseconds.
pub fn adjust(tree: &mut Tree) -> Vec<i64> {
    let mut shifts = vec![0_i64; tree.nodes.len()];
    for at in tree.depth_first() {
        let Some(parent) = tree.nodes[at].parent else {
            continue;
        };
        // What moved the parent moved its clock, which is the child's too until it proves another.
        let inherited = shifts[parent];
        tree.nodes[at].start_ns = tree.nodes[at].start_ns.saturating_add(inherited);
        let own = shift(tree, parent, at);
        tree.nodes[at].start_ns = tree.nodes[at].start_ns.saturating_add(own);
        shifts[at] = inherited.saturating_add(own);
    }
    tree.sort_children();
    shifts
}

fn shift(tree: &Tree, parent: usize, child: usize) -> i64 {
    let (parent, child) = (&tree.nodes[parent], &tree.nodes[child]);
    if parent.service == child.service {
        return 0;
    }
    let starts_too_early = child.start_ns < parent.start_ns.saturating_sub(TOLERANCE_NS);
    let ends_too_late = child.end_ns() > parent.end_ns().saturating_add(TOLERANCE_NS);
    let starts_after_the_end = child.start_ns > parent.end_ns().saturating_add(TOLERANCE_NS);
    let is_call = parent.kind == SpanKind::Client && child.kind == SpanKind::Server;
    let fits = child.duration_ns <= parent.duration_ns;
    if is_call && fits && (starts_too_early || ends_too_late) {
        let slack = parent.duration_ns - child.duration_ns;
        return (parent.start_ns + slack / 2).saturating_sub(child.start_ns);
    }
    // A server that worked on after its caller gave up fits nowhere, but it cannot have begun outside of the call.
    if starts_too_early || (is_call && starts_after_the_end) {
        return parent.start_ns.saturating_sub(child.start_ns);
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestSpan as S, trace};
    use SpanKind::{Client, Consumer, Internal, Producer, Server};

    /// Start of the second span after adjustment, milliseconds.
    fn adjusted(parent: S, child: S) -> i64 {
        let mut tree = Tree::build(&trace(&[parent, child]));
        let before = tree.nodes[0].start_ns;
        adjust(&mut tree);
        (tree.nodes[1].start_ns - before) / 1_000_000
    }

    #[test]
    fn a_child_is_moved_only_when_clocks_must_differ() {
        let call = S::new(1, 0, 1000, 100).by("browser", Client);
        let cases = [
            ("within", S::new(2, 1, 1010, 50).by("gateway", Server), 10),
            (
                "a clock behind",
                S::new(2, 1, 200, 50).by("gateway", Server),
                25,
            ),
            (
                "a clock ahead",
                S::new(2, 1, 5000, 50).by("gateway", Server),
                25,
            ),
            (
                "a little late",
                S::new(2, 1, 1080, 40).by("gateway", Server),
                30,
            ),
            (
                "within tolerance",
                S::new(2, 1, 1061, 40).by("gateway", Server),
                61,
            ),
            (
                "longer than the call",
                S::new(2, 1, 1010, 500).by("gateway", Server),
                10,
            ),
            (
                "longer and earlier",
                S::new(2, 1, 900, 500).by("gateway", Server),
                0,
            ),
            (
                "longer and after it",
                S::new(2, 1, 3000, 500).by("gateway", Server),
                0,
            ),
            (
                "of the same service",
                S::new(2, 1, 200, 50).by("browser", Server),
                -800,
            ),
        ];
        for (name, child, start_ms) in cases {
            assert_eq!(adjusted(call.clone(), child), start_ms, "{name}");
        }
    }

    #[test]
    fn work_that_may_outlive_its_cause_is_left_where_it_is() {
        let cases = [
            (Producer, Consumer, 5000, 4000),
            (Internal, Server, 1080, 80),
            (Internal, Server, 5000, 4000),
            (Producer, Consumer, 200, 0),
            (Internal, Server, 200, 0),
        ];
        for (cause, effect, start, expected) in cases {
            let parent = S::new(1, 0, 1000, 100).by("a", cause);
            let child = S::new(2, 1, start, 50).by("b", effect);
            assert_eq!(
                adjusted(parent, child),
                expected,
                "{cause:?} {effect:?} {start}"
            );
        }
    }

    #[test]
    fn all_that_lies_below_moves_along() {
        let mut tree = Tree::build(&trace(&[
            S::new(1, 0, 1000, 100).by("browser", Client),
            S::new(2, 1, 9000, 50).by("gateway", Server),
            S::new(3, 2, 9010, 30).by("gateway", Client),
            S::new(4, 3, 9015, 20).by("catalog", Server),
        ]));
        let shifts = adjust(&mut tree);
        let starts: Vec<i64> = tree
            .nodes
            .iter()
            .map(|node| node.start_ns / 1_000_000)
            .collect();
        assert_eq!(starts, [0, 25, 35, 40]);
        assert_eq!(shifts[1..], [shifts[1]; 3]);
    }

    #[test]
    fn absurd_times_do_not_overflow() {
        let mut tree = Tree::build(&trace(&[
            S::new(1, 0, 0, 1).by("a", Client),
            S::new(2, 1, 1, 1).by("b", Server),
        ]));
        tree.nodes[1].start_ns = i64::MAX;
        tree.nodes[0].start_ns = i64::MIN;
        adjust(&mut tree);
    }
}
