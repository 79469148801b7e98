//! Being found by others, and finding them, through a registry that speaks Eureka's protocol: ours, or Netflix's own.
//!
//! A role is registered as the application `AMPHI-<ROLE>`, one instance per process, once the process is ready; while it is not,
//! it says `DOWN`. Its lease is renewed for as long as the process serves, and given back when it begins to stop; who dies without a word is dropped when its lease runs out.

mod client;
mod keep;

pub(crate) use client::{Found, RegistryClient};
pub(crate) use keep::Leases;

use std::net::SocketAddr;
use std::time::Duration;

use crate::Role;

/// In answers of our registry to questions for lists: whether instances may be missing in them.
pub const LIST_STATE: &str = "x-amphi-registry-list";
/// All that hold a lease are in the list.
pub const LIST_COMPLETE: &str = "complete";
/// The registry has just started; some have still to tell it of themselves.
pub const LIST_PARTIAL: &str = "partial";

/// A role of this process, as a registry keeps it.
#[derive(Debug, Clone)]
struct Instance {
    role: Role,
    address: SocketAddr,
    lease: Duration,
    is_ready: bool,
    /// When the process began to serve, or its readiness last changed, milliseconds since the Unix epoch.
    changed_ms: u128,
}

impl Instance {
    /// The same after a restart, so that a process takes the place of the one before it.
    fn id(&self) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        format!("{ip}:{}:{port}", self.role)
    }

    const fn status(&self) -> &'static str {
        if self.is_ready { "UP" } else { "DOWN" }
    }
}

fn app_of(role: Role) -> String {
    format!("AMPHI-{}", role.as_str().to_uppercase())
}

/// Three times within a lease, so that one lost renewal costs nothing.
fn renewal_interval(lease: Duration) -> Duration {
    lease / 3
}
