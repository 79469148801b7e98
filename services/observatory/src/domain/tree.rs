//! Who called whom: the spans of a trace as a tree, whatever came in.

use std::collections::HashMap;

use amphi_chassis::telemetry::{FinishedSpan, SpanKind};

/// One span's place in the tree and on the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub parent: Option<usize>,
    /// By start.
    pub children: Vec<usize>,
    /// Nanoseconds from the earliest start as recorded; skew may move it below zero.
    pub start_ns: i64,
    pub duration_ns: i64,
    pub kind: SpanKind,
    /// Equal numbers are the same service.
    pub service: usize,
}

impl Node {
    #[must_use]
    pub const fn end_ns(&self) -> i64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// The nodes stand in the order of the spans they were built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<Node>,
    /// Spans without a parent, or whose parent did not come in. The trace's own root first, then by start.
    pub roots: Vec<usize>,
}

impl Tree {
    /// Links spans by their parents' ids. A parent that is missing, or that would close a ring, is taken as none.
    #[must_use]
    pub fn build<'a>(spans: impl IntoIterator<Item = &'a FinishedSpan>) -> Self {
        let spans: Vec<&FinishedSpan> = spans.into_iter().collect();
        let earliest = spans
            .iter()
            .map(|span| span.start_unix_ns)
            .min()
            .unwrap_or(0);
        let by_id: HashMap<_, usize> = spans
            .iter()
            .enumerate()
            .map(|(at, span)| (span.span_id, at))
            .collect();
        let mut services: HashMap<&str, usize> = HashMap::new();
        let mut nodes: Vec<Node> = spans
            .iter()
            .enumerate()
            .map(|(at, span)| {
                let next = services.len();
                let parent = span.parent_span_id.and_then(|id| by_id.get(&id).copied());
                Node {
                    parent: parent.filter(|parent| *parent != at),
                    children: Vec::new(),
                    start_ns: to_signed(span.start_unix_ns - earliest),
                    duration_ns: to_signed(span.duration_ns),
                    kind: span.kind,
                    service: *services.entry(&span.service).or_insert(next),
                }
            })
            .collect();
        open_rings(&mut nodes);

        let mut roots = Vec::new();
        for at in 0..nodes.len() {
            match nodes[at].parent {
                Some(parent) => nodes[parent].children.push(at),
                None => roots.push(at),
            }
        }
        let mut tree = Self { nodes, roots };
        tree.sort_children();
        // A span that names no parent is the root itself; one whose parent is missing only stands in for it.
        tree.roots.sort_by_key(|at| {
            (
                spans[*at].parent_span_id.is_some(),
                tree.nodes[*at].start_ns,
            )
        });
        tree
    }

    /// Puts children in the order of their starts.
    pub fn sort_children(&mut self) {
        let starts: Vec<i64> = self.nodes.iter().map(|node| node.start_ns).collect();
        for node in &mut self.nodes {
            node.children.sort_by_key(|child| starts[*child]);
        }
    }

    /// All nodes, parents before their children, depth first, children by start.
    #[must_use]
    pub fn depth_first(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack: Vec<usize> = self.roots.iter().rev().copied().collect();
        while let Some(at) = stack.pop() {
            order.push(at);
            stack.extend(self.nodes[at].children.iter().rev());
        }
        order
    }
}

/// Cuts each ring of parents at its earliest span.
fn open_rings(nodes: &mut [Node]) {
    const UNSEEN: usize = usize::MAX;
    // The walk on which each node was first met.
    let mut met_on = vec![UNSEEN; nodes.len()];
    for first in 0..nodes.len() {
        let mut at = first;
        loop {
            if met_on[at] == first {
                cut_ring(nodes, at);
                break;
            }
            if met_on[at] != UNSEEN {
                break;
            }
            met_on[at] = first;
            match nodes[at].parent {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
}

fn cut_ring(nodes: &mut [Node], on_ring: usize) {
    let next = |at: &usize| nodes[*at].parent.filter(|parent| *parent != on_ring);
    let ring = std::iter::successors(Some(on_ring), next);
    if let Some(earliest) = ring.min_by_key(|at| nodes[*at].start_ns) {
        nodes[earliest].parent = None;
    }
}

fn to_signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestSpan as S, trace};

    fn built(spans: &[S]) -> Tree {
        Tree::build(&trace(spans))
    }

    #[test]
    fn spans_are_listed_depth_first_by_start_however_they_came_in() {
        let tree = built(&[
            S::new(4, 2, 30, 5),
            S::new(3, 1, 50, 10),
            S::new(1, 0, 0, 100),
            S::new(2, 1, 20, 20),
        ]);
        assert_eq!(tree.depth_first(), [2, 3, 0, 1]);
        assert_eq!(tree.roots, [2]);
    }

    #[test]
    fn a_span_whose_parent_is_missing_is_a_root_after_the_real_one() {
        let tree = built(&[S::new(7, 99, 0, 10), S::new(1, 0, 5, 100)]);
        assert_eq!(tree.roots, [1, 0]);
    }

    #[test]
    fn rings_of_parents_are_opened_at_their_earliest_span() {
        let tree = built(&[
            S::new(1, 3, 20, 1),
            S::new(2, 1, 10, 1),
            S::new(3, 2, 30, 1),
            S::new(4, 3, 40, 1),
        ]);
        assert_eq!(tree.roots, [1]);
        assert_eq!(tree.depth_first().len(), 4);
        let own_parent = built(&[S::new(1, 1, 0, 1)]);
        assert_eq!(own_parent.roots, [0]);
    }

    #[test]
    fn nothing_makes_an_empty_tree() {
        assert_eq!(built(&[]), Tree::default());
    }

    #[test]
    fn a_chain_of_thousands_neither_overflows_nor_loses_a_span() {
        let chain: Vec<S> = (1..=20_000).map(|id| S::new(id, id - 1, id, 10)).collect();
        assert_eq!(built(&chain).depth_first().len(), 20_000);
    }
}
