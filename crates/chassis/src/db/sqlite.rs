//! SQLite: one file, one writer connection, several readers.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{Sqlite, SqlitePool};
use sea_orm::{DbErr, SqlxSqliteConnector};

use super::connect::{Opened, db_err};
use super::migrations::MigrationLock;
use super::{ConnectError, Settings, is_contention};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// The write-ahead log is cut back to this after a checkpoint, bytes.
const WAL_BYTES_KEPT: &str = "33554432";

pub(super) async fn open(url: &str, settings: &Settings) -> Result<Opened, ConnectError> {
    let path = file_path(url)?;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|source| ConnectError::Folder {
            path: folder.to_owned(),
            source,
        })?;
    }
    let not_opened = |source| ConnectError::File {
        path: path.clone(),
        source,
    };
    let writer = PoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(settings.statement_timeout())
        .test_before_acquire(false);
    let writer = connect(writer, options(&path).create_if_missing(true))
        .await
        .map_err(not_opened)?;
    let reader = PoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .acquire_timeout(settings.statement_timeout())
        .test_before_acquire(false);
    let reader = connect(reader, options(&path).pragma("query_only", "ON"))
        .await
        .map_err(not_opened)?;
    Ok(Opened {
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        lock: MigrationLock::Sqlite,
    })
}

/// Connects, also while another process makes the same file what it is to be: whoever changes the journal of a new file locks it, and
/// SQLite does not wait for that lock by itself.
async fn connect(
    pool: PoolOptions<Sqlite>,
    options: SqliteConnectOptions,
) -> Result<SqlitePool, DbErr> {
    let began = Instant::now();
    loop {
        let error = match pool.clone().connect_with(options.clone()).await {
            Ok(pool) => return Ok(pool),
            Err(error) => db_err(error),
        };
        if !is_contention(&error) || began.elapsed() > BUSY_TIMEOUT {
            return Err(error);
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
}

/// A commit is on the disk before it is acknowledged (`synchronous = FULL`), power cut or not.
fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", WAL_BYTES_KEPT)
}

/// The path is taken as it stands: a `%` or a `?` in a folder's name means itself.
fn file_path(url: &str) -> Result<PathBuf, ConnectError> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.starts_with(":memory:") {
        return Err(ConnectError::Url {
            reason: "SQLite needs a file, for example `sqlite:{data_dir}/db/{service}.sqlite`: a database in memory \
                     could not be shared by its readers and its writer"
                .to_owned(),
        });
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_path_is_taken_as_it_stands() {
        assert_eq!(
            file_path("sqlite:/a b/50%.db").unwrap(),
            Path::new("/a b/50%.db")
        );
        assert_eq!(
            file_path("sqlite:///abs/x.db").unwrap(),
            Path::new("/abs/x.db")
        );
        assert_eq!(file_path("sqlite:rel/x.db").unwrap(), Path::new("rel/x.db"));
    }

    #[test]
    fn memory_is_refused_with_the_reason() {
        let error = file_path("sqlite::memory:").unwrap_err().to_string();
        assert!(error.contains("SQLite needs a file"), "{error}");
    }
}
