//! Entity tags of single resources: the version that catalog counts, and a hash of what is shown.
//!
//! The tags are weak, since the same representation goes out compressed and plain. `If-Match` compares the version alone:
//! an upload's progress changes what is shown, and must not make an edit of the title fail.

use amphi_chassis::Problem;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

/// A resource as JSON with its tag, or 304 when the client has that already.
///
/// # Errors
/// The resource does not serialize.
pub fn respond<T: Serialize>(
    headers: &HeaderMap,
    version: u64,
    resource: &T,
) -> Result<Response, Problem> {
    let tag = tag_of(version, resource)?;
    if if_none_match(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
    }
    let headers = [
        (header::ETAG, tag),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
    ];
    Ok((headers, Json(resource)).into_response())
}

/// The tag of a resource in this version.
///
/// # Errors
/// The resource does not serialize.
pub fn tag_of<T: Serialize>(version: u64, resource: &T) -> Result<HeaderValue, Problem> {
    let json = serde_json::to_vec(resource).map_err(Problem::internal)?;
    let hash = fnv1a(&json);
    HeaderValue::from_str(&format!("W/\"{version}-{hash:016x}\"")).map_err(Problem::internal)
}

/// The tag of what has no version.
///
/// # Errors
/// Never; a tag is of letters and digits.
pub fn tag_of_bytes(body: &[u8]) -> Result<HeaderValue, Problem> {
    let hash = fnv1a(body);
    HeaderValue::from_str(&format!("W/\"0-{hash:016x}\"")).map_err(Problem::internal)
}

/// The version that the client wants to change; 0 for whichever there is.
///
/// # Errors
/// The header holds several tags, or one that was never given out.
pub fn expected_version(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else {
        return Ok(0);
    };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(0);
    }
    let version = text
        .strip_prefix("W/")
        .unwrap_or(text)
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|tag| !tag.contains('"'))
        .and_then(|tag| tag.split('-').next()?.parse().ok())
        .filter(|version| *version > 0);
    version.ok_or_else(|| {
        Problem::precondition_failed(
            "precondition_failed",
            "If-Match must hold the one ETag that the resource was read with, or `*`.",
        )
    })
}

/// RFC 9110 §13.1.2: the weak comparison.
pub fn if_none_match(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let Ok(tag) = tag.to_str() else {
        return false;
    };
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|candidate| {
            candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == opaque
        })
}

/// Stable across releases and machines, unlike the standard library's hasher; no defence against forging is needed here.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_tag_given_out_names_the_version_to_change() {
        let tag = tag_of(12, &"x").unwrap();
        let headers = HeaderMap::from_iter([(header::IF_MATCH, tag)]);
        assert_eq!(expected_version(&headers).unwrap(), 12);
    }

    #[test]
    fn if_match_is_read() {
        let cases = [
            ("*", Some(0)),
            ("\"7-00\"", Some(7)),
            ("W/\"7-00\"", Some(7)),
            ("\"7\"", Some(7)),
            ("7", None),
            ("\"0-00\"", None),
            ("\"x\"", None),
            ("\"7-00\", \"8-00\"", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let version = expected_version(&headers(header::IF_MATCH, text)).ok();
            assert_eq!(version, expected, "{text}");
        }
        assert_eq!(expected_version(&HeaderMap::new()).unwrap(), 0);
    }

    #[test]
    fn if_none_match_compares_weakly() {
        let tag = HeaderValue::from_static("W/\"1-ab\"");
        let cases = [
            ("W/\"1-ab\"", true),
            ("\"1-ab\"", true),
            ("\"0\", W/\"1-ab\"", true),
            ("*", true),
            ("\"1-ac\"", false),
            ("", false),
        ];
        for (text, expected) in cases {
            let headers = headers(header::IF_NONE_MATCH, text);
            assert_eq!(if_none_match(&headers, &tag), expected, "{text}");
        }
    }
}
