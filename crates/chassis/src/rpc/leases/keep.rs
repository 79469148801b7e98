//! Keeps the leases of a process from its start to its stop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;

use super::client::{RegistryClient, RegistryError, Renewal};
use super::{Instance, renewal_interval};
use crate::Role;

/// Before a registry that did not answer is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The roles of this process and where they are to be found.
#[derive(Debug)]
pub(crate) struct Leases {
    pub registries: Vec<Arc<RegistryClient>>,
    pub instances: Vec<(Role, SocketAddr)>,
    pub duration: Duration,
}

impl Leases {
    /// Registers and renews until `leaving`, then gives the leases back. A registry that is away holds up none of the others.
    pub async fn keep(self, leaving: CancellationToken) {
        let started_ms = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let keeping = self.registries.iter().map(|registry| Keeper {
            registry,
            instances: self
                .instances
                .iter()
                .map(|(role, address)| Instance {
                    role: *role,
                    address: *address,
                    lease: self.duration,
                    started_ms,
                })
                .collect(),
            is_registered: vec![false; self.instances.len()],
            is_failing: false,
        });
        futures::future::join_all(keeping.map(|keeper| keeper.run(leaving.clone()))).await;
    }
}

/// The leases at one registry.
struct Keeper<'a> {
    registry: &'a RegistryClient,
    instances: Vec<Instance>,
    is_registered: Vec<bool>,
    is_failing: bool,
}

impl Keeper<'_> {
    async fn run(mut self, leaving: CancellationToken) {
        let keeping = async {
            loop {
                let round = self.renew_all().await;
                let pause = match &round {
                    Ok(()) => renewal_interval(
                        self.instances
                            .first()
                            .map_or(RETRY_PAUSE, |instance| instance.lease),
                    ),
                    Err(_) => RETRY_PAUSE,
                };
                self.report(round);
                tokio::time::sleep(pause).await;
            }
        };
        leaving.run_until_cancelled(keeping).await;
        self.give_back().await;
    }

    async fn renew_all(&mut self) -> Result<(), RegistryError> {
        self.find_own_address().await?;
        for (instance, is_registered) in self.instances.iter().zip(&mut self.is_registered) {
            if *is_registered && self.registry.renew(instance).await? == Renewal::Renewed {
                continue;
            }
            // Before the answer: who is told to stop meanwhile gives the lease back all the same.
            *is_registered = true;
            if let Err(error) = self.registry.register(instance).await {
                *is_registered = false;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Who listens on every interface is found by the one that leads to the registry.
    async fn find_own_address(&mut self) -> Result<(), RegistryError> {
        if !self
            .instances
            .iter()
            .any(|instance| instance.address.ip().is_unspecified())
        {
            return Ok(());
        }
        let own = own_address(&self.registry.address.authority())
            .await
            .map_err(|error| RegistryError::Unreachable(error.to_string()))?;
        for instance in &mut self.instances {
            if instance.address.ip().is_unspecified() {
                instance.address.set_ip(own);
            }
        }
        Ok(())
    }

    async fn give_back(&self) {
        let giving = self
            .instances
            .iter()
            .zip(&self.is_registered)
            .filter(|(_, is_registered)| **is_registered)
            .map(|(instance, _)| self.registry.cancel(instance));
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
