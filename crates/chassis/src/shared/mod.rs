//! What the processes of an installation know together and may forget: how much of a limit is used, which sign-ins have just
//! ended, that something has changed, and answers that need not be made by each.
//!
//! By default each process knows for itself. With a Redis they share it, as long as it answers: none of this is worth a
//! failed or a slow request, so while it does not answer each process goes by what it knows itself, as it would without.

mod buckets;
mod error;
mod rate_limit;
#[cfg(feature = "redis")]
mod redis;
mod topics;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use amphi_contracts::SessionId;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use tokio_util::sync::CancellationToken;

use crate::Secret;
use crate::config::milliseconds;

pub use error::SharedError;
pub use rate_limit::RateLimit;
use topics::Topics;
pub use topics::{Generation, Listener, News, Topic};

const IN_MEMORY: &str = "memory";

/// The section `[shared]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `memory`, or where the Redis is.
    #[serde(deserialize_with = "place")]
    pub url: Secret<String>,
    /// What the names of keys and channels begin with.
    #[serde(deserialize_with = "key_prefix")]
    pub prefix: String,
    /// How long an answer may take.
    #[serde(
        rename = "timeout_ms",
        deserialize_with = "milliseconds::<_, 1, 10_000>"
    )]
    pub timeout: Duration,
    /// How long it is left alone after it failed.
    #[serde(
        rename = "retry_ms",
        deserialize_with = "milliseconds::<_, 10, 600_000>"
    )]
    pub retry: Duration,
}

impl Settings {
    /// Whether each process is to know for itself.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.url.expose() == IN_MEMORY
    }
}

fn place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == IN_MEMORY || text.starts_with("redis://") || text.starts_with("rediss://") {
        return Ok(Secret::new(text));
    }
    // Without what was found, since it may hold a password.
    Err(D::Error::custom(
        "\"memory\", redis://user:password@host:6379/0 or rediss://… is expected",
    ))
}

fn key_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | ':');
    if (1..=64).contains(&text.len()) && text.chars().all(is_plain) {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"1 to 64 letters, digits, `-`, `_`, `.` or `:`",
    ))
}

/// Whom to tell of sessions that were revoked in other processes.
pub(crate) type OnRevoked = Box<dyn Fn(SessionId) + Send + Sync>;

/// A server by which processes share. What it cannot do at the moment it leaves undone, without keeping anybody waiting.
#[async_trait::async_trait]
trait Server: fmt::Debug + Send + Sync + 'static {
    /// Takes tokens of a bucket that all processes share, or says how long to wait for one; `None` when it does not answer.
    async fn take(&self, take: &Take<'_>) -> Option<Result<(), Duration>>;

    /// Tells all processes, also those that come within the next hour, that the session has ended.
    async fn tell_revoked(&self, session_id: SessionId);

    /// Tells all processes of a topic's news, and says its new generation; `None` when it does not answer.
    async fn tell(&self, topic: &str, message: &str) -> Option<u64>;

    /// What was kept at a place; `None` when there is nothing or it does not answer.
    async fn recall(&self, place: &str) -> Option<Vec<u8>>;

    /// Keeps something at a place for a while.
    async fn keep(&self, place: &str, value: &[u8], lifetime: Duration);

    /// Keeps the connection, and tells of what other processes have revoked, until `shutdown`.
    async fn follow(&self, on_revoked: OnRevoked, shutdown: CancellationToken);

    /// Whether it answers, as far as is known.
    fn is_up(&self) -> bool;
}

/// What is wanted of a bucket.
#[derive(Debug)]
struct Take<'a> {
    limit: &'static str,
    key: &'a str,
    /// Above zero.
    per_minute: u32,
    tokens: u32,
}

/// The shared state as one process sees it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Shared {
    /// None when each process knows for itself.
    server: Option<Arc<dyn Server>>,
    topics: Arc<Topics>,
}

impl Shared {
    /// As the settings say. A server that does not answer now is looked for again later.
    ///
    /// # Errors
    /// A setting is wrong, or the server refuses; within 5 s.
    pub async fn open(settings: &Settings) -> Result<Self, SharedError> {
        if settings.is_in_memory() {
            return Ok(Self::default());
        }
        #[cfg(feature = "redis")]
        {
            let topics = Arc::<Topics>::default();
            let redis = redis::Redis::new(settings, Arc::clone(&topics))?;
            redis.start().await?;
            Ok(Self {
                server: Some(Arc::new(redis)),
                topics,
            })
        }
        #[cfg(not(feature = "redis"))]
        Err(SharedError::NotBuilt { kind: "redis" })
    }

    /// Whether what the settings name can be used.
    ///
    /// # Errors
    /// What is wrong, with its cure, within 5 s.
    pub async fn check(settings: &Settings) -> Result<(), SharedError> {
        if settings.is_in_memory() {
            return Ok(());
        }
        #[cfg(feature = "redis")]
        {
            redis::Redis::new(settings, Arc::default())?.check().await
        }
        #[cfg(not(feature = "redis"))]
        Err(SharedError::NotBuilt { kind: "redis" })
    }

    /// A limit of so many per minute, for each key by itself; see [`RateLimit`]. Limits of the same name are one.
    #[must_use]
    pub fn rate_limit(&self, name: &'static str, per_minute: u32) -> RateLimit {
        RateLimit::new(self.clone(), name, per_minute)
    }

    /// A subject that processes tell each other news of; topics of the same name are one. Opened while a service is built.
    #[must_use]
    pub fn topic(&self, name: &'static str) -> Topic {
        self.topics.open(name, self.server.clone())
    }

    /// Whether other processes share with this one at the moment.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.is_up())
    }

    pub(crate) async fn tell_revoked(&self, session_id: SessionId) {
        if let Some(server) = &self.server {
            server.tell_revoked(session_id).await;
        }
    }

    /// Returns at once when there is nobody to listen to.
    pub(crate) async fn follow(&self, on_revoked: OnRevoked, shutdown: CancellationToken) {
        if let Some(server) = &self.server {
            server.follow(on_revoked, shutdown).await;
        }
    }

    async fn take(&self, take: &Take<'_>) -> Option<Result<(), Duration>> {
        self.server.as_ref()?.take(take).await
    }
}
