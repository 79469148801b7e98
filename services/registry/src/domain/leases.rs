//! Who is registered, until when, and who is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::changes::Changes;
use super::merge::{ReplicaLease, ReplicaRenewal, merged};
use super::recent::Key;
use super::snapshot::{Delta, Snapshot, hash};
use super::tombstones::Tombstones;
use super::{Action, Change, Instance, LeaseTerms, Moment, Status, is_own_name};

/// How much is kept, and when nobody is dropped: for the roles of this installation by themselves, and for services of others
/// by themselves, so that neither can shut the other out.
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
    pub(super) expires_at: Instant,
}

impl Lease {
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.expires_at.saturating_duration_since(now)
    }

    pub(super) fn key(&self) -> Key {
        (self.instance.app.clone(), self.instance.id.clone())
    }

    fn renew(&mut self, now: Moment) {
        self.renewed_ms = now.unix_ms;
        self.expires_at = now.at + self.instance.terms.duration;
    }

    /// Never shortens it: the instance may have been heard of here since.
    fn extend(&mut self, there: ReplicaLease, now: Moment) {
        let remaining = there.remaining.min(self.instance.terms.duration);
        self.expires_at = self.expires_at.max(now.at + remaining);
        self.renewed_ms = self.renewed_ms.max(there.renewed_ms);
    }
}

/// What became of a renewal.
#[derive(Debug, Clone)]
pub enum Renewal {
    Renewed,
    /// The instance must register: it is not known, or not as it is now.
    Unknown,
    /// Another registry passed on a renewal of an instance that is known here as it was later.
    Newer(Lease),
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

/// Whose instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    ThisInstallation,
    Others,
}

impl Owner {
    const ALL: [Self; 2] = [Self::ThisInstallation, Self::Others];

    fn of(app: &str) -> Self {
        if is_own_name(app) {
            Self::ThisInstallation
        } else {
            Self::Others
        }
    }
}

/// All leases, by application and id.
#[derive(Debug)]
pub struct Leases {
    limits: Limits,
    by_app: BTreeMap<String, BTreeMap<String, Lease>>,
    /// By [`Owner`].
    counts: [usize; 2],
    changes: Changes,
    tombstones: Tombstones,
    /// Grows with each change.
    version: u64,
}

impl Leases {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let remembered_max = limits.instances_max.saturating_mul(2);
        Self {
            limits,
            by_app: BTreeMap::new(),
            counts: [0; 2],
            changes: Changes::new(remembered_max),
            tombstones: Tombstones::new(remembered_max),
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
        let Some(known) = known else {
            let state = ReplicaLease {
                renewed_ms: now.unix_ms,
                remaining: instance.terms.duration,
            };
            return self.add(instance, state, now);
        };
        let mut instance = instance;
        if known.instance.last_dirty_ms > instance.last_dirty_ms {
            instance = (*known.instance).clone();
        }
        if known.instance.revision_ms > 0 || instance.overridden == Status::Unknown {
            instance.overridden = known.instance.overridden;
        }
        instance.revision_ms = known.instance.revision_ms;
        let mut lease = Lease {
            instance: Arc::new(instance),
            ..known
        };
        lease.renew(now);
        self.put(lease, Action::Modified, now);
        Ok(())
    }

    /// Takes in what another registry knows of an instance; nothing when it was cancelled since it was last heard of there.
    ///
    /// # Errors
    /// There is no room for one more.
    pub fn register_replica(
        &mut self,
        told: Instance,
        there: ReplicaLease,
        now: Moment,
    ) -> Result<(), Full> {
        let key = (told.app.clone(), told.id.clone());
        let cancelled_ms = self.tombstones.cancelled_ms(&key, now.at);
        if cancelled_ms.is_some_and(|cancelled_ms| there.renewed_ms <= cancelled_ms) {
            return Ok(());
        }
        let Some(known) = self.find_mut(&key.0, &key.1) else {
            return self.add(told, there, now);
        };
        known.extend(there, now);
        let instance = merged(&known.instance, &told);
        if instance != *known.instance {
            let lease = Lease {
                instance: Arc::new(instance),
                ..known.clone()
            };
            self.put(lease, Action::Modified, now);
        }
        Ok(())
    }

