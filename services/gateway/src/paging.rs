//! Lists: `Link: rel="next"` beside the cursor in the body.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Uri, header};
use serde::Serialize;

/// A page of a list, and where the next one is.
///
/// `next_cursor` is empty on the last page.
pub fn respond<T: Serialize>(uri: &Uri, next_cursor: &str, body: &T) -> Response {
    let mut response = Json(body).into_response();
    if let Some(link) = next_link(uri, next_cursor) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

/// Path and query in one form, whatever order the parameters came in.
pub fn address(uri: &Uri) -> String {
    let mut pairs: Vec<&str> = uri.query().unwrap_or_default().split('&').collect();
    pairs.retain(|pair| !pair.is_empty());
    pairs.sort_unstable();
    format!("{}?{}", uri.path(), pairs.join("&"))
}

/// The `Link` header (RFC 8288) of the page after this one.
pub fn next_link(uri: &Uri, next_cursor: &str) -> Option<HeaderValue> {
    if next_cursor.is_empty() {
        return None;
    }
    let kept = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut query: String = kept.flat_map(|pair| [pair, "&"]).collect();
    query.push_str("cursor=");
    query.push_str(next_cursor);
    HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        let address = |uri: &str| address(&uri.parse().unwrap());
        assert_eq!(address("/v?b=2&a=1"), address("/v?a=1&&b=2"));
        assert_ne!(address("/v?a=1"), address("/v?a=2"));
        assert_eq!(address("/v"), "/v?");
    }

    #[test]
    fn the_next_page_keeps_the_filter_and_replaces_the_cursor() {
        let cases = [
            ("/v", "</v?cursor=n>; rel=\"next\""),
            ("/v?limit=2", "</v?limit=2&cursor=n>; rel=\"next\""),
            (
                "/v?cursor=old&limit=2&owner=me",
                "</v?limit=2&owner=me&cursor=n>; rel=\"next\"",
            ),
        ];
        for (uri, link) in cases {
            assert_eq!(next_link(&uri.parse().unwrap(), "n").unwrap(), link);
        }
        assert_eq!(next_link(&"/v".parse().unwrap(), ""), None);
    }
}
