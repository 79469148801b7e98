use std::hash::{BuildHasher, Hash, RandomState};

use tokio::sync::{Mutex, MutexGuard};

const SHARDS: usize = 256;

/// Lets the attempts of one subject pass one by one, in this process.
///
/// Without it a hundred guesses sent at once would all be looked at before the first failure is counted. Subjects share a
/// fixed number of locks, so that nothing grows; two of one lock merely wait for each other.
#[derive(Debug)]
pub struct Turns {
    shards: Vec<Mutex<()>>,
    /// Keyed at random, so that nobody can choose whom to wait with.
    state: RandomState,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            shards: std::iter::repeat_with(Mutex::default)
                .take(SHARDS)
                .collect(),
            state: RandomState::new(),
        }
    }
}

impl Turns {
    /// Waits for the subject's turn, which lasts as long as the guard.
    pub async fn take(&self, subject: &impl Hash) -> MutexGuard<'_, ()> {
        // The remainder of 256 fits usize, and indexes the 256 shards.
        let shard = (self.state.hash_one(subject) % SHARDS as u64) as usize;
        self.shards[shard].lock().await
    }
}
