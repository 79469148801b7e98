//! Being found by others, and finding them, through a registry that speaks Eureka's protocol: ours, or Netflix's own.
//!
//! A role is registered as the application `AMPHI-<ROLE>`, one instance per process. Its lease is renewed for as long as the
//! process serves, and given back when it begins to stop; who dies without a word is dropped when its lease runs out.

mod client;
mod keep;

pub(crate) use client::RegistryClient;
pub(crate) use keep::Leases;

use std::net::SocketAddr;
use std::time::Duration;

use crate::Role;

/// A role of this process, as a registry keeps it.
#[derive(Debug, Clone)]
struct Instance {
    role: Role,
    address: SocketAddr,
    lease: Duration,
    /// When the process began to serve, milliseconds since the Unix epoch.
    started_ms: u128,
}

impl Instance {
    /// The same after a restart, so that a process takes the place of the one before it.
    fn id(&self) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        format!("{ip}:{}:{port}", self.role)
    }
}

fn app_of(role: Role) -> String {
    format!("AMPHI-{}", role.as_str().to_uppercase())
}

/// Three times within a lease, so that one lost renewal costs nothing.
fn renewal_interval(lease: Duration) -> Duration {
    lease / 3
}
