//! Pauses between tries: ever longer, never quite the same.

use std::time::Duration;

use rand::RngExt as _;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    #[must_use]
    pub const fn new() -> Self {
        Self { failures: 0 }
    }

    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Counts one more failure and waits.
    pub async fn pause(&mut self) {
        let pause = self.next();
        tokio::time::sleep(pause).await;
    }

    fn next(&mut self) -> Duration {
        let ceiling = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST);
        assert!(pauses[5] > pauses[0]);
        assert!(pauses.iter().all(|pause| *pause <= LONGEST));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
