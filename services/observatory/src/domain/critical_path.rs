//! The critical path: the spans that made the trace as long as it was.
//!
//! Jaeger's algorithm: from the end of the root go back to the child that finished last; the time between is the root's
//! own. Follow that child the same way to its start, and there go on in the parent with the child that had finished last
//! by then. Whatever is met is on the path; making any other span faster would not have made the trace shorter.

use super::tree::Tree;

/// A stretch of the path that one span is to blame for itself, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section {
    pub node: usize,
    pub start_ns: i64,
    pub end_ns: i64,
}

/// The path below the trace's first root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CriticalPath {
    /// Whether each node was met.
    pub is_on_path: Vec<bool>,
    /// Latest first; without gap or overlap from the root's end to its start.
    pub sections: Vec<Section>,
}

/// A span whose children are being walked, from the last finished to the first.
struct Visit {
    node: usize,
    start_ns: i64,
    /// What lies before this is not explained yet.
    cursor_ns: i64,
    /// By end, the last finished last.
    children_left: Vec<usize>,
}

/// Walks back from the end of the first root.
#[must_use]
pub fn critical_path(tree: &Tree) -> CriticalPath {
    let spent = within_parents(tree);
    let mut path = CriticalPath {
        is_on_path: vec![false; tree.nodes.len()],
        sections: Vec::new(),
    };
    let mut stack: Vec<Visit> = Vec::new();
    stack.extend(
        tree.roots
            .first()
            .and_then(|root| visit(tree, &spent, *root)),
    );
    while let Some(current) = stack.last_mut() {
        path.is_on_path[current.node] = true;
        match last_finished(tree, &spent, current) {
            Some(child) => {
                path.push(current.node, child.cursor_ns, current.cursor_ns);
                current.cursor_ns = child.start_ns;
                stack.push(child);
            }
            None => {
                path.push(current.node, current.start_ns, current.cursor_ns);
                stack.pop();
            }
        }
    }
    path
}

impl CriticalPath {
    fn push(&mut self, node: usize, start_ns: i64, end_ns: i64) {
        if start_ns < end_ns {
            self.sections.push(Section {
                node,
                start_ns,
                end_ns,
            });
        }
    }
}

/// Start and end of each span within its parent's; what it did before or after, the parent did not wait for. `None` when
/// nothing is left.
fn within_parents(tree: &Tree) -> Vec<Option<(i64, i64)>> {
    let mut spent = vec![None; tree.nodes.len()];
    for at in tree.depth_first() {
        let node = &tree.nodes[at];
        let (earliest, latest) = match node.parent {
            None => (i64::MIN, i64::MAX),
            Some(parent) => match spent[parent] {
                Some(bounds) => bounds,
                None => continue,
            },
        };
        let start_ns = node.start_ns.max(earliest);
        let end_ns = node.end_ns().min(latest);
        let is_outside = start_ns > end_ns || (start_ns == end_ns && node.duration_ns > 0);
        spent[at] = (!is_outside).then_some((start_ns, end_ns));
    }
    spent
}

fn visit(tree: &Tree, spent: &[Option<(i64, i64)>], node: usize) -> Option<Visit> {
    let (start_ns, end_ns) = spent[node]?;
    let mut children_left = tree.nodes[node].children.clone();
    // Of several that ended together, the longest explains most.
    children_left.sort_by_key(|child| {
        spent[*child].map(|(start_ns, end_ns)| (end_ns, std::cmp::Reverse(start_ns)))
    });
    Some(Visit {
        node,
        start_ns,
        cursor_ns: end_ns,
        children_left,
    })
}

