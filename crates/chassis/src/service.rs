//! What a service is to the process that runs it, and what it is given.

use std::borrow::Cow;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use sea_orm_migration::MigratorTrait;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;

use crate::Role;
use crate::auth::TokenVerifier;
use crate::blob::Blobs;
use crate::config::{Config, ConfigError};
use crate::db::{self, Db};
use crate::events::Consumer;
use crate::rpc::{Clients, GrpcServices};
use crate::shared::Shared;
use crate::telemetry::SpanFeed;
use crate::tls::InternalTls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a process did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    ClusterSecret(#[from] crate::auth::ClusterSecretError),
    #[error(transparent)]
    Bus(#[from] crate::bus::BusError),
    #[error(transparent)]
    Shared(#[from] crate::shared::SharedError),
    #[error("{role}: {what}")]
    Service {
        role: Role,
        what: String,
        #[source]
        source: BoxError,
    },
    #[error("cannot listen on {key} = {address}")]
    Listen {
        key: &'static str,
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the data folder {} cannot be used", folder.display())]
    DataFolder {
        folder: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0}")]
    Setup(String),
}

impl StartError {
    /// What could not be done, by which role, and why.
    pub fn service(role: Role, what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Service {
            role,
            what: what.into(),
            source: source.into(),
        }
    }
}

/// One run of one process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7().to_string().into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for InstanceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that a service is given of the outside. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Context {
    pub role: Role,
    pub config: Arc<Config>,
    pub clients: Clients,
    pub verifier: TokenVerifier,
    pub blobs: Blobs,
    /// What the processes of this installation know together.
    pub shared: Shared,
    /// What internal calls are protected by; `None` where they are not.
    pub tls: Option<InternalTls>,
    pub spans: SpanFeed,
    pub instance: InstanceId,
    /// Cancelled when the process begins to stop: live updates end, new long work is not begun.
    pub shutdown: CancellationToken,
    /// Cancelled before that: the process still serves, but wants to be found no more.
    pub(crate) leaving: CancellationToken,
    pub(crate) databases: Databases,
}

/// The databases that the services of a process have opened: each is a readiness check, and is closed at the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Databases(Arc<Mutex<Vec<Db>>>);

impl Databases {
    fn add(&self, db: Db) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(db);
    }

    pub fn all(&self) -> Vec<Db> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Context {
    /// Opens this role's database and, where the configuration allows it, applies the migrations of the chassis and of
    /// `M`. The database is a readiness check of the process from then on, and is closed when the process stops.
    ///
    /// # Errors
    /// When the database cannot be opened or migrated.
    pub async fn database<M: MigratorTrait>(&self) -> Result<Db, StartError> {
        let settings: db::Settings = self.config.section("database")?;
        let db = Db::connect(&settings, self.role, self.config.data_dir())
            .await
            .map_err(|error| StartError::service(self.role, "cannot open its database", error))?;
        if settings.migrate_at_start {
            db.migrate::<M>().await.map_err(|error| {
                StartError::service(self.role, "cannot migrate its database", error)
            })?;
        }
        self.databases.add(db.clone());
        Ok(db)
    }

    /// By which this service shows another process of the installation who it is.
    #[must_use]
    pub fn service_token(&self) -> Arc<str> {
        self.clients.service_token(self.role)
    }

    /// The same for a registry, which alone takes it.
    #[must_use]
    pub fn registry_token(&self) -> Arc<str> {
        self.clients.registry_token(self.role)
    }

    /// The section of the configuration named after the role.
    ///
    /// # Errors
    /// When a value in it is not what the service expects.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        self.config.section(self.role.as_str())
    }
}

/// Builds a service. Building connects and prepares; it starts nothing and calls no other service.
pub type BuildFn =
    Arc<dyn for<'a> Fn(&'a Context) -> BoxFuture<'a, Result<Service, StartError>> + Send + Sync>;

