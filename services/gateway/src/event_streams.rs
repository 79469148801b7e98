//! The places of live updates: so many in all, and so many of them for each caller, so that one cannot take all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_contracts::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::extract::ClientIp;
use crate::rate_limits::Network;

/// Whose streams are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Reader {
    Account(AccountId),
    /// Who has not signed in is known by address alone.
    Network(Network),
}

/// The places of this process. Cheap to clone.
#[derive(Debug, Clone)]
pub struct EventStreams {
    places: Arc<Semaphore>,
    per_caller_max: u32,
    /// As large as there are streams open.
    open: Arc<Mutex<HashMap<Reader, u32>>>,
}

/// A place, held until it is dropped.
#[derive(Debug)]
pub struct Place {
    reader: Reader,
    open: Arc<Mutex<HashMap<Reader, u32>>>,
    _permit: OwnedSemaphorePermit,
}

impl EventStreams {
    #[must_use]
    pub fn new(streams_max: u32, per_caller_max: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(streams_max as usize)),
            per_caller_max,
            open: Arc::default(),
        }
    }

    /// Takes a place for the caller.
    ///
    /// # Errors
    /// All are taken, or the caller has as many as one may have.
    pub fn open(&self, caller: &Caller, client: ClientIp) -> Result<Place, Problem> {
        let reader = caller
            .account_id()
            .map_or_else(|| Reader::Network(client.network()), Reader::Account);
        let permit = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| all_taken())?;
        let mut open = unpoisoned(&self.open);
        let own = open.entry(reader).or_default();
        if *own >= self.per_caller_max {
            return Err(too_many_of_one(self.per_caller_max));
        }
        *own += 1;
        Ok(Place {
            reader,
            open: Arc::clone(&self.open),
            _permit: permit,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = unpoisoned(&self.open);
        if let Some(own) = open.get_mut(&self.reader) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.reader);
            }
        }
    }
}

fn all_taken() -> Problem {
    Problem::unavailable(
        "too_many_streams",
        "As many live updates are open as this server takes. Try again later, or ask now and then instead.",
    )
    .with_retry_after(Duration::from_secs(5))
}

fn too_many_of_one(max: u32) -> Problem {
    Problem::rate_limited(
        "too_many_own_streams",
        format!(
            "You have {max} live updates open, which is as many as one may have. Close one first."
        ),
    )
    .with_retry_after(Duration::from_secs(5))
}

/// Nothing here can panic halfway.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