/// The child that had finished last by the cursor; those still running then were not waited for.
fn last_finished(tree: &Tree, spent: &[Option<(i64, i64)>], current: &mut Visit) -> Option<Visit> {
    let children = &mut current.children_left;
    while let Some(child) = children.pop() {
        if spent[child].is_some_and(|(_, end_ns)| end_ns <= current.cursor_ns) {
            return visit(tree, spent, child);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{TestSpan as S, trace};

    /// Sections as (span id, start, end) in milliseconds, earliest first.
    fn sections(spans: &[S]) -> Vec<(u64, i64, i64)> {
        let tree = Tree::build(&trace(spans));
        let path = critical_path(&tree);
        let shown = |section: &Section| {
            let (start, end) = (section.start_ns / 1_000_000, section.end_ns / 1_000_000);
            (spans[section.node].id, start, end)
        };
        path.sections.iter().rev().map(shown).collect()
    }

    #[test]
    fn the_path_follows_the_child_that_finished_last() {
        let root = S::new(1, 0, 0, 100);
        type Case<'a> = (&'a str, &'a [S], &'a [(u64, i64, i64)]);
        let cases: [Case<'_>; 9] = [
            ("alone", &[], &[(1, 0, 100)]),
            (
                "one child",
                &[S::new(2, 1, 20, 40)],
                &[(1, 0, 20), (2, 20, 60), (1, 60, 100)],
            ),
            (
                "one after the other",
                &[S::new(2, 1, 10, 30), S::new(3, 1, 50, 30)],
                &[
                    (1, 0, 10),
                    (2, 10, 40),
                    (1, 40, 50),
                    (3, 50, 80),
                    (1, 80, 100),
                ],
            ),
            (
                "of two at once the one that ended last",
                &[S::new(2, 1, 10, 50), S::new(3, 1, 10, 70)],
                &[(1, 0, 10), (3, 10, 80), (1, 80, 100)],
            ),
            (
                "one still running when the next began was not waited for",
                &[S::new(2, 1, 10, 50), S::new(3, 1, 40, 50)],
                &[(1, 0, 40), (3, 40, 90), (1, 90, 100)],
            ),
            (
                "a grandchild",
                &[S::new(2, 1, 10, 80), S::new(3, 2, 30, 20)],
                &[
                    (1, 0, 10),
                    (2, 10, 30),
                    (3, 30, 50),
                    (2, 50, 90),
                    (1, 90, 100),
                ],
            ),
            (
                "a child that runs on is cut at the end",
                &[S::new(2, 1, 60, 400)],
                &[(1, 0, 60), (2, 60, 100)],
            ),
            (
                "a child after the end is not on it",
                &[S::new(2, 1, 150, 10)],
                &[(1, 0, 100)],
            ),
            (
                "of two that ended together the longer",
                &[S::new(2, 1, 50, 40), S::new(3, 1, 20, 70)],
                &[(1, 0, 20), (3, 20, 90), (1, 90, 100)],
            ),
        ];
        for (name, children, expected) in cases {
            let spans: Vec<S> = std::iter::once(root.clone())
                .chain(children.iter().cloned())
                .collect();
            assert_eq!(sections(&spans), expected, "{name}");
        }
    }

    #[test]
    fn a_child_that_began_before_its_parent_is_cut_at_the_start() {
        // Offsets count from the earliest span, which is the child here.
        let spans = [S::new(1, 0, 0, 100), S::new(2, 1, -50, 90)];
        assert_eq!(sections(&spans), [(2, 50, 90), (1, 90, 150)]);
    }

    #[test]
    fn a_span_without_time_of_its_own_is_still_on_the_path() {
        let spans = [
            S::new(1, 0, 0, 100),
            S::new(2, 1, 0, 100),
            S::new(3, 2, 0, 100),
            S::new(4, 1, 0, 10),
        ];
        let path = critical_path(&Tree::build(&trace(&spans)));
        assert_eq!(path.is_on_path, [true, true, true, false]);
    }

    #[test]
    fn only_the_tree_of_the_first_root_is_walked() {
        let spans = [S::new(1, 0, 0, 100), S::new(2, 99, 0, 500)];
        let path = critical_path(&Tree::build(&trace(&spans)));
        assert_eq!(path.is_on_path, [true, false]);
    }

    fn traces() -> impl Strategy<Value = Vec<S>> {
        prop::collection::vec((0_u64..40, -50_i64..300, 0_i64..200), 1..40).prop_map(|spans| {
            let numbered = (1..).zip(spans);
            numbered
                .map(|(id, (parent, start, duration))| S::new(id, parent % id, start, duration))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn the_sections_cover_the_root_without_gap_or_overlap(spans in traces()) {
            let tree = Tree::build(&trace(&spans));
            let path = critical_path(&tree);
            let root = &tree.nodes[tree.roots[0]];
            let mut reached = root.end_ns();
            for section in &path.sections {
                prop_assert_eq!(section.end_ns, reached);
                prop_assert!(section.start_ns < section.end_ns);
                let node = &tree.nodes[section.node];
                prop_assert!(node.start_ns <= section.start_ns && section.end_ns <= node.end_ns());
                reached = section.start_ns;
            }
            prop_assert_eq!(reached, root.start_ns);
        }
    }
}
