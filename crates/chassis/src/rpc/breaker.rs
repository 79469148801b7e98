//! The circuit breaker before each role: when most calls to it fail, further ones are refused at once for a while, so that
//! callers need not wait for what will not come and the role has air to recover.
//!
//! Closed, it counts the calls of the last ten seconds. Open, it refuses. When its time is over it is half open: a few calls
//! may try; one failure opens it for longer, success closes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::config::RpcConfig;
use crate::{Problem, Role};

const BUCKETS: usize = 10;
const BUCKET: Duration = Duration::from_secs(1);
/// Calls that must succeed before it closes again.
const PROBES: u32 = 3;
const OPEN_MAX: Duration = Duration::from_secs(30);

/// The breaker of one role, shared by all its callers in this process.
#[derive(Debug)]
pub(super) struct Breaker {
    role: Role,
    policy: Policy,
    circuit: Mutex<Circuit>,
}

#[derive(Debug, Clone, Copy)]
struct Policy {
    /// Share of failures at which it opens, 0 to 1; above 1 never.
    failure_share: f64,
    calls_min: u32,
    open_first: Duration,
}

#[derive(Debug)]
struct Circuit {
    state: State,
    /// Counts the changes of state, so that a call which began before one does not count after it.
    generation: u64,
    /// How often it has opened without closing in between.
    openings: u32,
}

#[derive(Debug)]
enum State {
    Closed(Window),
    Open { until: Instant },
    HalfOpen { admitted: u32, succeeded: u32 },
}

/// Calls and failures by second.
#[derive(Debug)]
struct Window {
    start: Instant,
    /// The seconds since `start` that the newest bucket is for.
    newest: u64,
    buckets: [(u32, u32); BUCKETS],
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BreakerState {
    Closed,
    HalfOpen,
    Open,
}

/// What became of a call, as far as the health of the role is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The role answered, be it with a refusal.
    Answered,
    /// It did not answer, or said that it cannot.
    Failed,
}

/// A call that may be made. Dropped without an outcome, it says nothing.
#[derive(Debug)]
pub(super) struct Permit {
    breaker: Arc<Breaker>,
    generation: u64,
    is_settled: bool,
}

/// Says of a status that the breaker gave it and no call was made.
#[derive(Debug, thiserror::Error)]
#[error("the circuit breaker is open")]
pub(super) struct BreakerOpen;

impl Breaker {
    pub fn new(role: Role, settings: &RpcConfig) -> Self {
        let failure_share = match settings.breaker_failure_percent {
            0 => f64::INFINITY,
            percent => f64::from(percent) / 100.0,
        };
        let policy = Policy {
            failure_share,
            calls_min: settings.breaker_calls_min,
            open_first: settings.breaker_open,
        };
        Self::with_policy(role, policy, Instant::now())
    }

    const fn with_policy(role: Role, policy: Policy, now: Instant) -> Self {
        Self {
            role,
            policy,
            circuit: Mutex::new(Circuit {
                state: State::Closed(Window::new(now)),
                generation: 0,
                openings: 0,
            }),
        }
    }

    /// # Errors
    /// While calls are refused: a problem that says when to try again.
    pub fn admit(self: &Arc<Self>, now: Instant) -> Result<Permit, Problem> {
        let mut circuit = self.circuit();
        if let State::Open { until } = circuit.state
            && now >= until
        {
            let half_open = State::HalfOpen {
                admitted: 0,
                succeeded: 0,
            };
            self.change(&mut circuit, half_open);
        }
        match &mut circuit.state {
            State::Closed(_) => {}
            State::HalfOpen { admitted, .. } if *admitted < PROBES => *admitted += 1,
            State::HalfOpen { .. } => return Err(self.refusal(Duration::ZERO)),
            State::Open { until } => return Err(self.refusal(*until - now)),
        }
        Ok(Permit {
            breaker: Arc::clone(self),
            generation: circuit.generation,
            is_settled: false,
        })
    }

