//! Which answers are compressed on their way.

use http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};

/// Text worth compressing. Media is compressed already, and events must not be gathered.
const COMPRESSIBLE: [&str; 6] = [
    "application/json",
    "application/problem+json",
    "application/dash+xml",
    "application/vnd.apple.mpegurl",
    "text/html",
    "text/vtt",
];
/// Smaller ones fit one packet anyway.
const BYTES_MIN: u64 = 860;

/// Brotli or gzip, for text of some size. What is compressed already, or a part of something, is left alone.
#[must_use]
pub fn layer() -> CompressionLayer<impl Predicate> {
    CompressionLayer::new().compress_when(SizeAbove::new(BYTES_MIN).and(is_text))
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| COMPRESSIBLE.contains(&essence.trim()))
}
