//! The byte plane: uploads (tus 1.0) and pictures for everybody, sources and outputs for encoders.
//!
//! `/uploads` and `/images` are reached through the gateway; `/internal` only on the internal port, and by services alone.

mod body_tap;
mod create;
mod images;
mod locks;
mod outputs;
mod receive;
mod sources;
mod tus;
mod uploads;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{any, get, put};

use crate::media::Media;

pub use locks::UploadLocks;

/// All routes of the byte plane.
pub fn router(media: Media) -> Router {
    let uploads = Router::new()
        .route("/uploads", any(uploads::collection))
        .route("/uploads/", any(uploads::collection))
        .route("/uploads/{id}", any(uploads::one))
        .layer(map_response(tus::mark));
    Router::new()
        .merge(uploads)
        .route("/images/{token}/{file}", get(images::serve))
        .route("/internal/media/sources/{video_id}", get(sources::serve))
        .route(
            "/internal/media/tasks/{task_id}/{folder}/{file}",
            put(outputs::receive),
        )
        // Bodies are bounded where they are read, by what the upload or the task admits.
        .layer(DefaultBodyLimit::disable())
        .with_state(media)
}
