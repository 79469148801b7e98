//! Who waits for what within this process: watchers of assets, and encoders waiting for tasks. Both also look for
//! themselves from time to time, because another process may have made the change.

use std::sync::Arc;

use amphi_contracts::VideoId;
use tokio::sync::{Notify, broadcast};

const CHANGES_KEPT: usize = 1_024;

/// Changes of assets, as they are committed.
#[derive(Clone, Debug)]
pub struct Changes {
    sender: broadcast::Sender<VideoId>,
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
        let _ = self.sender.send(video_id);
    }

    #[must_use]
    pub fn subscribe(&self) -> ChangesOf {
        ChangesOf {
            receiver: self.sender.subscribe(),
        }
    }
}

/// A place from which changes are seen from now on.
#[derive(Debug)]
pub struct ChangesOf {
    receiver: broadcast::Receiver<VideoId>,
}

impl ChangesOf {
    /// Waits until the asset may have changed.
    pub async fn of(&mut self, video_id: VideoId) {
        loop {
            match self.receiver.recv().await {
                Ok(changed) if changed != video_id => {}
                // Having missed some, it may have been among them.
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
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
