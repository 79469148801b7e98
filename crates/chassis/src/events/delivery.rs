//! Delivering what is due to one consumer, and deciding what a failure means.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use amphi_contracts::proto::events::v1::Event;
use sea_orm::DbErr;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::queue::{self, Candidates};
use super::tables::outbox;
use super::{Deliver, RelayOptions};
use crate::db::{Db, now_us};
use crate::{Kind, Problem, Role};

/// So many events in a row that find nobody mean that the consumer is away, not that they are at fault.
const UNREACHABLE_IN_A_ROW: u32 = 3;

#[derive(Debug, Clone)]
pub(super) struct Delivery<D> {
    pub db: Db,
    pub deliver: D,
    pub options: RelayOptions,
    owner: Uuid,
    /// Until when this process knows itself to hold the lease of a consumer, so that it is not renewed for each batch.
    leases: Arc<Mutex<HashMap<Role, Instant>>>,
}

/// How far a consumer's events got.
pub(super) enum Progress {
    Drained,
    LeasedElsewhere,
    Unreachable(Problem),
}

enum Outcome {
    Delivered,
    Failed(Problem),
    Interrupted,
}

impl<D: Deliver> Delivery<D> {
    pub(super) fn new(db: Db, deliver: D, options: RelayOptions) -> Self {
        Self {
            db,
            deliver,
            options,
            owner: Uuid::now_v7(),
            leases: Arc::default(),
        }
    }

    /// Delivers until nothing is due, the consumer is away, or `shutdown`.
    pub(super) async fn drain(&self, consumer: Role, shutdown: &CancellationToken) -> Progress {
        match self.try_drain(consumer, shutdown).await {
            Ok(progress) => progress,
            Err(error) => Progress::Unreachable(Problem::from(error)),
        }
    }

    pub(super) async fn release_leases(&self) -> Result<(), DbErr> {
        queue::release_leases(&self.db, self.owner).await
    }

    async fn try_drain(
        &self,
        consumer: Role,
        shutdown: &CancellationToken,
    ) -> Result<Progress, DbErr> {
        loop {
            let rows = match queue::candidates(&self.db, consumer, self.options.batch_events_max)
                .await?
            {
                Candidates::Rows(rows) => rows,
                Candidates::TooManyBlocked => return Ok(Progress::Unreachable(too_many_blocked())),
            };
            self.show_wait(
                consumer,
                rows.first().map_or(0, |oldest| now_us() - oldest.time_us),
            );
            if rows.is_empty() || shutdown.is_cancelled() {
                return Ok(Progress::Drained);
            }
            if !self.keep_lease(consumer).await? {
                // Shown by the process that delivers.
                self.show_wait(consumer, 0);
                return Ok(Progress::LeasedElsewhere);
            }
            match self.hand_over(consumer, &rows, shutdown).await {
                Outcome::Delivered => self.finish(consumer, &rows).await?,
                Outcome::Interrupted => return Ok(Progress::Drained),
                Outcome::Failed(problem) if rows.len() == 1 && is_transient(&problem) => {
                    return Ok(Progress::Unreachable(problem));
                }
                Outcome::Failed(_) => {
                    if let Some(away) = self.hand_over_singly(consumer, &rows, shutdown).await? {
                        return Ok(away);
                    }
                }
            }
        }
    }

    /// How long the oldest event that may go on has waited: what tells an operator that events pile up, wherever the reason lies.
    fn show_wait(&self, consumer: Role, wait_us: i64) {
        let publisher = self.db.role().as_str();
        #[expect(clippy::cast_precision_loss, reason = "microseconds of centuries")]
        let seconds = wait_us.max(0) as f64 / 1e6;
        metrics::gauge!("amphi_events_oldest_wait_seconds", "publisher" => publisher, "consumer" => consumer.as_str())
            .set(seconds);
    }

    /// After a batch failed: finds out which of its events are at fault, so that the others go on.
    async fn hand_over_singly(
        &self,
        consumer: Role,
        rows: &[outbox::Model],
        shutdown: &CancellationToken,
    ) -> Result<Option<Progress>, DbErr> {
        let mut blocked: HashSet<&str> = HashSet::new();
        let mut unreachable_in_a_row = 0;
        for row in rows {
            if blocked.contains(row.subject.as_str()) {
                continue;
            }
            if !self.keep_lease(consumer).await? {
                return Ok(Some(Progress::LeasedElsewhere));
            }
            match self
                .hand_over(consumer, std::slice::from_ref(row), shutdown)
                .await
            {
                Outcome::Delivered => {
                    unreachable_in_a_row = 0;
                    self.finish(consumer, std::slice::from_ref(row)).await?;
                }
                Outcome::Interrupted => return Ok(Some(Progress::Drained)),
                Outcome::Failed(problem) => {
                    blocked.insert(&row.subject);
                    if !is_transient(&problem) {
                        unreachable_in_a_row = 0;
                        self.refuse(consumer, row, &problem).await?;
                        continue;
                    }
                    unreachable_in_a_row += 1;
                    if unreachable_in_a_row == UNREACHABLE_IN_A_ROW {
                        return Ok(Some(Progress::Unreachable(problem)));
                    }
                    let pause = self.options.pause_after(1, self.options.consumer_pause_max);
                    let attempts = attempts_of(row);
                    queue::postpone(&self.db, row, attempts, pause, &problem.to_string()).await?;
                }
            }
        }
        Ok(None)
    }

