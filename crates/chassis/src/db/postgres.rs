//! Postgres: connecting, creating the database if it is missing, and errors that say the cure.

use std::str::FromStr;

use sea_orm::SqlxPostgresConnector;
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};

use super::connect::{
    ACQUIRE_TIMEOUT, Opened, PROBE_TIMEOUT, TRUSTED_IDLE, check_database_name, db_err, settle,
};
use super::migrations::MigrationLock;
use super::{ConnectError, Settings};
use crate::Role;

const MAINTENANCE_DATABASE: &str = "postgres";
/// The server rolls back a transaction whose owner has gone silent, milliseconds.
const IDLE_IN_TRANSACTION_MS: &str = "60000";

const INVALID_PASSWORD: &str = "28P01";
const INVALID_AUTHORIZATION: &str = "28000";
const MISSING_DATABASE: &str = "3D000";
const DUPLICATE_DATABASE: &str = "42P04";
const UNIQUE_VIOLATION: &str = "23505";

pub(super) async fn open(
    url: &str,
    settings: &Settings,
    role: Role,
) -> Result<Opened, ConnectError> {
    let plain = PgConnectOptions::from_str(url).map_err(|error| ConnectError::Url {
        reason: error.to_string(),
    })?;
    let database = plain.get_database().ok_or(ConnectError::NoDatabaseName)?;
    let database = check_database_name(database)?.to_owned();
    let plain = plain.application_name(&format!("amphi-{role}"));
    let options = plain.clone().options([
        (
            "statement_timeout",
            settings.statement_timeout().as_millis().to_string(),
        ),
        (
            "idle_in_transaction_session_timeout",
            IDLE_IN_TRANSACTION_MS.to_owned(),
        ),
    ]);

    match probe(&options).await {
        Ok(connection) => close(connection).await,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(MISSING_DATABASE) => {
            create(&plain, &database).await?;
        }
        Err(error) => return Err(explain(&options, error)),
    }
    let pool = PoolOptions::new()
        .max_connections(settings.max_connections.max(2))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut PgConnection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection: &mut PgConnection, _| Box::pin(settle(connection)))
        .connect_lazy_with(options);
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool);
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        lock: MigrationLock::Postgres,
    })
}

async fn probe(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    tokio::time::timeout(PROBE_TIMEOUT, PgConnection::connect_with(options))
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
}

/// `options` carry no time limit: creating waits for others that create.
async fn create(options: &PgConnectOptions, database: &str) -> Result<(), ConnectError> {
    let refused = |error: sqlx::Error| ConnectError::Missing {
        target: target(options),
        database: database.to_owned(),
        user: options.get_username().to_owned(),
        reason: reason(&error),
        command: format!(
            "createdb -h {} -p {} -O {} {database}",
            options.get_host(),
            options.get_port(),
            options.get_username()
        ),
    };
    let maintenance = options.clone().database(MAINTENANCE_DATABASE);
    let mut connection = probe(&maintenance).await.map_err(&refused)?;
    // No parameter can be bound here; the name was checked to be plain.
    let statement = AssertSqlSafe(format!("CREATE DATABASE \"{database}\""));
    let created = connection.execute(statement).await;
    close(connection).await;
    match created {
        Ok(_) => {
            tracing::info!(database, "created the database");
            Ok(())
        }
        Err(error) if was_created_meanwhile(&error) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

fn was_created_meanwhile(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    matches!(code.as_deref(), Some(DUPLICATE_DATABASE | UNIQUE_VIOLATION))
}

async fn close(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "closing the probing connection");
    }
}

fn explain(options: &PgConnectOptions, error: sqlx::Error) -> ConnectError {
    let target = target(options);
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(INVALID_PASSWORD | INVALID_AUTHORIZATION) => ConnectError::Refused {
            target,
            user: options.get_username().to_owned(),
            reason: reason(&error),
        },
        Some(_) => ConnectError::Database {
            target,
            source: db_err(error),
        },
        None => ConnectError::Unreachable {
            target,
            reason: reason(&error),
        },
    }
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => format!("it took longer than {} s", PROBE_TIMEOUT.as_secs()),
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

fn target(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
