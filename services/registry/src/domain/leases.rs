//! Who is registered, until when, and who is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::changes::Changes;
use super::{Action, Change, Instance, Moment, Status};

/// How much is kept, and when nobody is dropped.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub instances_max: usize,
    /// 0: self-preservation is off.
    pub preservation_percent: usize,
    pub preservation_instances_min: usize,
}

/// An instance and its lease.
#[derive(Debug, Clone)]
pub struct Lease {
    pub instance: Arc<Instance>,
    pub registered_ms: i64,
    pub renewed_ms: i64,
    /// When the instance was last changed here.
    pub updated_ms: i64,
    expires_at: Instant,
}

/// What became of a renewal.
#[derive(Debug, Clone, PartialEq)]
pub enum Renewal {
    Renewed,
    /// The instance must register: it is not known, or not as it is now.
    Unknown,
    /// A registry passed on a renewal of an instance that is known here as it was later.
    Newer(Arc<Instance>),
}

/// What one look at the leases brought.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Eviction {
    /// Application and id of those that were dropped.
    pub dropped: Vec<(String, String)>,
    /// Leases that have run out and are kept: so many at once that the network is rather at fault.
    pub preserved: usize,
    pub instances: usize,
}

/// The registry is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} instances are registered, and no more are taken")]
pub struct Full(pub usize);

/// All leases, by application and id.
#[derive(Debug)]
pub struct Leases {
    limits: Limits,
    by_app: BTreeMap<String, BTreeMap<String, Lease>>,
    count: usize,
    changes: Changes,
    /// Grows with each change.
    version: u64,
}

impl Leases {
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_app: BTreeMap::new(),
            count: 0,
            changes: Changes::new(limits.instances_max.saturating_mul(2)),
            version: 1,
        }
    }

    /// Takes an instance in, or anew. A description that is older than the known one only renews the lease; an override stays
    /// until it is removed.
    ///
    /// # Errors
    /// There is no room for one more.
    pub fn register(&mut self, instance: Instance, now: Moment) -> Result<(), Full> {
        let known = self.find(&instance.app, &instance.id).cloned();
        if known.is_none() && self.count >= self.limits.instances_max {
            return Err(Full(self.count));
        }
        let expires_at = now.at + instance.terms.duration;
        let Some(known) = known else {
            let lease = Lease {
                instance: Arc::new(instance),
                registered_ms: now.unix_ms,
                renewed_ms: now.unix_ms,
                updated_ms: now.unix_ms,
                expires_at,
            };
            self.count += 1;
            self.put(lease, Action::Added, now);
            return Ok(());
        };
        let mut instance = instance;
        if known.instance.last_dirty_ms > instance.last_dirty_ms {
            instance = (*known.instance).clone();
        }
        if instance.overridden == Status::Unknown {
            instance.overridden = known.instance.overridden;
        }
        let lease = Lease {
            instance: Arc::new(instance),
            renewed_ms: now.unix_ms,
            expires_at,
            ..known
        };
        self.put(lease, Action::Modified, now);
        Ok(())
    }

    /// `dirty_ms` is when the instance says that it last changed; `is_passed_on` by another registry.
    pub fn renew(
        &mut self,
        app: &str,
        id: &str,
        dirty_ms: Option<i64>,
        is_passed_on: bool,
        now: Moment,
    ) -> Renewal {
        let Some(lease) = self.find_mut(app, id) else {
            return Renewal::Unknown;
        };
        // Its override was removed: it has to say itself how it is.
        if lease.instance.effective_status() == Status::Unknown {
            return Renewal::Unknown;
        }
        let known_ms = lease.instance.last_dirty_ms;
        match dirty_ms {
            Some(dirty_ms) if dirty_ms > known_ms => return Renewal::Unknown,
            Some(dirty_ms) if dirty_ms < known_ms && is_passed_on => {
                return Renewal::Newer(Arc::clone(&lease.instance));
            }
            _ => {}
        }
        lease.renewed_ms = now.unix_ms;
        lease.expires_at = now.at + lease.instance.terms.duration;
        Renewal::Renewed
    }

    /// Whether it was there.
    pub fn cancel(&mut self, app: &str, id: &str, now: Moment) -> bool {
        let Some(instances) = self.by_app.get_mut(app) else {
            return false;
        };
        let Some(lease) = instances.remove(id) else {
            return false;
        };
        if instances.is_empty() {
            self.by_app.remove(app);
        }
        self.count -= 1;
        self.note(Action::Deleted, lease.instance, now);
        true
    }

    /// Changes the description of an instance; `false` when it is not there.
    pub fn change(
        &mut self,
        app: &str,
        id: &str,
        now: Moment,
        change: impl FnOnce(&mut Instance),
    ) -> bool {
        let Some(mut lease) = self.find(app, id).cloned() else {
            return false;
        };
        let mut instance = (*lease.instance).clone();
        change(&mut instance);
        lease.instance = Arc::new(instance);
        self.put(lease, Action::Modified, now);
        true
    }

    /// Drops whose lease has run out, unless that holds for too many of them at once.
    pub fn evict(&mut self, now: Moment) -> Eviction {
        let expired: Vec<(String, String)> = self
            .all()
            .filter(|lease| lease.expires_at <= now.at)
            .map(|lease| (lease.instance.app.clone(), lease.instance.id.clone()))
            .collect();
        if self.preserves(expired.len()) {
            return Eviction {
                preserved: expired.len(),
                instances: self.count,
                ..Eviction::default()
            };
        }
        for (app, id) in &expired {
            self.cancel(app, id, now);
        }
        Eviction {
            dropped: expired,
            preserved: 0,
            instances: self.count,
        }
    }

    fn preserves(&self, expired: usize) -> bool {
        let renewed = self.count - expired;
        expired > 0
            && self.count >= self.limits.preservation_instances_min
            && renewed * 100 < self.count * self.limits.preservation_percent
    }

    #[must_use]
    pub fn find(&self, app: &str, id: &str) -> Option<&Lease> {
        self.by_app.get(app)?.get(id)
    }

    /// By application and id.
    #[must_use]
    pub const fn apps(&self) -> &BTreeMap<String, BTreeMap<String, Lease>> {
        &self.by_app
    }

    pub fn all(&self) -> impl Iterator<Item = &Lease> {
        self.by_app.values().flat_map(BTreeMap::values)
    }

    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    pub fn recent_changes(&mut self, now: Moment) -> Vec<Change> {
        self.changes.since_a_while(now.at)
    }

    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How many instances there are of each status, as Eureka's clients compute it from what they have to see whether they have
    /// it all: `DOWN_1_UP_2_`.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for lease in self.all() {
            *counts
                .entry(lease.instance.effective_status().as_str())
                .or_default() += 1;
        }
        let part = |(status, count)| format!("{status}_{count}_");
        counts.into_iter().map(part).collect()
    }

    fn find_mut(&mut self, app: &str, id: &str) -> Option<&mut Lease> {
        self.by_app.get_mut(app)?.get_mut(id)
    }

    fn put(&mut self, lease: Lease, action: Action, now: Moment) {
        let lease = Lease {
            updated_ms: now.unix_ms,
            ..lease
        };
        self.note(action, Arc::clone(&lease.instance), now);
        self.by_app
            .entry(lease.instance.app.clone())
            .or_default()
            .insert(lease.instance.id.clone(), lease);
    }

    fn note(&mut self, action: Action, instance: Arc<Instance>, now: Moment) {
        self.version += 1;
        self.changes.note(Change {
            action,
            instance,
            at: now.at,
            updated_ms: now.unix_ms,
        });
    }
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
