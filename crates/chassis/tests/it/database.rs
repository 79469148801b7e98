//! Transactions, migrations and pages.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use amphi_chassis::db::{self, Cursor, Db, Page, older_than};
use amphi_chassis::testing::{Engine, TestDatabases, on_each_engine};
use amphi_chassis::{Role, Secret};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Table, TableCreateStatement};
use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Statement,
};
use sea_orm_migration::schema::{big_integer, pk_uuid};
use sea_orm_migration::{MigrationTrait, MigratorTrait};
use uuid::Uuid;

use crate::support::{Notes, add_note, note, note_names, notes_of};

#[tokio::test]
async fn a_write_is_kept_whole_or_not_at_all() {
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        db.write(|txn| {
            Box::pin(async move {
                add_note(txn, "kept", 1).await?;
                add_note(txn, "kept too", 2).await
            })
        })
        .await
        .unwrap();
        let refused: Result<(), DbErr> = db
            .write(|txn| {
                Box::pin(async move {
                    add_note(txn, "dropped", 3).await?;
                    Err(DbErr::Custom("no".to_owned()))
                })
            })
            .await;
        assert!(refused.is_err());
        assert_eq!(note_names(&db).await, ["kept", "kept too"]);
    })
    .await;
}

#[tokio::test]
async fn the_work_of_a_lasting_failure_is_not_repeated() {
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        let runs = &AtomicU32::new(0);
        let failed: Result<(), DbErr> = db
            .write(|_| {
                Box::pin(async move {
                    runs.fetch_add(1, Ordering::SeqCst);
                    Err(DbErr::RecordNotFound("x".to_owned()))
                })
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[tokio::test]
async fn a_write_that_is_dropped_half_way_rolls_back_and_frees_the_writer() {
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        for _ in 0..8 {
            let never_ends = db.write(|txn| {
                Box::pin(async move {
                    add_note(txn, "half", 1).await?;
                    std::future::pending::<Result<(), DbErr>>().await
                })
            });
            let dropped = tokio::time::timeout(Duration::from_millis(50), never_ends).await;
            assert!(dropped.is_err());
        }
        db.write(|txn| Box::pin(add_note(txn, "whole", 1)))
            .await
            .unwrap();
        assert_eq!(note_names(&db).await, ["whole"]);
    })
    .await;
}

#[tokio::test]
async fn a_query_that_is_given_up_at_any_moment_costs_no_connection() {
    const POLLS_MAX: usize = 12;
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        db.write(|txn| Box::pin(add_note(txn, "there", 1)))
            .await
            .unwrap();
        for round in 0..4 {
            for polls in 1..=POLLS_MAX {
                // A statement of its own each time, which is to be prepared.
                let sql =
                    format!("SELECT '{round}.{polls}' AS cause, name FROM notes WHERE value > 0");
                let statement = Statement::from_string(db.read().get_database_backend(), sql);
                let mut query = std::pin::pin!(db.read().query_all_raw(statement));
                for _ in 0..polls {
                    if futures::poll!(query.as_mut()).is_ready() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_micros(100)).await;
                }
            }
        }
        let names = tokio::time::timeout(Duration::from_secs(20), note_names(&db)).await;
        assert_eq!(names.unwrap(), ["there"]);
        let closed = tokio::time::timeout(Duration::from_secs(20), db.close()).await;
        closed.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_transaction_within_another_is_refused_at_once() {
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        let db = &db;
        let nested = db
            .write(|_| {
                Box::pin(async move { db.write(|txn| Box::pin(add_note(txn, "x", 1))).await })
            })
            .await;
        assert!(nested.unwrap_err().to_string().contains("open already"));
        assert!(note_names(db).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_readers_of_sqlite_refuse_to_write() {
    let databases = TestDatabases::create(Engine::Sqlite);
    let db = notes_of(&databases, Role::Catalog).await;
    let error = add_note(db.read(), "x", 1).await.unwrap_err().to_string();
    assert!(error.contains("readonly"), "{error}");
}

#[tokio::test]
async fn ids_and_times_keep_their_value_and_their_order() {
    on_each_engine(async |databases| {
        let db = databases.connect::<Things>(Role::Catalog).await;
        let mut ids: Vec<Uuid> = (0..20).map(|_| Uuid::new_v4()).collect();
        insert_things(
            &db,
            &ids.iter().map(|id| (*id, i64::MIN)).collect::<Vec<_>>(),
        )
        .await;
        ids.sort();
        let found: Vec<(Uuid, i64)> = thing::Entity::find()
            .select_only()
            .columns([thing::Column::Id, thing::Column::TimeUs])
            .order_by_asc(thing::Column::Id)
            .into_tuple()
            .all(db.read())
            .await
            .unwrap();
        assert_eq!(
            found,
            ids.into_iter().map(|id| (id, i64::MIN)).collect::<Vec<_>>()
        );
    })
    .await;
}

#[tokio::test]
async fn pages_hold_each_row_once_though_many_have_one_time() {
    on_each_engine(async |databases| {
        let db = databases.connect::<Things>(Role::Catalog).await;
        let mut rows: Vec<(Uuid, i64)> = (0..57).map(|i| (Uuid::now_v7(), i / 10)).collect();
        insert_things(&db, &rows).await;
        rows.sort_by_key(|(id, time_us)| std::cmp::Reverse((*time_us, *id)));

        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_of_things(&db, 7, cursor).await;
            seen.extend(page.items.iter().map(|thing| (thing.id, thing.time_us)));
            // A row added at the front meanwhile shifts nothing.
            insert_things(&db, &[(Uuid::now_v7(), 1_000)]).await;
            match page.next_cursor {
                Some(next) => cursor = Some(Cursor::decode(&next.encode()).unwrap()),
                None => break,
            }
        }
        assert_eq!(seen, rows);
    })
    .await;
}

async fn page_of_things(db: &Db, limit: u32, cursor: Option<Cursor>) -> Page<thing::Model> {
    let mut query = thing::Entity::find()
        .order_by_desc(thing::Column::TimeUs)
        .order_by_desc(thing::Column::Id)
        .limit(u64::from(limit) + 1);
    if let Some(cursor) = cursor {
        query = query.filter(older_than(
            thing::Column::TimeUs,
            thing::Column::Id,
            &cursor,
        ));
    }
    let rows = query.all(db.read()).await.unwrap();
    Page::from_rows(rows, limit, |row| Cursor {
        time_us: row.time_us,
        id: row.id,
    })
}

async fn insert_things(db: &Db, rows: &[(Uuid, i64)]) {
    db.write(|txn| {
        Box::pin(async move {
            let rows = rows.iter().map(|(id, time_us)| thing::ActiveModel {
                id: Set(*id),
                time_us: Set(*time_us),
            });
            thing::Entity::insert_many(rows)
                .exec_without_returning(txn)
                .await?;
            Ok::<_, DbErr>(())
        })
    })
    .await
    .unwrap();
}

mod thing {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "things")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub time_us: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

struct Things;

impl MigratorTrait for Things {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![db::create_table("test_0001_things", things_table)]
    }
}

fn things_table() -> TableCreateStatement {
    Table::create()
        .table(thing::Entity)
        .col(pk_uuid(thing::Column::Id))
        .col(big_integer(thing::Column::TimeUs))
        .take()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_create_and_migrate_once() {
    on_each_engine(async |databases| {
        let databases = &databases;
        let starts = (0..6).map(|_| async move {
            let db = notes_of(databases, Role::Catalog).await;
            assert!(db.pending_migrations::<Notes>().await.unwrap().is_empty());
            db
        });
        let replicas = futures::future::join_all(starts).await;
        replicas[0]
            .write(|txn| Box::pin(add_note(txn, "seen by all", 1)))
            .await
            .unwrap();
        for replica in &replicas {
            assert_eq!(note_names(replica).await, ["seen by all"]);
        }
    })
    .await;
}

#[tokio::test]
async fn pending_migrations_are_named_without_changing_anything() {
    on_each_engine(async |databases| {
        let settings = db::Settings {
            url: Secret::new(databases.url()),
            max_connections: 2,
            statement_timeout_ms: 5_000,
            migrate_at_start: false,
        };
        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&settings, Role::Catalog, folder.path())
            .await
            .unwrap();
        for _ in 0..2 {
            let pending = db.pending_migrations::<Notes>().await.unwrap();
            assert_eq!(pending.first().unwrap(), "chassis_0001_outbox");
            assert_eq!(pending.last().unwrap(), "test_0001_notes");
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_of_a_newer_release_is_refused_with_the_cure() {
    struct Older;
    impl MigratorTrait for Older {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            Vec::new()
        }
    }
    on_each_engine(async |databases| {
        let db = notes_of(&databases, Role::Catalog).await;
        let error = db.migrate::<Older>().await.unwrap_err().to_string();
        assert!(error.contains("newer release"), "{error}");
        assert!(error.contains("test_0001_notes"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    struct Broken;
    impl MigratorTrait for Broken {
        fn migrations() -> Vec<Box<dyn MigrationTrait>> {
            vec![
                db::create_table("test_0001_notes", notes),
                db::create_table("test_0002_notes_again", notes),
            ]
        }
    }
    fn notes() -> TableCreateStatement {
        Table::create()
            .table(note::Entity)
            .col(pk_uuid(note::Column::Position))
            .take()
    }
    // MySQL commits each change of a schema by itself: see the next test.
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let databases = TestDatabases::create(engine);
        let settings = db::Settings {
            url: Secret::new(databases.url()),
            max_connections: 2,
            statement_timeout_ms: 5_000,
            migrate_at_start: true,
        };
        let folder = tempfile::tempdir().unwrap();
        let db = Db::connect(&settings, Role::Catalog, folder.path())
            .await
            .unwrap();
        db.migrate::<Broken>().await.unwrap_err();
        db.migrate::<Notes>().await.unwrap();
        db.write(|txn| Box::pin(add_note(txn, "usable", 1)))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_migration_that_was_cut_off_is_taken_up_where_it_stopped() {
    let databases = TestDatabases::create(Engine::MySql);
    let db = notes_of(&databases, Role::Catalog).await;
    // As if the process had been killed after the table was made and before that was recorded.
    let forget = "DELETE FROM seaql_migrations WHERE version = 'test_0001_notes'";
    let forgotten = db.read().execute_unprepared(forget).await.unwrap();
    assert_eq!(forgotten.rows_affected(), 1);
    db.migrate::<Notes>().await.unwrap();
    assert_eq!(
        db.pending_migrations::<Notes>().await.unwrap(),
        Vec::<String>::new()
    );
    db.write(|txn| Box::pin(add_note(txn, "usable", 1)))
        .await
        .unwrap();
}
