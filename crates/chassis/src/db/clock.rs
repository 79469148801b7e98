//! Whether this machine and the database server agree on the time. Leases, schedules and tokens pass between machines as
//! times, so one whose clock is wrong takes what others still hold.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

use super::{ConnectError, now_us};

/// What machines that keep their clocks by NTP never reach.
const DIFFERENCE_MAX: Duration = Duration::from_secs(60);

/// Refuses a clock that differs from the server's by more than a minute. SQLite has no server.
pub(super) async fn check(connection: &DatabaseConnection) -> Result<(), ConnectError> {
    let query = match connection.get_database_backend() {
        DbBackend::Postgres => "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT",
        DbBackend::MySql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)",
        _ => return Ok(()),
    };
    let theirs_us = ask(connection, query)
        .await
        .map_err(|source| ConnectError::Database {
            target: "the server".to_owned(),
            source,
        })?;
    judge(now_us() - theirs_us)
}

async fn ask(connection: &DatabaseConnection, query: &str) -> Result<i64, DbErr> {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
    row.try_get_by_index(0)
}

/// `ahead_us`: how far this machine is ahead of the server, microseconds.
fn judge(ahead_us: i64) -> Result<(), ConnectError> {
    let difference = Duration::from_micros(ahead_us.unsigned_abs());
    if difference <= DIFFERENCE_MAX {
        return Ok(());
    }
    Err(ConnectError::Clock {
        seconds: difference.as_secs(),
        direction: if ahead_us > 0 { "ahead of" } else { "behind" },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_clock_that_is_off_by_an_hour_is_refused_with_its_direction_and_the_cure() {
        let error = judge(3_600 * SECOND).unwrap_err().to_string();
        assert!(error.contains("3600 s ahead of"), "{error}");
        assert!(error.contains("timedatectl"), "{error}");
        let error = judge(-3_600 * SECOND).unwrap_err().to_string();
        assert!(error.contains("3600 s behind"), "{error}");
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        judge(10 * SECOND).unwrap();
        judge(-10 * SECOND).unwrap();
    }
}
