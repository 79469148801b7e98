//! Having one event consumed, however often it takes, and deciding when that is hopeless.

use std::time::{Duration, Instant};

use amphi_contracts::proto::events::v1::Event;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::events::{Consumer, accept, is_transient};
use crate::{Problem, Role};

const PAUSE_BASE: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(60);
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
    let mut failures = 0;
    loop {
        let problem = match accept(consumer, event).await {
            Ok(_) => {
                metrics::counter!("amphi_events_received_total", "consumer" => role.as_str())
                    .increment(1);
                return Taken::Consumed;
            }
            Err(problem) => problem,
        };
        failures += 1;
        if is_transient(&problem) {
            let since = *away_since.get_or_insert_with(Instant::now);
            if since.elapsed() > AWAY_MAX {
                return Taken::Away(problem);
            }
        } else {
            away_since = None;
            refusals += 1;
            metrics::counter!("amphi_events_refused_total", "consumer" => role.as_str())
                .increment(1);
            if refusals >= attempts_max {
                return Taken::Refused(problem);
            }
        }
        let pause = pause_after(failures);
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

/// Doubling, bounded, and spread so that processes do not march in step.
pub(super) fn pause_after(failures: u32) -> Duration {
    PAUSE_BASE
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(PAUSE_MAX)
        .mul_f64(rand::rng().random_range(0.75..1.0))
}
