//! Redis: buckets as hashes that a script takes from, revoked sessions as a set with a channel beside it, and
//! news on a channel of their own.
//!
//! One connection (RESP3) carries the questions and the news. Whoever asks never connects and never waits for longer than
//! the timeout: only [`Redis::follow`] connects, and while it has no connection nobody asks.

mod keep;
mod line;
mod news;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use amphi_contracts::SessionId;
use redis::{
    Client, ConnectionAddr, IntoConnectionInfo as _, ProtocolVersion, RedisResult, Script,
};
use tokio_util::sync::CancellationToken;

use super::topics::Topics;
use super::{OnRevoked, Server, Settings, SharedError, Take};
use crate::auth::REVOCATION_MEMORY;
use line::Line;

const FORM: &str = "redis://user:password@host:6379/0, or rediss://… for TLS";
/// Revoked sessions that a process which connects is told of; identity knows all.
const REVOKED_MAX: usize = 10_000;

/// What processes share by way of Redis.
pub(super) struct Redis {
    client: Client,
    /// `host:port`, without the credentials.
    target: String,
    prefix: String,
    timeout: Duration,
    retry: Duration,
    /// None while it does not answer.
    line: RwLock<Option<Arc<Line>>>,
    standing: Mutex<Standing>,
    on_revoked: Arc<OnceLock<OnRevoked>>,
    topics: Arc<Topics>,
    /// By which this process knows its own news.
    teller: String,
    take: Script,
    revoke: Script,
    tell: Script,
}

impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// What operators were last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    Up,
    Down,
}

impl Redis {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings, topics: Arc<Topics>) -> Result<Self, SharedError> {
        let unreadable = |error: redis::RedisError| SharedError::Url {
            reason: error.to_string(),
            form: FORM,
        };
        let info = settings
            .url
            .expose()
            .as_str()
            .into_connection_info()
            .map_err(unreadable)?;
        let target = info.addr().to_string();
        // The client takes the TLS of the process. Of the two that are linked there is no default, so one is named; where there
        // is one already, that is as good.
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            provider.install_default().ok();
        }
        let protocol = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        Ok(Self {
            client: Client::open(info.set_redis_settings(protocol)).map_err(unreadable)?,
            target,
            prefix: settings.prefix.clone(),
            timeout: settings.timeout,
            retry: settings.retry,
            line: RwLock::new(None),
            standing: Mutex::new(Standing::Unknown),
            on_revoked: Arc::default(),
            topics,
            teller: uuid::Uuid::new_v4().to_string(),
            tell: Script::new(include_str!("tell.lua")),
            take: Script::new(include_str!("take.lua")),
            revoke: Script::new(include_str!("revoke.lua")),
        })
    }

    /// Also the name of the channel.
    fn revoked_key(&self) -> String {
        format!("{}:revoked", self.prefix)
    }

    fn bucket_key(&self, limit: &str, key: &str) -> String {
        format!("{}:limit:{limit}:{key}", self.prefix)
    }

    fn current(&self) -> Option<Arc<Line>> {
        self.line
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn replace_line(&self, line: Option<Arc<Line>>) {
        *self.line.write().unwrap_or_else(PoisonError::into_inner) = line;
    }

    /// The answer, if there is a connection and it comes in time.
    async fn ask<T>(&self, question: impl AsyncFnOnce(&Line) -> RedisResult<T>) -> Option<T> {
        let line = self.current()?;
        line.answer(self.timeout, question(&line)).await
    }

    /// Tells operators how it stands, once per change.
    fn stands(&self, standing: Standing, reason: &str) {
        let before = {
            let mut known = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *known, standing)
        };
        let is_up = standing == Standing::Up;
        metrics::gauge!("amphi.shared_state.up").set(if is_up { 1.0 } else { 0.0 });
        match (before == standing, is_up) {
            (true, _) => {}
            (false, true) => {
                tracing::info!(server = %self.target, "Redis answers: limits, ended sign-ins, news and kept answers are shared");
            }
            (false, false) => tracing::warn!(
                server = %self.target,
                reason,
                "Redis cannot be used: limits count and answers are kept in each process by itself, news of other processes are not heard, and ended sign-ins are learnt from identity alone; trying on"
            ),
        }
    }
}

#[async_trait::async_trait]
impl Server for Redis {
    async fn take(&self, take: &Take<'_>) -> Option<Result<(), Duration>> {
        let key = self.bucket_key(take.limit, take.key);
        let wait_ms: u64 = self
            .ask(async |line| {
                let mut invocation = self.take.key(key);
                invocation.arg(take.per_minute).arg(take.tokens);
                invocation.invoke_async(&mut line.connection()).await
            })
            .await?;
        Some(match wait_ms {
            0 => Ok(()),
            wait_ms => Err(Duration::from_millis(wait_ms)),
        })
    }

    async fn tell_revoked(&self, session_id: SessionId) {
        let memory_ms = REVOCATION_MEMORY.as_millis().to_string();
        let told: Option<()> = self
            .ask(async |line| {
                let mut invocation = self.revoke.key(self.revoked_key());
                invocation
                    .arg(session_id.to_string())
                    .arg(memory_ms)
                    .arg(REVOKED_MAX);
                invocation.invoke_async(&mut line.connection()).await
            })
            .await;
        if told.is_none() {
            tracing::debug!(%session_id, "others learn from identity that this session has ended");
        }
    }

    async fn tell(&self, topic: &str, message: &str) -> Option<u64> {
        self.tell_news(topic, message).await
    }

    async fn recall(&self, place: &str) -> Option<Vec<u8>> {
        self.recall_kept(place).await
    }

    async fn keep(&self, place: &str, value: &[u8], lifetime: Duration) {
        self.keep_for(place, value, lifetime).await;
    }

    async fn follow(&self, on_revoked: OnRevoked, shutdown: CancellationToken) {
        // A second follower would be one too many: the first is told.
        if self.on_revoked.set(on_revoked).is_ok() {
            self.stay_connected(shutdown).await;
        }
    }

    fn is_up(&self) -> bool {
        self.current().is_some_and(|line| !line.is_lost())
    }
}
