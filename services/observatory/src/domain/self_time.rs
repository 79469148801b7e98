//! How long a span itself worked: its duration less the time in which any of its children ran.

use super::tree::Tree;

/// Self time of each node, nanoseconds. Children that overlap count once; what lies outside of the parent does not count.
#[must_use]
pub fn self_times(tree: &Tree) -> Vec<u64> {
    tree.nodes
        .iter()
        .map(|node| {
            let mut covered = 0;
            let mut reached = node.start_ns;
            // Children are sorted by start.
            for child in node.children.iter().map(|child| &tree.nodes[*child]) {
                let start = child.start_ns.max(reached);
                let end = child.end_ns().min(node.end_ns());
                if end > start {
                    covered += end - start;
                    reached = end;
                }
            }
            u64::try_from(node.duration_ns - covered).unwrap_or(0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestSpan as S, trace};

    #[test]
    fn the_time_of_children_is_taken_off_once() {
        let root = S::new(1, 0, 0, 100);
        let cases: [(&str, &[S], u64); 8] = [
            ("alone", &[], 100),
            ("one child", &[S::new(2, 1, 10, 30)], 70),
            (
                "one after the other",
                &[S::new(2, 1, 10, 30), S::new(3, 1, 50, 30)],
                40,
            ),
            (
                "overlapping",
                &[S::new(2, 1, 10, 30), S::new(3, 1, 20, 30)],
                60,
            ),
            (
                "one within the other",
                &[S::new(2, 1, 10, 60), S::new(3, 1, 20, 10)],
                40,
            ),
            ("beyond both ends", &[S::new(2, 1, -50, 200)], 0),
            ("beyond the end", &[S::new(2, 1, 90, 50)], 90),
            ("after the end", &[S::new(2, 1, 150, 50)], 100),
        ];
        for (name, children, expected_ms) in cases {
            let spans: Vec<S> = std::iter::once(root.clone())
                .chain(children.iter().cloned())
                .collect();
            let times = self_times(&Tree::build(&trace(&spans)));
            assert_eq!(times[0] / 1_000_000, expected_ms, "{name}");
        }
    }
}
