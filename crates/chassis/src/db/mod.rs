//! The relational database of a service: SQLite by default, Postgres or MySQL by configuration, behind one handle.
//!
//! Columns are portable by convention: times are `BIGINT` microseconds UTC, ids are sea-orm `Uuid` (16 bytes as a blob in
//! SQLite, `uuid` in Postgres, `BINARY(16)` in MySQL; all three order them by their bytes), JSON is text, and whatever is
//! indexed is `VARCHAR(n)`. MySQL's `TEXT` ends at 65,535 bytes, so texts are bounded below that.

mod clock;
mod connect;
mod error;
mod migrations;
mod mysql;
mod page;
mod postgres;
mod sqlite;
mod write;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sea_orm::{DatabaseConnection, DbBackend, DbErr};
use serde::Deserialize;

use crate::{Role, Secret};

pub use error::{ConnectError, is_connection_lost, is_contention, is_cut_off};
pub use migrations::{
    WithChassis, alter_table, create_index, create_table, drop_index, drop_table, with_chassis,
};
pub use page::{Cursor, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, Page, older_than, page_limit};
pub use write::{Txn, WriteFuture};
pub(crate) use write::{Wake, wake_after_commit};

/// Texts that must fit MySQL's `TEXT` are refused above this, bytes.
pub const TEXT_BYTES_MAX: usize = 60_000;

/// Longer than any statement that is worth waiting for when a process ends.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(15);

/// The section `[database]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A URL with the placeholders `{data_dir}` and `{service}`.
    pub url: Secret<String>,
    /// Of one service in one process. SQLite: the number of readers; there is one writer besides.
    #[serde(deserialize_with = "crate::config::whole::<_, _, 1, 10_000>")]
    pub max_connections: u32,
    /// The server ends a statement that takes longer. SQLite has no server: there it bounds the wait for a connection.
    #[serde(deserialize_with = "crate::config::whole::<_, _, 1, 86_400_000>")]
    pub statement_timeout_ms: u64,
    /// Whether a starting process applies pending migrations.
    pub migrate_at_start: bool,
}

impl Settings {
    fn statement_timeout(&self) -> Duration {
        Duration::from_millis(self.statement_timeout_ms.max(1))
    }
}

/// The database of one service. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    role: Role,
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    lock: migrations::MigrationLock,
    wakes: write::Wakes,
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("role", &self.inner.role)
            .field("engine", &self.engine())
            .finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database of `role`, creating it if it is missing. Applies no migrations. Refuses a server whose clock is far
    /// from this machine's.
    pub async fn connect(
        settings: &Settings,
        role: Role,
        data_dir: &Path,
    ) -> Result<Self, ConnectError> {
        let opened = connect::open(settings, role, data_dir).await?;
        clock::check(&opened.reader).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                role,
                reader: opened.reader,
                writer: opened.writer,
                lock: opened.lock,
                wakes: write::Wakes::default(),
            }),
        })
    }

    /// The connection for reading. On SQLite it refuses to write: writes go through [`Db::write`].
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.inner.reader
    }

    /// The engine behind it.
    #[must_use]
    pub fn engine(&self) -> DbBackend {
        self.inner.reader.get_database_backend()
    }

    /// The service that owns it.
    #[must_use]
    pub fn role(&self) -> Role {
        self.inner.role
    }

    /// Answers whether the database answers, for readiness.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.inner.reader.ping().await
    }

    /// Closes every connection; later calls fail.
    pub async fn close(&self) -> Result<(), DbErr> {
        let closing = async {
            self.inner.reader.close_by_ref().await?;
            self.inner.writer.close_by_ref().await
        };
        tokio::time::timeout(CLOSE_TIMEOUT, closing)
            .await
            .unwrap_or_else(|_| Err(DbErr::Custom("a connection is still in use".to_owned())))
    }
}

/// Microseconds since the Unix epoch, as every time column holds them.
#[must_use]
pub fn now_us() -> i64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)
}

/// A duration as time columns count it.
#[must_use]
pub fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
