//! Keeps a connection: makes it, looks after it, and after a pause makes it again.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio_util::sync::CancellationToken;

use super::line::{Line, hear};
use super::{FORM, REVOKED_MAX, Redis, Standing};
use crate::shared::SharedError;

/// One that has not connected by then is reported as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often it is asked for a sign of life, so that its absence is noticed before a request needs it.
const PING_INTERVAL: Duration = Duration::from_secs(1);

impl Redis {
    /// Connects for the first time. One that does not answer is looked for again by [`Redis::keep`].
    pub async fn start(&self) -> Result<(), SharedError> {
        match self.connect().await {
            Ok(line) => self.replace_line(Some(Arc::new(line))),
            Err(error @ SharedError::Unreachable { .. }) => {
                self.stands(Standing::Down, &error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub async fn check(&self) -> Result<(), SharedError> {
        self.connect().await.map(drop)
    }

    pub(super) async fn keep(&self, shutdown: CancellationToken) {
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
            let line = Line::open(&self.client, Arc::clone(&self.on_revoked)).await?;
            let mut connection = line.connection();
            connection.subscribe(self.revoked_key()).await?;
            let mut trial = self.take.key(self.bucket_key("trial", "all"));
            trial.arg(1).arg(0);
            let _: u64 = trial.invoke_async(&mut connection).await?;
            // After the subscription, so that nothing is missed in between.
            self.revoked(connection).await?;
            Ok(line)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| self.explain(&error)),
            Err(_) => Err(SharedError::Unreachable {
                target: self.target.clone(),
                reason: format!("it took longer than {} s", CONNECT_TIMEOUT.as_secs()),
            }),
        }
    }

    fn explain(&self, error: &RedisError) -> SharedError {
        // The message goes on after it.
        let reason = error.to_string().trim_end_matches('.').to_owned();
        let target = self.target.clone();
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain,
            ) => SharedError::Unreachable { target, reason },
            ErrorKind::InvalidClientConfig => SharedError::Url { reason, form: FORM },
            _ => SharedError::Refused {
                target,
                prefix: self.prefix.clone(),
                reason,
            },
        }
    }
}
