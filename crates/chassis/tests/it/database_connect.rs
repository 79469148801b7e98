//! Opening a database: what is made, and what is said when it cannot be.

#![allow(clippy::unwrap_used)]

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use amphi_chassis::db::{ConnectError, Db, Settings};
use amphi_chassis::testing::{Engine, Line, Proxy, TestDatabases, eventually};
use amphi_chassis::{Role, Secret};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor};
use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
use uuid::Uuid;

use crate::support::{add_note, note_names, notes_of};

fn settings(url: impl Into<String>) -> Settings {
    Settings {
        url: Secret::new(url.into()),
        max_connections: 2,
        statement_timeout_ms: 300,
        migrate_at_start: true,
    }
}

async fn refused(url: impl Into<String>) -> String {
    let error = Db::connect(&settings(url), Role::Catalog, Path::new("/nowhere"))
        .await
        .unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    error.to_string()
}

/// A Postgres that a test may ask for databases, as `postgres://user@host:port`.
fn postgres() -> String {
    let url = TestDatabases::create(Engine::Postgres).url();
    url.rsplit_once('/').unwrap().0.to_owned()
}

#[tokio::test]
async fn what_was_committed_is_there_after_opening_again() {
    let databases = TestDatabases::create(Engine::Sqlite);
    let db = notes_of(&databases, Role::Catalog).await;
    db.write(|txn| Box::pin(add_note(txn, "kept", 1)))
        .await
        .unwrap();
    db.close().await.unwrap();
    let db = notes_of(&databases, Role::Catalog).await;
    assert_eq!(note_names(&db).await, ["kept"]);
}

#[tokio::test]
async fn commits_of_sqlite_are_synced_and_checked() {
    let databases = TestDatabases::create(Engine::Sqlite);
    let db = notes_of(&databases, Role::Catalog).await;
    let db = &db;
    let pragmas = db
        .write(|txn| {
            Box::pin(async move {
                let mut values = Vec::new();
                for pragma in ["synchronous", "foreign_keys"] {
                    let statement =
                        Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {pragma}"));
                    let row = txn.query_one_raw(statement).await?.unwrap();
                    values.push(row.try_get_by_index::<i32>(0)?);
                }
                Ok::<_, sea_orm::DbErr>(values)
            })
        })
        .await
        .unwrap();
    const FULL: i32 = 2;
    const ON: i32 = 1;
    assert_eq!(pragmas, [FULL, ON]);
}

#[tokio::test]
async fn a_folder_with_odd_characters_holds_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let odd = folder.path().join("50% of a?b#c d");
    let url = "sqlite:{data_dir}/db/{service}.sqlite";
    let db = Db::connect(&settings(url), Role::Catalog, &odd)
        .await
        .unwrap();
    db.ping().await.unwrap();
    assert!(odd.join("db/catalog.sqlite").is_file());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.sqlite");
    std::fs::write(
        &path,
        "not a database, but longer than a header is".repeat(40),
    )
    .unwrap();
    let error = refused(format!("sqlite:{}", path.display())).await;
    assert!(error.contains("x.sqlite"), "{error}");
    assert!(error.contains("is a SQLite database"), "{error}");
}

#[tokio::test]
async fn a_url_of_no_known_engine_is_refused() {
    let error = refused("oracle://u:hunter2@h/x").await;
    assert!(error.contains("`oracle`"), "{error}");
}

