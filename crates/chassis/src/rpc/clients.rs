//! The one way to call another service.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use amphi_contracts::proto::catalog::v1::catalog_service_client::CatalogServiceClient;
use amphi_contracts::proto::events::v1::event_intake_client::EventIntakeClient;
use amphi_contracts::proto::identity::v1::identity_service_client::IdentityServiceClient;
use amphi_contracts::proto::media::v1::media_service_client::MediaServiceClient;
use amphi_contracts::proto::observatory::v1::observatory_service_client::ObservatoryServiceClient;
use amphi_contracts::proto::playback::v1::playback_service_client::PlaybackServiceClient;
use http::{Request, Response};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tower::util::BoxCloneSyncService;

use super::breaker::{Breaker, BreakerState};
use super::call_context::CallContext;
use super::client;
use super::discovery::Discovery;
use super::http_channel::HttpChannel;
use super::leases::RegistryClient;
use super::peers::{BadAddress, Lane, PeerReport, Peers, Picked, Tried};
use super::retry::RetryPolicy;
use super::transport::{Plane, Transport};
use super::wiring::Wiring;
use crate::Role;
use crate::auth::ServiceTokens;
use crate::config::{Config, RpcConfig, ServiceAddress};
use crate::tls::InternalTls;

/// What a client of a service sends its calls through, whether the service is in this process or not.
pub type Channel = BoxCloneSyncService<Request<Body>, Response<Body>, Status>;

/// Clients of all services. Cheap to clone.
///
/// Calls are made for the caller of the request being worked on: with that caller's token and remaining time. Background
/// work has no caller and uses [`Clients::as_service`].
#[derive(Clone)]
pub struct Clients {
    shared: Arc<Shared>,
    origin: Role,
    credentials: Credentials,
}

/// Does not keep the process's services alive.
#[derive(Clone)]
pub struct WeakClients {
    shared: Weak<Shared>,
    origin: Role,
    credentials: Credentials,
}

/// For whom calls are made.
#[derive(Clone)]
pub(super) enum Credentials {
    /// The caller of the request being worked on.
    Caller,
    /// The calling service itself.
    Service,
    /// Whoever this token is of; nobody without one.
    Fixed(Option<Arc<str>>),
}

impl Credentials {
    pub fn token(&self, shared: &Shared, origin: Role) -> Option<Arc<str>> {
        match self {
            Self::Caller => CallContext::current().token().cloned(),
            Self::Service => Some(shared.service_tokens.token_for(origin)),
            Self::Fixed(token) => token.clone(),
        }
    }
}

/// What all clients of a process have in common.
pub(crate) struct Shared {
    pub wiring: Arc<Wiring>,
    pub settings: RpcConfig,
    pub service_tokens: ServiceTokens,
    /// Of the roles that have addresses.
    peers: HashMap<Role, Arc<Peers>>,
    discoveries: Vec<Discovery>,
    /// Those that are asked for roles.
    registries: Vec<Arc<RegistryClient>>,
    breakers: HashMap<Role, Arc<Breaker>>,
    retry_policies: HashMap<Role, RetryPolicy>,
}

/// How the processes of a role do, as seen from this one, for operators.
#[derive(Debug, Serialize)]
pub(crate) struct RoleReport {
    role: &'static str,
    breaker: BreakerState,
    peers: Vec<PeerReport>,
}

impl Shared {
    /// A process of a role elsewhere; `None` when none is known.
    pub(super) fn pick(&self, role: Role, lane: Lane, tried: &Tried) -> Option<Picked> {
        self.peers.get(&role)?.pick(lane, tried)
    }

    /// Why there is nobody to call.
    pub(super) fn nowhere(&self, role: Role) -> Status {
        Status::unavailable(if self.peers.contains_key(&role) {
            format!("no process of {role} is known yet at the names of cluster.services.{role}")
        } else {
            format!("{role} is neither in this process nor named in cluster.services.{role}")
        })
    }

    pub(super) fn breaker(&self, role: Role) -> Arc<Breaker> {
        self.breakers
            .get(&role)
            .map_or_else(|| Arc::new(Breaker::new(role, &self.settings)), Arc::clone)
    }

