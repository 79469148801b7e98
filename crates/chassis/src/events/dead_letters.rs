//! What was given up, for an operator: to look at, and to send again once the consumer can use it.

use amphi_contracts::proto::events::v1::Event;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::queue;
use super::tables::outbox;
use crate::db::Db;

/// A delivery that was given up by the outbox of its publisher.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The role that refused it.
    pub consumer: String,
    pub event: Event,
    pub refusals: u32,
    /// What the consumer said last.
    pub error: String,
}

/// How many deliveries were given up and wait for an operator.
pub async fn dead_letter_count(db: &Db) -> Result<u64, DbErr> {
    outbox::Entity::find()
        .filter(outbox::Column::DeadAtUs.is_not_null())
        .count(db.read())
        .await
}

/// The deliveries that were given up, the oldest first.
pub async fn dead_letters(db: &Db, limit: u64) -> Result<Vec<DeadLetter>, DbErr> {
    let rows = outbox::Entity::find()
        .filter(outbox::Column::DeadAtUs.is_not_null())
        .order_by_asc(outbox::Column::Position)
        .limit(limit)
        .all(db.read())
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| DeadLetter {
            event: queue::to_event(&row),
            consumer: row.consumer,
            refusals: u32::try_from(row.attempts).unwrap_or_default(),
            error: row.last_error.unwrap_or_default(),
        })
        .collect())
}

/// Puts all that was given up back into the queue, as if it had never been tried. Returns how much it was.
pub async fn replay_dead_letters(db: &Db) -> Result<u64, DbErr> {
    db.write(|txn| {
        Box::pin(async move {
            let revived = outbox::Entity::update_many()
                .col_expr(outbox::Column::DeadAtUs, Expr::value(None::<i64>))
                .col_expr(outbox::Column::Attempts, Expr::value(0))
                .col_expr(outbox::Column::NextAttemptUs, Expr::value(0_i64))
                .filter(outbox::Column::DeadAtUs.is_not_null())
                .exec(txn)
                .await?;
            Ok(revived.rows_affected)
        })
    })
    .await
}
