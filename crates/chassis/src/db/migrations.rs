//! Schema changes: forward only, one statement each, safe to be started by several replicas at once.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use sea_orm::sea_query::{
    IndexCreateStatement, IndexDropStatement, TableAlterStatement, TableCreateStatement,
    TableDropStatement,
};
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sea_orm::sqlx::{self, Connection};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, RuntimeErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{
    IntoSchemaManagerConnection, MigrationName, MigrationStatus, MigrationTrait, MigratorTrait,
    SchemaManager,
};

use super::Db;
use super::connect::db_err;

/// How long a replica waits for another one that is migrating.
const LOCK_WAIT: Duration = Duration::from_secs(120);
/// The name of the lock in the database server: "amphi", migrations.
const POSTGRES_LOCK_KEY: i64 = 0x61_6d70_6869;

pub(super) enum MigrationLock {
    /// The transaction is the lock, and all migrations are one.
    Sqlite,
    /// An advisory lock for the length of one transaction.
    Postgres,
    /// A named lock of another connection: schema changes commit by themselves here.
    MySql(Box<MySqlConnectOptions>),
}

impl fmt::Debug for MigrationLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MigrationLock")
    }
}

/// A service's migrations preceded by those of the chassis: outbox, inbox and jobs.
#[derive(Debug)]
pub struct WithChassis<M>(PhantomData<M>);

impl<M: MigratorTrait> MigratorTrait for WithChassis<M> {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        with_chassis::<M>()
    }
}

/// The migrations of the chassis, then those of `M`.
#[must_use]
pub fn with_chassis<M: MigratorTrait>() -> Vec<Box<dyn MigrationTrait>> {
    let mut all = crate::events::migrations();
    all.extend(crate::jobs::migrations());
    all.extend(M::migrations());
    all
}

/// A migration that creates one table, with its constraints. `name` is recorded: `<service>_<number>_<what>`.
#[must_use]
pub fn create_table(
    name: &'static str,
    table: fn() -> TableCreateStatement,
) -> Box<dyn MigrationTrait> {
    Box::new(Change {
        name,
        kind: ChangeKind::CreateTable(table),
    })
}

/// A migration that creates one index.
#[must_use]
pub fn create_index(
    name: &'static str,
    index: fn() -> IndexCreateStatement,
) -> Box<dyn MigrationTrait> {
    Box::new(Change {
        name,
        kind: ChangeKind::CreateIndex(index),
    })
}

/// A migration that alters one table. SQLite takes one alteration per statement.
#[must_use]
pub fn alter_table(
    name: &'static str,
    table: fn() -> TableAlterStatement,
) -> Box<dyn MigrationTrait> {
    Box::new(Change {
        name,
        kind: ChangeKind::AlterTable(table),
    })
}

/// A migration that drops one table.
#[must_use]
pub fn drop_table(
    name: &'static str,
    table: fn() -> TableDropStatement,
) -> Box<dyn MigrationTrait> {
    Box::new(Change {
        name,
        kind: ChangeKind::DropTable(table),
    })
}

/// A migration that drops one index.
#[must_use]
pub fn drop_index(
    name: &'static str,
    index: fn() -> IndexDropStatement,
) -> Box<dyn MigrationTrait> {
    Box::new(Change {
        name,
        kind: ChangeKind::DropIndex(index),
    })
}

struct Change {
    name: &'static str,
    kind: ChangeKind,
}

enum ChangeKind {
    CreateTable(fn() -> TableCreateStatement),
    CreateIndex(fn() -> IndexCreateStatement),
    AlterTable(fn() -> TableAlterStatement),
    DropTable(fn() -> TableDropStatement),
    DropIndex(fn() -> IndexDropStatement),
}

impl MigrationName for Change {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Change {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let outcome = match &self.kind {
            ChangeKind::CreateTable(table) => manager.create_table(table()).await,
            ChangeKind::CreateIndex(index) => manager.create_index(index()).await,
            ChangeKind::AlterTable(table) => manager.alter_table(table()).await,
            ChangeKind::DropTable(table) => manager.drop_table(table()).await,
            ChangeKind::DropIndex(index) => manager.drop_index(index()).await,
        };
        match outcome {
            Err(error) if mysql_has_done_it_before(&error) => Ok(()),
            outcome => outcome,
        }
    }
}

