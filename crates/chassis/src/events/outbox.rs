//! Publishing: an event is rows in the transaction of the change that it tells of.

use amphi_contracts::EventId;
use amphi_contracts::events::{EventData, consumers};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
};

use super::tables::outbox;
use crate::Role;
use crate::db::{Db, TEXT_BYTES_MAX, Wake, now_us, wake_after_commit};

/// Writes `event` for each of its consumers. It leaves when the caller's transaction commits, and only then.
///
/// Lock or change a row of the subject first: that is what gives the events of one subject their order. Fails if the data
/// takes more than [`TEXT_BYTES_MAX`] bytes as JSON.
pub async fn publish<E: EventData>(
    txn: &impl ConnectionTrait,
    source: Role,
    event: &E,
) -> Result<(), DbErr> {
    let consumers = consumers(E::TYPE);
    if consumers.is_empty() {
        return Ok(());
    }
    let data = serde_json::to_string(event).map_err(|error| DbErr::Json(error.to_string()))?;
    if data.len() > TEXT_BYTES_MAX {
        return Err(DbErr::Custom(format!(
            "an event of type {} holds {} bytes; {TEXT_BYTES_MAX} are the most",
            E::TYPE,
            data.len()
        )));
    }
    let id = EventId::generate().as_uuid();
    let now = now_us();
    let traceparent = crate::telemetry::current_traceparent().unwrap_or_default();
    let rows = consumers.iter().map(|consumer| outbox::ActiveModel {
        position: NotSet,
        consumer: Set((*consumer).to_owned()),
        event_id: Set(id),
        source: Set(format!("/amphi/{source}")),
        event_type: Set(E::TYPE.to_owned()),
        subject: Set(event.subject()),
        time_us: Set(now),
        traceparent: Set(traceparent.clone()),
        data: Set(data.clone()),
        attempts: Set(0),
        next_attempt_us: Set(0),
        last_error: Set(None),
        dead_at_us: Set(None),
    });
    outbox::Entity::insert_many(rows)
        .exec_without_returning(txn)
        .await?;
    wake_after_commit(Wake::Relay);
    Ok(())
}

/// How many deliveries are still to be made, those given up left aside.
pub async fn undelivered(db: &Db) -> Result<u64, DbErr> {
    outbox::Entity::find()
        .filter(outbox::Column::DeadAtUs.is_null())
        .count(db.read())
        .await
}
