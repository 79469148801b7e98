//! What two registries know of one instance, put together so that both come to the same, whoever hears of it first.

use std::time::Duration;

use super::{Instance, Lease, Moment, Status};

/// A lease at another registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaLease {
    /// When the instance was last heard of there, milliseconds since the Unix epoch.
    pub renewed_ms: i64,
    pub remaining: Duration,
}

impl ReplicaLease {
    #[must_use]
    pub fn of(lease: &Lease, now: Moment) -> Self {
        Self {
            renewed_ms: lease.renewed_ms,
            remaining: lease.remaining(now.at),
        }
    }
}

/// A renewal at another registry, of the instance as it is known there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaRenewal {
    pub last_dirty_ms: i64,
    pub revision_ms: i64,
    pub lease: ReplicaLease,
}

/// The description of an instance is the one that it gave last; the override is the one that was set, or removed, last.
pub(super) fn merged(known: &Instance, told: &Instance) -> Instance {
    let is_told_newer =
        (told.last_dirty_ms, told.revision_ms) >= (known.last_dirty_ms, known.revision_ms);
    let mut instance = if is_told_newer { told } else { known }.clone();
    let changed_last = if told.revision_ms >= known.revision_ms {
        told
    } else {
        known
    };
    if instance.overridden != Status::Unknown && changed_last.overridden == Status::Unknown {
        // It was written over what the instance said of itself.
        instance.status = changed_last.status;
    }
    instance.overridden = changed_last.overridden;
    instance.revision_ms = changed_last.revision_ms;
    instance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::instance;

    fn described(last_dirty_ms: i64, revision_ms: i64, overridden: Status) -> Instance {
        let mut it = instance("SHOP", "shop-1");
        it.last_dirty_ms = last_dirty_ms;
        it.ip = format!("10.0.0.{last_dirty_ms}");
        it.revision_ms = revision_ms;
        it.overridden = overridden;
        it
    }

    #[test]
    fn the_last_description_and_the_last_override_win_in_whatever_order_they_come() {
        use Status::{OutOfService, Unknown};
        for (one, other, dirty_ms, overridden) in [
            // The override is newer than the description beside it.
            (
                described(2, 0, Unknown),
                described(1, 5, OutOfService),
                2,
                OutOfService,
            ),
            // It was removed later than it was set.
            (
                described(1, 5, OutOfService),
                described(1, 6, Unknown),
                1,
                Unknown,
            ),
            (
                described(3, 5, OutOfService),
                described(1, 6, Unknown),
                3,
                Unknown,
            ),
            (
                described(1, 7, OutOfService),
                described(2, 6, Unknown),
                2,
                OutOfService,
            ),
        ] {
            let merged_here = merged(&one, &other);
            assert_eq!(merged_here, merged(&other, &one));
            assert_eq!(merged_here.ip, format!("10.0.0.{dirty_ms}"));
            assert_eq!(merged_here.overridden, overridden);
        }
    }
}
