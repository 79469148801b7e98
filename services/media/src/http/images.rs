//! `/images/{token}/{file}`: poster and storyboard, for whoever knows the token.

use amphi_chassis::Problem;
use amphi_chassis::http::{Representation, Validators, serve_blob};
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, Method};

use crate::domain::images::{content_type, is_token};
use crate::keys::Place;
use crate::media::Media;

/// The pictures of a token never change: a new source of the same video gets a new token.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub async fn serve(
    State(media): State<Media>,
    Path((token, file)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content_type = content_type(&file).ok_or_else(no_picture)?;
    let place = place_of(&media, &token).await?.ok_or_else(no_picture)?;
    let key = place.image(&file);
    if !media.blobs.exists(&key).await? {
        return Err(no_picture());
    }
    let blob = media.blobs.open(&key).await?;
    let representation = Representation {
        content_type,
        cache_control: FOREVER,
        validators: Validators {
            etag: Some(format!("\"{token}\"")),
            modified: None,
        },
    };
    serve_blob(&method, &headers, &blob, &representation)
}

async fn place_of(media: &Media, token: &str) -> Result<Option<Place>, Problem> {
    if !is_token(token) {
        return Ok(None);
    }
    if let Some(known) = media.images_tokens.get(token) {
        return Ok(Some(known));
    }
    let found = media.store.place_of_images_token(token).await?;
    if let Some(place) = found {
        media.images_tokens.insert(token.to_owned(), place);
    }
    Ok(found)
}

fn no_picture() -> Problem {
    Problem::not_found("image_not_found", "There is no such picture.")
}
