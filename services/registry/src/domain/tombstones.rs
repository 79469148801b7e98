//! Instances that were cancelled, so that a registry that has not heard of it does not bring them back.

use std::time::{Duration, Instant};

use super::Moment;
use super::recent::{Key, Recent};

#[derive(Debug, Clone, Copy)]
struct Tombstone {
    cancelled_ms: i64,
    /// As long as a lease of the instance may be alive elsewhere.
    until: Instant,
}

#[derive(Debug)]
pub(super) struct Tombstones(Recent<Tombstone>);

impl Tombstones {
    pub fn new(max: usize) -> Self {
        Self(Recent::new(max))
    }

    /// `cancelled_ms` by the clock of the registry where it happened.
    pub fn put(&mut self, key: Key, cancelled_ms: i64, lasts: Duration, now: Moment) {
        self.0.forget_while(|tombstone| tombstone.until <= now.at);
        let tombstone = Tombstone {
            cancelled_ms,
            until: now.at + lasts,
        };
        self.0.put(key, tombstone);
    }

    /// When the instance was cancelled, if that is not too long ago to matter.
    pub fn cancelled_ms(&self, key: &Key, now: Instant) -> Option<i64> {
        let tombstone = self.0.get(key)?;
        (tombstone.until > now).then_some(tombstone.cancelled_ms)
    }

    pub fn remove(&mut self, key: &Key) {
        self.0.remove(key);
    }
}
