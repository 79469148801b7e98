//! The byte plane: `/play/{token}/…`.
//!
//! Players on other origins may fetch all of it: the path is the permission, and no cookie or header adds to it.

mod bytes;
mod elsewhere;
mod manifests;

use amphi_chassis::Problem;
use amphi_chassis::blob::Blobs;
use amphi_chassis::delivery::Delivery;
use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use crate::domain::{Error, Resource};
use crate::playback::Playback;
use crate::presentations::{Manifest, Piece, Presentation};

/// How long browsers may remember that they may fetch from here, seconds.
const PREFLIGHT_MAX_AGE: &str = "86400";

const ALLOWED: &str = "GET, HEAD, OPTIONS";

#[derive(Debug, Clone)]
struct BytePlane {
    playback: Playback,
    blobs: Blobs,
    delivery: Delivery,
}

/// The routes of the byte plane.
pub fn router(playback: Playback, blobs: Blobs, delivery: Delivery) -> Router {
    Router::new()
        .route(
            "/play/{token}/{*path}",
            get(play).options(preflight).fallback(method_not_allowed),
        )
        .route("/play/{token}", any(unknown))
        .layer(map_response(for_any_origin))
        .with_state(BytePlane {
            playback,
            blobs,
            delivery,
        })
}

async fn play(
    State(plane): State<BytePlane>,
    Path((token, path)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let claims = plane.playback.admit(&token).await?;
    let resource = Resource::parse(&path).ok_or(Error::NoSuchMedia)?;
    let presentations = &plane.playback.presentations;
    let presentation = presentations
        .find(claims.video_id)
        .await?
        .ok_or(Error::NoSuchMedia)?;
    let found = match find(&presentation, &resource) {
        Some(found) => found,
        None if presentation.is_complete() => return Err(Error::NoSuchMedia.into()),
        None => presentations
            .find_newer(claims.video_id, &presentation)
            .await?
            .and_then(|newer| find(&newer, &resource))
            .ok_or(Error::NoSuchMedia)?,
    };
    match found {
        Found::Piece(piece) => match elsewhere::redirect(&plane.delivery, &piece, &method).await? {
            Some(redirect) => Ok(redirect),
            None => bytes::serve(&plane.blobs, &piece, &method, &headers).await,
        },
        Found::Manifest(manifest) => {
            let mut response = manifests::respond(
                &headers,
                &manifest,
                manifests::content_type(&resource),
                presentation.is_complete(),
            );
            elsewhere::add_cookies(&plane.delivery, &presentation, &claims, &mut response)?;
            Ok(response)
        }
    }
}

enum Found {
    Manifest(Manifest),
    Piece(Piece),
}

fn find(presentation: &Presentation, resource: &Resource) -> Option<Found> {
    let manifest = match resource {
        Resource::HlsMaster => presentation.hls_master(),
        Resource::HlsMedia { rendition } => presentation.hls_media(rendition),
        Resource::DashManifest => presentation.dash(),
        Resource::Init { rendition } => return presentation.init(rendition).map(Found::Piece),
        Resource::Segment { rendition, number } => {
            return presentation.segment(rendition, *number).map(Found::Piece);
        }
    };
    manifest.cloned().map(Found::Manifest)
}

async fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, ALLOWED),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Range, If-Range, If-None-Match, If-Modified-Since, Cache-Control, traceparent, tracestate",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE),
        (header::ALLOW, ALLOWED),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn method_not_allowed() -> Response {
    let problem = Problem::method_not_allowed(
        "method_not_allowed",
        "Manifests and segments can be fetched, with GET or HEAD, and nothing else.",
    );
    ([(header::ALLOW, ALLOWED)], problem).into_response()
}

async fn unknown() -> Problem {
    Error::NoSuchMedia.into()
}

async fn for_any_origin(mut response: Response) -> Response {
    const TIMING_ALLOW_ORIGIN: HeaderName = HeaderName::from_static("timing-allow-origin");
    const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any.clone());
    headers.insert(TIMING_ALLOW_ORIGIN, any);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Accept-Ranges, Content-Length, Content-Range, ETag, Server-Timing, traceparent, x-request-id",
        ),
    );
    response
}
