//! Files of the web app as they go over the wire: compressed well, once, and kept.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::BodyExt;
use moka::future::Cache;
use tower::{Layer, ServiceExt, service_fn};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::File;
use crate::negotiation::quality_of;

/// Enough for a whole build of the app in both encodings.
const CACHE_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Smaller files gain nothing.
const CONTENT_BYTES_MIN: usize = 860;
/// Done once per file, so it may take its time, except unoptimised, where it would take seconds.
const QUALITY: CompressionLevel = if cfg!(debug_assertions) {
    CompressionLevel::Fastest
} else {
    CompressionLevel::Precise(9)
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Encoding {
    Brotli,
    Gzip,
}

impl Encoding {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// Compresses each file once per encoding. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct CompressedFiles {
    kept: Cache<([u8; 32], Encoding), Bytes>,
}

impl Default for CompressedFiles {
    fn default() -> Self {
        Self {
            kept: Cache::builder()
                .max_capacity(CACHE_BYTES_MAX)
                .weigher(|_, content: &Bytes| u32::try_from(content.len()).unwrap_or(u32::MAX))
                .build(),
        }
    }
}

impl CompressedFiles {
    /// The file's content in the best encoding that the client takes.
    pub(crate) async fn encoded(
        &self,
        file: File,
        headers: &HeaderMap,
    ) -> (Option<HeaderValue>, Bytes) {
        let encoding = accepted(headers).filter(|_| is_worth_it(&file));
        let Some(encoding) = encoding else {
            return (None, file.content);
        };
        let content = file.content.clone();
        let compressed = self
            .kept
            .try_get_with((file.hash, encoding), compress(content, encoding))
            .await;
        match compressed {
            Ok(compressed) => (
                Some(HeaderValue::from_static(encoding.as_str())),
                compressed,
            ),
            Err(error) => {
                tracing::error!(%error, path = file.path, "a file of the web app is sent uncompressed");
                (None, file.content)
            }
        }
    }
}

fn is_worth_it(file: &File) -> bool {
    const COMPRESSIBLE: [&str; 8] = [
        "html",
        "js",
        "mjs",
        "css",
        "json",
        "webmanifest",
        "svg",
        "wasm",
    ];
    let extension = file
        .path
        .rsplit_once('.')
        .map_or("", |(_, extension)| extension);
    file.content.len() >= CONTENT_BYTES_MIN && COMPRESSIBLE.contains(&extension)
}

fn accepted(headers: &HeaderMap) -> Option<Encoding> {
    let takes = |encoding: Encoding| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .find_map(|item| quality_of(item, encoding.as_str()))
            .is_some_and(|quality| quality > 0)
    };
    [Encoding::Brotli, Encoding::Gzip]
        .into_iter()
        .find(|encoding| takes(*encoding))
}

/// Runs the content through the same compression that dynamic responses get, at a quality that pays when done once.
async fn compress(content: Bytes, encoding: Encoding) -> Result<Bytes, axum::Error> {
    let service = service_fn(move |_: Request<Body>| {
        let content = content.clone();
        async move {
            let mut response = Response::new(Body::from(content));
            response
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            Ok::<_, Infallible>(response)
        }
    });
    let mut request = Request::new(Body::empty());
    request.headers_mut().insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static(encoding.as_str()),
    );
    let Ok(response) = CompressionLayer::new()
        .quality(QUALITY)
        .layer(service)
        .oneshot(request)
        .await;
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(axum::Error::new)?;
    Ok(body.to_bytes())
}
