//! What this installation is, and how it is.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::dto::about::{About, Health};
use crate::gateway::Gateway;

pub fn routes() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .routes(routes!(about))
        .routes(routes!(health))
}

/// What this installation is
#[utoipa::path(
    get,
    path = "/api/v1/about",
    tag = "about",
    responses((status = 200, description = "The installation", body = About)),
)]
async fn about(State(gateway): State<Gateway>) -> Json<About> {
    Json(gateway.about().clone())
}

/// Whether the server takes requests
///
/// Of the public address alone; `/readyz` on the internal one says what of the platform is missing.
#[utoipa::path(
    get,
    path = "/health",
    tag = "about",
    responses(
        (status = 200, description = "Healthy", body = Health),
        (status = 503, description = "The process is ending", body = Health),
    ),
)]
async fn health(State(gateway): State<Gateway>) -> (StatusCode, Json<Health>) {
    if gateway.shutdown().is_cancelled() {
        let draining = Json(Health { status: "draining" });
        return (StatusCode::SERVICE_UNAVAILABLE, draining);
    }
    (StatusCode::OK, Json(Health { status: "healthy" }))
}
