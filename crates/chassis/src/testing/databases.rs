//! Databases of a test's own, on each engine that must behave alike.

#![allow(clippy::unwrap_used)]

use std::fmt;

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, Executor as _};
use sea_orm_migration::MigratorTrait;

use super::servers;
use crate::db::{self, Db};
use crate::{Role, Secret};

/// What a service's database may be kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
    /// MySQL, for which MariaDB stands.
    MySql,
}

impl Engine {
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MySql];
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "Postgres",
            Self::MySql => "MySQL",
        })
    }
}

/// Runs a test once per engine, each time with databases of its own. The engine is printed, so that a failure names it.
pub async fn on_each_engine(test: impl AsyncFn(TestDatabases)) {
    for engine in Engine::ALL {
        eprintln!("on {engine}");
        test(TestDatabases::create(engine)).await;
    }
}

/// Databases that nobody else uses, one per role, gone when this is dropped.
#[derive(Debug)]
pub struct TestDatabases {
    engine: Engine,
    folder: tempfile::TempDir,
    /// Of the names of databases on a server.
    prefix: String,
}

impl TestDatabases {
    /// Makes no database yet: connecting to one does.
    #[must_use]
    pub fn create(engine: Engine) -> Self {
        Self {
            engine,
            folder: tempfile::tempdir().unwrap(),
            prefix: format!("amphi_test_{}", uuid::Uuid::now_v7().simple()),
        }
    }

    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The setting `database.url`, with the placeholder `{service}`.
    #[must_use]
    pub fn url(&self) -> String {
        match self.engine {
            Engine::Sqlite => format!("sqlite:{}/{{service}}.sqlite", self.folder.path().display()),
            Engine::Postgres => format!("{}/{}_{{service}}", servers::postgres(), self.prefix),
            Engine::MySql => format!("{}/{}_{{service}}", servers::mysql(), self.prefix),
        }
    }

    /// The database of a role, with its schema.
    pub async fn connect<M: MigratorTrait>(&self, role: Role) -> Db {
        let settings = db::Settings {
            url: Secret::new(self.url()),
            max_connections: 4,
            statement_timeout_ms: 10_000,
            migrate_at_start: true,
        };
        let db = Db::connect(&settings, role, self.folder.path())
            .await
            .unwrap();
        db.migrate::<M>().await.unwrap();
        db
    }
}

impl Drop for TestDatabases {
    fn drop(&mut self) {
        if self.engine == Engine::Sqlite {
            return;
        }
        let (engine, prefix) = (self.engine, self.prefix.clone());
        // The test's own runtime cannot wait here.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(drop_databases(engine, &prefix))
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("the databases {}* stay: {error}", self.prefix),
            Err(_) => eprintln!("the databases {}* stay", self.prefix),
        }
    }
}

/// Of a database that somebody still uses.
const DROP_TRIES: u32 = 10;

// No parameter can be bound where a database is named; the names are made of our own prefix and a role's name.

async fn drop_databases(engine: Engine, prefix: &str) -> Result<(), sqlx::Error> {
    match engine {
        Engine::Sqlite => Ok(()),
        Engine::Postgres => drop_from_postgres(prefix).await,
        Engine::MySql => drop_from_mysql(prefix).await,
    }
}

async fn drop_from_postgres(prefix: &str) -> Result<(), sqlx::Error> {
    let options: PgConnectOptions = format!("{}/postgres", servers::postgres()).parse()?;
    let mut connection = PgConnection::connect_with(&options).await?;
    let names: Vec<String> =
        sqlx::query_scalar("SELECT datname FROM pg_database WHERE starts_with(datname, $1)")
            .bind(prefix)
            .fetch_all(&mut connection)
            .await?;
    for name in names {
        let statement = AssertSqlSafe(format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"));
        connection.execute(statement).await?;
    }
    connection.close().await
}

/// Whoever waits here holds up the runtime in which an open transaction of the test would end, and MySQL drops no table
/// that a transaction has touched: its connections are ended first.
async fn drop_from_mysql(prefix: &str) -> Result<(), sqlx::Error> {
    let options: MySqlConnectOptions = servers::mysql().parse()?;
    let mut connection = MySqlConnection::connect_with(&options).await?;
    connection
        .execute("SET SESSION lock_wait_timeout = 2")
        .await?;
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata WHERE LEFT(schema_name, CHAR_LENGTH(?)) = ?",
    )
    .bind(prefix)
    .bind(prefix)
    .fetch_all(&mut connection)
    .await?;
    for name in names {
        let mut tries = 1..=DROP_TRIES;
        loop {
            end_connections_of_mysql(&mut connection, &name).await?;
            let statement = AssertSqlSafe(format!("DROP DATABASE IF EXISTS `{name}`"));
            match connection.execute(statement).await {
                // A process that is still running has connected anew.
                Err(error) if is_lock_timeout(&error) && tries.next().is_some() => {}
                dropped => break dropped.map(drop)?,
            }
        }
    }
    connection.close().await
}

async fn end_connections_of_mysql(
    connection: &mut MySqlConnection,
    database: &str,
) -> Result<(), sqlx::Error> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT CAST(id AS CHAR) FROM information_schema.processlist WHERE db = ?",
    )
    .bind(database)
    .fetch_all(&mut *connection)
    .await?;
    for id in ids {
        // One that has ended by itself is as good.
        let kill = AssertSqlSafe(format!("KILL {id}"));
        connection.execute(kill).await.ok();
    }
    Ok(())
}

fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let error = error.as_database_error();
    error.is_some_and(|error| error.message().contains("Lock wait timeout"))
}