    pub fn state(&self) -> BreakerState {
        match self.circuit().state {
            State::Closed(_) => BreakerState::Closed,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
            State::Open { .. } => BreakerState::Open,
        }
    }

    fn settle(&self, generation: u64, outcome: Outcome, now: Instant) {
        let mut circuit = self.circuit();
        if circuit.generation != generation {
            return;
        }
        match &mut circuit.state {
            State::Closed(window) => {
                window.count(outcome, now);
                if window.is_bad(self.policy) {
                    self.open(&mut circuit, now);
                }
            }
            State::HalfOpen { succeeded, .. } => match outcome {
                Outcome::Failed => self.open(&mut circuit, now),
                Outcome::Answered => {
                    *succeeded += 1;
                    if *succeeded >= PROBES {
                        circuit.openings = 0;
                        self.change(&mut circuit, State::Closed(Window::new(now)));
                    }
                }
            },
            // A change of state changes the generation, and nothing is admitted while it is open.
            State::Open { .. } => {}
        }
    }

    /// Gives a half-open breaker the place back of a call that told nothing.
    fn forget(&self, generation: u64) {
        let mut circuit = self.circuit();
        if circuit.generation != generation {
            return;
        }
        if let State::HalfOpen { admitted, .. } = &mut circuit.state {
            *admitted = admitted.saturating_sub(1);
        }
    }

    fn open(&self, circuit: &mut Circuit, now: Instant) {
        let doubled = 1_u32 << circuit.openings.min(16);
        let pause = self.policy.open_first.saturating_mul(doubled).min(OPEN_MAX);
        circuit.openings = circuit.openings.saturating_add(1);
        self.change(circuit, State::Open { until: now + pause });
    }

    fn change(&self, circuit: &mut Circuit, state: State) {
        let (level, text) = match &state {
            State::Closed(_) => (0.0, "the role answers again"),
            State::HalfOpen { .. } => (1.0, "the role is tried with a few calls"),
            State::Open { .. } => (
                2.0,
                "most calls to the role fail; calls are refused for a while",
            ),
        };
        metrics::gauge!("rpc.client.breaker.state", "server.service" => self.role.as_str())
            .set(level);
        if matches!(state, State::Open { .. }) {
            tracing::warn!(role = %self.role, "{text}");
        } else {
            tracing::info!(role = %self.role, "{text}");
        }
        circuit.state = state;
        circuit.generation += 1;
    }

    fn refusal(&self, after: Duration) -> Problem {
        metrics::counter!("rpc.client.breaker.refusals", "server.service" => self.role.as_str())
            .increment(1);
        Problem::unavailable(
            "service_unavailable",
            format!(
                "Most calls to {} failed lately; it is given a pause.",
                self.role
            ),
        )
        .with_retry_after(after)
    }

