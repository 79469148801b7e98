//! How many wrong passwords are borne before nobody is listened to for a while.

use std::time::Duration;

/// A bound on failures within a window that opens with the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    pub failures_max: u32,
    pub window: Duration,
}

/// The failures of one subject (an account, a network, or an account from a network) in its current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failures {
    pub count: u32,
    pub window_started_at_us: i64,
}

impl Bound {
    /// How long to wait, when the bound is reached.
    #[must_use]
    pub fn wait(&self, failures: Option<Failures>, now_us: i64) -> Option<Duration> {
        let failures = failures?;
        let left = self.left_of_window(failures, now_us)?;
        (failures.count >= self.failures_max).then_some(left)
    }

    /// The state after one more failure or refusal.
    #[must_use]
    pub fn after_failure(&self, failures: Option<Failures>, now_us: i64) -> Failures {
        match failures {
            Some(failures) if self.left_of_window(failures, now_us).is_some() => Failures {
                count: failures.count.saturating_add(1),
                ..failures
            },
            _ => Failures {
                count: 1,
                window_started_at_us: now_us,
            },
        }
    }

    /// Whether a refusal in this state is the first of its window. Later ones are not recorded: whoever hammers a locked
    /// account must not fill its records.
    #[must_use]
    pub fn is_first_refusal(&self, failures: Failures) -> bool {
        failures.count == self.failures_max
    }

    fn left_of_window(&self, failures: Failures, now_us: i64) -> Option<Duration> {
        let window_us = i64::try_from(self.window.as_micros()).unwrap_or(i64::MAX);
        let ends_at_us = failures.window_started_at_us.saturating_add(window_us);
        let left_us = u64::try_from(ends_at_us.saturating_sub(now_us)).ok()?;
        (left_us > 0).then(|| Duration::from_micros(left_us))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;
    const BOUND: Bound = Bound {
        failures_max: 3,
        window: Duration::from_secs(60),
    };

    fn after(times_us: &[i64]) -> Option<Failures> {
        times_us
            .iter()
            .fold(None, |state, at| Some(BOUND.after_failure(state, *at)))
    }

    #[test]
    fn nobody_waits_below_the_bound() {
        assert_eq!(BOUND.wait(None, 0), None);
        assert_eq!(BOUND.wait(after(&[0, SECOND_US]), 2 * SECOND_US), None);
    }

    #[test]
    fn at_the_bound_the_rest_of_the_window_is_waited_for() {
        let state = after(&[0, SECOND_US, 2 * SECOND_US]);
        let table = [
            (2 * SECOND_US, Some(Duration::from_secs(58))),
            (59 * SECOND_US, Some(Duration::from_secs(1))),
            (60 * SECOND_US, None),
            (600 * SECOND_US, None),
        ];
        for (now_us, wait) in table {
            assert_eq!(BOUND.wait(state, now_us), wait, "at {now_us}");
        }
    }

    #[test]
    fn a_failure_after_the_window_opens_a_new_one() {
        let state = after(&[0, 1, 2, 61 * SECOND_US]);
        assert_eq!(
            state,
            Some(Failures {
                count: 1,
                window_started_at_us: 61 * SECOND_US
            })
        );
    }

    #[test]
    fn only_the_first_refusal_of_a_window_is_told_apart() {
        let at_bound = after(&[0, 1, 2]).unwrap_or(Failures {
            count: 0,
            window_started_at_us: 0,
        });
        assert!(BOUND.is_first_refusal(at_bound));
        assert!(!BOUND.is_first_refusal(BOUND.after_failure(Some(at_bound), 3)));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_lengthen_the_wait_beyond_reason() {
        let state = after(&[10 * SECOND_US, 10 * SECOND_US, 10 * SECOND_US]);
        assert_eq!(BOUND.wait(state, 0), Some(Duration::from_secs(70)));
    }
}
