//! Eureka's REST interface, under `/eureka` and `/eureka/v2`, as its wiki ("Eureka REST operations") and its own resources have it.

mod access;
mod body;
mod data_center;
mod lists;
mod names;
mod reading;
pub(crate) mod replica;
mod wire;
mod writing;
mod xml;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, put};
use http::HeaderMap;

pub use access::Authenticator;
use access::Principal;
use body::Format;

use lists::ListCache;

use crate::domain::Registry;
use crate::replication::Peers;

/// By which registries mark what they pass on, so that it is not passed on again.
pub(crate) const REPLICATION: &str = "x-netflix-discovery-replication";

/// What all handlers have.
#[derive(Debug, Clone)]
struct Api {
    registry: Registry,
    peers: Peers,
    lists: Arc<ListCache>,
    /// As it is passed on to other registries, which take no larger body.
    instance_bytes_max: usize,
}

/// Whether another registry of the installation calls. Nobody else's word on it is taken: what came from a registry is not passed
/// on, and is believed about leases that it does not hold itself.
fn is_replication(principal: Principal, headers: &HeaderMap) -> bool {
    principal == Principal::ThisInstallation
        && headers
            .get(REPLICATION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The routes, for those who are let in.
pub fn router(
    registry: Registry,
    peers: Peers,
    authenticator: Authenticator,
    body_bytes_max: usize,
) -> Router {
    let api = Router::new()
        .route("/status", get(reading::status))
        // Clients write the list with and without the slash.
        .route("/apps", get(reading::all))
        .route("/apps/", get(reading::all))
        .route("/apps/delta", get(reading::delta))
        .route("/apps/{app}", get(reading::app).post(writing::register))
        .route(
            "/apps/{app}/{id}",
            get(reading::instance)
                .put(writing::renew)
                .delete(writing::cancel),
        )
        .route(
            "/apps/{app}/{id}/status",
            put(writing::set_status).delete(writing::remove_status),
        )
        .route("/apps/{app}/{id}/metadata", put(writing::set_metadata))
        .route("/instances/{id}", get(reading::any_instance))
        .route("/vips/{vip}", get(reading::vip))
        .route("/svips/{svip}", get(reading::secure_vip))
        .with_state(Api {
            registry,
            peers,
            lists: Arc::default(),
            instance_bytes_max: body_bytes_max,
        });
    Router::new()
        .nest("/eureka", api.clone())
        .nest("/eureka/v2", api)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(authenticator, access::admit))
}
