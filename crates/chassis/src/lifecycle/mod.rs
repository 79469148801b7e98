//! A process from its configuration to its end: build every role, wire them, listen, be ready, serve, stop in reverse.
//!
//! Building starts nothing and calls nobody, so roles may be built in any order and hold clients of each other. Only when
//! all are built are they wired, the listeners bound and the workers started.

mod data_folder;
mod delivery;
mod health;
mod internal;
mod listener;
mod ports;
mod running;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::Role;
use crate::auth::{
    self, IdentityKeySource, KeySource, ServiceTokens, TokenVerifier, load_or_create_cluster_secret,
};
use crate::blob::Blobs;
use crate::bus::{self, Broker};
use crate::config::Config;
use crate::events::{Deliver, Relay};
use crate::http::{HttpStack, method_not_allowed, no_such_route};
use crate::rpc::{Clients, GrpcServices, Leases, LocalRole, RoleIntake, ServerStack, Wiring};
use crate::service::{BuildFn, Context, Databases, InstanceId, Service, StartError, Worker};
use crate::shared::Shared;
use crate::telemetry::{self, SpanExporter, Telemetry};
use crate::tls::InternalTls;
use amphi_contracts::proto::events::v1::event_intake_server::EventIntakeServer;

use delivery::OverRpc;
use health::Health;
use internal::InternalPort;
use listener::{Listener, Port};
use ports::Ports;
pub use running::{RunError, Running};

/// The roles that a process will run.
#[derive(Debug)]
pub struct Process {
    config: Arc<Config>,
    telemetry: Telemetry,
    roles: Vec<(Role, Builder)>,
    key_source: Option<Box<dyn DebugKeySource>>,
}

struct Builder(BuildFn);

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Builder")
    }
}

trait DebugKeySource: KeySource + std::fmt::Debug {
    fn verifier(
        self: Box<Self>,
        tokens: ServiceTokens,
        shared: Shared,
        settings: &auth::Settings,
    ) -> TokenVerifier;
}

impl<S: KeySource + std::fmt::Debug> DebugKeySource for S {
    fn verifier(
        self: Box<Self>,
        tokens: ServiceTokens,
        shared: Shared,
        settings: &auth::Settings,
    ) -> TokenVerifier {
        TokenVerifier::new(*self, tokens, shared, settings)
    }
}

impl Process {
    #[must_use]
    pub fn new(config: Arc<Config>, telemetry: Telemetry) -> Self {
        Self {
            config,
            telemetry,
            roles: Vec::new(),
            key_source: None,
        }
    }

    /// Adds a role. Workers start in the order the roles are added and stop in reverse.
    #[must_use]
    pub fn role(mut self, role: Role, build: BuildFn) -> Self {
        self.roles.push((role, Builder(build)));
        self
    }

    /// Verifies tokens by these keys instead of asking identity.
    #[must_use]
    pub(crate) fn keys(mut self, source: impl KeySource + std::fmt::Debug) -> Self {
        self.key_source = Some(Box::new(source));
        self
    }

    /// Builds and starts everything. When this returns, the process serves and says that it is ready.
    ///
    /// # Errors
    /// When the data folder, a database, a setting or a listener is not as it must be. Nothing is left running then.
    pub async fn start(self) -> Result<Running, StartError> {
        let config = Arc::clone(&self.config);
        for (role, _) in &self.roles {
            config.check_rules_of(*role)?;
        }
        // First of all: whoever starts a second time should be told that, and nothing else.
        let ports = Ports::bind(&config, &self.roles)?;
        data_folder::prepare(config.data_dir())?;
        let secret = load_or_create_cluster_secret(&config.cluster.secret, config.data_dir())?;
        let service_tokens = ServiceTokens::new(&secret);
        let blobs = Blobs::open_configured(&config)
            .await
            .map_err(|error| StartError::Setup(format!("cannot open the blob store: {error}")))?;
        let broker = bus::open(&config.section("bus")?).await?;
        let shared = Shared::open(&config.section("shared")?).await?;
        let tls = InternalTls::open(&config)?;
        let wiring = Arc::new(Wiring::default());
        let clients = Clients::new(
            &config,
            tls.as_ref(),
            Arc::clone(&wiring),
            service_tokens.clone(),
            self.roles.first().map_or(Role::Gateway, |(role, _)| *role),
        )
        .map_err(|error| StartError::Setup(error.to_string()))?;
        let auth_settings = config.section("auth")?;
        let verifier = match self.key_source {
            Some(source) => source.verifier(service_tokens, shared.clone(), &auth_settings),
            None => TokenVerifier::new(
                IdentityKeySource::new(clients.downgrade()),
                service_tokens,
                shared.clone(),
                &auth_settings,
            ),
        };
        let context = Context {
            role: Role::Gateway,
            config: Arc::clone(&config),
            clients,
            verifier,
            blobs,
            shared,
            tls,
            spans: self.telemetry.spans.clone(),
            instance: InstanceId::generate(),
            shutdown: CancellationToken::new(),
            leaving: CancellationToken::new(),
            databases: Databases::default(),
        };
        let built = build_all(&context, &self.roles).await;
        let services = match built {
            Ok(services) => services,
            Err(error) => {
                close_databases(&context).await;
                return Err(error);
            }
        };
        Assembly {
            context,
            telemetry: self.telemetry,
            wiring,
            broker,
        }
        .start(services, ports)
        .await
    }
}

