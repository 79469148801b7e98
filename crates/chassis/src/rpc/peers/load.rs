//! How busy and how slow a peer is.

use std::time::{Duration, Instant};

/// How fast old answers are forgotten: after this long, a measurement counts 37 %.
const DECAY: Duration = Duration::from_secs(5);
/// Taken for the latency of a peer that has not answered yet, once it has one call to answer: enough that not all calls
/// rush to a newcomer.
const UNKNOWN_LATENCY: Duration = Duration::from_secs(1);

/// The peak-sensitive moving average of a peer's latency, and its calls in flight, as in Finagle's `PeakEwma`: a slow
/// answer counts at once and in full, a return to fast ones only by and by.
#[derive(Debug)]
pub(super) struct Load {
    latency_s: f64,
    measured: Instant,
    in_flight: usize,
}

impl Load {
    pub const fn new(now: Instant) -> Self {
        Self {
            latency_s: 0.0,
            measured: now,
            in_flight: 0,
        }
    }

    pub const fn begin(&mut self) {
        self.in_flight += 1;
    }

    /// Ends a call. `latency` is what it tells of the peer's speed, if anything.
    pub fn end(&mut self, latency: Option<Duration>, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some(latency) = latency else { return };
        let latency_s = latency.as_secs_f64();
        let remembered_s = self.latency_s(now);
        self.latency_s = if latency_s > remembered_s {
            latency_s
        } else {
            let weight = self.weight(now);
            self.latency_s.mul_add(weight, latency_s * (1.0 - weight))
        };
        self.measured = now;
    }

    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Expected seconds until an answer. Without news it decays, so that a peer that was slow is tried again.
    pub fn latency_s(&self, now: Instant) -> f64 {
        self.latency_s * self.weight(now)
    }

    /// What choosing among peers compares: the time until the calls in flight and one more are answered, in seconds.
    #[allow(clippy::cast_precision_loss)]
    pub fn cost(&self, now: Instant) -> f64 {
        let latency_s = self.latency_s(now);
        let calls = self.in_flight as f64 + 1.0;
        if latency_s == 0.0 && self.in_flight > 0 {
            return UNKNOWN_LATENCY.as_secs_f64() * calls;
        }
        latency_s * calls
    }

    fn weight(&self, now: Instant) -> f64 {
        let age = now.saturating_duration_since(self.measured);
        (-age.as_secs_f64() / DECAY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(1);
    const SLOW: Duration = Duration::from_millis(500);

    fn answered(load: &mut Load, latency: Duration, now: Instant) {
        load.begin();
        load.end(Some(latency), now);
    }

    #[test]
    fn a_slow_answer_counts_at_once_and_is_forgotten_slowly() {
        let start = Instant::now();
        let mut load = Load::new(start);
        answered(&mut load, FAST, start);
        answered(&mut load, SLOW, start);
        assert!((load.latency_s(start) - 0.5).abs() < 1e-9);
        let soon = start + Duration::from_millis(100);
        answered(&mut load, FAST, soon);
        assert!(load.latency_s(soon) > 0.4, "{load:?}");
        let later = start + Duration::from_secs(60);
        assert!(load.latency_s(later) < 0.001, "{load:?}");
    }

    #[test]
    fn calls_in_flight_make_a_peer_costlier() {
        let now = Instant::now();
        let (mut idle, mut busy) = (Load::new(now), Load::new(now));
        for load in [&mut idle, &mut busy] {
            answered(load, FAST, now);
        }
        busy.begin();
        assert!(busy.cost(now) > idle.cost(now));
    }

    #[test]
    fn a_newcomer_is_tried_with_one_call_and_not_with_all() {
        let now = Instant::now();
        let (mut newcomer, mut known) = (Load::new(now), Load::new(now));
        answered(&mut known, FAST, now);
        assert!(newcomer.cost(now) < known.cost(now));
        newcomer.begin();
        assert!(newcomer.cost(now) > known.cost(now));
    }
}
