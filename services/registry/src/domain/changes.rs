//! What has changed of late, for clients that ask for that alone.

use std::time::{Duration, Instant};

use super::Lease;
use super::recent::Recent;

/// As Eureka has it. Clients that ask less often than this fetch everything.
const KEPT_FOR: Duration = Duration::from_secs(180);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Added,
    Modified,
    Deleted,
}

impl Action {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// The last change of an instance.
#[derive(Debug, Clone)]
pub struct Change {
    pub action: Action,
    /// As it was then.
    pub lease: Lease,
    pub at: Instant,
}

/// The last change of each instance. What was forgotten for want of room a client misses: it sees by the hash that it has, and
/// fetches everything.
#[derive(Debug)]
pub(super) struct Changes(Recent<Change>);

impl Changes {
    pub fn new(max: usize) -> Self {
        Self(Recent::new(max))
    }

    pub fn note(&mut self, change: Change) {
        self.forget_old(change.at);
        self.0.put(change.lease.key(), change);
    }

    pub fn since_a_while(&mut self, now: Instant) -> Vec<Change> {
        self.forget_old(now);
        self.0.values().cloned().collect()
    }

    fn forget_old(&mut self, now: Instant) {
        self.0
            .forget_while(|change| now.saturating_duration_since(change.at) >= KEPT_FOR);
    }
}