async fn build_all(
    context: &Context,
    roles: &[(Role, Builder)],
) -> Result<Vec<Service>, StartError> {
    let mut services = Vec::with_capacity(roles.len());
    for (role, builder) in roles {
        let context = Context {
            role: *role,
            clients: context.clients.for_role(*role),
            ..context.clone()
        };
        services.push((builder.0)(&context).await?);
    }
    Ok(services)
}

async fn close_databases(context: &Context) {
    for db in context.databases.all() {
        if let Err(error) = db.close().await {
            tracing::warn!(service = %db.role(), %error, "cannot close the database");
        }
    }
}

/// Built services on their way to be a running process.
struct Assembly {
    context: Context,
    telemetry: Telemetry,
    wiring: Arc<Wiring>,
    /// None for the local bus.
    broker: Option<Arc<dyn Broker>>,
}

impl Assembly {
    async fn start(self, services: Vec<Service>, ports: Ports) -> Result<Running, StartError> {
        let config = Arc::clone(&self.context.config);
        let mut workers = self.own_workers(&services)?;
        let mut health = Health::new(self.context.databases.clone());
        let mut internal = InternalPort::new(
            self.telemetry.metrics.clone(),
            Arc::clone(&self.wiring),
            self.context.clients.clone(),
            config.rpc.message_bytes_max,
        );
        if self.context.tls.is_some() {
            internal = internal.require_certificates();
        }
        let roles: Vec<Role> = services.iter().map(|service| service.role).collect();
        let mut public = None;
        let mut local = HashMap::new();
        for mut service in services {
            let role = service.role;
            let http_stack = self.http_stack(role);
            if let Some(router) = service.public.take() {
                public = Some(http_stack.wrap_public(router));
            }
            health.add(role, std::mem::take(&mut service.ready));
            workers.append(&mut service.workers);
            let grpc_names: Vec<_> = service.grpc.names().collect();
            let plane = service
                .http
                .clone()
                .method_not_allowed_fallback(method_not_allowed);
            let foreign = std::mem::take(&mut service.foreign)
                .method_not_allowed_fallback(method_not_allowed);
            let (plane, foreign) = (
                http_stack.wrap_plane(plane),
                http_stack.wrap_foreign(foreign),
            );
            let part = self.local_role(service, &http_stack);
            internal.add(&grpc_names, &part.grpc, plane, foreign);
            local.insert(role, part);
        }
        self.wiring.connect(local);
        self.warn_of_unreachable_roles();

        let (internal_router, health_reporter) = internal.into_router(health.clone())?;
        let internal_listener =
            Listener::new(ports.internal.listen()?, internal_router, Port::Internal)?
                .with_tls(self.context.tls.clone());
        let public_listener = match (ports.public, public) {
            (Some(port), Some(router)) => {
                Some(Listener::new(port.listen()?, router, Port::Public)?)
            }
            _ => None,
        };
        let public_address = public_listener.as_ref().map(|listener| listener.address);
        workers.extend(self.leases(
            roles,
            internal_listener.address,
            public_address,
            health.clone(),
        ));
        Ok(Running::launch(running::Parts {
            context: self.context,
            wiring: self.wiring,
            health,
            health_reporter,
            internal: internal_listener,
            public: public_listener,
            workers,
        })
        .await)
    }

