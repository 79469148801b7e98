//! Instances and their leases: plain types and rules, no I/O.

mod changes;
mod instance;
mod leases;
mod merge;
mod recent;
mod registry;
mod snapshot;
#[cfg(test)]
pub(crate) mod testing;
mod tombstones;

pub use changes::{Action, Change};
pub use instance::{DataCenter, Instance, LeaseTerms, Port, Status, UnknownStatus, is_own_name};
pub use leases::{Eviction, Full, Lease, Leases, Limits, Renewal};
pub use merge::{ReplicaLease, ReplicaRenewal};
pub use registry::{Moment, Registry, describe_metrics};
pub use snapshot::{Delta, Snapshot};

/// The applications and virtual addresses of our own roles begin so, in whatever case; only processes of the installation may
/// register them.
pub const OWN_NAMES_PREFIX: &str = "AMPHI-";
