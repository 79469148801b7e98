//! What can go wrong with a database, told so that it can be mended.

use std::borrow::Cow;
use std::error::Error;
use std::path::PathBuf;

use sea_orm::sqlx;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};

/// Why a service's database could not be opened. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(
        "`database.url` must begin with `sqlite:`, `postgres://` or `mysql://`; it begins with `{found}`"
    )]
    Scheme { found: String },
    #[error(
        "`database.url` holds the placeholder `{{{found}}}`; the known ones are `{{data_dir}}` and `{{service}}`"
    )]
    Placeholder { found: String },
    #[error("`database.url` cannot be read: {reason}")]
    Url { reason: String },
    #[error(
        "`database.url` names no database; append one, for example `/amphi_{{service}}`: each service has its own"
    )]
    NoDatabaseName,
    #[error(
        "the database name `{name}` is not usable: letters, digits, `_` and `-` are, 63 of them at most"
    )]
    DatabaseName { name: String },
    #[error("the folder {} for the database cannot be made: {source}", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "the database file {} cannot be opened: {source}. Check that it belongs to this user and is a SQLite database",
        path.display()
    )]
    File { path: PathBuf, source: DbErr },
    #[error(
        "no answer from the database server at {target}: {reason}. Check that it runs there, and that `database.url` names its address"
    )]
    Unreachable { target: String, reason: String },
    #[error(
        "the database server at {target} refuses the user `{user}`: {reason}. Check user and password in `database.url`"
    )]
    Refused {
        target: String,
        user: String,
        reason: String,
    },
    #[error(
        "the database `{database}` is missing at {target}, and the user `{user}` may not create it ({reason}). As an administrator run: {command}"
    )]
    Missing {
        target: String,
        database: String,
        user: String,
        reason: String,
        command: String,
    },
    #[error(
        "the clock of this machine is {seconds} s {direction} the database server's. Have both kept by NTP (`timedatectl set-ntp true`)"
    )]
    Clock {
        seconds: u64,
        direction: &'static str,
    },
    #[error("the database at {target} cannot be used: {source}")]
    Database { target: String, source: DbErr },
}

/// Whether two transactions were in each other's way, so that the same work may succeed if it is done again.
#[must_use]
pub fn is_contention(error: &(dyn Error + 'static)) -> bool {
    match code_of(error) {
        Some(Code::MySql(number)) => {
            const LOCK_WAIT_TIMEOUT: u16 = 1205;
            const DEADLOCK: u16 = 1213;
            matches!(number, LOCK_WAIT_TIMEOUT | DEADLOCK)
        }
        Some(Code::Postgres(code)) => {
            const SERIALIZATION_FAILURE: &str = "40001";
            const DEADLOCK_DETECTED: &str = "40P01";
            const LOCK_NOT_AVAILABLE: &str = "55P03";
            [SERIALIZATION_FAILURE, DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE].contains(&code.as_ref())
        }
        Some(Code::Sqlite(primary)) => {
            const BUSY: u32 = 5;
            const LOCKED: u32 = 6;
            matches!(primary, BUSY | LOCKED)
        }
        None => false,
    }
}

/// Whether a statement took longer than it may: most often it has waited for somebody else's lock. Of a commit it is not certain that it
/// did not take place.
#[must_use]
pub fn is_cut_off(error: &(dyn Error + 'static)) -> bool {
    match code_of(error) {
        Some(Code::MySql(number)) => {
            /// `max_statement_time` of MariaDB.
            const STATEMENT_TIMEOUT: u16 = 1969;
            /// `max_execution_time` of MySQL.
            const QUERY_TIMEOUT: u16 = 3024;
            matches!(number, STATEMENT_TIMEOUT | QUERY_TIMEOUT)
        }
        Some(Code::Postgres(code)) => {
            const QUERY_CANCELED: &str = "57014";
            code == QUERY_CANCELED
        }
        Some(Code::Sqlite(_)) | None => false,
    }
}

/// What the server says of an error.
enum Code<'a> {
    MySql(u16),
    /// SQLSTATE.
    Postgres(Cow<'a, str>),
    /// The primary one.
    Sqlite(u32),
}

fn code_of<'a>(error: &'a (dyn Error + 'static)) -> Option<Code<'a>> {
    let database_error = find(error)?.as_database_error()?;
    if let Some(mysql) = database_error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(Code::MySql(mysql.number()));
    }
    let code = database_error.code().unwrap_or_default();
    if database_error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        return Some(Code::Postgres(code));
    }
    Some(Code::Sqlite(code.parse::<u32>().unwrap_or_default() & 0xff))
}

/// Whether the database could not be reached, or stopped answering: the fault is not in the statement.
#[must_use]
pub fn is_connection_lost(error: &(dyn Error + 'static)) -> bool {
    if let Some(DbErr::ConnectionAcquire(ConnAcquireErr::Timeout)) = find_db_err(error) {
        return true;
    }
    let Some(found) = find(error) else {
        return false;
    };
    // The server shuts down, crashes, starts or has no connection left.
    match code_of(error) {
        Some(Code::MySql(number)) => {
            const TOO_MANY_CONNECTIONS: u16 = 1040;
            const SERVER_SHUTDOWN: u16 = 1053;
            const CONNECTION_KILLED: u16 = 1927;
            return matches!(
                number,
                TOO_MANY_CONNECTIONS | SERVER_SHUTDOWN | CONNECTION_KILLED
            );
        }
        Some(Code::Postgres(code)) => {
            const IDLE_IN_TRANSACTION: &str = "25P03";
            return matches!(
                code.as_ref(),
                "57P01" | "57P02" | "57P03" | "53300" | IDLE_IN_TRANSACTION
            );
        }
        Some(Code::Sqlite(_)) => return false,
        None => {}
    }
    // What answers while we connect is a server that dies or comes up, or a line to nowhere.
    let is_new = matches!(find_db_err(error), Some(DbErr::Conn(_)));
    if is_new && matches!(found, sqlx::Error::Protocol(_)) {
        return true;
    }
    matches!(
        found,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            // No transaction was begun: the connection was in a state of its own.
            | sqlx::Error::BeginFailed
            | sqlx::Error::WorkerCrashed
    )
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn find_db_err<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a DbErr> {
    chain(error).find_map(|error| error.downcast_ref::<DbErr>())
}

/// The driver's error within any error that carries it, `#[error(transparent)]` included, which hides one link.
fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a sqlx::Error> {
    chain(error).find_map(|error| {
        let runtime = match error.downcast_ref::<DbErr>() {
            Some(DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) => runtime,
            _ => error.downcast_ref::<RuntimeErr>()?,
        };
        match runtime {
            RuntimeErr::SqlxError(found) => Some(found.as_ref()),
            RuntimeErr::Internal(_) => None,
        }
    })
}
