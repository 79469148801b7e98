//! Eureka's REST interface, under `/eureka` and `/eureka/v2`, as its wiki ("Eureka REST operations") and its own resources have it.

mod access;
mod body;
mod reading;
pub(crate) mod wire;
mod writing;
mod xml;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, put};

pub use access::Wall;
pub(crate) use body::Format;

use crate::domain::Registry;
use crate::replication::Peers;

/// By which registries mark what they pass on, so that it is not passed on again.
pub(crate) const REPLICATION: &str = "x-netflix-discovery-replication";

/// What all handlers have.
#[derive(Debug, Clone)]
struct Api {
    registry: Registry,
    peers: Peers,
}

/// The routes, behind the wall.
pub fn router(registry: Registry, peers: Peers, wall: Wall, body_bytes_max: usize) -> Router {
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
        .with_state(Api { registry, peers });
    Router::new()
        .nest("/eureka", api.clone())
        .nest("/eureka/v2", api)
        .layer(DefaultBodyLimit::max(body_bytes_max))
        .layer(from_fn_with_state(wall, access::admit))
}
