//! The internal port: gRPC of every role here, byte planes, health, metrics.

use std::sync::Arc;

use amphi_contracts::FILE_DESCRIPTOR_SET;
use amphi_contracts::proto::events::v1::event_intake_server::EventIntakeServer;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use http::{StatusCode, header};
use tonic::server::NamedService;
use tonic_health::pb::health_server::{Health as HealthApi, HealthServer};
use tonic_health::server::HealthReporter;
use tower::Service;
use tower::util::BoxCloneSyncService;

use super::health::Health;
use crate::http::no_such_route;
use crate::rpc::{Clients, GrpcService, IntakeDispatcher, Wiring};
use crate::service::StartError;
use crate::telemetry::Metrics;
use crate::tls::require_certificate;

/// What a running process says of its gRPC services.
pub(super) struct GrpcHealth {
    reporter: HealthReporter,
    services: Vec<&'static str>,
}

impl std::fmt::Debug for GrpcHealth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GrpcHealth")
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}

impl GrpcHealth {
    /// Says it of each service and, by the empty name, of the process.
    pub async fn set_serving(&self, is_serving: bool) {
        let status = if is_serving {
            tonic_health::ServingStatus::Serving
        } else {
            tonic_health::ServingStatus::NotServing
        };
        for service in self.services.iter().chain(&[""]) {
            self.reporter.set_service_status(*service, status).await;
        }
    }
}

pub(super) struct InternalPort {
    metrics: Metrics,
    wiring: Arc<Wiring>,
    clients: Clients,
    message_bytes_max: usize,
    services: Vec<&'static str>,
    /// For processes of the installation.
    router: Router,
    /// For others, who say who they are in their own ways.
    open: Router,
    needs_certificate: bool,
}

impl InternalPort {
    pub fn new(
        metrics: Metrics,
        wiring: Arc<Wiring>,
        clients: Clients,
        message_bytes_max: usize,
    ) -> Self {
        Self {
            metrics,
            wiring,
            clients,
            message_bytes_max,
            services: Vec::new(),
            router: Router::new(),
            open: Router::new(),
            needs_certificate: false,
        }
    }

    /// Lets only clients that have shown a certificate of the installation call its processes.
    pub const fn require_certificates(mut self) -> Self {
        self.needs_certificate = true;
        self
    }

    /// Adds a role: its gRPC services by their names, its byte plane, and its routes for others, none with a fallback of
    /// its own.
    pub fn add(
        &mut self,
        services: &[&'static str],
        grpc: &GrpcService,
        plane: Router,
        foreign: Router,
    ) {
        self.open = std::mem::take(&mut self.open).merge(foreign);
        let mut router = std::mem::take(&mut self.router).merge(plane);
        for name in services {
            router = router.route(&method_path(name), grpc_route(grpc.clone()));
        }
        self.router = router;
        self.services.extend(services);
    }

    /// # Errors
    /// When the compiled protocol files are damaged, which a build would not have survived.
    pub fn into_router(self, health: Health) -> Result<(Router, GrpcHealth), StartError> {
        let (reporter, health_server) = tonic_health::server::health_reporter();
        let dispatcher = EventIntakeServer::new(IntakeDispatcher {
            wiring: self.wiring,
            message_bytes_max: self.message_bytes_max,
        })
        .max_decoding_message_size(self.message_bytes_max)
        .max_encoding_message_size(self.message_bytes_max);
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| StartError::Setup(format!("gRPC reflection: {error}")))?;

        let router = self
            .router
            .route("/debug/peers", get(peers).with_state(self.clients))
            .route(
                &method_path(name_of(&dispatcher)),
                service_route(dispatcher),
            )
            .route(
                &method_path(name_of(&reflection)),
                service_route(reflection),
            )
            .route(
                &method_path(health_name(&health_server)),
                service_route(health_server),
            )
            .fallback(not_here);
        let router = if self.needs_certificate {
            router.layer(from_fn(require_certificate))
        } else {
            router
        };
        // Probes of an orchestrator have no certificate.
        let router = router
            .merge(self.open)
            .route("/livez", get(|| async { "ok" }))
            .route("/readyz", get(ready).with_state(health))
            .route("/metrics", get(metrics).with_state(self.metrics));
        let grpc_health = GrpcHealth {
            reporter,
            services: self.services,
        };
        Ok((router, grpc_health))
    }
}

fn method_path(service: &str) -> String {
    format!("/{service}/{{method}}")
}

fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}

fn health_name<S: HealthApi>(server: &HealthServer<S>) -> &'static str {
    name_of(server)
}

fn service_route<S>(service: S) -> MethodRouter
where
    S: Service<
            http::Request<tonic::body::Body>,
            Response = http::Response<tonic::body::Body>,
            Error = std::convert::Infallible,
        > + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    grpc_route(BoxCloneSyncService::new(service))
}

fn grpc_route(service: GrpcService) -> MethodRouter {
    any(move |request: Request| {
        let mut service = service.clone();
        async move {
            let response = match service.call(request.map(tonic::body::Body::new)).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            response.map(axum::body::Body::new)
        }
    })
}

/// To a client of gRPC, a service that is not here is unimplemented; to others the address is unknown.
async fn not_here(request: Request) -> Response {
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        let status = tonic::Status::unimplemented("this service is not in this process");
        return status.into_http();
    }
    no_such_route(request.uri().clone()).await.into_response()
}

async fn ready(State(health): State<Health>) -> Response {
    let report = health.report().await;
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, axum::Json(report)).into_response()
}

async fn peers(State(clients): State<Clients>) -> Response {
    axum::Json(clients.report()).into_response()
}

async fn metrics(State(metrics): State<Metrics>) -> Response {
    const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, TEXT_FORMAT)], metrics.render()).into_response()
}
