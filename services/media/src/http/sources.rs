//! `/internal/media/sources/{video_id}`: the source, whole or in ranges, for encoders that do not share the blob store.

use amphi_chassis::Problem;
use amphi_chassis::auth::Caller;
use amphi_chassis::http::{Representation, Validators, serve_blob};
use amphi_contracts::VideoId;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Method};

use crate::domain::Error;
use crate::media::Media;

pub async fn serve(
    State(media): State<Media>,
    Path(video_id): Path<String>,
    caller: Caller,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.service()?;
    let video_id: VideoId = video_id.parse().map_err(|_| Error::VideoNotFound)?;
    let asset = media.store.asset(video_id).await?;
    let key = asset
        .and_then(|asset| asset.source_key)
        .ok_or(Error::VideoNotFound)?;
    let blob = media.blobs.open(&key).await?;
    let representation = Representation {
        content_type: "application/octet-stream",
        cache_control: "no-store",
        // A source never changes under its key.
        validators: Validators {
            etag: Some(format!("\"{key}\"")),
            modified: None,
        },
    };
    serve_blob(&method, &headers, &blob, &representation)
}