    fn add(&mut self, instance: Instance, state: ReplicaLease, now: Moment) -> Result<(), Full> {
        let count = &mut self.counts[Owner::of(&instance.app) as usize];
        if *count >= self.limits.instances_max {
            return Err(Full(*count));
        }
        *count += 1;
        let lease = Lease {
            registered_ms: now.unix_ms,
            renewed_ms: state.renewed_ms,
            updated_ms: now.unix_ms,
            expires_at: now.at + state.remaining.min(instance.terms.duration),
            instance: Arc::new(instance),
        };
        self.tombstones.remove(&lease.key());
        self.put(lease, Action::Added, now);
        Ok(())
    }

    /// `dirty_ms` is when the instance says that it last changed.
    pub fn renew(&mut self, app: &str, id: &str, dirty_ms: Option<i64>, now: Moment) -> Renewal {
        let Some(lease) = self.find_mut(app, id) else {
            return Renewal::Unknown;
        };
        // Its override was removed: it has to say itself how it is.
        let must_say_its_status = lease.instance.effective_status() == Status::Unknown;
        let has_changed = dirty_ms.is_some_and(|it| it > lease.instance.last_dirty_ms);
        if must_say_its_status || has_changed {
            return Renewal::Unknown;
        }
        lease.renew(now);
        Renewal::Renewed
    }

    /// What another registry says of the lease counts even when the two do not agree on the instance: it lives.
    pub fn renew_replica(
        &mut self,
        app: &str,
        id: &str,
        told: ReplicaRenewal,
        now: Moment,
    ) -> Renewal {
        let Some(lease) = self.find_mut(app, id) else {
            return Renewal::Unknown;
        };
        lease.extend(told.lease, now);
        let known = &lease.instance;
        if told.last_dirty_ms > known.last_dirty_ms || told.revision_ms > known.revision_ms {
            return Renewal::Unknown;
        }
        if told.last_dirty_ms < known.last_dirty_ms || told.revision_ms < known.revision_ms {
            return Renewal::Newer(lease.clone());
        }
        Renewal::Renewed
    }

    /// Whether it was there.
    pub fn cancel(&mut self, app: &str, id: &str, now: Moment) -> bool {
        let Some(lease) = self.remove(app, id, now) else {
            return false;
        };
        let duration = lease.instance.terms.duration;
        // The clock may have been set back since it was heard of.
        let cancelled_ms = now.unix_ms.max(lease.renewed_ms);
        self.tombstones
            .put(lease.key(), cancelled_ms, duration, now);
        true
    }

    /// The instance was cancelled at another registry; stays when it was heard of here since.
    pub fn cancel_replica(&mut self, app: &str, id: &str, cancelled_ms: i64, now: Moment) {
        let known = self.find(app, id);
        if known.is_some_and(|lease| lease.renewed_ms > cancelled_ms) {
            return;
        }
        let duration = known.map_or(LeaseTerms::DEFAULT.duration, |lease| {
            lease.instance.terms.duration
        });
        self.remove(app, id, now);
        let key = (app.to_owned(), id.to_owned());
        self.tombstones.put(key, cancelled_ms, duration, now);
    }

    /// When the instance was cancelled, within its last lease.
    #[must_use]
    pub fn cancelled_ms(&self, app: &str, id: &str, now: Moment) -> Option<i64> {
        let key = (app.to_owned(), id.to_owned());
        self.tombstones.cancelled_ms(&key, now.at)
    }

    /// Changes the description of an instance by somebody else's word; `None` when it is not there.
    pub fn change<R>(
        &mut self,
        app: &str,
        id: &str,
        now: Moment,
        change: impl FnOnce(&mut Instance) -> R,
    ) -> Option<R> {
        let mut lease = self.find(app, id)?.clone();
        let mut instance = (*lease.instance).clone();
        let result = change(&mut instance);
        if instance != *lease.instance {
            instance.revision_ms = now.unix_ms.max(instance.revision_ms + 1);
            lease.instance = Arc::new(instance);
            self.put(lease, Action::Modified, now);
        }
        Some(result)
    }

