//! Initialization and media segments over HTTP: the one place that moves media bytes, so that another way of moving them
//! can take its place.

use amphi_chassis::Problem;
use amphi_chassis::blob::{BlobError, Blobs};
use amphi_chassis::http::ranges::Validators;
use amphi_chassis::http::{Representation, serve_blob};
use axum::response::Response;
use http::{HeaderMap, Method};

use crate::domain::Error;
use crate::presentations::Piece;

/// The bytes at one address never change. They are private, though: the address bears the viewer's permission, and a cache
/// that many share would go on serving it when that was withdrawn.
const CACHE_CONTROL: &str = "private, max-age=31536000, immutable";

pub(super) async fn serve(
    blobs: &Blobs,
    piece: &Piece,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let blob = match blobs.open(&piece.blob_key).await {
        Ok(blob) => blob,
        // Deleted since its presentation was read.
        Err(BlobError::NotFound { .. }) => return Err(Error::NoSuchMedia.into()),
        Err(error) => return Err(error.into()),
    };
    let representation = Representation {
        content_type: piece.content_type(),
        cache_control: CACHE_CONTROL,
        validators: Validators {
            etag: Some(format!("\"{}-{:x}\"", piece.tag, blob.size())),
            modified: None,
        },
    };
    serve_blob(method, headers, &blob, &representation)
}
