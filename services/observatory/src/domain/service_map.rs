//! Calls, errors and latencies of the last hour, per node and edge, in slots of ten seconds.
//!
//! A call falls into the slot in which it is counted, not the one in which it began: clocks of senders do not matter, and a
//! slot never changes once it has passed. A window is made of whole slots, the current one as far as it has gone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::calls::{Calls, NodeKind, NodeName, Outcome};
use super::histogram::Histogram;

pub const SLOT: Duration = Duration::from_secs(10);

/// The longest window that can be asked for.
pub const WINDOW_MAX: Duration = Duration::from_secs(3600);

/// More are left out of a slot and counted; names come from whoever sends spans.
const NODES_MAX: usize = 128;
const EDGES_MAX: usize = 512;

/// What one node or edge did in one slot.
#[derive(Debug, Clone, Default)]
struct Cell {
    errors: u64,
    durations: Histogram,
}

impl Cell {
    fn record(&mut self, outcome: Outcome) {
        self.errors += u64::from(outcome.is_error);
        self.durations.record(outcome.duration_us);
    }

    fn merge(&mut self, other: &Self) {
        self.errors += other.errors;
        self.durations.merge(&other.durations);
    }

    fn latency(&self, covered: Duration) -> Latency {
        let calls = self.durations.total();
        #[allow(clippy::cast_precision_loss)]
        let rate_per_s = calls as f64 / covered.as_secs_f64().max(1.0);
        Latency {
            calls,
            errors: self.errors,
            rate_per_s,
            p50_us: self.durations.quantile_us(0.50),
            p95_us: self.durations.quantile_us(0.95),
            p99_us: self.durations.quantile_us(0.99),
        }
    }
}

#[derive(Debug, Default)]
struct Slot {
    /// Slots since the start of the clock.
    number: u64,
    cells: Cells,
}

/// Whatever is known of nodes and edges in some time.
#[derive(Debug, Default)]
struct Cells {
    nodes: HashMap<Arc<str>, (NodeKind, Cell)>,
    edges: HashMap<(Arc<str>, Arc<str>), Cell>,
}

impl Cells {
    /// The node's cell; `None` when there are too many.
    fn node(&mut self, node: NodeName) -> Option<&mut Cell> {
        let is_full = self.nodes.len() >= NODES_MAX && !self.nodes.contains_key(&node.name);
        if is_full {
            return None;
        }
        let (kind, cell) = self
            .nodes
            .entry(node.name)
            .or_insert((node.kind, Cell::default()));
        // What turns out to send spans is not external after all.
        *kind = (*kind).min(node.kind);
        Some(cell)
    }

    fn edge(&mut self, from: NodeName, to: NodeName) -> Option<&mut Cell> {
        let edge = (Arc::clone(&from.name), Arc::clone(&to.name));
        let is_full = self.edges.len() >= EDGES_MAX && !self.edges.contains_key(&edge);
        if is_full {
            return None;
        }
        // Who only calls or is only called is a node too.
        self.node(from)?;
        self.node(to)?;
        Some(self.edges.entry(edge).or_default())
    }
}

/// What calls cost in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    pub calls: u64,
    pub errors: u64,
    pub rate_per_s: f64,
    pub p50_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
}

/// The map of a window; nodes and edges by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServiceMap {
    pub nodes: Vec<(NodeName, Latency)>,
    pub edges: Vec<(Arc<str>, Arc<str>, Latency)>,
}

/// The traffic of the last hour. Times are since any fixed moment, the same for all calls.
#[derive(Debug, Default)]
pub struct Traffic {
    slots: VecDeque<Slot>,
    left_out: u64,
}

impl Traffic {
    /// Counts what a span added, at the time of counting.
    pub fn record(&mut self, calls: Calls, now: Duration) {
        let cells = &mut self.slot_at(now).cells;
        let mut left_out = 0;
        if let Some((node, outcome)) = calls.node {
            match cells.node(node) {
                Some(cell) => cell.record(outcome),
                None => left_out += 1,
            }
        }
        if let Some((from, to, outcome)) = calls.edge {
            match cells.edge(from, to) {
                Some(cell) => cell.record(outcome),
                None => left_out += 1,
            }
        }
        self.left_out += left_out;
    }

