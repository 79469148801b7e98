//! The outbox as a queue: what is due, what is blocked, what is done.

use std::time::Duration;

use amphi_contracts::proto::events::v1::Event;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use uuid::Uuid;

use super::tables::{outbox, outbox_lease};
use crate::Role;
use crate::db::{Db, micros, now_us};

/// With more blocked subjects than this, a consumer is taken for broken rather than its events.
pub(super) const BLOCKED_SUBJECTS_MAX: u64 = 500;
const ERROR_CHARS_MAX: usize = 1_000;

/// What may be delivered to one consumer now.
pub(super) enum Candidates {
    Rows(Vec<outbox::Model>),
    TooManyBlocked,
}

fn alive_and_due(now: i64) -> Condition {
    Condition::all()
        .add(outbox::Column::DeadAtUs.is_null())
        .add(outbox::Column::NextAttemptUs.lte(now))
}

pub(super) async fn anything_due(db: &Db) -> Result<bool, DbErr> {
    exists(db, alive_and_due(now_us())).await
}

pub(super) async fn is_due(db: &Db, consumer: Role) -> Result<bool, DbErr> {
    let condition = alive_and_due(now_us()).add(outbox::Column::Consumer.eq(consumer.as_str()));
    exists(db, condition).await
}

async fn exists(db: &Db, condition: Condition) -> Result<bool, DbErr> {
    let position: Option<i64> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Position)
        .filter(condition)
        .limit(1)
        .into_tuple()
        .one(db.read())
        .await?;
    Ok(position.is_some())
}

/// The oldest due events of `consumer`, without the subjects whose head waits for another attempt.
pub(super) async fn candidates(db: &Db, consumer: Role, limit: u64) -> Result<Candidates, DbErr> {
    let now = now_us();
    let blocked: Vec<String> = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::Subject)
        .filter(outbox::Column::Consumer.eq(consumer.as_str()))
        .filter(outbox::Column::DeadAtUs.is_null())
        .filter(outbox::Column::NextAttemptUs.gt(now))
        .limit(BLOCKED_SUBJECTS_MAX)
        .into_tuple()
        .all(db.read())
        .await?;
    if blocked.len() as u64 == BLOCKED_SUBJECTS_MAX {
        return Ok(Candidates::TooManyBlocked);
    }
    let mut query = outbox::Entity::find()
        .filter(outbox::Column::Consumer.eq(consumer.as_str()))
        .filter(alive_and_due(now));
    if !blocked.is_empty() {
        query = query.filter(outbox::Column::Subject.is_not_in(blocked));
    }
    let rows = query
        .order_by_asc(outbox::Column::Position)
        .limit(limit)
        .all(db.read())
        .await?;
    Ok(Candidates::Rows(rows))
}

pub(super) fn to_event(row: &outbox::Model) -> Event {
    Event {
        id: row.event_id.to_string(),
        source: row.source.clone(),
        r#type: row.event_type.clone(),
        subject: row.subject.clone(),
        time_us: row.time_us,
        traceparent: row.traceparent.clone(),
        data: row.data.clone(),
    }
}

pub(super) async fn remove(db: &Db, rows: &[outbox::Model]) -> Result<(), DbErr> {
    db.write(|txn| {
        Box::pin(async move {
            outbox::Entity::delete_many()
                .filter(outbox::Column::Position.is_in(rows.iter().map(|row| row.position)))
                .exec(txn)
                .await?;
            Ok(())
        })
    })
    .await
}

/// Notes a failed delivery. `counted_attempts` replaces the number of refusals.
pub(super) async fn postpone(
    db: &Db,
    row: &outbox::Model,
    counted_attempts: u32,
    pause: Duration,
    error: &str,
) -> Result<(), DbErr> {
    let error = truncated(error);
    let error = &error;
    db.write(|txn| {
        Box::pin(async move {
            outbox::Entity::update_many()
                .col_expr(
                    outbox::Column::Attempts,
                    Expr::value(i32::try_from(counted_attempts).unwrap_or(i32::MAX)),
                )
                .col_expr(
                    outbox::Column::NextAttemptUs,
                    Expr::value(now_us().saturating_add(micros(pause))),
                )
                .col_expr(outbox::Column::LastError, Expr::value(error.clone()))
                .filter(outbox::Column::Position.eq(row.position))
                .exec(txn)
                .await?;
            Ok(())
        })
    })
    .await
}

/// Gives an event up. It stays in the table for an operator; the subject goes on without it.
pub(super) async fn bury(
    db: &Db,
    row: &outbox::Model,
    attempts: u32,
    error: &str,
) -> Result<(), DbErr> {
    let error = truncated(error);
    let error = &error;
    db.write(|txn| {
        Box::pin(async move {
            outbox::Entity::update_many()
                .col_expr(
                    outbox::Column::Attempts,
                    Expr::value(i32::try_from(attempts).unwrap_or(i32::MAX)),
                )
                .col_expr(outbox::Column::DeadAtUs, Expr::value(now_us()))
                .col_expr(outbox::Column::LastError, Expr::value(error.clone()))
                .filter(outbox::Column::Position.eq(row.position))
                .exec(txn)
                .await?;
            Ok(())
        })
    })
    .await
}

fn truncated(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}

/// Takes or renews the right to deliver to `consumer`. False while another relay has it.
pub(super) async fn lease(
    db: &Db,
    consumer: Role,
    owner: Uuid,
    length: Duration,
) -> Result<bool, DbErr> {
    let outcome: Result<_, DbErr> = db
        .write(|txn| {
            Box::pin(async move {
                let now = now_us();
                let until = now.saturating_add(micros(length));
                let updated = outbox_lease::Entity::update_many()
                    .col_expr(outbox_lease::Column::Owner, Expr::value(owner))
                    .col_expr(outbox_lease::Column::UntilUs, Expr::value(until))
                    .filter(outbox_lease::Column::Consumer.eq(consumer.as_str()))
                    .filter(
                        Condition::any()
                            .add(outbox_lease::Column::Owner.eq(owner))
                            .add(outbox_lease::Column::UntilUs.lt(now)),
                    )
                    .exec(txn)
                    .await?;
                if updated.rows_affected > 0 {
                    return Ok(true);
                }
                let held = outbox_lease::Entity::find_by_id(consumer.as_str())
                    .one(txn)
                    .await?;
                if held.is_some() {
                    return Ok(false);
                }
                outbox_lease::Entity::insert(outbox_lease::ActiveModel {
                    consumer: Set(consumer.as_str().to_owned()),
                    owner: Set(owner),
                    until_us: Set(until),
                })
                .exec_without_returning(txn)
                .await?;
                Ok(true)
            })
        })
        .await;
    match outcome {
        Err(error)
            if matches!(
                DbErr::sql_err(&error),
                Some(SqlErr::UniqueConstraintViolation(_))
            ) =>
        {
            Ok(false)
        }
        outcome => outcome,
    }
}

pub(super) async fn release_leases(db: &Db, owner: Uuid) -> Result<(), DbErr> {
    db.write(|txn| {
        Box::pin(async move {
            outbox_lease::Entity::update_many()
                .col_expr(outbox_lease::Column::UntilUs, Expr::value(0_i64))
                .filter(outbox_lease::Column::Owner.eq(owner))
                .exec(txn)
                .await?;
            Ok(())
        })
    })
    .await
}
