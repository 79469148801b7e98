//! Where the processes of a role are: by a fixed list, by a name whose DNS records are looked up again and again, as a
//! headless service of Kubernetes has them, or by a registry that they keep leases in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::leases::RegistryClient;
use super::peers::{BadAddress, Peers};
use crate::Role;
use crate::config::ServiceAddress;

/// A resolver that does not answer must not hold up the names after it.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// As long as nobody is known: processes that start together register one after the other.
const FIRST_LOOKUPS_PAUSE: Duration = Duration::from_millis(500);

/// Keeps the peers of one role up to date.
#[derive(Debug)]
pub(super) struct Discovery {
    role: Role,
    addresses: Vec<ServiceAddress>,
    /// Copies of each other: any of them will do.
    registries: Vec<Arc<RegistryClient>>,
    peers: Arc<Peers>,
    is_failing: AtomicBool,
}

impl Discovery {
    /// Sets the peers that need no lookup.
    ///
    /// # Errors
    /// An address that cannot be one.
    pub fn new(
        role: Role,
        addresses: &[ServiceAddress],
        registries: &[Arc<RegistryClient>],
        peers: Arc<Peers>,
    ) -> Result<Self, BadAddress> {
        let fixed: Vec<String> = addresses
            .iter()
            .filter_map(|address| match address {
                ServiceAddress::Fixed(url) => Some(url.clone()),
                ServiceAddress::Dns { .. } | ServiceAddress::Registry(_) => None,
            })
            .collect();
        let is_named = |registry: &&Arc<RegistryClient>| {
            addresses.contains(&ServiceAddress::Registry(registry.address.clone()))
        };
        peers.set(&fixed)?;
        Ok(Self {
            role,
            addresses: addresses.to_vec(),
            registries: registries.iter().filter(is_named).cloned().collect(),
            peers,
            is_failing: AtomicBool::new(false),
        })
    }

    pub fn needs_lookups(&self) -> bool {
        let is_fixed = |address: &ServiceAddress| matches!(address, ServiceAddress::Fixed(_));
        !self.addresses.iter().all(is_fixed)
    }

    /// Looks names up until it is told to stop. What was found stays in use while the resolver or the registry does not answer.
    pub async fn follow(&self, interval: Duration, shutdown: CancellationToken) {
        let mut known: Option<BTreeSet<String>> = None;
        let rounds = async {
            loop {
                let found = self.look_up().await;
                if found.is_some() {
                    self.is_failing.store(false, Ordering::Relaxed);
                }
                if let Some(found) = found
                    && known.as_ref() != Some(&found)
                {
                    self.use_only(&found);
                    known = Some(found);
                }
                let pause = match &known {
                    Some(known) if !known.is_empty() => interval,
                    _ => interval.min(FIRST_LOOKUPS_PAUSE),
                };
                tokio::time::sleep(pause).await;
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
                ServiceAddress::Registry(_) => {}
            }
        }
        if !self.registries.is_empty() {
            found.extend(self.ask_registries().await?);
        }
        Some(found)
    }

    /// What the first registry says that knows anybody. One that has just started knows nobody, which is no news: processes
    /// that are gone do less harm than none.
    async fn ask_registries(&self) -> Option<BTreeSet<String>> {
        let mut failure = None;
        let mut has_answered = false;
        for registry in &self.registries {
            match registry.find(self.role).await {
                Ok(found) if !found.is_empty() => return Some(found),
                Ok(_) => has_answered = true,
                Err(error) => failure = Some((registry.address.url(), error)),
            }
        }
        let (url, error) = failure.filter(|_| !has_answered)?;
        self.report(url, &error.to_string())
    }

    fn report<T>(&self, host: &str, error: &str) -> Option<T> {
        // Once, until it works again.
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(role = %self.role, host, error, "cannot look up where the role is; what was known stays in use");
        }
        None
    }

    fn use_only(&self, found: &BTreeSet<String>) {
        let urls: Vec<String> = found.iter().cloned().collect();
        tracing::info!(role = %self.role, peers = urls.join(","), "found the processes of the role");
        if let Err(error) = self.peers.set(&urls) {
            tracing::error!(role = %self.role, %error, "what was found is no address");
        }
    }
}
