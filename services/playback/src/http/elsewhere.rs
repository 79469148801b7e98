//! Segments that players fetch from a bucket or a CDN.
//!
//! Each request still comes here first and is answered with a redirect: the token is checked and the session looked at as ever,
//! manifests stay the same for everybody, and an address need not work for longer than it takes to follow it. The exception is
//! a CDN with signed cookies, which is worth its redirects: there the manifests name the CDN, and bring the cookies for it.

use amphi_chassis::Problem;
use amphi_chassis::delivery::Delivery;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, StatusCode, header};

use crate::domain::token::Claims;
use crate::presentations::{Piece, Presentation};

/// Asked for each time, so that an ended session gets no further address.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, no-store");

/// The way to the segment; `None` if it is here. HEAD is answered here: an address works for GET alone.
pub(super) async fn redirect(
    delivery: &Delivery,
    piece: &Piece,
    method: &Method,
) -> Result<Option<Response>, Problem> {
    if *method == Method::HEAD {
        return Ok(None);
    }
    let content_type = piece.content_type();
    let Some(address) = delivery.address(&piece.blob_key, content_type).await? else {
        return Ok(None);
    };
    metrics::counter!("amphi.playback.segments.redirected").increment(1);
    let mut response = Response::new(Body::empty());
    // 302 rather than 307: the oldest players know it, and GET stays GET.
    *response.status_mut() = StatusCode::FOUND;
    let fields = response.headers_mut();
    let location = HeaderValue::from_str(&address).map_err(Problem::internal)?;
    fields.insert(header::LOCATION, location);
    fields.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    Ok(Some(response))
}

/// Lets the player fetch all segments of the video from the CDN until its session expires.
pub(super) fn add_cookies(
    delivery: &Delivery,
    presentation: &Presentation,
    claims: &Claims,
    response: &mut Response,
) -> Result<(), Problem> {
    let expires_at_s = i64::from(claims.expires_at_s);
    for cookie in delivery.cookies(presentation.blob_prefix(), expires_at_s)? {
        let cookie = HeaderValue::from_str(&cookie).map_err(Problem::internal)?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(())
}
