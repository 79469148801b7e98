//! The relay: carries committed events from the outbox to their consumers, in order per subject, at least once.
//!
//! One relay at a time delivers to a consumer (a lease in the database), so replicas do not overtake each other. A consumer
//! that cannot be reached delays all of its events and none is given up; an event that its consumer refuses delays only the
//! events of its own subject, and is given up after a number of refusals.

use std::collections::HashMap;
use std::time::Duration;

use rand::RngExt;
use sea_orm::DbErr;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::delivery::{Delivery, Progress};
use super::{Deliver, prune_inbox, queue};
use crate::db::Db;
use crate::{Problem, Role};

/// How a relay behaves. The defaults fit production; tests shorten them.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// Events handed over in one call.
    pub batch_events_max: u64,
    /// How often the outbox is looked at when nobody woke the relay: events of other processes are found so.
    pub poll: Duration,
    /// How long one delivery may take.
    pub call_timeout: Duration,
    /// How long a relay keeps a consumer to itself after its last delivery; must exceed `call_timeout` by far.
    pub lease: Duration,
    /// Refusals after which an event is given up.
    pub attempts_max: u32,
    /// The pause after the first failure; each further one doubles it.
    pub pause_base: Duration,
    /// The longest pause of an event that is refused.
    pub event_pause_max: Duration,
    /// The longest pause of a consumer that cannot be reached: events go on so soon after it is back.
    pub consumer_pause_max: Duration,
    /// How long the inbox remembers an event.
    pub inbox_kept: Duration,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            batch_events_max: 100,
            poll: Duration::from_secs(1),
            call_timeout: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            attempts_max: 50,
            pause_base: Duration::from_millis(200),
            event_pause_max: Duration::from_secs(300),
            consumer_pause_max: Duration::from_secs(3),
            // Kafka deletes a log by its newest record: one may come again after twice the longest retention.
            inbox_kept: Duration::from_secs(15 * 24 * 3600),
        }
    }
}

impl RelayOptions {
    /// The pause after `failures` failures in a row: doubling, bounded, and spread so that replicas do not march in step.
    pub(super) fn pause_after(&self, failures: u32, longest: Duration) -> Duration {
        let doubled = self
            .pause_base
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(24)));
        doubled
            .min(longest)
            .mul_f64(rand::rng().random_range(0.75..1.0))
    }
}

/// How often old inbox rows are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Delivers the outbox of one service. Run one per process; several processes share the work.
#[derive(Debug)]
pub struct Relay<D> {
    delivery: Delivery<D>,
}

#[derive(Debug)]
struct Pause {
    failures: u32,
    until: Instant,
}

impl<D: Deliver + Clone> Relay<D> {
    #[must_use]
    pub fn new(db: Db, deliver: D) -> Self {
        Self::with_options(db, deliver, RelayOptions::default())
    }

    #[must_use]
    pub fn with_options(db: Db, deliver: D, options: RelayOptions) -> Self {
        Self {
            delivery: Delivery::new(db, deliver, options),
        }
    }

    /// Delivers until `shutdown` is cancelled. A delivery under way then is dropped: it will be made again.
    pub async fn run(self, shutdown: CancellationToken) {
        let Delivery { db, options, .. } = &self.delivery;
        let mut underway: JoinSet<Progress> = JoinSet::new();
        let mut busy: HashMap<task::Id, Role> = HashMap::new();
        let mut pauses: HashMap<Role, Pause> = HashMap::new();
        let mut prune_at = Instant::now();
        loop {
            if Instant::now() >= prune_at {
                prune_at = Instant::now() + PRUNE_EVERY;
                if let Err(error) = prune_inbox(db, options.inbox_kept).await {
                    tracing::warn!(%error, "pruning the inbox failed; it is tried again later");
                }
            }
            match self.consumers_due(&busy, &pauses).await {
                Ok(due) => {
                    for role in due {
                        let delivery = self.delivery.clone();
                        let shutdown = shutdown.clone();
                        let handle =
                            underway.spawn(async move { delivery.drain(role, &shutdown).await });
                        busy.insert(handle.id(), role);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the outbox cannot be read; it is tried again")
                }
            }
            let wake_at = pauses
                .values()
                .map(|pause| pause.until)
                .filter(|until| *until > Instant::now())
                .fold(Instant::now() + options.poll, Instant::min);
            tokio::select! {
                () = shutdown.cancelled() => break,
                Some(finished) = underway.join_next_with_id() => {
                    let (id, progress) = match finished {
                        Ok(finished) => finished,
                        Err(panicked) => (panicked.id(), Progress::Unreachable(Problem::internal(panicked))),
                    };
                    if let Some(role) = busy.remove(&id) {
                        self.note(role, progress, &mut pauses);
                    }
                }
                () = db.relay_woken().notified() => {}
                () = tokio::time::sleep_until(wake_at) => {}
            }
        }
        underway.shutdown().await;
        if let Err(error) = self.delivery.release_leases().await {
            tracing::debug!(%error, "leases are left to lapse");
        }
    }

    async fn consumers_due(
        &self,
        busy: &HashMap<task::Id, Role>,
        pauses: &HashMap<Role, Pause>,
    ) -> Result<Vec<Role>, DbErr> {
        let db = &self.delivery.db;
        if !queue::anything_due(db).await? {
            return Ok(Vec::new());
        }
        let mut due = Vec::new();
        for role in Role::ALL {
            let pausing = pauses
                .get(&role)
                .is_some_and(|pause| pause.until > Instant::now());
            if !pausing
                && !busy.values().any(|other| *other == role)
                && queue::is_due(db, role).await?
            {
                due.push(role);
            }
        }
        Ok(due)
    }

    fn note(&self, role: Role, progress: Progress, pauses: &mut HashMap<Role, Pause>) {
        let options = &self.delivery.options;
        match progress {
            Progress::Drained => {
                if pauses.remove(&role).is_some_and(|pause| pause.failures > 0) {
                    tracing::info!(consumer = %role, "the consumer takes events again");
                }
            }
            Progress::LeasedElsewhere => {
                pauses.insert(
                    role,
                    Pause {
                        failures: 0,
                        until: Instant::now() + options.poll,
                    },
                );
            }
            Progress::Unreachable(problem) => {
                let failures = pauses.get(&role).map_or(0, |pause| pause.failures) + 1;
                let pause = options.pause_after(failures, options.consumer_pause_max);
                tracing::warn!(consumer = %role, failures, pause_ms = pause.as_millis(), error = %problem, "the consumer takes no events; they wait");
                pauses.insert(
                    role,
                    Pause {
                        failures,
                        until: Instant::now() + pause,
                    },
                );
            }
        }
    }
}