    async fn hand_over(
        &self,
        consumer: Role,
        rows: &[outbox::Model],
        shutdown: &CancellationToken,
    ) -> Outcome {
        let events: Vec<Event> = rows.iter().map(queue::to_event).collect();
        let span = tracing::info_span!(
            "deliver events",
            otel.kind = "producer",
            otel.name = %format_args!("deliver to {consumer}"),
            service = self.db.role().as_str(),
            traceparent = rows.first().map_or("", |row| row.traceparent.as_str()),
            amphi.event.count = events.len(),
        );
        let call = self.deliver.deliver(consumer, events).instrument(span);
        tokio::select! {
            () = shutdown.cancelled() => Outcome::Interrupted,
            outcome = tokio::time::timeout(self.options.call_timeout, call) => match outcome {
                Ok(Ok(())) => Outcome::Delivered,
                Ok(Err(problem)) => Outcome::Failed(problem),
                Err(_) => Outcome::Failed(Problem::deadline_exceeded(
                    "delivery_timeout",
                    format!("{consumer} did not answer within {} ms.", self.options.call_timeout.as_millis()),
                )),
            },
        }
    }

    async fn finish(&self, consumer: Role, rows: &[outbox::Model]) -> Result<(), DbErr> {
        metrics::counter!("amphi_events_delivered_total", "consumer" => consumer.as_str())
            .increment(rows.len() as u64);
        queue::remove(&self.db, rows).await
    }

    async fn refuse(
        &self,
        consumer: Role,
        row: &outbox::Model,
        problem: &Problem,
    ) -> Result<(), DbErr> {
        let attempts = attempts_of(row).saturating_add(1);
        if attempts >= self.options.attempts_max {
            metrics::counter!("amphi_events_dead_total", "consumer" => consumer.as_str())
                .increment(1);
            tracing::error!(
                %consumer, event_id = %row.event_id, event_type = row.event_type, subject = row.subject, attempts, error = %problem,
                "an event is given up: its consumer refuses it; it stays in the outbox as a dead letter"
            );
            return queue::bury(&self.db, row, attempts, &problem.to_string()).await;
        }
        metrics::counter!("amphi_events_refused_total", "consumer" => consumer.as_str())
            .increment(1);
        let pause = self
            .options
            .pause_after(attempts, self.options.event_pause_max);
        tracing::warn!(
            %consumer, event_id = %row.event_id, event_type = row.event_type, subject = row.subject, attempts,
            pause_ms = pause.as_millis(), error = %problem,
            "an event is refused; the events of its subject wait"
        );
        queue::postpone(&self.db, row, attempts, pause, &problem.to_string()).await
    }

    async fn keep_lease(&self, consumer: Role) -> Result<bool, DbErr> {
        if self
            .leases_known()
            .get(&consumer)
            .is_some_and(|until| *until > Instant::now() + self.options.call_timeout)
        {
            return Ok(true);
        }
        let until = Instant::now() + self.options.lease;
        let taken = queue::lease(&self.db, consumer, self.owner, self.options.lease).await?;
        if taken {
            self.leases_known().insert(consumer, until);
        } else {
            self.leases_known().remove(&consumer);
        }
        Ok(taken)
    }

    fn leases_known(&self) -> std::sync::MutexGuard<'_, HashMap<Role, Instant>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn attempts_of(row: &outbox::Model) -> u32 {
    u32::try_from(row.attempts).unwrap_or_default()
}

/// Nothing is wrong with the event: its consumer is away, overloaded or slow.
pub(crate) fn is_transient(problem: &Problem) -> bool {
    problem.kind.is_away() || matches!(problem.kind, Kind::RateLimited | Kind::Unauthenticated)
}

fn too_many_blocked() -> Problem {
    Problem::unavailable(
        "too_many_refused_events",
        format!(
            "The consumer refuses the events of {} subjects or more; no others are sent until some pass.",
            queue::BLOCKED_SUBJECTS_MAX
        ),
    )
}
