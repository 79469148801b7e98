//! MySQL and MariaDB: connecting, creating the database if it is missing, and errors that say the cure.

use std::str::FromStr;

use sea_orm::SqlxMySqlConnector;
use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor};

use super::connect::{
    ACQUIRE_TIMEOUT, Opened, PROBE_TIMEOUT, TRUSTED_IDLE, check_database_name, db_err, settle,
};
use super::migrations::MigrationLock;
use super::{ConnectError, Settings};

const ACCESS_DENIED: [u16; 2] = [1045, 1698];
const ACCESS_TO_DATABASE_DENIED: u16 = 1044;
const UNKNOWN_DATABASE: u16 = 1049;
const UNKNOWN_VARIABLE: u16 = 1193;

pub(super) async fn open(url: &str, settings: &Settings) -> Result<Opened, ConnectError> {
    let url = url
        .strip_prefix("mariadb:")
        .map_or_else(|| url.to_owned(), |rest| format!("mysql:{rest}"));
    let options = MySqlConnectOptions::from_str(&url).map_err(|error| ConnectError::Url {
        reason: error.to_string(),
    })?;
    let database = options.get_database().ok_or(ConnectError::NoDatabaseName)?;
    let database = check_database_name(database)?.to_owned();
    let options = options.charset("utf8mb4");

    match probe(&options).await {
        Ok(connection) => close(connection).await,
        Err(error) if number(&error) == Some(UNKNOWN_DATABASE) => {
            create(&options, &url, &database).await?;
        }
        Err(error) => return Err(explain(&options, &database, error)),
    }
    let statement_timeout_ms = settings.statement_timeout_ms.max(1);
    let pool = PoolOptions::new()
        .max_connections(settings.max_connections.max(2))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection: &mut MySqlConnection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection: &mut MySqlConnection, _| Box::pin(settle(connection)))
        .after_connect(move |connection, _| Box::pin(prepare(connection, statement_timeout_ms)))
        .connect_lazy_with(options.clone());
    let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool);
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        lock: MigrationLock::MySql(Box::new(options)),
    })
}

/// Makes a session behave as one of the other engines': each statement sees what is committed, and none runs for ever.
async fn prepare(
    connection: &mut MySqlConnection,
    statement_timeout_ms: u64,
) -> Result<(), sqlx::Error> {
    connection
        .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        .await?;
    // MySQL bounds reads in milliseconds, MariaDB every statement in seconds; each knows only its own variable.
    let mysql = sqlx::query("SET SESSION max_execution_time = ?").bind(statement_timeout_ms);
    let Err(error) = mysql.execute(&mut *connection).await else {
        return Ok(());
    };
    if number(&error) != Some(UNKNOWN_VARIABLE) {
        return Err(error);
    }
    #[allow(clippy::cast_precision_loss)]
    let seconds = statement_timeout_ms as f64 / 1000.0;
    sqlx::query("SET SESSION max_statement_time = ?")
        .bind(seconds)
        .execute(connection)
        .await?;
    Ok(())
}

async fn probe(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    tokio::time::timeout(PROBE_TIMEOUT, MySqlConnection::connect_with(options))
        .await
        .unwrap_or_else(|_| Err(sqlx::Error::PoolTimedOut))
}

async fn create(
    options: &MySqlConnectOptions,
    url: &str,
    database: &str,
) -> Result<(), ConnectError> {
    let refused = |error: sqlx::Error| missing(options, database, &error);
    let without_database = url.rfind('/').map_or(url, |slash| &url[..slash]);
    let maintenance =
        MySqlConnectOptions::from_str(without_database).map_err(|error| ConnectError::Url {
            reason: error.to_string(),
        })?;
    let mut connection = probe(&maintenance).await.map_err(&refused)?;
    // No parameter can be bound here; the name was checked to be plain. Binary collation compares as the other engines do.
    let statement = AssertSqlSafe(format!(
        "CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    ));
    let created = connection.execute(statement).await;
    close(connection).await;
    created.map_err(refused)?;
    tracing::info!(database, "created the database");
    Ok(())
}

async fn close(connection: MySqlConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "closing the probing connection");
    }
}

fn explain(options: &MySqlConnectOptions, database: &str, error: sqlx::Error) -> ConnectError {
    match number(&error) {
        Some(number) if ACCESS_DENIED.contains(&number) => ConnectError::Refused {
            target: target(options),
            user: options.get_username().to_owned(),
            reason: reason(&error),
        },
        Some(ACCESS_TO_DATABASE_DENIED) => missing(options, database, &error),
        Some(_) => ConnectError::Database {
            target: target(options),
            source: db_err(error),
        },
        None => ConnectError::Unreachable {
            target: target(options),
            reason: reason(&error),
        },
    }
}

fn missing(options: &MySqlConnectOptions, database: &str, error: &sqlx::Error) -> ConnectError {
    let user = options.get_username();
    ConnectError::Missing {
        target: target(options),
        database: database.to_owned(),
        user: user.to_owned(),
        reason: reason(error),
        command: format!(
            "mysql -h {} -P {} -e \"CREATE DATABASE IF NOT EXISTS \\`{database}\\` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin; \
             GRANT ALL ON \\`{database}\\`.* TO '{user}'@'%'\"",
            options.get_host(),
            options.get_port()
        ),
    }
}

fn number(error: &sqlx::Error) -> Option<u16> {
    error
        .as_database_error()?
        .try_downcast_ref::<MySqlDatabaseError>()
        .map(MySqlDatabaseError::number)
}

fn reason(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => format!("it took longer than {} s", PROBE_TIMEOUT.as_secs()),
        sqlx::Error::Database(error) => error.message().to_owned(),
        other => other.to_string(),
    }
}

fn target(options: &MySqlConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
