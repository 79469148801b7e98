//! Pages of other origins that may call the API: none, unless the configuration names them.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::gateway::Gateway;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, traceparent, \
tracestate, Tus-Resumable, Upload-Length, Upload-Metadata, Upload-Offset, Upload-Checksum, Upload-Defer-Length, \
X-HTTP-Method-Override, x-request-id";
const RESPONSE_HEADERS: &str = "Amphi-Video-Id, ETag, Link, Location, Retry-After, Server-Timing, traceparent, \
Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, Upload-Expires, Upload-Length, \
Upload-Metadata, Upload-Offset, x-request-id";
/// How long a browser may remember the answer, seconds.
const MAX_AGE: &str = "7200";
const REQUEST_METHOD: HeaderName = header::ACCESS_CONTROL_REQUEST_METHOD;

/// Answers preflights of allowed origins and marks what is meant for them. Credentials are never allowed: other origins
/// call with bearer tokens, not with our cookie.
///
/// Unlike tower-http's layer it lets OPTIONS that is no preflight through, which tus clients use to ask what the server can.
pub async fn allow_origins(
    State(gateway): State<Gateway>,
    request: Request,
    next: Next,
) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    let Some(allowed) =
        origin.and_then(|origin| allowed(gateway.settings().cors_origins.as_slice(), origin))
    else {
        return next.run(request).await;
    };
    let is_preflight =
        *request.method() == Method::OPTIONS && request.headers().contains_key(REQUEST_METHOD);
    let mut response = if is_preflight {
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    } else {
        next.run(request).await
    };
    let fields = response.headers_mut();
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    fields.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(RESPONSE_HEADERS),
    );
    fields.append(header::VARY, HeaderValue::from_static("Origin"));
    response
}

fn allowed(origins: &[String], origin: &HeaderValue) -> Option<HeaderValue> {
    if origins.iter().any(|allowed| allowed == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    origins
        .iter()
        .any(|allowed| allowed.as_bytes() == origin.as_bytes())
        .then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_origins_are_allowed_and_named_back() {
        let named = ["https://a.example".to_owned()];
        let a = HeaderValue::from_static("https://a.example");
        let other = HeaderValue::from_static("https://a.example.evil");
        assert_eq!(allowed(&named, &a), Some(a.clone()));
        assert_eq!(allowed(&named, &other), None);
        assert_eq!(allowed(&[], &a), None);
        let any = HeaderValue::from_static("*");
        assert_eq!(allowed(&["*".to_owned()], &other), Some(any));
    }
}