    pub(super) fn retry_policy(&self, role: Role) -> RetryPolicy {
        self.retry_policies
            .get(&role)
            .cloned()
            .unwrap_or_else(|| RetryPolicy::new(&self.settings))
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WeakClients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeakClients")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

macro_rules! service_clients {
    ($($(#[$doc:meta])* $name:ident => $role:ident, $client:ident);+ $(;)?) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $client<Channel> {
            let bytes_max = self.shared.settings.message_bytes_max;
            $client::new(self.channel(Role::$role, Plane::Api))
                .max_decoding_message_size(bytes_max)
                .max_encoding_message_size(bytes_max)
        }
    )+};
}

impl Clients {
    /// Clients for a process with these roles, of which `origin` is one; `tls` is for calls to other processes. Needs a runtime;
    /// opens no connection.
    ///
    /// # Errors
    /// When an address of another process is malformed.
    pub(crate) fn new(
        config: &Config,
        tls: Option<&InternalTls>,
        wiring: Arc<Wiring>,
        service_tokens: ServiceTokens,
        origin: Role,
    ) -> Result<Self, BadAddress> {
        let mut peers = HashMap::new();
        let mut discoveries = Vec::new();
        let registries = registries_of(config, tls, &service_tokens, origin);
        for role in Role::ALL {
            let addresses = config.cluster.services.addresses(role);
            if addresses.is_empty() {
                continue;
            }
            let of_role = Arc::new(Peers::new(role, &config.rpc, tls));
            discoveries.push(Discovery::new(
                role,
                addresses,
                &registries,
                Arc::clone(&of_role),
                config.rpc.lease,
            )?);
            peers.insert(role, of_role);
        }
        let breakers = Role::ALL
            .into_iter()
            .map(|role| (role, Arc::new(Breaker::new(role, &config.rpc))))
            .collect();
        let retry_policies = Role::ALL
            .into_iter()
            .map(|role| (role, RetryPolicy::new(&config.rpc)))
            .collect();
        let shared = Arc::new(Shared {
            wiring,
            settings: config.rpc.clone(),
            service_tokens,
            peers,
            discoveries,
            registries,
            breakers,
            retry_policies,
        });
        Ok(Self {
            shared,
            origin,
            credentials: Credentials::Caller,
        })
    }

    service_clients! {
        identity => Identity, IdentityServiceClient;
        catalog => Catalog, CatalogServiceClient;
        media => Media, MediaServiceClient;
        playback => Playback, PlaybackServiceClient;
        observatory => Observatory, ObservatoryServiceClient;
    }

    /// Delivers events to a role that consumes them.
    #[must_use]
    pub fn intake(&self, role: Role) -> EventIntakeClient<Channel> {
        let bytes_max = self.shared.settings.message_bytes_max;
        EventIntakeClient::new(self.channel(role, Plane::Intake))
            .max_decoding_message_size(bytes_max)
            .max_encoding_message_size(bytes_max)
    }

    /// The byte plane of a role.
    #[must_use]
    pub fn http(&self, role: Role) -> HttpChannel {
        HttpChannel::new(
            Arc::clone(&self.shared),
            self.origin,
            role,
            self.credentials.clone(),
        )
    }

    /// The same clients, calling on the service's own account instead of its caller's.
    #[must_use]
    pub fn as_service(&self) -> Self {
        self.with_credentials(Credentials::Service)
    }

    /// The same clients, calling with this token; without one, as nobody.
    #[must_use]
    pub fn with_token(&self, token: Option<Arc<str>>) -> Self {
        self.with_credentials(Credentials::Fixed(token))
    }

    /// The same clients, for calls that another role of this process makes.
    #[must_use]
    pub(crate) fn for_role(&self, origin: Role) -> Self {
        Self {
            origin,
            ..self.clone()
        }
    }

    /// Whether calls to the role have anywhere to go: it is in this process or an address is configured.
    #[must_use]
    pub fn reaches(&self, role: Role) -> bool {
        self.shared.peers.contains_key(&role) || self.shared.wiring.find(role, |_| ()).is_some()
    }

    /// Looks up the names of roles elsewhere until it is told to stop.
    pub(crate) async fn follow_peers(self, shutdown: CancellationToken) {
        let interval = self.shared.settings.discovery_interval;
        let following = self
            .shared
            .discoveries
            .iter()
            .filter(|discovery| discovery.needs_lookups())
            .map(|discovery| discovery.follow(interval, shutdown.clone()));
        futures::future::join_all(following).await;
    }

    /// The registries that are asked for roles.
    pub(crate) fn registries(&self) -> &[Arc<RegistryClient>] {
        &self.shared.registries
    }

    /// A process of the role elsewhere, always the same while it stays.
    pub(crate) fn known_address(&self, role: Role) -> Option<String> {
        self.shared.peers.get(&role)?.first()
    }

    pub(crate) fn service_token(&self, role: Role) -> Arc<str> {
        self.shared.service_tokens.token_for(role)
    }

    pub(crate) fn registry_token(&self, role: Role) -> Arc<str> {
        self.shared.service_tokens.registry_token_for(role)
    }

    /// Of every role that has addresses, in the order of [`Role::ALL`].
    pub(crate) fn report(&self) -> Vec<RoleReport> {
        let report = |role: Role| {
            let peers = self.shared.peers.get(&role)?;
            Some(RoleReport {
                role: role.as_str(),
                breaker: self.shared.breaker(role).state(),
                peers: peers.report(),
            })
        };
        Role::ALL.into_iter().filter_map(report).collect()
    }

    #[must_use]
    pub fn downgrade(&self) -> WeakClients {
        WeakClients {
            shared: Arc::downgrade(&self.shared),
            origin: self.origin,
            credentials: self.credentials.clone(),
        }
    }

    fn with_credentials(&self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self.clone()
        }
    }

    fn channel(&self, target: Role, plane: Plane) -> Channel {
        let transport = Transport {
            shared: Arc::clone(&self.shared),
            target,
            plane,
        };
        Channel::new(client::stack(
            transport,
            self.origin,
            self.credentials.clone(),
        ))
    }
}

fn registries_of(
    config: &Config,
    tls: Option<&InternalTls>,
    service_tokens: &ServiceTokens,
    origin: Role,
) -> Vec<Arc<RegistryClient>> {
    let mut registries: Vec<Arc<RegistryClient>> = Vec::new();
    let addresses = Role::ALL
        .into_iter()
        .flat_map(|role| config.cluster.services.addresses(role));
    for address in addresses {
        if let ServiceAddress::Registry(address) = address
            && registries.iter().all(|known| known.address != *address)
        {
            let tokens = service_tokens.clone();
            let client = RegistryClient::new(address.clone(), &config.rpc, tls, tokens, origin);
            registries.push(Arc::new(client));
        }
    }
    registries
}

impl WeakClients {
    /// The clients, unless the process has let go of them.
    #[must_use]
    pub fn upgrade(&self) -> Option<Clients> {
        Some(Clients {
            shared: self.shared.upgrade()?,
            origin: self.origin,
            credentials: self.credentials.clone(),
        })
    }
}
