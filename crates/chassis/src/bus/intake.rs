//! Having one event consumed, however often it takes, and deciding when that is hopeless.

use std::time::{Duration, Instant};

use amphi_contracts::proto::events::v1::Event;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::events::{Consumer, accept, is_transient};
use crate::{Problem, Role};

const PAUSE_BASE: Duration = Duration::from_millis(200);
/// Of an event that is refused.
const REFUSED_PAUSE_MAX: Duration = Duration::from_secs(60);
/// Of what is merely away: however long it was, events go on as soon as it is back.
const AWAY_PAUSE_MAX: Duration = Duration::from_secs(3);
/// When the consumer's own database has been away for so long, its events go back to the broker, which would take a delivery
/// held for half an hour for lost.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// What became of an event.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is committed, now or before.
    Consumed,
    /// The consumer refuses it, and always will.
    Refused(Problem),
    /// The consumer cannot consume anything at present.
    Away(Problem),
    /// The process stops; nothing is known to have happened.
    Stopped,
}

/// Has `event` consumed. Refusals are repeated up to `attempts_max` times.
pub(super) async fn take(
    role: Role,
    consumer: &dyn Consumer,
    event: &Event,
    attempts_max: u32,
    shutdown: &CancellationToken,
) -> Taken {
    let mut refusals = 0;
    let mut away_since: Option<Instant> = None;
    let mut aways = 0;
    loop {
        let problem = match accept(consumer, event).await {
            Ok(_) => {
                metrics::counter!("amphi_events_received_total", "consumer" => role.as_str())
                    .increment(1);
                return Taken::Consumed;
            }
            Err(problem) => problem,
        };
        let pause = if is_transient(&problem) {
            let since = *away_since.get_or_insert_with(Instant::now);
            if since.elapsed() > AWAY_MAX {
                return Taken::Away(problem);
            }
            aways += 1;
            pause_while_away(aways)
        } else {
            away_since = None;
            refusals += 1;
            metrics::counter!("amphi_events_refused_total", "consumer" => role.as_str())
                .increment(1);
            if refusals >= attempts_max {
                return Taken::Refused(problem);
            }
            pause_after(refusals, REFUSED_PAUSE_MAX)
        };
        tracing::warn!(
            consumer = %role, event_id = event.id, event_type = event.r#type, subject = event.subject, refusals,
            pause_ms = pause.as_millis(), error = %problem,
            "an event cannot be consumed; the events of its subject wait"
        );
        tokio::select! {
            () = shutdown.cancelled() => return Taken::Stopped,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The waits between one session with a broker and the next.
pub(super) struct Recovery {
    role: Role,
    /// Sessions in a row that received nothing.
    failures: u32,
}

impl Recovery {
    pub const fn of(role: Role) -> Self {
        Self { role, failures: 0 }
    }

    /// Waits before the next session, or until `shutdown`.
    pub async fn pause(
        &mut self,
        ended: impl std::fmt::Display + Send,
        has_received: bool,
        shutdown: &CancellationToken,
    ) {
        self.failures = if has_received { 1 } else { self.failures + 1 };
        let pause = pause_while_away(self.failures);
        tracing::warn!(
            consumer = %self.role, failures = self.failures, pause_ms = pause.as_millis(), error = %ended,
            "no events are received; it is tried again"
        );
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Before something that was away is tried again.
fn pause_while_away(failures: u32) -> Duration {
    pause_after(failures, AWAY_PAUSE_MAX)
}

/// Doubling, bounded, and spread so that processes do not march in step.
fn pause_after(failures: u32, longest: Duration) -> Duration {
    PAUSE_BASE
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(longest)
        .mul_f64(rand::rng().random_range(0.75..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_away_for_long_is_tried_again_within_seconds_and_what_is_refused_later_and_later() {
        for failures in [5, 10, 1_000, u32::MAX] {
            assert!(pause_while_away(failures) <= Duration::from_secs(3));
        }
        assert!(pause_while_away(1) <= PAUSE_BASE);
        assert!(pause_after(12, REFUSED_PAUSE_MAX) >= Duration::from_secs(45));
    }
}
