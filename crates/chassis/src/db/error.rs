//! What can go wrong with a database, told so that it can be mended.

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

/// Whether two transactions were in each other's way, so that the same work may succeed if it is done again. A statement that is cut
/// off by the time limit counts as well: most often it has waited for a lock.
#[must_use]
pub fn is_contention(error: &(dyn Error + 'static)) -> bool {
    let Some(database_error) = find(error).and_then(|found| found.as_database_error()) else {
        return false;
    };
    let code = database_error.code().unwrap_or_default();
    if let Some(mysql) = database_error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        const LOCK_WAIT_TIMEOUT: u16 = 1205;
        const DEADLOCK: u16 = 1213;
        /// `max_statement_time` of MariaDB, `max_execution_time` of MySQL.
        const CUT_OFF: [u16; 2] = [1969, 3024];
        let number = mysql.number();
        return matches!(number, LOCK_WAIT_TIMEOUT | DEADLOCK) || CUT_OFF.contains(&number);
    }
    if database_error
        .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
        .is_some()
    {
        const SERIALIZATION_FAILURE: &str = "40001";
        const DEADLOCK_DETECTED: &str = "40P01";
        const LOCK_NOT_AVAILABLE: &str = "55P03";
        const CUT_OFF: &str = "57014";
        return [
            SERIALIZATION_FAILURE,
            DEADLOCK_DETECTED,
            LOCK_NOT_AVAILABLE,
            CUT_OFF,
        ]
        .contains(&code.as_ref());
    }
    const SQLITE_BUSY: u32 = 5;
    const SQLITE_LOCKED: u32 = 6;
    let primary = code.parse::<u32>().unwrap_or_default() & 0xff;
    matches!(primary, SQLITE_BUSY | SQLITE_LOCKED)
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
    if let Some(database_error) = found.as_database_error() {
        // The server shuts down, crashes, starts or has no connection left.
        if let Some(mysql) = database_error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
            const TOO_MANY_CONNECTIONS: u16 = 1040;
            const SERVER_SHUTDOWN: u16 = 1053;
            const CONNECTION_KILLED: u16 = 1927;
            return matches!(
                mysql.number(),
                TOO_MANY_CONNECTIONS | SERVER_SHUTDOWN | CONNECTION_KILLED
            );
        }
        let code = database_error.code().unwrap_or_default();
        const IDLE_IN_TRANSACTION: &str = "25P03";
        return matches!(
            code.as_ref(),
            "57P01" | "57P02" | "57P03" | "53300" | IDLE_IN_TRANSACTION
        );
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