    /// Drops whose lease has run out, unless that holds for too many of one owner's at once.
    pub fn evict(&mut self, now: Moment) -> Eviction {
        let mut eviction = Eviction::default();
        for owner in Owner::ALL {
            let expired: Vec<Key> = self
                .all()
                .filter(|lease| lease.expires_at <= now.at)
                .filter(|lease| Owner::of(&lease.instance.app) == owner)
                .map(Lease::key)
                .collect();
            if self.preserves(owner, expired.len()) {
                eviction.preserved += expired.len();
                continue;
            }
            for (app, id) in &expired {
                self.remove(app, id, now);
            }
            eviction.dropped.extend(expired);
        }
        eviction.instances = self.count();
        eviction
    }

    fn preserves(&self, owner: Owner, expired: usize) -> bool {
        let count = self.counts[owner as usize];
        let renewed = count - expired;
        expired > 0
            && count >= self.limits.preservation_instances_min
            && renewed * 100 < count * self.limits.preservation_percent
    }

    #[must_use]
    pub fn find(&self, app: &str, id: &str) -> Option<&Lease> {
        self.by_app.get(app)?.get(id)
    }

    /// The instance of any application; of several with the same id, ours.
    #[must_use]
    pub fn find_by_id(&self, id: &str) -> Option<&Lease> {
        let found = || self.by_app.values().filter_map(|leases| leases.get(id));
        found()
            .find(|lease| is_own_name(&lease.instance.app))
            .or_else(|| found().next())
    }

    /// Of one application; `None` when it has no instance.
    #[must_use]
    pub fn of_app(&self, app: &str) -> Option<Vec<Lease>> {
        Some(self.by_app.get(app)?.values().cloned().collect())
    }

    pub fn all(&self) -> impl Iterator<Item = &Lease> {
        self.by_app.values().flat_map(BTreeMap::values)
    }

    #[must_use]
    pub const fn count(&self) -> usize {
        self.counts[0] + self.counts[1]
    }

    /// The instances that `is_wanted`; applications without any are left out.
    #[must_use]
    pub fn snapshot(&self, is_wanted: impl Fn(&Instance) -> bool) -> Snapshot {
        let wanted = |leases: &BTreeMap<String, Lease>| -> Vec<Lease> {
            let wanted = leases.values().filter(|lease| is_wanted(&lease.instance));
            wanted.cloned().collect()
        };
        let apps = self
            .by_app
            .iter()
            .map(|(app, leases)| (app.clone(), wanted(leases)))
            .filter(|(_, leases)| !leases.is_empty());
        Snapshot {
            version: self.version,
            apps: apps.collect(),
        }
    }

    pub fn delta(&mut self, now: Moment) -> Delta {
        Delta {
            version: self.version,
            hash: self.hash(),
            changes: self.changes.since_a_while(now.at),
        }
    }

    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Of all instances, see [`Snapshot::hash`].
    #[must_use]
    pub fn hash(&self) -> String {
        hash(self.all())
    }

    fn find_mut(&mut self, app: &str, id: &str) -> Option<&mut Lease> {
        self.by_app.get_mut(app)?.get_mut(id)
    }

    fn remove(&mut self, app: &str, id: &str, now: Moment) -> Option<Lease> {
        let instances = self.by_app.get_mut(app)?;
        let lease = instances.remove(id)?;
        if instances.is_empty() {
            self.by_app.remove(app);
        }
        self.counts[Owner::of(app) as usize] -= 1;
        let gone = Lease {
            updated_ms: now.unix_ms,
            ..lease.clone()
        };
        self.note(Action::Deleted, gone, now);
        Some(lease)
    }

    fn put(&mut self, lease: Lease, action: Action, now: Moment) {
        let lease = Lease {
            updated_ms: now.unix_ms,
            ..lease
        };
        self.note(action, lease.clone(), now);
        self.by_app
            .entry(lease.instance.app.clone())
            .or_default()
            .insert(lease.instance.id.clone(), lease);
    }

    fn note(&mut self, action: Action, lease: Lease, now: Moment) {
        self.version += 1;
        let at = now.at;
        self.changes.note(Change { action, lease, at });
    }
}

#[cfg(test)]
#[path = "leases_tests.rs"]
mod tests;