/// A [`BuildFn`] of a service crate's `build`: `build_fn(|context| Box::pin(amphi_catalog::build(context)))`.
pub fn build_fn<F>(build: F) -> BuildFn
where
    F: for<'a> Fn(&'a Context) -> BoxFuture<'a, Result<Service, StartError>>
        + Send
        + Sync
        + 'static,
{
    Arc::new(build)
}

/// Work that runs beside the requests from start to shutdown.
pub struct Worker {
    pub name: Cow<'static, str>,
    pub(crate) run:
        Box<dyn FnOnce(CancellationToken) -> BoxFuture<'static, Result<(), BoxError>> + Send>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// Work that ends soon after its token is cancelled. It may end earlier with `Ok`; an error stops the process.
    pub fn new<F, Fut, E>(name: impl Into<Cow<'static, str>>, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self {
            name: name.into(),
            run: Box::new(|shutdown| {
                let work = run(shutdown);
                Box::pin(async move { work.await.map_err(Into::into) })
            }),
        }
    }
}

/// A condition of readiness, asked by `/readyz`.
#[derive(Clone)]
pub struct ReadyCheck {
    pub name: Cow<'static, str>,
    pub(crate) check: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl std::fmt::Debug for ReadyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyCheck")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl ReadyCheck {
    /// `check` answers what is missing, in a sentence that may be shown to operators.
    pub fn new<F, Fut>(name: impl Into<Cow<'static, str>>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name: name.into(),
            check: Arc::new(move || Box::pin(check())),
        }
    }
}

/// A built service: what it answers and what it does beside, nothing of it running yet.
pub struct Service {
    pub role: Role,
    pub(crate) grpc: GrpcServices,
    /// The byte plane, on the internal port and reached by the gateway.
    pub http: axum::Router,
    /// Routes of the internal port for a foreign protocol.
    pub(crate) foreign: axum::Router,
    /// The routes of the public port; the gateway's alone.
    pub public: Option<axum::Router>,
    pub workers: Vec<Worker>,
    pub consumer: Option<Arc<dyn Consumer>>,
    pub ready: Vec<ReadyCheck>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service")
            .field("role", &self.role)
            .field("workers", &self.workers)
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Service {
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self {
            role,
            grpc: GrpcServices::default(),
            http: axum::Router::new(),
            foreign: axum::Router::new(),
            public: None,
            workers: Vec::new(),
            consumer: None,
            ready: Vec::new(),
        }
    }

    /// A generated gRPC server, `XServer::new(implementation)`.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: tower::Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<tonic::body::Body>,
                Error = Infallible,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.grpc.add(service);
        self
    }

    /// Routes of the byte plane. The chassis puts tracing, authentication and the fault delay around them.
    #[must_use]
    pub fn http(mut self, router: axum::Router) -> Self {
        self.http = self.http.merge(router);
        self
    }

    /// Routes of the internal port for clients that are not ours and speak a protocol of their own, with its own way to say who
    /// calls: the routes see to that. The chassis puts metrics, the panic guard and the fault delay around them.
    #[must_use]
    pub fn foreign(mut self, router: axum::Router) -> Self {
        self.foreign = self.foreign.merge(router);
        self
    }

    /// Routes of the public port. The chassis puts request ids, tracing and authentication around them.
    #[must_use]
    pub fn public(mut self, router: axum::Router) -> Self {
        self.public = Some(match self.public {
            Some(known) => known.merge(router),
            None => router,
        });
        self
    }

    /// Background work, see [`Worker::new`]. Workers are started in the order they are added and stopped in reverse.
    #[must_use]
    pub fn worker<F, Fut, E>(mut self, name: impl Into<Cow<'static, str>>, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.workers.push(Worker::new(name, run));
        self
    }

    /// What consumes the events routed to this role.
    #[must_use]
    pub fn consumer(mut self, consumer: Arc<dyn Consumer>) -> Self {
        self.consumer = Some(consumer);
        self
    }

    /// A condition of readiness, see [`ReadyCheck::new`].
    #[must_use]
    pub fn ready<F, Fut>(mut self, name: impl Into<Cow<'static, str>>, check: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.ready.push(ReadyCheck::new(name, check));
        self
    }
}
