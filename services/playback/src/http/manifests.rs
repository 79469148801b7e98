//! Manifests over HTTP.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use crate::domain::Resource;
use crate::presentations::Manifest;

/// One that still grows: asked for anew each time, and answered with 304 while it is the same.
const GROWING: &str = "private, no-cache";
/// A complete one changes only when the video is encoded anew or deleted.
const COMPLETE: &str = "private, max-age=60";

pub(super) const fn content_type(resource: &Resource) -> &'static str {
    match resource {
        Resource::DashManifest => "application/dash+xml",
        _ => "application/vnd.apple.mpegurl",
    }
}

pub(super) fn respond(
    headers: &HeaderMap,
    manifest: &Manifest,
    content_type: &'static str,
    is_complete: bool,
) -> Response {
    let cache_control = if is_complete { COMPLETE } else { GROWING };
    let mut response = if is_known(headers, manifest) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let content_type = [(header::CONTENT_TYPE, content_type)];
        (content_type, Body::from(manifest.text.clone())).into_response()
    };
    let fields = response.headers_mut();
    fields.insert(header::ETAG, manifest.etag.clone());
    fields.insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static(cache_control),
    );
    response
}

/// RFC 9110 §13.1.2. The comparison is weak: a proxy that compresses may have weakened the tag.
fn is_known(headers: &HeaderMap, manifest: &Manifest) -> bool {
    let Ok(own) = manifest.etag.to_str() else {
        return false;
    };
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
}
