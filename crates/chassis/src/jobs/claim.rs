//! Taking jobs and giving them back, each fenced by owner and attempt.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::registry::Kind;
use super::tables::{DEAD, QUEUED, RUNNING, job};
use crate::Problem;
use crate::db::{Db, micros, now_us};

const ERROR_CHARS_MAX: usize = 2_000;

/// The right to run one job, for as long as nobody else took it.
#[derive(Debug, Clone)]
pub struct Lease {
    id: Uuid,
    owner: Uuid,
    attempt: u32,
    every: Option<Duration>,
    /// Shared with the worker, which must not complete the job a second time.
    completed: Arc<AtomicBool>,
}

/// A job could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum NotComplete {
    #[error("another worker has the job by now: this one was taken for dead")]
    Fenced,
    #[error(transparent)]
    Db(#[from] DbErr),
}

impl From<NotComplete> for Problem {
    fn from(error: NotComplete) -> Self {
        match error {
            NotComplete::Fenced => Self::conflict(
                "job_lease_lost",
                "Another worker has taken over this job; what was done here is not kept.",
            ),
            NotComplete::Db(error) => Self::from(error),
        }
    }
}

#[derive(Debug)]
pub(super) struct Claimed {
    pub lease: Lease,
    pub payload: String,
    pub traceparent: String,
    pub max_attempts: u32,
}

