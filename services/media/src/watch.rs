//! Who waits for what within this process: watchers of assets, and encoders waiting for tasks. Both also look for
//! themselves from time to time, because another process may have made the change; of changes of assets they are told, where
//! processes share at all.

use std::convert::Infallible;
use std::sync::Arc;

use amphi_chassis::shared::{News, Topic};
use amphi_contracts::VideoId;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

const CHANGES_KEPT: usize = 1_024;

/// Changes of assets, as they are committed.
#[derive(Clone, Debug)]
pub struct Changes {
    sender: broadcast::Sender<Change>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// Committed by this process.
    Here(VideoId),
    /// Committed by another.
    Elsewhere(VideoId),
    /// There may have been any.
    Unknown,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(CHANGES_KEPT).0,
        }
    }
}

impl Changes {
    pub fn announce(&self, video_id: VideoId) {
        // An error only says that nobody watches.
        let _ = self.sender.send(Change::Here(video_id));
    }

    #[must_use]
    pub fn subscribe(&self) -> ChangesOf {
        ChangesOf {
            receiver: self.sender.subscribe(),
        }
    }

    /// Tells the other processes of this role of what is committed here, and the watchers here of what is committed there.
    pub async fn share(self, topic: Topic, shutdown: CancellationToken) -> Result<(), Infallible> {
        let own = uuid::Uuid::new_v4().to_string();
        let (mut here, mut elsewhere) = (self.sender.subscribe(), topic.listen());
        let sharing = async {
            loop {
                tokio::select! {
                    change = here.recv() => match change {
                        Ok(Change::Here(video_id)) => topic.tell(&format!("{own} {video_id}")).await,
                        Err(broadcast::error::RecvError::Lagged(_)) => topic.tell(&own).await,
                        Ok(_) => {}
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    news = elsewhere.next() => {
                        if let Some(change) = change_in(&news, &own) {
                            let _ = self.sender.send(change);
                        }
                    }
                }
            }
        };
        shutdown.run_until_cancelled(sharing).await;
        Ok(())
    }
}

/// A place from which changes are seen from now on.
#[derive(Debug)]
pub struct ChangesOf {
    receiver: broadcast::Receiver<Change>,
}

impl ChangesOf {
    /// Waits until the asset may have changed.
    pub async fn of(&mut self, video_id: VideoId) {
        loop {
            match self.receiver.recv().await {
                Ok(Change::Here(changed) | Change::Elsewhere(changed)) if changed != video_id => {}
                // Having missed some, it may have been among them.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// What news of another process say; `None` for the own.
fn change_in(news: &News, own: &str) -> Option<Change> {
    let News::Told(message) = news else {
        return Some(Change::Unknown);
    };
    let (teller, video_id) = message.split_once(' ').unwrap_or((message, ""));
    if teller == own {
        return None;
    }
    Some(video_id.parse().map_or(Change::Unknown, Change::Elsewhere))
}

/// Rings when a task may be there to lease.
#[derive(Clone, Debug, Default)]
pub struct TaskBell {
    notify: Arc<Notify>,
}

impl TaskBell {
    pub fn ring(&self) {
        self.notify.notify_waiters();
    }

    /// Completes at the next ring after this call, also one before the future is first polled.
    pub fn next_ring(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut rung = Box::pin(Arc::clone(&self.notify).notified_owned());
        rung.as_mut().enable();
        rung
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use amphi_chassis::shared::Shared;

    use super::*;

    /// Two processes that share: each has changes of its own, and the topic is one.
    #[tokio::test]
    async fn a_change_of_one_process_reaches_the_watchers_of_another() {
        let shared = Shared::default();
        let (one, two) = (Changes::default(), Changes::default());
        let stop = CancellationToken::new();
        for changes in [&one, &two] {
            let sharing = changes.clone().share(shared.topic("test"), stop.clone());
            tokio::spawn(sharing);
        }
        let video_id = VideoId::generate();
        let mut watcher = two.subscribe();
        let told = tokio::time::timeout(Duration::from_secs(30), async {
            // Until both listen.
            loop {
                one.announce(video_id);
                let heard = watcher.of(video_id);
                if tokio::time::timeout(Duration::from_millis(50), heard)
                    .await
                    .is_ok()
                {
                    return;
                }
            }
        });
        told.await.unwrap();
        stop.cancel();
    }
}
