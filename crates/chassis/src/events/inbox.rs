//! Receiving: an event is consumed together with the mark that it was, so that one delivered twice acts once.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use amphi_contracts::EventId;
use amphi_contracts::proto::events::v1::Event;
use futures::FutureExt as _;
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr};
use tracing::Instrument;

use super::Consumer;
use super::tables::inbox;
use crate::Problem;
use crate::db::{Db, is_cut_off, micros, now_us};
use crate::rpc::panic_message;

const PRUNE_BATCH: u64 = 500;

/// What became of an event that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    Consumed,
    /// It had been consumed before; nothing was done.
    Duplicate,
}

#[derive(Debug, thiserror::Error)]
enum AcceptError {
    #[error("the event was consumed before")]
    Duplicate,
    #[error(transparent)]
    Refused(#[from] Problem),
    #[error(transparent)]
    Db(#[from] sea_orm::DbErr),
}

/// Hands `event` to `consumer` in one transaction with its inbox. Success means committed. A consumer that panics has refused it:
/// a defect that one event brings to light holds up no others.
pub async fn accept(consumer: &dyn Consumer, event: &Event) -> Result<Acceptance, Problem> {
    let role = consumer.db().role();
    let span = tracing::info_span!(
        "consume event",
        otel.kind = "consumer",
        otel.name = %event.r#type,
        service = role.as_str(),
        traceparent = event.traceparent,
        amphi.event.id = event.id,
        amphi.event.subject = event.subject,
    );
    AssertUnwindSafe(accept_in_span(consumer, event).instrument(span))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| {
            let reason = panic_message(&*panic);
            Err(Problem::internal(format!("panicked: {reason}")))
        })
}

async fn accept_in_span(consumer: &dyn Consumer, event: &Event) -> Result<Acceptance, Problem> {
    let id: EventId = event.id.parse().map_err(|error| {
        Problem::invalid(
            "invalid_event_id",
            format!("The event's id is unusable: {error}."),
        )
    })?;
    let consumed = consumer
        .db()
        .write(|txn| {
            Box::pin(async move {
                let seen = inbox::Entity::find_by_id(id.as_uuid()).one(txn).await?;
                if seen.is_some() {
                    return Err(AcceptError::Duplicate);
                }
                inbox::Entity::insert(inbox::ActiveModel {
                    event_id: Set(id.as_uuid()),
                    received_at_us: Set(now_us()),
                })
                .exec_without_returning(txn)
                .await
                .map_err(|error| match error.sql_err() {
                    Some(SqlErr::UniqueConstraintViolation(_)) => AcceptError::Duplicate,
                    _ => AcceptError::Db(error),
                })?;
                consumer.consume(txn, event).await?;
                Ok(())
            })
        })
        .await;
    match consumed {
        Ok(()) => {
            consumer.after_commit(event);
            Ok(Acceptance::Consumed)
        }
        Err(AcceptError::Duplicate) => Ok(Acceptance::Duplicate),
        // An event whose work takes too long each time must count as refused, or it would be tried for ever.
        Err(AcceptError::Refused(problem)) if is_cut_off(&problem) => {
            Err(Problem::internal(problem))
        }
        Err(AcceptError::Db(error)) if is_cut_off(&error) => Err(Problem::internal(error)),
        Err(AcceptError::Refused(problem)) => Err(problem),
        Err(AcceptError::Db(error)) => Err(Problem::from(error)),
    }
}

/// Forgets the events consumed longer than `kept` ago; their senders must not hold them any more. Returns how many.
pub async fn prune_inbox(db: &Db, kept: Duration) -> Result<u64, sea_orm::DbErr> {
    let before = now_us().saturating_sub(micros(kept));
    let mut pruned = 0;
    loop {
        let ids: Vec<uuid::Uuid> = inbox::Entity::find()
            .select_only()
            .column(inbox::Column::EventId)
            .filter(inbox::Column::ReceivedAtUs.lt(before))
            .order_by_asc(inbox::Column::ReceivedAtUs)
            .limit(PRUNE_BATCH)
            .into_tuple()
            .all(db.read())
            .await?;
        let found = ids.len() as u64;
        if found == 0 {
            return Ok(pruned);
        }
        let ids = &ids;
        pruned += db
            .write(|txn| {
                Box::pin(async move {
                    let deleted = inbox::Entity::delete_many()
                        .filter(inbox::Column::EventId.is_in(ids.iter().copied()))
                        .exec(txn)
                        .await?;
                    Ok::<_, sea_orm::DbErr>(deleted.rows_affected)
                })
            })
            .await?;
        if found < PRUNE_BATCH {
            return Ok(pruned);
        }
    }
}
