//! Whether a peer takes part: one that fails again and again is left out for a while.

use std::time::{Duration, Instant};

/// No peer is left out for longer at a time.
const EJECTION_MAX: Duration = Duration::from_secs(30);

/// When a peer is left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct EjectionPolicy {
    /// Failures in a row that lead to it.
    pub failures: u32,
    /// How long the first time; doubled each time after.
    pub first: Duration,
}

/// How a peer has answered lately (outlier detection, as Envoy has it: by failures in a row).
#[derive(Debug, Default)]
pub(super) struct Standing {
    failures_in_a_row: u32,
    ejections: u32,
    ejected_until: Option<Instant>,
}

impl Standing {
    pub fn answered(&mut self, now: Instant) {
        self.failures_in_a_row = 0;
        let is_long_ago = |until: Instant| now.saturating_duration_since(until) > EJECTION_MAX;
        if self.ejected_until.is_some_and(is_long_ago) {
            *self = Self::default();
        }
    }

    /// Returns for how long the peer is left out, if this failure led to it. After its time, the first failure leads to it
    /// again.
    pub fn failed(&mut self, policy: EjectionPolicy, now: Instant) -> Option<Duration> {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures_in_a_row < policy.failures || self.is_ejected(now) {
            return None;
        }
        let doubled = 1_u32 << self.ejections.min(16);
        let pause = policy.first.saturating_mul(doubled).min(EJECTION_MAX);
        self.ejections = self.ejections.saturating_add(1);
        self.ejected_until = Some(now + pause);
        Some(pause)
    }

    pub fn is_ejected(&self, now: Instant) -> bool {
        self.ejected_until.is_some_and(|until| now < until)
    }

    /// How much longer it is left out.
    pub fn ejected_for(&self, now: Instant) -> Option<Duration> {
        let until = self.ejected_until?;
        (now < until).then(|| until - now)
    }

    pub const fn failures_in_a_row(&self) -> u32 {
        self.failures_in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: EjectionPolicy = EjectionPolicy {
        failures: 3,
        first: Duration::from_secs(1),
    };

    #[test]
    fn failures_in_a_row_lead_to_ejection_and_an_answer_between_them_does_not() {
        let now = Instant::now();
        let mut standing = Standing::default();
        for _ in 0..10 {
            assert_eq!(standing.failed(POLICY, now), None);
            assert_eq!(standing.failed(POLICY, now), None);
            standing.answered(now);
        }
        for _ in 0..2 {
            assert_eq!(standing.failed(POLICY, now), None);
        }
        assert_eq!(standing.failed(POLICY, now), Some(POLICY.first));
        assert!(standing.is_ejected(now));
        assert!(!standing.is_ejected(now + POLICY.first));
    }

    #[test]
    fn a_peer_that_fails_after_its_ejection_is_left_out_for_longer_each_time() {
        let mut now = Instant::now();
        let mut standing = Standing::default();
        let mut pauses = Vec::new();
        while pauses.len() < 7 {
            if let Some(pause) = standing.failed(POLICY, now) {
                pauses.push(pause.as_secs());
                now += pause;
            }
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn long_after_its_ejection_a_peer_starts_anew() {
        let mut now = Instant::now();
        let mut standing = Standing::default();
        for _ in 0..6 {
            now += standing.failed(POLICY, now).unwrap_or_default();
        }
        now += EJECTION_MAX + Duration::from_secs(31);
        standing.answered(now);
        assert_eq!(standing.failed(POLICY, now), None);
        assert_eq!(standing.failed(POLICY, now), None);
        assert_eq!(standing.failed(POLICY, now), Some(POLICY.first));
    }
}
