//! Keeps the leases of a process from its start to its stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::client::{RegistryClient, RegistryError, Renewal};
use super::{Instance, renewal_interval};
use crate::Role;

/// Before a registry that did not answer is tried again, or less when leases are short.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Before a process that has not been ready yet is looked at again.
const READY_PAUSE: Duration = Duration::from_millis(100);

/// Whether the process is ready for requests.
pub(crate) type IsReady = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// The roles of this process and where they are to be found.
pub(crate) struct Leases {
    pub registries: Vec<Arc<RegistryClient>>,
    pub instances: Vec<(Role, SocketAddr)>,
    pub duration: Duration,
    pub is_ready: IsReady,
}

impl Leases {
    /// Registers and renews until `leaving`, then gives the leases back. A registry that is away holds up none of the others.
    pub async fn keep(self, leaving: CancellationToken) {
        let changed_ms = unix_ms();
        let lease = |(role, address): &(Role, SocketAddr)| Held {
            instance: Instance {
                role: *role,
                address: *address,
                lease: self.duration,
                is_ready: true,
                changed_ms,
            },
            may_be_registered: false,
            must_register: true,
        };
        let keeping = self.registries.iter().map(|registry| Keeper {
            registry,
            leases: self.instances.iter().map(lease).collect(),
            duration: self.duration,
            is_ready: &self.is_ready,
            is_failing: false,
        });
        futures::future::join_all(keeping.map(|keeper| keeper.run(leaving.clone()))).await;
    }
}

fn unix_ms() -> u128 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    since_epoch.unwrap_or_default().as_millis()
}

/// The lease of one role at one registry.
struct Held {
    instance: Instance,
    may_be_registered: bool,
    /// The registry does not know the instance as it is.
    must_register: bool,
}

impl Held {
    async fn renew(&mut self, registry: &RegistryClient) -> Result<(), RegistryError> {
        if !self.must_register && registry.renew(&self.instance).await? == Renewal::Renewed {
            return Ok(());
        }
        self.must_register = true;
        // Before the answer, and whatever it is: who is told to stop meanwhile gives the lease back all the same, and a registry
        // that was too slow to say so may have taken it.
        let was_registered = std::mem::replace(&mut self.may_be_registered, true);
        registry
            .register(&self.instance)
            .await
            .inspect_err(|error| {
                let is_refused = matches!(error, RegistryError::Refused { .. });
                self.may_be_registered = was_registered || !is_refused;
            })?;
        self.must_register = false;
        Ok(())
    }
}

/// The leases at one registry.
struct Keeper<'a> {
    registry: &'a RegistryClient,
    leases: Vec<Held>,
    duration: Duration,
    is_ready: &'a IsReady,
    is_failing: bool,
}

impl Keeper<'_> {
    async fn run(mut self, leaving: CancellationToken) {
        let keeping = async {
            while !(self.is_ready)().await {
                tokio::time::sleep(READY_PAUSE).await;
            }
            loop {
                let begun = Instant::now();
                let is_ready = (self.is_ready)().await;
                self.note_readiness(is_ready);
                let round = self.renew_all().await;
                let interval = renewal_interval(self.duration);
                let pause = match &round {
                    Ok(()) => interval.saturating_sub(begun.elapsed()),
                    Err(_) => RETRY_PAUSE_MAX.min(interval),
                };
                self.report(round);
                tokio::time::sleep(pause).await;
            }
        };
        leaving.run_until_cancelled(keeping).await;
        self.give_back().await;
    }

    fn note_readiness(&mut self, is_ready: bool) {
        for lease in &mut self.leases {
            if lease.instance.is_ready != is_ready {
                lease.instance.is_ready = is_ready;
                lease.instance.changed_ms = unix_ms();
                lease.must_register = true;
            }
        }
    }

    /// Each role by itself, at once: one that is refused costs the others nothing. The first error is told.
    async fn renew_all(&mut self) -> Result<(), RegistryError> {
        self.find_own_address().await?;
        let registry = self.registry;
        let renewing = self.leases.iter_mut().map(|lease| lease.renew(registry));
        let outcomes = futures::future::join_all(renewing).await;
        outcomes.into_iter().collect()
    }

    /// Who listens on every interface is found by the one that leads to the registry.
    async fn find_own_address(&mut self) -> Result<(), RegistryError> {
        if !self
            .leases
            .iter()
            .any(|lease| lease.instance.address.ip().is_unspecified())
        {
            return Ok(());
        }
        let own = own_address(&self.registry.address.authority())
            .await
            .map_err(|error| RegistryError::Unreachable(error.to_string()))?;
        for lease in &mut self.leases {
            if lease.instance.address.ip().is_unspecified() {
                lease.instance.address.set_ip(own);
            }
        }
        Ok(())
    }

    async fn give_back(&self) {
        let giving = self
            .leases
            .iter()
            .filter(|lease| lease.may_be_registered)
            .map(|lease| self.registry.cancel(&lease.instance));
        for outcome in futures::future::join_all(giving).await {
            if let Err(error) = outcome {
                tracing::warn!(registry = %self.registry.address, %error, "a lease was not given back; it will run out");
            }
        }
    }

    /// Says once that a registry does not take the leases, and once that it does again.
    fn report(&mut self, round: Result<(), RegistryError>) {
        match round {
            Err(error) if !self.is_failing => {
                tracing::warn!(registry = %self.registry.address, %error, "cannot register; trying on");
                self.is_failing = true;
            }
            Ok(()) if self.is_failing => {
                tracing::info!(registry = %self.registry.address, "registered again");
                self.is_failing = false;
            }
            _ => {}
        }
    }
}

/// The address of this machine on the way to another. Nothing is sent.
async fn own_address(other: &str) -> std::io::Result<IpAddr> {
    let mut last = std::io::Error::other("the registry's name has no address");
    for target in tokio::net::lookup_host(other).await? {
        let any: IpAddr = match target {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await?;
        match socket.connect(target).await {
            Ok(()) => return Ok(socket.local_addr()?.ip()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