    fn circuit(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    pub fn settle(mut self, outcome: Outcome) {
        self.settle_at(outcome, Instant::now());
    }

    fn settle_at(&mut self, outcome: Outcome, now: Instant) {
        self.is_settled = true;
        self.breaker.settle(self.generation, outcome, now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_settled {
            self.breaker.forget(self.generation);
        }
    }
}

impl Window {
    const fn new(start: Instant) -> Self {
        Self {
            start,
            newest: 0,
            buckets: [(0, 0); BUCKETS],
        }
    }

    fn count(&mut self, outcome: Outcome, now: Instant) {
        let second = now.saturating_duration_since(self.start).as_secs() / BUCKET.as_secs();
        let passed = second.saturating_sub(self.newest);
        for step in 1..=passed.min(BUCKETS as u64) {
            *self.bucket(self.newest + step) = (0, 0);
        }
        self.newest = self.newest.max(second);
        let (calls, failures) = self.bucket(self.newest);
        *calls += 1;
        *failures += u32::from(outcome == Outcome::Failed);
    }

    #[allow(clippy::cast_possible_truncation)]
    const fn bucket(&mut self, second: u64) -> &mut (u32, u32) {
        &mut self.buckets[(second % BUCKETS as u64) as usize]
    }

    fn is_bad(&self, policy: Policy) -> bool {
        let calls: u32 = self.buckets.iter().map(|(calls, _)| calls).sum();
        let failures: u32 = self.buckets.iter().map(|(_, failures)| failures).sum();
        calls >= policy.calls_min && f64::from(failures) >= f64::from(calls) * policy.failure_share
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const POLICY: Policy = Policy {
        failure_share: 0.5,
        calls_min: 10,
        open_first: Duration::from_secs(1),
    };

    fn breaker(now: Instant) -> Arc<Breaker> {
        Arc::new(Breaker::with_policy(Role::Catalog, POLICY, now))
    }

    fn calls(breaker: &Arc<Breaker>, count: u32, outcome: Outcome, now: Instant) {
        for _ in 0..count {
            if let Ok(mut permit) = breaker.admit(now) {
                permit.settle_at(outcome, now);
            }
        }
    }

    #[test]
    fn it_opens_when_half_of_enough_calls_fail() {
        let now = Instant::now();
        let breaker = breaker(now);
        calls(&breaker, 9, Outcome::Failed, now);
        assert_eq!(breaker.state(), BreakerState::Closed, "too few to judge");
        calls(&breaker, 1, Outcome::Failed, now);
        assert_eq!(breaker.state(), BreakerState::Open);
        let problem = breaker.admit(now).unwrap_err();
        assert_eq!(problem.code, "service_unavailable");
        assert!(problem.retry_after_s.is_some());
        assert!(problem.detail.contains("catalog"));
    }

    #[test]
    fn failures_among_many_answers_do_not_open_it() {
        let now = Instant::now();
        let breaker = breaker(now);
        for _ in 0..100 {
            calls(&breaker, 3, Outcome::Answered, now);
            calls(&breaker, 2, Outcome::Failed, now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn old_failures_are_forgotten() {
        let start = Instant::now();
        let breaker = breaker(start);
        calls(&breaker, 9, Outcome::Failed, start);
        let later = start + Duration::from_secs(11);
        calls(&breaker, 1, Outcome::Failed, later);
        assert_eq!(breaker.state(), BreakerState::Closed);
        let much_later = start + Duration::from_secs(3600);
        calls(&breaker, 10, Outcome::Failed, much_later);
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn after_its_pause_a_few_calls_decide() {
        let start = Instant::now();
        let breaker = breaker(start);
        calls(&breaker, 10, Outcome::Failed, start);
        let later = start + Duration::from_secs(1);
        let mut probes: Vec<_> = (0..PROBES).map(|_| breaker.admit(later).unwrap()).collect();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.admit(later).unwrap_err();
        // One whose caller went away leaves its place to another.
        drop(probes.pop());
        probes.push(breaker.admit(later).unwrap());
        for probe in &mut probes {
            probe.settle_at(Outcome::Answered, later);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        calls(&breaker, 9, Outcome::Failed, later);
        assert_eq!(breaker.state(), BreakerState::Closed, "it counts anew");
    }

    #[test]
    fn each_failed_try_doubles_the_pause_up_to_a_bound() {
        let mut now = Instant::now();
        let breaker = breaker(now);
        calls(&breaker, 10, Outcome::Failed, now);
        let mut pauses = Vec::new();
        for _ in 0..7 {
            let opened = now;
            while breaker.admit(now).is_err() {
                now += Duration::from_millis(500);
            }
            pauses.push((now - opened).as_secs());
            calls(&breaker, 1, Outcome::Failed, now);
            assert_eq!(breaker.state(), BreakerState::Open);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
    }

    #[test]
    fn a_call_from_before_says_nothing_about_after() {
        let start = Instant::now();
        let breaker = breaker(start);
        let mut early = breaker.admit(start).unwrap();
        calls(&breaker, 10, Outcome::Failed, start);
        let later = start + Duration::from_secs(1);
        let _probe = breaker.admit(later).unwrap();
        early.settle_at(Outcome::Failed, later);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}
