//! A corner of a test's own at a real Redis.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use redis::{Client, RedisResult};

use super::servers;
use crate::Secret;
use crate::shared::Settings;

/// Keys and channels that nobody else uses, gone when this is dropped.
#[derive(Debug)]
pub struct TestRedis {
    prefix: String,
}

impl TestRedis {
    /// Makes no key yet.
    #[must_use]
    pub fn create() -> Self {
        Self {
            prefix: format!("amphi-test-{}", uuid::Uuid::now_v7().simple()),
        }
    }

    /// The setting `shared.url`.
    #[must_use]
    pub fn url(&self) -> String {
        servers::redis().to_owned()
    }

    /// The setting `shared.prefix`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where the server listens.
    ///
    /// # Panics
    /// When its URL names no address, as those of tests do.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let url = self.url();
        let place = url.rsplit(['@', '/']).find(|it| it.contains(':'));
        place.unwrap().parse().unwrap()
    }

    /// The section `[shared]`: an answer may take long on a busy machine, and a server that failed is left alone for a moment
    /// only.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            url: Secret::new(self.url()),
            prefix: self.prefix.clone(),
            timeout: Duration::from_secs(5),
            retry: Duration::from_millis(50),
        }
    }

    /// The same, reached by way of `address`.
    #[must_use]
    pub fn settings_by(&self, address: SocketAddr) -> Settings {
        let url = self
            .url()
            .replace(&self.address().to_string(), &address.to_string());
        Settings {
            url: Secret::new(url),
            ..self.settings()
        }
    }

    /// The same, as a user who may do all but what `without` says, in the words of `ACL SETUSER`.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn settings_of_a_user(&self, without: &str) -> Settings {
        let mut connection = Client::open(servers::redis())
            .unwrap()
            .get_connection()
            .unwrap();
        let user = format!("{}-user", self.prefix);
        let mut setting = redis::cmd("ACL");
        setting.arg(&["SETUSER", &user, "reset", "on", ">secret"]);
        setting.arg(&["~*", "&*", "+@all", without]);
        setting.exec(&mut connection).unwrap();
        let url = format!("redis://{user}:secret@{}", self.address());
        Settings {
            url: Secret::new(url),
            ..self.settings()
        }
    }

    /// The names of the keys that there are.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        keys(&self.prefix).unwrap()
    }

    /// The sessions that a process which comes now is told of.
    ///
    /// # Panics
    /// When the server does not answer.
    #[must_use]
    pub fn revoked(&self) -> Vec<String> {
        let mut connection = Client::open(servers::redis())
            .unwrap()
            .get_connection()
            .unwrap();
        let key = format!("{}:revoked", self.prefix);
        let ids = redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).to_owned();
        ids.query(&mut connection).unwrap()
    }
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        if let Err(error) = delete_all(&self.prefix) {
            eprintln!("the keys {}:* stay: {error}", self.prefix);
        }
    }
}

fn keys(prefix: &str) -> RedisResult<Vec<String>> {
    let mut connection = Client::open(servers::redis())?.get_connection()?;
    let mut scan = redis::cmd("SCAN");
    let scan = scan.cursor_arg(0).arg("MATCH").arg(format!("{prefix}:*"));
    scan.arg("COUNT")
        .arg(1000)
        .clone()
        .iter(&mut connection)?
        .collect()
}

fn delete_all(prefix: &str) -> RedisResult<()> {
    let keys = keys(prefix)?;
    let mut connection = Client::open(servers::redis())?.get_connection()?;
    let user = format!("{prefix}-user");
    redis::cmd("ACL")
        .arg("DELUSER")
        .arg(user)
        .exec(&mut connection)?;
    if keys.is_empty() {
        return Ok(());
    }
    redis::cmd("DEL").arg(keys).exec(&mut connection)
}
