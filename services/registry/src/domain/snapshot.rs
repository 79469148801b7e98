//! What was known at one time, for lists that are made without holding the leases up.

use std::collections::BTreeMap;

use super::{Change, Lease};

/// Leases as they were at one time, by application.
#[derive(Debug)]
pub struct Snapshot {
    pub version: u64,
    pub apps: Vec<(String, Vec<Lease>)>,
}

/// What has changed of late, and the hash of all there is.
#[derive(Debug)]
pub struct Delta {
    pub version: u64,
    pub hash: String,
    pub changes: Vec<Change>,
}

impl Snapshot {
    /// How many instances there are of each status, as Eureka's clients compute it from what they have to see whether they have
    /// it all: `DOWN_1_UP_2_`.
    #[must_use]
    pub fn hash(&self) -> String {
        hash(self.apps.iter().flat_map(|(_, leases)| leases))
    }
}

pub(super) fn hash<'a>(leases: impl Iterator<Item = &'a Lease>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for lease in leases {
        let status = lease.instance.effective_status();
        *counts.entry(status.as_str()).or_default() += 1;
    }
    let part = |(status, count)| format!("{status}_{count}_");
    counts.into_iter().map(part).collect()
}