impl Lease {
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Completes the job in the transaction that holds its result, so that the result is kept exactly once.
    ///
    /// On an error the caller must roll back, by returning it from [`Db::write`].
    pub async fn complete(&self, txn: &impl ConnectionTrait) -> Result<(), NotComplete> {
        let touched = match self.every {
            None => {
                job::Entity::delete_many()
                    .filter(self.is_held())
                    .exec(txn)
                    .await?
                    .rows_affected
            }
            Some(interval) => {
                let next = now_us().saturating_add(micros(interval));
                self.change()
                    .col_expr(job::Column::State, Expr::value(QUEUED))
                    .col_expr(job::Column::Attempts, Expr::value(0))
                    .col_expr(job::Column::DueAtUs, Expr::value(next))
                    .col_expr(job::Column::LeaseOwner, Expr::value(None::<Uuid>))
                    .col_expr(job::Column::LastError, Expr::value(None::<String>))
                    .exec(txn)
                    .await?
                    .rows_affected
            }
        };
        if touched == 0 {
            return Err(NotComplete::Fenced);
        }
        self.completed.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether a handler completed it by itself.
    pub(super) fn was_completed(&self) -> bool {
        self.completed.load(Ordering::Acquire)
    }

    /// Shows a sign of life. False once another worker has the job.
    pub(super) async fn extend(&self, db: &Db, length: Duration) -> Result<bool, DbErr> {
        db.write(|txn| {
            Box::pin(async move {
                let until = now_us().saturating_add(micros(length));
                let updated = self
                    .change()
                    .col_expr(job::Column::DueAtUs, Expr::value(until))
                    .exec(txn)
                    .await?;
                Ok(updated.rows_affected > 0)
            })
        })
        .await
    }

    /// Gives the job back after a failure, to run again after `pause`.
    pub(super) async fn retry(&self, db: &Db, pause: Duration, error: &str) -> Result<bool, DbErr> {
        let error = &truncated(error);
        db.write(|txn| {
            Box::pin(async move {
                let due = now_us().saturating_add(micros(pause));
                let updated = self
                    .change()
                    .col_expr(job::Column::State, Expr::value(QUEUED))
                    .col_expr(job::Column::DueAtUs, Expr::value(due))
                    .col_expr(job::Column::LeaseOwner, Expr::value(None::<Uuid>))
                    .col_expr(job::Column::LastError, Expr::value(error.as_str()))
                    .exec(txn)
                    .await?;
                Ok(updated.rows_affected > 0)
            })
        })
        .await
    }

    /// Gives the job back unharmed, because this process stops: the attempt does not count.
    pub(super) async fn release(&self, db: &Db) -> Result<bool, DbErr> {
        db.write(|txn| {
            Box::pin(async move {
                let attempts = i32::try_from(self.attempt.saturating_sub(1)).unwrap_or(i32::MAX);
                let updated = self
                    .change()
                    .col_expr(job::Column::State, Expr::value(QUEUED))
                    .col_expr(job::Column::Attempts, Expr::value(attempts))
                    .col_expr(job::Column::DueAtUs, Expr::value(now_us()))
                    .col_expr(job::Column::LeaseOwner, Expr::value(None::<Uuid>))
                    .exec(txn)
                    .await?;
                Ok(updated.rows_affected > 0)
            })
        })
        .await
    }

    /// Gives the job up. It stays in the table for an operator; its key is free again.
    pub(super) async fn bury(&self, db: &Db, error: &str) -> Result<bool, DbErr> {
        let error = &truncated(error);
        db.write(|txn| {
            Box::pin(async move {
                let updated = buried(error).filter(self.is_held()).exec(txn).await?;
                Ok(updated.rows_affected > 0)
            })
        })
        .await
    }

    fn is_held(&self) -> Condition {
        Condition::all()
            .add(job::Column::Id.eq(self.id))
            .add(job::Column::LeaseOwner.eq(self.owner))
            .add(job::Column::Attempts.eq(i32::try_from(self.attempt).unwrap_or(i32::MAX)))
    }

    fn change(&self) -> sea_orm::UpdateMany<job::Entity> {
        job::Entity::update_many()
            .col_expr(job::Column::UpdatedAtUs, Expr::value(now_us()))
            .filter(self.is_held())
    }
}

fn buried(error: &str) -> sea_orm::UpdateMany<job::Entity> {
    job::Entity::update_many()
        .col_expr(job::Column::State, Expr::value(DEAD))
        .col_expr(job::Column::DueAtUs, Expr::value(None::<i64>))
        .col_expr(job::Column::DedupKey, Expr::value(None::<String>))
        .col_expr(job::Column::LeaseOwner, Expr::value(None::<Uuid>))
        .col_expr(job::Column::LastError, Expr::value(error))
        .col_expr(job::Column::UpdatedAtUs, Expr::value(now_us()))
}

fn truncated(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

/// When the next job of `kind` is due, microseconds since the epoch.
pub(super) async fn next_due_us(db: &Db, kind: &Kind) -> Result<Option<i64>, DbErr> {
    let due: Option<Option<i64>> = job::Entity::find()
        .select_only()
        .column(job::Column::DueAtUs)
        .filter(job::Column::Kind.eq(kind.name))
        .filter(job::Column::DueAtUs.is_not_null())
        .order_by_asc(job::Column::DueAtUs)
        .limit(1)
        .into_tuple()
        .one(db.read())
        .await?;
    Ok(due.flatten())
}

/// Takes up to `limit` due jobs of `kind` for `owner`. One that has used up its attempts is given up instead.
pub(super) async fn claim(
    db: &Db,
    kind: &Kind,
    owner: Uuid,
    limit: usize,
) -> Result<Vec<Claimed>, DbErr> {
    let outcome: Result<_, DbErr> = db
        .write(|txn| {
            Box::pin(async move {
                let now = now_us();
                let due = job::Entity::find()
                    .filter(job::Column::Kind.eq(kind.name))
                    .filter(job::Column::DueAtUs.lte(now))
                    .order_by_asc(job::Column::DueAtUs)
                    .limit(limit as u64)
                    .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
                    .all(txn)
                    .await?;
                let (exhausted, due): (Vec<_>, Vec<_>) = due
                    .into_iter()
                    .partition(|row| kind.every.is_none() && row.attempts >= row.max_attempts);
                for row in &exhausted {
                    buried("its workers died, or lost their lease, at every attempt")
                        .filter(job::Column::Id.eq(row.id))
                        .exec(txn)
                        .await?;
                }
                let until = now.saturating_add(micros(kind.options.lease));
                for row in &due {
                    job::Entity::update_many()
                        .col_expr(job::Column::State, Expr::value(RUNNING))
                        .col_expr(job::Column::LeaseOwner, Expr::value(owner))
                        .col_expr(
                            job::Column::Attempts,
                            Expr::value(row.attempts.saturating_add(1)),
                        )
                        .col_expr(job::Column::DueAtUs, Expr::value(until))
                        .col_expr(job::Column::UpdatedAtUs, Expr::value(now))
                        .filter(job::Column::Id.eq(row.id))
                        .exec(txn)
                        .await?;
                }
                Ok((exhausted, due))
            })
        })
        .await;
    let (exhausted, due) = outcome?;
    for row in exhausted {
        metrics::counter!("amphi_jobs_dead_total", "kind" => kind.name).increment(1);
        tracing::error!(job_id = %row.id, kind = row.kind, attempts = row.attempts, "a job is given up: its workers died at every attempt");
    }
    Ok(due
        .into_iter()
        .map(|row| Claimed {
            lease: Lease {
                id: row.id,
                owner,
                attempt: u32::try_from(row.attempts)
                    .unwrap_or_default()
                    .saturating_add(1),
                every: kind.every,
                completed: Arc::default(),
            },
            payload: row.payload,
            traceparent: row.traceparent,
            max_attempts: u32::try_from(row.max_attempts).unwrap_or_default(),
        })
        .collect())
}
