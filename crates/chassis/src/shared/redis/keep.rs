//! Keeps a connection: makes it, looks after it, and after a pause makes it again.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio_util::sync::CancellationToken;

use super::line::{Line, hear};
use super::news::hear_news;
use super::{FORM, REVOKED_MAX, Redis, Standing};
use crate::shared::SharedError;

/// One that has not connected by then is reported as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is asked for a sign of life, so that its absence is noticed before a request needs it.
const PING_INTERVAL: Duration = Duration::from_secs(1);

impl Redis {
    /// Connects for the first time. One that does not answer is looked for again by [`Redis::stay_connected`].
    pub async fn start(&self) -> Result<(), SharedError> {
        match self.connect().await {
            Ok(line) => self.replace_line(Some(Arc::new(line))),
            Err(error @ (SharedError::Unreachable { .. } | SharedError::Unable { .. })) => {
                self.stands(Standing::Down, &error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub async fn check(&self) -> Result<(), SharedError> {
        self.connect().await.map(drop)
    }

    pub(super) async fn stay_connected(&self, shutdown: CancellationToken) {
        shutdown
            .run_until_cancelled(self.reconnect_for_ever())
            .await;
        self.replace_line(None);
    }

    async fn reconnect_for_ever(&self) {
        let mut first = self.first_line().await;
        loop {
            let connected = match first.take() {
                Some(line) => Ok(line),
                None => self.connect().await.map(Arc::new),
            };
            let reason = match connected {
                Ok(line) => self.attend(line).await,
                Err(error) => error.to_string(),
            };
            self.replace_line(None);
            self.stands(Standing::Down, &reason);
            tokio::time::sleep(self.retry).await;
        }
    }

    /// The connection of the start, after which nobody listened for a moment.
    async fn first_line(&self) -> Option<Arc<Line>> {
        let line = self.current()?;
        let missed = self.revoked(line.connection());
        line.answer(CONNECT_TIMEOUT, missed).await?;
        Some(line)
    }

    /// Lets the connection be used until it fails, and says why it has.
    async fn attend(&self, line: Arc<Line>) -> String {
        self.replace_line(Some(Arc::clone(&line)));
        self.catch_up(&line).await;
        self.stands(Standing::Up, "");
        loop {
            tokio::select! {
                reason = line.lost() => return reason,
                () = tokio::time::sleep(PING_INTERVAL) => {}
            }
            let mut connection = line.connection();
            let ping = async move { redis::cmd("PING").query_async(&mut connection).await };
            line.answer::<()>(self.timeout, ping).await;
        }
    }

    /// Tells of all sessions that are remembered as revoked.
    async fn revoked(&self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        let ids: Vec<Vec<u8>> = redis::cmd("ZREVRANGE")
            .arg(self.revoked_key())
            .arg(0)
            .arg(REVOKED_MAX - 1)
            .query_async(&mut connection)
            .await?;
        if let Some(on_revoked) = self.on_revoked.get() {
            ids.iter().for_each(|id| hear(id, on_revoked));
        }
        Ok(())
    }

    /// A connection that has been seen to do all that will be asked of it.
    async fn connect(&self) -> Result<Line, SharedError> {
        let connecting = async {
            let line = Line::open(&self.client, self.ears()).await?;
            let mut connection = line.connection();
            connection.subscribe(self.revoked_key()).await?;
            connection.subscribe(self.news_channel()).await?;
            self.try_scripts(connection.clone()).await?;
            // After the subscription, so that nothing is missed in between.
            self.revoked(connection).await?;
            Ok(line)
        };
        let line = match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| self.explain(&error))?,
            Err(_) => {
                return Err(SharedError::Unreachable {
                    target: self.target.clone(),
                    reason: format!("it took longer than {} s", CONNECT_TIMEOUT.as_secs()),
                });
            }
        };
        self.is_quick_enough(&line).await?;
        Ok(line)
    }

    /// Does what will be asked of it, where nobody looks.
    async fn try_scripts(&self, mut connection: MultiplexedConnection) -> RedisResult<()> {
        let mut take = self.take.key(self.bucket_key("trial", "all"));
        take.arg(1).arg(0);
        let _: u64 = take.invoke_async(&mut connection).await?;
        let mut revoke = self.revoke.key(format!("{}:trial", self.prefix));
        // Gone after a millisecond.
        revoke.arg("trial").arg(1).arg(1);
        let () = revoke.invoke_async(&mut connection).await?;
        // Of a topic that nobody has.
        let key = self.generation_key("trial");
        let mut tell = self.tell.key(&key);
        tell.arg(self.news_channel()).arg(&self.teller);
        tell.arg("trial").arg("");
        let _: u64 = tell.invoke_async(&mut connection).await?;
        // Which goes with this. Others may try at the same time, and count up what they find.
        let mut keep = redis::cmd("SET");
        keep.arg(&key).arg(0).arg("PX").arg(1);
        let () = keep.query_async(&mut connection).await?;
        let get = redis::cmd("GET").arg(key).to_owned();
        get.query_async(&mut connection).await
    }

    /// One whose answers are always late would be left alone after a few requests, and tried again, for ever.
    async fn is_quick_enough(&self, line: &Line) -> Result<(), SharedError> {
        let mut connection = line.connection();
        let ping = async move { redis::cmd("PING").query_async::<()>(&mut connection).await };
        match tokio::time::timeout(self.timeout, ping).await {
            Ok(answer) => answer.map_err(|error| self.explain(&error)),
            Err(_) => Err(SharedError::Unable {
                target: self.target.clone(),
                reason: format!(
                    "it takes longer than {} ms to answer; see `shared.timeout_ms`",
                    self.timeout.as_millis()
                ),
            }),
        }
    }

    /// Who is told of what is published.
    fn ears(&self) -> impl Fn(&str, &[u8]) + Send + Sync + 'static {
        let (news_channel, own) = (self.news_channel(), self.teller.clone());
        let (topics, on_revoked) = (Arc::clone(&self.topics), Arc::clone(&self.on_revoked));
        move |channel, message| {
            if channel == news_channel {
                hear_news(message, &own, &topics);
            } else if let Some(on_revoked) = on_revoked.get() {
                hear(message, on_revoked);
            }
        }
    }

    fn explain(&self, error: &RedisError) -> SharedError {
        // The message goes on after it.
        let reason = error.to_string().trim_end_matches('.').to_owned();
        let target = self.target.clone();
        match error.kind() {
            ErrorKind::Io => SharedError::Unreachable { target, reason },
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ReadOnly,
            ) => SharedError::Unable { target, reason },
            // Its disk or its memory is full.
            _ if matches!(error.code(), Some("MISCONF" | "OOM")) => {
                SharedError::Unable { target, reason }
            }
            ErrorKind::InvalidClientConfig => SharedError::Url { reason, form: FORM },
            _ => SharedError::Refused {
                target,
                prefix: self.prefix.clone(),
                reason,
            },
        }
    }
}
