//! Where the processes of a role are: by a fixed list, or by a name whose DNS records are looked up again and again, as a
//! headless service of Kubernetes has them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::peers::{BadAddress, Peers};
use crate::Role;
use crate::config::ServiceAddress;

/// A resolver that does not answer must not hold up the names after it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the peers of one role up to date.
#[derive(Debug)]
pub(super) struct Discovery {
    role: Role,
    addresses: Vec<ServiceAddress>,
    peers: Arc<Peers>,
}

impl Discovery {
    /// Sets the peers that need no lookup.
    ///
    /// # Errors
    /// An address that cannot be one.
    pub fn new(
        role: Role,
        addresses: &[ServiceAddress],
        peers: Arc<Peers>,
    ) -> Result<Self, BadAddress> {
        let fixed: Vec<String> = addresses
            .iter()
            .filter_map(|address| match address {
                ServiceAddress::Fixed(url) => Some(url.clone()),
                ServiceAddress::Dns { .. } => None,
            })
            .collect();
        peers.set(&fixed)?;
        Ok(Self {
            role,
            addresses: addresses.to_vec(),
            peers,
        })
    }

    pub fn needs_lookups(&self) -> bool {
        let is_name = |address: &ServiceAddress| matches!(address, ServiceAddress::Dns { .. });
        self.addresses.iter().any(is_name)
    }

    /// Looks names up until it is told to stop. What was found stays in use while the resolver does not answer.
    pub async fn follow(&self, interval: Duration, shutdown: CancellationToken) {
        let mut known = None;
        let rounds = async {
            loop {
                let found = self.look_up().await;
                if let Some(found) = found
                    && known.as_ref() != Some(&found)
                {
                    self.use_only(&found);
                    known = Some(found);
                }
                tokio::time::sleep(interval).await;
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    /// The base URLs of all addresses; `None` when a name could not be looked up.
    async fn look_up(&self) -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for address in &self.addresses {
            match address {
                ServiceAddress::Fixed(url) => {
                    found.insert(url.clone());
                }
                ServiceAddress::Dns { host, port } => {
                    let lookup = tokio::net::lookup_host((host.as_str(), *port));
                    let sockets = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
                        Ok(Ok(sockets)) => sockets,
                        Ok(Err(error)) => return self.report(host, &error.to_string()),
                        Err(_) => return self.report(host, "the resolver does not answer"),
                    };
                    found.extend(sockets.map(|socket| format!("http://{socket}")));
                }
            }
        }
        Some(found)
    }

    fn report<T>(&self, host: &str, error: &str) -> Option<T> {
        tracing::warn!(role = %self.role, host, error, "cannot look up where the role is; what was known stays in use");
        None
    }

    fn use_only(&self, found: &BTreeSet<String>) {
        let urls: Vec<String> = found.iter().cloned().collect();
        tracing::info!(role = %self.role, peers = urls.join(","), "found the processes of the role");
        if let Err(error) = self.peers.set(&urls) {
            tracing::error!(role = %self.role, %error, "the resolver gave what is no address");
        }
    }
}
