//! Where the processes of a role are: by a fixed list, by a name whose DNS records are looked up again and again, as a
//! headless service of Kubernetes has them, or by a registry that they keep leases in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::leases::{Found, RegistryClient};
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
    /// Of processes at registries.
    lease: Duration,
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
        lease: Duration,
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
            lease,
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
        let mut registered = Registered::default();
        let rounds = async {
            loop {
                let found = self.look_up(&mut registered).await;
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
    async fn look_up(&self, registered: &mut Registered) -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for address in &self.addresses {
            match address {
                ServiceAddress::Fixed(url) => {
                    found.insert(url.clone());
                }
                ServiceAddress::Dns { scheme, host, port } => {
                    let lookup = tokio::net::lookup_host((host.as_str(), *port));
                    let sockets = match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
                        Ok(Ok(sockets)) => sockets,
                        Ok(Err(error)) => return self.report(host, &error.to_string()),
                        Err(_) => return self.report(host, "the resolver does not answer"),
                    };
                    found.extend(sockets.map(|socket| format!("{scheme}://{socket}")));
                }
                ServiceAddress::Registry(_) => {}
            }
        }
        if !self.registries.is_empty() {
            let answer = self.ask_registries().await;
            let now = Instant::now();
            let Some(answer) = answer else {
                registered.assume_alive(now);
                return None;
            };
            found.extend(registered.update(answer, self.lease, now));
        }
        Some(found)
    }

    /// What the first registry says that knows anybody, and all of them. Else what the others know together: some may have just
    /// started. That nobody is known is no news: processes that are gone do less harm than none.
    async fn ask_registries(&self) -> Option<Found> {
        let mut failure = None;
        let mut has_answered = false;
        let mut partial = BTreeSet::new();
        for registry in &self.registries {
            match registry.find(self.role).await {
                Ok(found) if found.is_complete && !found.urls.is_empty() => return Some(found),
                Ok(found) => {
                    has_answered = true;
                    partial.extend(found.urls);
                }
                Err(error) => failure = Some((registry.address.url(), error)),
            }
        }
        if !partial.is_empty() {
            return Some(Found {
                urls: partial,
                is_complete: false,
            });
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

/// The processes of a role that registries know, and when each was last known to be there, or not known not to be.
#[derive(Debug, Default)]
struct Registered(BTreeMap<String, Instant>);

impl Registered {
    /// Nobody can say.
    fn assume_alive(&mut self, now: Instant) {
        self.0.values_mut().for_each(|seen| *seen = now);
    }

    /// Who is to be called. One that is missing in a list which may be incomplete, as of a registry that has just started, is kept
    /// for a lease: whoever is alive has told of itself by then.
    fn update(&mut self, answer: Found, lease: Duration, now: Instant) -> BTreeSet<String> {
        if answer.is_complete {
            self.0.clear();
        }
        self.0.extend(answer.urls.into_iter().map(|url| (url, now)));
        self.0
            .retain(|_, seen| now.saturating_duration_since(*seen) < lease);
        self.0.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn found<const N: usize>(urls: [&str; N], is_complete: bool) -> Found {
        Found {
            urls: urls.map(str::to_owned).into(),
            is_complete,
        }
    }

    #[test]
    fn who_is_missing_in_a_partial_list_is_kept_for_a_lease() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut known = Registered::default();
        known.update(found(["one", "two"], true), LEASE, start);
        // The registry is away for longer than a lease, and has forgotten everybody when it is back.
        known.assume_alive(after(100));
        for (seconds, expected) in [(101, 2), (129, 2), (130, 1)] {
            let called = known.update(found(["two"], false), LEASE, after(seconds));
            assert_eq!(called.len(), expected, "{seconds}");
        }
    }

    #[test]
    fn who_is_missing_in_a_complete_list_is_gone() {
        let now = Instant::now();
        let mut known = Registered::default();
        known.update(found(["one", "two"], true), LEASE, now);
        let called = known.update(found(["two"], true), LEASE, now);
        assert_eq!(called, found(["two"], true).urls);
    }
}
