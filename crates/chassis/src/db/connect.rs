//! From the URL in the configuration to open connections.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};

use super::migrations::MigrationLock;
use super::{ConnectError, Settings, mysql, postgres, sqlite};
use crate::Role;

/// A server that has not answered by then is reported as unreachable.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a caller waits for a connection of a busy pool.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A pooled connection idle for longer is tried before it is handed out.
pub(super) const TRUSTED_IDLE: Duration = Duration::from_secs(5);

/// A server that is there answers a ping sooner.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Opened {
    pub reader: DatabaseConnection,
    pub writer: DatabaseConnection,
    pub lock: MigrationLock,
}

pub(super) async fn open(
    settings: &Settings,
    role: Role,
    data_dir: &Path,
) -> Result<Opened, ConnectError> {
    let url = fill_placeholders(settings.url.expose(), role, data_dir)?;
    match url
        .split_once(':')
        .map_or(url.as_str(), |(scheme, _)| scheme)
    {
        "sqlite" => sqlite::open(&url, settings).await,
        "postgres" | "postgresql" => postgres::open(&url, settings, role).await,
        "mysql" | "mariadb" => mysql::open(&url, settings).await,
        other => Err(ConnectError::Scheme {
            found: other.chars().take(32).collect(),
        }),
    }
}

fn fill_placeholders(template: &str, role: Role, data_dir: &Path) -> Result<String, ConnectError> {
    let mut url = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else {
            return Err(ConnectError::Url {
                reason: "a `{` is never closed".to_owned(),
            });
        };
        url.push_str(before);
        match name {
            "data_dir" => url.push_str(&data_dir.to_string_lossy()),
            "service" => url.push_str(role.as_str()),
            other => {
                return Err(ConnectError::Placeholder {
                    found: other.chars().take(32).collect(),
                });
            }
        }
        rest = tail;
    }
    url.push_str(rest);
    Ok(url)
}

/// A name that may stand in `CREATE DATABASE`, where no parameter can be bound.
pub(super) fn check_database_name(name: &str) -> Result<&str, ConnectError> {
    let usable = !name.is_empty()
        && name.len() <= 63
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if usable {
        return Ok(name);
    }
    Err(ConnectError::DatabaseName {
        name: name.chars().take(80).collect(),
    })
}

/// Brings a connection into order before it goes back to its pool; an error makes the pool drop it. A query that was given
/// up may have left it waiting for an answer to what it never sent, or its server may be gone without a word. The pool pings
/// by itself, but with no bound on the time (sqlx issue 4349), and the connection's place would be lost for good.
///
/// What it does not cover: over TLS the pool closes the dropped connection by waiting for the server's farewell, again with
/// no bound, so that one whose server has fallen silent keeps its place until TCP gives it up.
pub(super) async fn settle<C: sqlx::Connection>(connection: &mut C) -> Result<bool, sqlx::Error> {
    match tokio::time::timeout(SETTLE_TIMEOUT, connection.ping()).await {
        Ok(pong) => pong.map(|()| true),
        Err(_) => Err(sqlx::Error::Protocol(
            "the connection does not answer".to_owned(),
        )),
    }
}

pub(super) fn db_err(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn filled(template: &str) -> Result<String, ConnectError> {
        fill_placeholders(template, Role::Catalog, Path::new("/data"))
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(
            filled("sqlite:{data_dir}/db/{service}.sqlite").unwrap(),
            "sqlite:/data/db/catalog.sqlite"
        );
        assert_eq!(
            filled("postgres://u:p@h/amphi_{service}").unwrap(),
            "postgres://u:p@h/amphi_catalog"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let error = filled("sqlite:{home}/a").unwrap_err().to_string();
        assert!(error.contains("`{home}`"), "{error}");
        assert!(filled("sqlite:{data_dir").is_err());
    }

    #[test]
    fn only_plain_names_may_be_created() {
        assert!(check_database_name("amphi_catalog-2").is_ok());
        for name in ["", "a b", "a\"; DROP", "ä", &"a".repeat(64)] {
            assert!(check_database_name(name).is_err(), "{name}");
        }
    }
}
