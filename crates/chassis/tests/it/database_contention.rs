//! Transactions that are in each other's way.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use amphi_chassis::db::{self, Db, is_contention};
use amphi_chassis::testing::{Engine, TestDatabases, on_each_engine};
use amphi_chassis::{Kind, Problem, Role, Secret};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect,
    Statement,
};
use tokio::sync::Barrier;

use crate::support::{add_note, note, notes_of};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_read_then_write_transactions_lose_no_update() {
    const WRITERS: i64 = 24;
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        db.write(|txn| Box::pin(add_note(txn, "counter", 0)))
            .await
            .unwrap();
        let writers = (0..WRITERS).map(|_| tokio::spawn(increment(db.clone())));
        for writer in futures::future::join_all(writers).await {
            writer.unwrap().unwrap();
        }
        let counter = note::Entity::find().one(db.read()).await.unwrap().unwrap();
        assert_eq!(counter.value, WRITERS);
    })
    .await;
}

async fn increment(db: Db) -> Result<(), DbErr> {
    db.write(|txn| {
        Box::pin(async move {
            let counter = note::Entity::find()
                .filter(note::Column::Name.eq("counter"))
                .lock_exclusive()
                .one(txn)
                .await?
                .ok_or_else(|| DbErr::RecordNotFound("counter".to_owned()))?;
            set_value(txn, "counter", counter.value + 1).await
        })
    })
    .await
}

async fn set_value(txn: &impl ConnectionTrait, name: &str, value: i64) -> Result<(), DbErr> {
    note::Entity::update_many()
        .col_expr(note::Column::Value, Expr::value(value))
        .filter(note::Column::Name.eq(name))
        .exec(txn)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_of_a_deadlock_succeed_in_the_end() {
    // SQLite has one writer, so it knows no deadlock.
    for engine in [Engine::Postgres, Engine::MySql] {
        make_a_deadlock(TestDatabases::create(engine)).await;
    }
}

async fn make_a_deadlock(databases: TestDatabases) {
    let db = notes_of(&databases, Role::Catalog).await;
    db.write(|txn| {
        Box::pin(async move {
            add_note(txn, "a", 0).await?;
            add_note(txn, "b", 0).await
        })
    })
    .await
    .unwrap();
    let runs = Arc::new(AtomicU32::new(0));
    let both_hold_one = Arc::new(Barrier::new(2));
    let cross = |first: &'static str, second: &'static str| {
        let (db, runs, both_hold_one) = (db.clone(), runs.clone(), both_hold_one.clone());
        tokio::spawn(async move {
            let (runs, both_hold_one) = (&runs, &both_hold_one);
            db.write(|txn| {
                Box::pin(async move {
                    set_value(txn, first, 1).await?;
                    if runs.fetch_add(1, Ordering::SeqCst) < 2 {
                        both_hold_one.wait().await;
                    }
                    set_value(txn, second, 1).await
                })
            })
            .await
        })
    };
    let (one, other) = tokio::join!(cross("a", "b"), cross("b", "a"));
    one.unwrap().unwrap();
    other.unwrap().unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of the two ran again");
}

/// One transaction holds a row for longer than another one may wait for it.
async fn wait_for_a_row_in_vain(databases: TestDatabases) {
    let holder = notes_of(&databases, Role::Catalog).await;
    let added = holder.write(|txn| Box::pin(add_note(txn, "a", 0))).await;
    added.unwrap();
    let settings = db::Settings {
        url: Secret::new(databases.url()),
        max_connections: 2,
        statement_timeout_ms: 1_000,
        migrate_at_start: true,
    };
    let folder = tempfile::tempdir().unwrap();
    let waiting = Db::connect(&settings, Role::Catalog, folder.path()).await;
    let waiting = &waiting.unwrap();
    let error: DbErr = holder
        .write(|txn| {
            Box::pin(async move {
                set_value(txn, "a", 1).await?;
                // A task of its own, as that of another process.
                let waiting = waiting.clone();
                let waits = async move {
                    waiting
                        .write(|txn| Box::pin(set_value(txn, "a", 2)))
                        .await
                        .unwrap_err()
                };
                Ok::<_, DbErr>(tokio::spawn(waits).await.unwrap())
            })
        })
        .await
        .unwrap();
    let problem = Problem::from(error);
    assert_eq!(problem.code, "database_unavailable", "{problem}");
    let later = holder.write(|txn| Box::pin(set_value(txn, "a", 3))).await;
    later.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_row_in_vain_is_told_to_come_again() {
    for engine in [Engine::Postgres, Engine::MySql] {
        wait_for_a_row_in_vain(TestDatabases::create(engine)).await;
    }
}

/// What a service wraps a database error in.
#[derive(Debug, thiserror::Error)]
enum Wrapped {
    #[error(transparent)]
    Transparent(DbErr),
    #[error("the store failed")]
    WithSource(#[source] Problem),
}

#[tokio::test]
async fn contention_is_recognized_within_a_services_own_error() {
    let databases = TestDatabases::create(Engine::Postgres);
    let db = notes_of(&databases, Role::Catalog).await;
    let serialization_failure = || async {
        let raise = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '40001'; END $$";
        let statement = Statement::from_string(DbBackend::Postgres, raise);
        db.read().execute_raw(statement).await.unwrap_err()
    };
    assert!(is_contention(&serialization_failure().await));
    assert!(is_contention(&Wrapped::Transparent(
        serialization_failure().await
    )));
    let problem = Problem::from(serialization_failure().await);
    assert_eq!(problem.kind, Kind::Unavailable);
    assert!(is_contention(&Wrapped::WithSource(problem)));
    let other = db
        .read()
        .execute_unprepared("SELECT 1 / 0")
        .await
        .unwrap_err();
    assert!(!is_contention(&other));
    assert_eq!(Problem::from(other).kind, Kind::Internal);
}