#[tokio::test]
async fn a_url_without_a_database_is_refused() {
    for url in [
        "postgres://u:hunter2@127.0.0.1:1",
        "mysql://u:hunter2@127.0.0.1:1",
    ] {
        let error = refused(url).await;
        assert!(error.contains("names no database"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let free_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for scheme in ["postgres", "mysql"] {
        let error = refused(format!("{scheme}://u:hunter2@{free_port}/x")).await;
        assert!(error.contains(&free_port.to_string()), "{error}");
        assert!(error.contains("no answer"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_reported_within_five_seconds() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let started = Instant::now();
    let (postgres, mysql) = tokio::join!(
        refused(format!("postgres://u:hunter2@{address}/x")),
        refused(format!("mysql://u:hunter2@{address}/x")),
    );
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(postgres.contains("longer than 4 s"), "{postgres}");
    assert!(mysql.contains("longer than 4 s"), "{mysql}");
}

#[tokio::test]
async fn a_user_whom_the_server_does_not_know_is_named() {
    let server = postgres();
    let host = server.rsplit_once('@').unwrap().1;
    let error = refused(format!("postgres://nobody_here:hunter2@{host}/x")).await;
    assert!(error.contains("refuses the user `nobody_here`"), "{error}");
}

#[tokio::test]
async fn a_database_that_may_not_be_created_comes_with_the_command_that_does() {
    let server = postgres();
    let host = server.rsplit_once('@').unwrap().1;
    let user = format!("amphi_test_{}", Uuid::now_v7().simple());
    let admin: PgConnectOptions = format!("{server}/postgres").parse().unwrap();
    let mut admin = PgConnection::connect_with(&admin).await.unwrap();
    let create = format!("CREATE ROLE {user} LOGIN NOCREATEDB PASSWORD 'hunter2'");
    admin.execute(AssertSqlSafe(create)).await.unwrap();

    let url = format!("postgres://{user}:hunter2@{host}/amphi_missing_{{service}}");
    let error = Db::connect(&settings(url), Role::Catalog, Path::new("/nowhere")).await;

    let drop = format!("DROP ROLE {user}");
    admin.execute(AssertSqlSafe(drop)).await.unwrap();
    let error = error.unwrap_err();
    assert!(matches!(error, ConnectError::Missing { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("`amphi_missing_catalog` is missing"),
        "{error}"
    );
    assert!(error.contains("createdb -h"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_name_that_could_be_more_than_a_name_is_never_created() {
    let error = refused(format!("{}/x%22%3B%20DROP", postgres())).await;
    assert!(error.contains("is not usable"), "{error}");
}

#[tokio::test]
async fn a_statement_without_end_is_ended_by_the_server() {
    let databases = TestDatabases::create(Engine::Postgres);
    let db = Db::connect(
        &settings(databases.url()),
        Role::Catalog,
        Path::new("/nowhere"),
    )
    .await
    .unwrap();
    let sleep = Statement::from_string(DbBackend::Postgres, "SELECT pg_sleep(60)");
    let started = Instant::now();
    let error = db.read().execute_raw(sleep).await.unwrap_err().to_string();
    assert!(error.contains("statement timeout"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn databases_of_a_test_go_while_a_transaction_is_open_in_a_runtime_that_waits() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let databases = TestDatabases::create(engine);
        let _open = runtime.block_on(async {
            let db = notes_of(&databases, Role::Catalog).await;
            let writing = db.read().begin().await.unwrap();
            add_note(&writing, "never committed", 1).await.unwrap();
            writing
        });
        let (gone, is_gone) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            drop(databases);
            gone.send(()).ok();
        });
        let waited = is_gone.recv_timeout(Duration::from_secs(30));
        assert!(waited.is_ok(), "the databases on {engine} never go");
    }
}

/// Connections of a pool: all of them, and those that wait for somebody.
fn connections_of(db: &Db) -> (u32, usize) {
    match db.engine() {
        DbBackend::Postgres => {
            let pool = db.read().get_postgres_connection_pool();
            (pool.size(), pool.num_idle())
        }
        DbBackend::MySql => {
            let pool = db.read().get_mysql_connection_pool();
            (pool.size(), pool.num_idle())
        }
        _ => panic!("no server"),
    }
}

#[tokio::test]
async fn a_query_given_up_on_a_silent_server_gives_its_place_in_the_pool_back() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let databases = TestDatabases::create(engine);
        let url = databases.url();
        let (before, server) = url.rsplit_once('@').unwrap();
        let (server, path) = server.split_once('/').unwrap();
        let line = Proxy::before(server.parse().unwrap()).await;
        // Without TLS, whose farewell the pool waits for.
        let plain = match engine {
            Engine::Postgres => "?sslmode=disable",
            _ => "?ssl-mode=disabled",
        };
        let settings = settings(format!("{before}@{}/{path}{plain}", line.address()));
        let db = Db::connect(&settings, Role::Catalog, Path::new("/nowhere"));
        let db = db.await.unwrap();
        eventually("the connection is back", async || {
            (connections_of(&db) == (1, 1)).then_some(())
        })
        .await;
        line.set(Line::Silent);
        let given_up = tokio::time::timeout(Duration::from_millis(200), db.ping()).await;
        assert!(given_up.is_err(), "{engine} answers over a silent line");
        eventually("the connection is dropped", async || {
            (connections_of(&db) == (0, 0)).then_some(())
        })
        .await;
        line.set(Line::Open);
        db.ping().await.unwrap();
        db.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_open_a_new_file_at_once_get_it() {
    for _ in 0..300 {
        let databases = &TestDatabases::create(Engine::Sqlite);
        let settings = &Settings {
            statement_timeout_ms: 5_000,
            ..settings(databases.url())
        };
        let folder = tempfile::tempdir().unwrap();
        let opening = (0..16).map(|_| {
            let (settings, folder) = (settings.clone(), folder.path().to_owned());
            tokio::spawn(async move { Db::connect(&settings, Role::Catalog, &folder).await })
        });
        for opened in futures::future::join_all(opening).await {
            opened.unwrap().unwrap();
        }
    }
}
