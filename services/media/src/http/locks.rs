//! One writer per upload.
//!
//! A client whose connection broke comes back before the server has noticed. The writer of the broken connection then
//! receives nothing, so it gives way to the new one; a writer that does receive keeps its place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use amphi_contracts::UploadId;
use tokio_util::sync::CancellationToken;

/// A writer that has received nothing for so long gives way.
const STALLED_AFTER: Duration = Duration::from_secs(2);
/// How long it may take to put its last bytes away.
const HANDOVER_TIME: Duration = Duration::from_secs(5);

/// The writers of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct UploadLocks {
    writers: Arc<Mutex<HashMap<UploadId, Writer>>>,
}

#[derive(Clone, Debug)]
struct Writer {
    last_bytes: Arc<Mutex<Instant>>,
    give_way: CancellationToken,
    gone: CancellationToken,
}

/// The right to write to one upload, until it is dropped.
#[derive(Debug)]
pub struct UploadLock {
    id: UploadId,
    writer: Writer,
    writers: Arc<Mutex<HashMap<UploadId, Writer>>>,
}

impl UploadLocks {
    /// The lock, unless somebody has it.
    #[must_use]
    pub fn try_lock(&self, id: UploadId) -> Option<UploadLock> {
        let mut writers = unpoisoned(&self.writers);
        if writers.contains_key(&id) {
            return None;
        }
        let writer = Writer {
            last_bytes: Arc::new(Mutex::new(Instant::now())),
            give_way: CancellationToken::new(),
            gone: CancellationToken::new(),
        };
        writers.insert(id, writer.clone());
        Some(UploadLock {
            id,
            writer,
            writers: Arc::clone(&self.writers),
        })
    }

    /// The lock, also if it has to be taken from a writer that receives nothing any more.
    pub async fn lock_unless_busy(&self, id: UploadId) -> Option<UploadLock> {
        self.take_over(id, |writer| {
            unpoisoned(&writer.last_bytes).elapsed() >= STALLED_AFTER
        })
        .await
    }

    /// The lock, whatever its holder is doing: for who ends the upload.
    pub async fn lock_by_force(&self, id: UploadId) -> Option<UploadLock> {
        self.take_over(id, |_| true).await
    }

    async fn take_over(
        &self,
        id: UploadId,
        may_be_ended: impl Fn(&Writer) -> bool,
    ) -> Option<UploadLock> {
        if let Some(lock) = self.try_lock(id) {
            return Some(lock);
        }
        let holder = unpoisoned(&self.writers).get(&id).cloned();
        if let Some(holder) = holder {
            if !may_be_ended(&holder) {
                return None;
            }
            holder.give_way.cancel();
            // Whether it made it in time is seen by trying.
            let _ = tokio::time::timeout(HANDOVER_TIME, holder.gone.cancelled()).await;
        }
        self.try_lock(id)
    }
}

impl UploadLock {
    /// Says that bytes have come.
    pub fn touch(&self) {
        *unpoisoned(&self.writer.last_bytes) = Instant::now();
    }

    /// Cancelled when the writer is to stop and keep what it has.
    #[must_use]
    pub const fn give_way(&self) -> &CancellationToken {
        &self.writer.give_way
    }
}

impl Drop for UploadLock {
    fn drop(&mut self) {
        unpoisoned(&self.writers).remove(&self.id);
        self.writer.gone.cancel();
    }
}

/// Every critical section here is a single statement, so a panic elsewhere cannot have left one half done.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_second_writer_waits_for_none_that_receives() {
        let locks = UploadLocks::default();
        let id = UploadId::generate();
        let first = locks.try_lock(id).unwrap();
        assert!(locks.lock_unless_busy(id).await.is_none());
        assert!(!first.give_way().is_cancelled());
        drop(first);
        assert!(locks.lock_unless_busy(id).await.is_some());
    }

    #[tokio::test]
    async fn a_stalled_writer_gives_way() {
        let locks = UploadLocks::default();
        let id = UploadId::generate();
        let first = locks.try_lock(id).unwrap();
        *unpoisoned(&first.writer.last_bytes) -= STALLED_AFTER;
        let writing = tokio::spawn(async move {
            first.give_way().cancelled().await;
            drop(first);
        });
        assert!(locks.lock_unless_busy(id).await.is_some());
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn who_ends_an_upload_is_not_kept_waiting() {
        let locks = UploadLocks::default();
        let id = UploadId::generate();
        let first = locks.try_lock(id).unwrap();
        let writing = tokio::spawn(async move {
            first.give_way().cancelled().await;
            drop(first);
        });
        assert!(locks.lock_by_force(id).await.is_some());
        writing.await.unwrap();
    }
}
