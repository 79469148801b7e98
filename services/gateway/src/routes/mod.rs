//! REST, one module per domain: decode, ask the services, encode. Routes and their documentation are registered together.

mod about;
mod auth;
mod docs;
mod dramas;
mod me;
mod observatory;
mod playback;
mod series;
mod video_events;
mod videos;

use utoipa_axum::router::OpenApiRouter;

use crate::gateway::Gateway;

/// JSON routes with their documentation. They are bounded in time and body.
pub fn api() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .merge(auth::routes())
        .merge(me::routes())
        .merge(videos::routes())
        .merge(series::routes())
        .merge(playback::routes())
        .merge(observatory::routes())
        .merge(about::routes())
        .merge(dramas::routes())
}

/// Live updates with their documentation. They last as long as their reader likes.
pub fn streams() -> OpenApiRouter<Gateway> {
    OpenApiRouter::default()
        .merge(video_events::routes())
        .merge(observatory::streams())
}

/// Pages about the API itself.
pub fn docs() -> axum::Router<Gateway> {
    docs::routes()
}