    /// Workers of the chassis: one relay per outbox, one receiver per consumer if there is a broker, the verifier's news
    /// from identity and from the shared state, the export of spans, the certificate's files, the search for peers.
    fn own_workers(&self, services: &[Service]) -> Result<Vec<Worker>, StartError> {
        let context = &self.context;
        let mut workers = Vec::new();
        let holds_observatory = services
            .iter()
            .any(|service| service.role == Role::Observatory);
        if !holds_observatory
            && let Some(exporter) =
                SpanExporter::from_config(&context.config, context.tls.as_ref(), &context.spans, {
                    let clients = context.clients.clone();
                    move || clients.known_address(Role::Observatory)
                })
                .map_err(|error| {
                    StartError::Setup(format!("cluster.services.observatory: {error}"))
                })?
        {
            workers.push(Worker::new("span export", |shutdown| async move {
                exporter.run(shutdown).await;
                Ok::<_, std::convert::Infallible>(())
            }));
        }
        let verifier = context.verifier.clone();
        workers.push(Worker::new("identity news", |shutdown| async move {
            // A poll every two seconds would in time push every other trace out of the observatory.
            let following = verifier.follow_identity(shutdown);
            following.instrument(telemetry::unrecorded()).await;
            Ok::<_, std::convert::Infallible>(())
        }));
        let verifier = context.verifier.clone();
        workers.push(Worker::new("shared state", |shutdown| async move {
            verifier.follow_shared(shutdown).await;
            Ok::<_, std::convert::Infallible>(())
        }));
        if let Some(tls) = context.tls.clone() {
            workers.push(Worker::new("internal tls", |shutdown| async move {
                tls.follow(shutdown).await;
                Ok::<_, std::convert::Infallible>(())
            }));
        }
        let clients = context.clients.clone();
        workers.push(Worker::new("peers", |shutdown| async move {
            clients.follow_peers(shutdown).await;
            Ok::<_, std::convert::Infallible>(())
        }));
        for db in context.databases.all() {
            let name = format!("{} outbox", db.role());
            let deliver: Arc<dyn Deliver> = match &self.broker {
                Some(broker) => broker.publisher(),
                None => {
                    let clients = context.clients.for_role(db.role()).as_service();
                    Arc::new(OverRpc::new(clients))
                }
            };
            let relay = Relay::new(db, deliver);
            workers.push(Worker::new(name, |shutdown| async move {
                relay.run(shutdown).await;
                Ok::<_, std::convert::Infallible>(())
            }));
        }
        let Some(broker) = &self.broker else {
            return Ok(workers);
        };
        for service in services {
            let Some(consumer) = service.consumer.clone() else {
                continue;
            };
            let (broker, role) = (Arc::clone(broker), service.role);
            workers.push(Worker::new(
                format!("{role} events"),
                move |shutdown| async move {
                    broker.receive(role, consumer, shutdown).await;
                    Ok::<_, std::convert::Infallible>(())
                },
            ));
        }
        Ok(workers)
    }

    /// The work of being found: in each registry that is asked for other roles, the roles of this process are kept too.
    fn leases(
        &self,
        roles: Vec<Role>,
        internal: SocketAddr,
        public: Option<SocketAddr>,
        health: Health,
    ) -> Option<Worker> {
        let registries = self.context.clients.registries();
        if registries.is_empty() {
            return None;
        }
        let leases = Leases {
            registries: registries.to_vec(),
            // Who looks for a gateway wants the address that everybody uses.
            instances: roles
                .into_iter()
                .map(|role| match (role, public) {
                    (Role::Gateway, Some(public)) => (role, public),
                    _ => (role, internal),
                })
                .collect(),
            duration: self.context.config.rpc.lease,
            is_ready: Box::new(move || {
                let health = health.clone();
                Box::pin(async move { health.report().await.ready })
            }),
        };
        let leaving = self.context.leaving.clone();
        Some(Worker::new("leases", |_shutdown| async move {
            // Before all others are told to end, so that nobody looks here any more.
            leases.keep(leaving).await;
            Ok::<_, std::convert::Infallible>(())
        }))
    }

    fn http_stack(&self, role: Role) -> HttpStack {
        HttpStack::new(
            role,
            self.context.verifier.clone(),
            self.context.config.fault.delay(role),
        )
    }

    fn local_role(&self, service: Service, http_stack: &HttpStack) -> LocalRole {
        let config = &self.context.config;
        let stack = ServerStack {
            role: service.role,
            verifier: self.context.verifier.clone(),
            fault_delay: config.fault.delay(service.role),
            default_timeout: config.rpc.timeout,
            concurrency_max: config.rpc.concurrency_max as usize,
            shutdown: self.context.shutdown.clone(),
        };
        let intake = service.consumer.map(|consumer| {
            let intake = RoleIntake {
                role: service.role,
                consumer,
            };
            let bytes_max = config.rpc.message_bytes_max;
            let mut services = GrpcServices::default();
            services.add(
                EventIntakeServer::new(intake)
                    .max_decoding_message_size(bytes_max)
                    .max_encoding_message_size(bytes_max),
            );
            stack.wrap(services)
        });
        LocalRole {
            grpc: stack.wrap(service.grpc),
            intake,
            http: http_stack.wrap_plane(
                service
                    .http
                    .fallback(no_such_route)
                    .method_not_allowed_fallback(method_not_allowed),
            ),
        }
    }

    /// A process may do without the other roles for a while, or for good; its operator should know.
    fn warn_of_unreachable_roles(&self) {
        let unreachable: Vec<_> = Role::ALL
            .into_iter()
            .filter(|role| role.is_called())
            .filter(|role| !self.context.clients.reaches(*role))
            .map(Role::as_str)
            .collect();
        if !unreachable.is_empty() {
            tracing::warn!(
                roles = unreachable.join(","),
                "these roles are neither in this process nor named in [cluster.services]; calls to them will fail"
            );
        }
    }
}
