//! Forgetting the jobs that were given up long ago.

use std::time::Duration;

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::tables::{DEAD, job};
use crate::db::{Db, micros, now_us};

/// How long a job that was given up is kept for an operator.
const DEAD_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// Few enough for MariaDB to look them up one by one most often; a small table it may read whole, and wait for locks of others.
const PRUNE_BATCH: u64 = 100;

pub(super) async fn prune_until(db: &Db, shutdown: &CancellationToken) {
    loop {
        if let Err(error) = prune(db).await {
            tracing::warn!(%error, "old dead jobs could not be pruned; it is tried again later");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PRUNE_EVERY) => {}
        }
    }
}

async fn prune(db: &Db) -> Result<(), DbErr> {
    loop {
        let ids = &long_dead(db).await?;
        if ids.is_empty() {
            return Ok(());
        }
        db.write(|txn| Box::pin(forget(txn, ids))).await?;
    }
}

async fn long_dead(db: &Db) -> Result<Vec<Uuid>, DbErr> {
    let before = now_us().saturating_sub(micros(DEAD_KEPT));
    job::Entity::find()
        .select_only()
        .column(job::Column::Id)
        .filter(job::Column::State.eq(DEAD))
        .filter(job::Column::UpdatedAtUs.lt(before))
        .order_by_asc(job::Column::UpdatedAtUs)
        .limit(PRUNE_BATCH)
        .into_tuple()
        .all(db.read())
        .await
}

/// By id: a delete over a range of the index locks the row after it too on MySQL and MariaDB. That is a job that waits, and a
/// worker that looks for one passes over what is locked and takes a later one.
async fn forget(txn: &impl ConnectionTrait, ids: &[Uuid]) -> Result<(), DbErr> {
    job::Entity::delete_many()
        .filter(job::Column::Id.is_in(ids.iter().copied()))
        .exec(txn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sea_orm::sea_query::Expr;
    use sea_orm_migration::{MigrationTrait, MigratorTrait};

    use super::super::claim::claim;
    use super::super::registry::{Kind, KindOptions, Registry};
    use super::super::{Enqueued, Job, NewJob, enqueue};
    use super::*;
    use crate::Role;
    use crate::testing::{Engine, on_each_engine};

    /// A service without tables of its own.
    struct Plain;

    impl MigratorTrait for Plain {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Vec::new()
        }
    }

    async fn enqueued(db: &Db, name: &str) -> Uuid {
        let handed_in = db
            .write(|txn| Box::pin(enqueue(txn, NewJob::new("letter", name))))
            .await;
        match handed_in.unwrap() {
            Enqueued::New(id) | Enqueued::Existing(id) => id,
        }
    }

    async fn died_long_ago(db: &Db, id: Uuid) {
        db.write(|txn| {
            Box::pin(async move {
                job::Entity::update_many()
                    .col_expr(job::Column::State, Expr::value(DEAD))
                    .col_expr(job::Column::DueAtUs, Expr::value(None::<i64>))
                    .col_expr(job::Column::UpdatedAtUs, Expr::value(1))
                    .filter(job::Column::Id.eq(id))
                    .exec(txn)
                    .await
            })
        })
        .await
        .unwrap();
    }

    fn letters() -> Kind {
        let options = KindOptions::default();
        let registry = Registry::new().with("letter", options, |_: Job<String>| async { Ok(()) });
        registry.kinds.into_iter().next().unwrap()
    }

    #[tokio::test]
    async fn jobs_that_died_long_ago_are_forgotten_and_others_kept() {
        on_each_engine(async |databases| {
            let db = databases.connect::<Plain>(Role::Media).await;
            let dead = enqueued(&db, "dead").await;
            let waiting = enqueued(&db, "waiting").await;
            died_long_ago(&db, dead).await;
            prune(&db).await.unwrap();
            let left = job::Entity::find().all(db.read()).await.unwrap();
            let left: Vec<_> = left.into_iter().map(|row| row.id).collect();
            assert_eq!(left, [waiting]);
        })
        .await;
    }

    #[tokio::test]
    async fn while_the_dead_are_forgotten_the_first_job_in_turn_is_still_taken_first() {
        on_each_engine(async |databases| {
            if databases.engine() == Engine::Sqlite {
                return; // One transaction writes at a time there, and no row is passed over.
            }
            let db = &databases.connect::<Plain>(Role::Media).await;
            let dead = enqueued(db, "dead").await;
            let first = enqueued(db, "first").await;
            enqueued(db, "second").await;
            died_long_ago(db, dead).await;
            let ids = &long_dead(db).await.unwrap();
            let taken = db
                .write(|txn| {
                    Box::pin(async move {
                        forget(txn, ids).await?;
                        let db = db.clone();
                        // A task of its own, as that of another worker.
                        let worker = async move { claim(&db, &letters(), Uuid::now_v7(), 1).await };
                        tokio::spawn(worker).await.unwrap()
                    })
                })
                .await
                .unwrap();
            let taken: Vec<_> = taken.iter().map(|claimed| claimed.lease.id()).collect();
            assert_eq!(taken, [first]);
        })
        .await;
    }
}