    /// Calls that were left out since there were too many different names.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    fn slot_at(&mut self, now: Duration) -> &mut Slot {
        let number = slot_number(now);
        let oldest_kept = number.saturating_sub(slot_number(WINDOW_MAX));
        while self
            .slots
            .front()
            .is_some_and(|slot| slot.number < oldest_kept)
        {
            self.slots.pop_front();
        }
        let is_new = self.slots.back().is_none_or(|slot| slot.number < number);
        if is_new {
            self.slots.push_back(Slot {
                number,
                ..Slot::default()
            });
        }
        let newest = self.slots.len() - 1;
        &mut self.slots[newest]
    }

    /// The map of the last `window`, from ten seconds to an hour. Rates are over the time that the window's slots span.
    #[must_use]
    pub fn map(&self, window: Duration, now: Duration) -> ServiceMap {
        let slots_back = slot_number(window.clamp(SLOT, WINDOW_MAX));
        let first = (slot_number(now) + 1).saturating_sub(slots_back);
        let covered = now.saturating_sub(Duration::from_secs(first * SLOT.as_secs()));
        let mut all = Cells::default();
        for slot in self.slots.iter().filter(|slot| slot.number >= first) {
            for (name, (kind, cell)) in &slot.cells.nodes {
                let (known_kind, sum) = all
                    .nodes
                    .entry(Arc::clone(name))
                    .or_insert((*kind, Cell::default()));
                *known_kind = (*known_kind).min(*kind);
                sum.merge(cell);
            }
            for (edge, cell) in &slot.cells.edges {
                all.edges.entry(edge.clone()).or_default().merge(cell);
            }
        }
        let mut map = ServiceMap {
            nodes: all
                .nodes
                .into_iter()
                .map(|(name, (kind, cell))| (NodeName { name, kind }, cell.latency(covered)))
                .collect(),
            edges: all
                .edges
                .into_iter()
                .map(|((from, to), cell)| (from, to, cell.latency(covered)))
                .collect(),
        };
        map.nodes.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        map.edges.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        map
    }
}

const fn slot_number(time: Duration) -> u64 {
    time.as_secs() / SLOT.as_secs()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn node(name: &str, kind: NodeKind) -> NodeName {
        NodeName {
            name: name.into(),
            kind,
        }
    }

    fn call(to: &str, duration_us: u64, is_error: bool) -> Calls {
        let outcome = Outcome {
            duration_us,
            is_error,
        };
        let (from, to) = (
            node("gateway", NodeKind::Service),
            node(to, NodeKind::Service),
        );
        Calls {
            node: Some((to.clone(), outcome)),
            edge: Some((from, to, outcome)),
        }
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn calls_in(traffic: &Traffic, window: Duration, now: Duration) -> u64 {
        let map = traffic.map(window, now);
        map.edges.iter().map(|(_, _, latency)| latency.calls).sum()
    }

    #[test]
    fn calls_errors_rates_and_quantiles_are_told_per_node_and_edge() {
        let mut traffic = Traffic::default();
        for n in 1..=100 {
            traffic.record(call("catalog", n * 1000, n > 90), s(95));
        }
        let map = traffic.map(s(60), s(100));
        let [(from, to, edge)] = &*map.edges else {
            panic!("{map:?}")
        };
        assert_eq!((&**from, &**to), ("gateway", "catalog"));
        assert_eq!((edge.calls, edge.errors), (100, 10));
        // The window's slots begin at 50 s.
        assert!((edge.rate_per_s - 2.0).abs() < 1e-9, "{}", edge.rate_per_s);
        for (found, exact) in [
            (edge.p50_us, 50_000),
            (edge.p95_us, 95_000),
            (edge.p99_us, 99_000),
        ] {
            assert!(found.abs_diff(exact) * 20 <= exact, "{found} for {exact}");
        }
        let names: Vec<_> = map
            .nodes
            .iter()
            .map(|(node, latency)| (&*node.name, latency.calls))
            .collect();
        assert_eq!(names, [("catalog", 100), ("gateway", 0)]);
    }

    #[test]
    fn a_window_is_made_of_whole_slots_and_ends_now() {
        let mut traffic = Traffic::default();
        for at in [5, 15, 25, 35] {
            traffic.record(call("catalog", 1, false), s(at));
        }
        let counted =
            [s(0), s(10), s(20), s(40), s(7200)].map(|window| calls_in(&traffic, window, s(39)));
        assert_eq!(counted, [1, 1, 2, 4, 4]);
        assert_eq!(calls_in(&traffic, s(20), s(60)), 0);
    }

    #[test]
    fn what_is_older_than_an_hour_is_forgotten() {
        let mut traffic = Traffic::default();
        for at in 0..10_000 {
            traffic.record(call("catalog", 1, false), s(at));
        }
        assert!(traffic.slots.len() <= 361);
        assert_eq!(calls_in(&traffic, WINDOW_MAX, s(9_999)), 3600);
    }

    #[test]
    fn a_name_that_sends_spans_is_not_external() {
        let mut traffic = Traffic::default();
        let outcome = Outcome {
            duration_us: 1,
            is_error: false,
        };
        let to = |kind| Calls {
            node: None,
            edge: Some((
                node("gateway", NodeKind::Service),
                node("shop", kind),
                outcome,
            )),
        };
        traffic.record(to(NodeKind::External), s(1));
        traffic.record(to(NodeKind::Service), s(11));
        let map = traffic.map(s(60), s(12));
        assert_eq!(map.nodes[1].0.kind, NodeKind::Service);
        assert_eq!(map.edges.len(), 1);
    }

    #[test]
    fn more_names_than_the_map_holds_are_left_out_and_counted() {
        let mut traffic = Traffic::default();
        for n in 0..1000 {
            traffic.record(call(&format!("made up {n}"), 1, false), s(1));
        }
        let map = traffic.map(s(60), s(2));
        assert!(map.nodes.len() <= NODES_MAX && map.edges.len() <= EDGES_MAX);
        assert!(traffic.left_out() > 0);
    }
}
