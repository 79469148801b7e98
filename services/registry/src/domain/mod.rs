//! Instances and their leases: plain types and rules, no I/O.

mod changes;
mod instance;
mod leases;
mod registry;
#[cfg(test)]
pub(crate) mod testing;

pub use changes::{Action, Change};
pub use instance::{Instance, LeaseTerms, Port, Status, UnknownStatus};
pub use leases::{Eviction, Full, Lease, Leases, Limits, Renewal};
pub use registry::{Moment, Registry, describe_metrics};

/// The applications of our own roles begin so; only processes of the installation may register them.
pub const OWN_APPS_PREFIX: &str = "AMPHI-";
