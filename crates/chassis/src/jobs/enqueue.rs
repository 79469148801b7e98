//! Handing in work, in the transaction of the change that needs it.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};
use serde::Serialize;
use uuid::Uuid;

use super::tables::{DEAD, DEDUP_KEY_BYTES_MAX, KIND_BYTES_MAX, QUEUED, job};
use crate::db::{Db, TEXT_BYTES_MAX, Wake, micros, now_us, wake_after_commit};

const MAX_ATTEMPTS_DEFAULT: u32 = 20;

/// Work to be done: `NewJob::new("probe", &payload).dedup(video_id).after(delay)`.
#[derive(Debug, Clone)]
pub struct NewJob<P> {
    kind: &'static str,
    payload: P,
    dedup_key: Option<String>,
    after: Duration,
    max_attempts: u32,
}

impl<P: Serialize> NewJob<P> {
    /// A job that may run at once, 20 times at most.
    #[must_use]
    pub fn new(kind: &'static str, payload: P) -> Self {
        Self {
            kind,
            payload,
            dedup_key: None,
            after: Duration::ZERO,
            max_attempts: MAX_ATTEMPTS_DEFAULT,
        }
    }

    /// While a job of this kind with this key is queued or running, no second one is made. 190 bytes at most.
    #[must_use]
    pub fn dedup(mut self, key: impl ToString) -> Self {
        self.dedup_key = Some(key.to_string());
        self
    }

    /// Runs no earlier than this from now.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.after = delay;
        self
    }

    /// After so many failed attempts it is given up.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = attempts.max(1);
        self
    }
}

/// What became of a job that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    New(Uuid),
    /// One with its key is queued or running already.
    Existing(Uuid),
}

/// Hands in a job; it exists once the caller's transaction commits.
///
/// Fails if its payload takes more than [`TEXT_BYTES_MAX`] bytes as JSON, or its kind or key is too long.
pub async fn enqueue<P: Serialize>(
    txn: &impl ConnectionTrait,
    new: NewJob<P>,
) -> Result<Enqueued, DbErr> {
    let payload =
        serde_json::to_string(&new.payload).map_err(|error| DbErr::Json(error.to_string()))?;
    let key_bytes = new.dedup_key.as_ref().map_or(0, String::len);
    if payload.len() > TEXT_BYTES_MAX
        || new.kind.len() > KIND_BYTES_MAX as usize
        || key_bytes > DEDUP_KEY_BYTES_MAX as usize
    {
        return Err(DbErr::Custom(format!(
            "a job of kind {} is too large: its payload holds {} bytes of {TEXT_BYTES_MAX}, its key {key_bytes} of {DEDUP_KEY_BYTES_MAX}",
            new.kind,
            payload.len()
        )));
    }
    let id = Uuid::now_v7();
    let now = now_us();
    let row = job::ActiveModel {
        id: Set(id),
        kind: Set(new.kind.to_owned()),
        dedup_key: Set(new.dedup_key.clone()),
        payload: Set(payload),
        traceparent: Set(crate::telemetry::current_traceparent().unwrap_or_default()),
        state: Set(QUEUED.to_owned()),
        due_at_us: Set(Some(now.saturating_add(micros(new.after)))),
        attempts: Set(0),
        max_attempts: Set(i32::try_from(new.max_attempts).unwrap_or(i32::MAX)),
        lease_owner: Set(None),
        last_error: Set(None),
        created_at_us: Set(now),
        updated_at_us: Set(now),
    };
    let Some(key) = new.dedup_key else {
        job::Entity::insert(row).exec_without_returning(txn).await?;
        wake_after_commit(Wake::Jobs);
        return Ok(Enqueued::New(id));
    };
    // MySQL has no "do nothing", so there the existing row is set to what it is.
    let keep_existing = OnConflict::columns([job::Column::Kind, job::Column::DedupKey])
        .do_nothing_on([job::Column::Id])
        .to_owned();
    job::Entity::insert(row)
        .on_conflict(keep_existing)
        .exec_without_returning(txn)
        .await?;
    let winner: Option<Uuid> = job::Entity::find()
        .select_only()
        .column(job::Column::Id)
        .filter(job::Column::Kind.eq(new.kind))
        .filter(job::Column::DedupKey.eq(key))
        .into_tuple()
        .one(txn)
        .await?;
    match winner {
        Some(winner) if winner != id => Ok(Enqueued::Existing(winner)),
        _ => {
            wake_after_commit(Wake::Jobs);
            Ok(Enqueued::New(id))
        }
    }
}

/// Takes back a job that no worker has taken yet. False if there is none.
pub async fn cancel(
    txn: &impl ConnectionTrait,
    kind: &'static str,
    dedup_key: &str,
) -> Result<bool, DbErr> {
    let deleted = job::Entity::delete_many()
        .filter(job::Column::Kind.eq(kind))
        .filter(job::Column::DedupKey.eq(dedup_key))
        .filter(job::Column::State.eq(QUEUED))
        .exec(txn)
        .await?;
    Ok(deleted.rows_affected > 0)
}

/// How many jobs of a kind are queued or running.
pub async fn unfinished(db: &Db, kind: &str) -> Result<u64, DbErr> {
    job::Entity::find()
        .filter(job::Column::Kind.eq(kind))
        .filter(job::Column::State.ne(DEAD))
        .count(db.read())
        .await
}

/// How many jobs of a kind were given up.
pub async fn dead(db: &Db, kind: &str) -> Result<u64, DbErr> {
    job::Entity::find()
        .filter(job::Column::Kind.eq(kind))
        .filter(job::Column::State.eq(DEAD))
        .count(db.read())
        .await
}
