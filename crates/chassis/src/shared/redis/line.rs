//! One connection, for as long as it answers.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Msg, PushInfo, PushKind, RedisResult};
use tokio_util::sync::CancellationToken;

use crate::shared::OnRevoked;

/// Answers that may be late in a row: one is a hiccup.
const LATE_MAX: u32 = 3;

/// A connection with what is known of its health.
#[derive(Debug)]
pub(super) struct Line {
    connection: MultiplexedConnection,
    late: AtomicU32,
    health: Arc<Health>,
}

#[derive(Debug, Default)]
struct Health {
    lost: CancellationToken,
    reason: Mutex<String>,
}

impl Health {
    /// The first reason is the one to be told.
    fn lose(&self, reason: String) {
        let mut known = self.reason.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.lost.is_cancelled() {
            *known = reason;
            self.lost.cancel();
        }
    }
}

impl Line {
    /// Connects, however long it takes; what is published on its channels is told with the channel's name.
    pub async fn open(
        client: &Client,
        on_message: impl Fn(&str, &[u8]) + Send + Sync + 'static,
    ) -> RedisResult<Self> {
        let health = Arc::<Health>::default();
        let of_pushes = Arc::clone(&health);
        let push = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                of_pushes.lose("the connection ended".to_owned());
            } else if let Some(message) = Msg::from_push_info(push) {
                on_message(message.get_channel_name(), message.get_payload_bytes());
            }
            Ok::<_, redis::aio::SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_push_sender(push);
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        Ok(Self {
            connection,
            late: AtomicU32::new(0),
            health,
        })
    }

    /// A handle on the same connection.
    pub fn connection(&self) -> MultiplexedConnection {
        self.connection.clone()
    }

    /// The answer, if it comes in time and is none of failure; otherwise the connection may be lost.
    pub async fn answer<T>(
        &self,
        timeout: Duration,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Option<T> {
        // Whoever asked before it was lost does not wait for an answer that is not to be.
        let answer = tokio::time::timeout(timeout, answer);
        match self.health.lost.run_until_cancelled(answer).await? {
            Ok(Ok(answer)) => {
                self.late.store(0, Ordering::Relaxed);
                return Some(answer);
            }
            Ok(Err(error)) => self.health.lose(error.to_string()),
            Err(_) => {
                if self.late.fetch_add(1, Ordering::Relaxed) + 1 >= LATE_MAX {
                    let reason = format!("no answer within {} ms", timeout.as_millis());
                    self.health.lose(reason);
                }
            }
        }
        None
    }

    pub fn is_lost(&self) -> bool {
        self.health.lost.is_cancelled()
    }

    /// Waits until it does not answer any more, and says why.
    pub async fn lost(&self) -> String {
        self.health.lost.cancelled().await;
        let reason = self.health.reason.lock();
        reason.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is no session's id is nothing to act on.
pub(super) fn hear(text: &[u8], on_revoked: &OnRevoked) {
    match str::from_utf8(text).ok().and_then(|id| id.parse().ok()) {
        Some(session_id) => on_revoked(session_id),
        None => tracing::debug!("something else than a session's id is among the revoked ones"),
    }
}