/// MySQL commits a schema change at once: a process killed before it was recorded finds it done already.
fn mysql_has_done_it_before(error: &DbErr) -> bool {
    const TABLE_EXISTS: u16 = 1050;
    const UNKNOWN_TABLE: u16 = 1051;
    const DUPLICATE_COLUMN: u16 = 1060;
    const DUPLICATE_KEY_NAME: u16 = 1061;
    const CANNOT_DROP_MISSING: u16 = 1091;
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return false;
    };
    let number = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .map(MySqlDatabaseError::number);
    matches!(
        number,
        Some(
            TABLE_EXISTS
                | UNKNOWN_TABLE
                | DUPLICATE_COLUMN
                | DUPLICATE_KEY_NAME
                | CANNOT_DROP_MISSING
        )
    )
}

impl Db {
    /// Applies what is pending of [`with_chassis::<M>`](with_chassis) and returns its names. Replicas that start together wait
    /// for each other: one of them applies.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<Vec<String>, DbErr> {
        self.apply_migrations::<M>().await.map_err(explain_unknown)
    }

    async fn apply_migrations<M: MigratorTrait>(&self) -> Result<Vec<String>, DbErr> {
        match &self.inner.lock {
            MigrationLock::Sqlite => self.migrate_in_one_transaction::<M>(&[]).await,
            MigrationLock::Postgres => {
                let statements = [
                    Statement::from_string(DbBackend::Postgres, "SET LOCAL statement_timeout = 0"),
                    Statement::from_sql_and_values(
                        DbBackend::Postgres,
                        "SELECT set_config('lock_timeout', $1, true)",
                        [LOCK_WAIT.as_millis().to_string().into()],
                    ),
                    Statement::from_sql_and_values(
                        DbBackend::Postgres,
                        "SELECT pg_advisory_xact_lock($1)",
                        [POSTGRES_LOCK_KEY.into()],
                    ),
                ];
                self.migrate_in_one_transaction::<M>(&statements).await
            }
            MigrationLock::MySql(options) => {
                let lock = MySqlLock::take(options).await?;
                let outcome = apply_pending::<M, _>(&self.inner.writer).await;
                lock.release().await;
                outcome
            }
        }
    }

    /// The names of the migrations that [`Db::migrate`] would apply. Changes nothing.
    pub async fn pending_migrations<M: MigratorTrait>(&self) -> Result<Vec<String>, DbErr> {
        pending::<M>(self.read()).await
    }

    async fn migrate_in_one_transaction<M: MigratorTrait>(
        &self,
        first: &[Statement],
    ) -> Result<Vec<String>, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let txn = self.inner.writer.begin_with_options(options).await?;
        for statement in first {
            txn.execute_raw(statement.clone()).await?;
        }
        let applied = apply_pending::<M, _>(&txn).await?;
        txn.commit().await?;
        Ok(applied)
    }
}

/// For whoever holds the lock.
async fn apply_pending<'c, M, C>(connection: &'c C) -> Result<Vec<String>, DbErr>
where
    M: MigratorTrait,
    C: ConnectionTrait,
    &'c C: IntoSchemaManagerConnection<'c>,
{
    let names = pending::<M>(connection).await?;
    WithChassis::<M>::up(connection, None).await?;
    Ok(names)
}

async fn pending<M: MigratorTrait>(
    connection: &impl ConnectionTrait,
) -> Result<Vec<String>, DbErr> {
    let all = WithChassis::<M>::get_migration_with_status_read_only(connection).await?;
    Ok(all
        .iter()
        .filter(|migration| migration.status() == MigrationStatus::Pending)
        .map(|migration| migration.name().to_owned())
        .collect())
}

/// The library says of a migration that is recorded but unknown only that its file is missing.
fn explain_unknown(error: DbErr) -> DbErr {
    match error {
        DbErr::Custom(message) if message.contains("file is missing") => DbErr::Migration(format!(
            "this database was made by a newer release, or by another service: start that release, or give each service a \
                 database of its own with `{{service}}` in `database.url` ({message})"
        )),
        other => other,
    }
}

struct MySqlLock(MySqlConnection);

impl MySqlLock {
    async fn take(options: &MySqlConnectOptions) -> Result<Self, DbErr> {
        let mut connection = MySqlConnection::connect_with(options)
            .await
            .map_err(db_err)?;
        // Locks are named across the whole server, so the name carries the database's.
        let taken: Option<i64> =
            sqlx::query_scalar("SELECT GET_LOCK(CONCAT('amphi-', MD5(DATABASE())), ?)")
                .bind(LOCK_WAIT.as_secs())
                .fetch_one(&mut connection)
                .await
                .map_err(db_err)?;
        if taken != Some(1) {
            return Err(DbErr::Migration(format!(
                "another process has been migrating for more than {} s",
                LOCK_WAIT.as_secs()
            )));
        }
        Ok(Self(connection))
    }

    async fn release(self) {
        if let Err(error) = self.0.close().await {
            tracing::debug!(%error, "closing the connection that held the migration lock");
        }
    }
}
