//! Headers that tell browsers what a page of ours may do.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("strict-origin-when-cross-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

/// Only our own origin, and where segments come from if that is another. Mantine and Shaka set inline styles; media and workers
/// come from blobs that scripts of ours make.
#[must_use]
pub fn content_security_policy(segments_origin: Option<&str>) -> String {
    let elsewhere = segments_origin.map_or_else(String::new, |origin| format!(" {origin}"));
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         media-src 'self' blob:{elsewhere}; worker-src 'self' blob:; connect-src 'self'{elsewhere}; font-src 'self'; \
         object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    )
}

/// Adds them, and `policy`, to what has none of its own.
pub async fn add_headers(
    State(policy): State<HeaderValue>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let fields = response.headers_mut();
    for (name, value) in HEADERS {
        fields.entry(name).or_insert(value);
    }
    fields
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(policy);
    response
}

#[cfg(test)]
mod tests {
    use super::content_security_policy;

    #[test]
    fn pages_may_fetch_from_where_segments_are_and_from_nowhere_else() {
        let policy = content_security_policy(Some("https://cdn.example.org"));
        for part in [
            "connect-src 'self' https://cdn.example.org;",
            "media-src 'self' blob: https://cdn.example.org;",
            "script-src 'self';",
        ] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!content_security_policy(None).contains("http"));
    }
}
