//! What has changed of late, for clients that ask for that alone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Instance;

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
    pub instance: Arc<Instance>,
    pub at: Instant,
    /// When it was last changed, milliseconds since the Unix epoch.
    pub updated_ms: i64,
}

/// The last change of each instance. What was forgotten for want of room a client misses: it sees by the hash that it has, and
/// fetches everything.
#[derive(Debug)]
pub(super) struct Changes {
    by_instance: BTreeMap<(String, String), Change>,
    max: usize,
}

impl Changes {
    pub const fn new(max: usize) -> Self {
        Self {
            by_instance: BTreeMap::new(),
            max,
        }
    }

    pub fn note(&mut self, change: Change) {
        let key = (change.instance.app.clone(), change.instance.id.clone());
        self.forget_old(change.at);
        if self.by_instance.len() >= self.max && !self.by_instance.contains_key(&key) {
            let oldest = self.by_instance.iter().min_by_key(|(_, known)| known.at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.by_instance.remove(&oldest);
            }
        }
        self.by_instance.insert(key, change);
    }

    pub fn since_a_while(&mut self, now: Instant) -> Vec<Change> {
        self.forget_old(now);
        self.by_instance.values().cloned().collect()
    }

    fn forget_old(&mut self, now: Instant) {
        self.by_instance
            .retain(|_, change| now.saturating_duration_since(change.at) < KEPT_FOR);
    }
}
