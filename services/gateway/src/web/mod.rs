//! The web app, embedded in the binary.

mod compressed;

use std::borrow::Cow;

use amphi_chassis::Problem;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rust_embed::RustEmbed;

use crate::{etag, negotiation};
pub use compressed::CompressedFiles;

/// In debug builds the files are read from the folder, so that a rebuilt web app shows without a rebuilt server.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../web/dist"]
struct Dist;

const INDEX: &str = "index.html";
/// What is asked for by who has not read the page; the page names [`ICON`].
const FAVICON: &str = "favicon.ico";
const ICON: &str = "favicon.svg";
const API_REFERENCE: &str = "scalar/index.html";

/// One file of the web app.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub path: String,
    pub content: Bytes,
    pub hash: [u8; 32],
}

impl File {
    fn find(path: &str) -> Option<Self> {
        let file = Dist::get(path)?;
        Some(Self {
            path: path.to_owned(),
            content: match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            },
            hash: file.metadata.sha256_hash(),
        })
    }

    fn etag(&self) -> Result<HeaderValue, Problem> {
        let hex: String = self.hash[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        HeaderValue::from_str(&format!("W/\"{hex}\"")).map_err(Problem::internal)
    }

    /// What the bundler names by its content may be kept for ever; everything else is asked for again each time.
    fn cache_control(&self) -> HeaderValue {
        HeaderValue::from_static(if self.path.starts_with("assets/") {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        })
    }

    pub(crate) fn content_type(&self) -> HeaderValue {
        let extension = self
            .path
            .rsplit_once('.')
            .map_or("", |(_, extension)| extension);
        HeaderValue::from_static(match extension {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" | "map" => "application/json",
            "webmanifest" => "application/manifest+json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "avif" => "image/avif",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            "wasm" => "application/wasm",
            "txt" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        })
    }
}

/// The page of the app; its scripts read the address.
///
/// # Errors
/// The build holds no page.
pub async fn index(files: &CompressedFiles, headers: &HeaderMap) -> Result<Response, Problem> {
    serve_named(files, INDEX, headers).await
}

/// The API reference.
///
/// # Errors
/// The build holds no web app.
pub async fn api_reference(
    files: &CompressedFiles,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    serve_named(files, API_REFERENCE, headers).await
}

/// A file of the app, or its page for a navigation to one of its routes.
///
/// # Errors
/// Neither.
pub async fn serve(
    files: &CompressedFiles,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(not_found());
    }
    let name = path.trim_start_matches('/');
    // Vite's own list of files is for the build, not for the public.
    let is_hidden = name.split('/').any(|segment| segment.starts_with('.'));
    if let Some(file) = File::find(name).filter(|_| !is_hidden && name != INDEX) {
        return respond(files, file, headers).await;
    }
    if name == FAVICON {
        return serve_named(files, ICON, headers).await;
    }
    if is_page(name) && negotiation::accepts_html(headers) {
        return index(files, headers).await;
    }
    Err(not_found())
}

/// Whether a name is that of a page and not of a file. A missing script must not be answered with a page: the browser would
/// take it for a broken script. Programs that preview links, and `curl`, take anything (`*/*`), so that the name must tell.
fn is_page(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    !name.starts_with("assets/") && !last.contains('.')
}

async fn serve_named(
    files: &CompressedFiles,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let file = File::find(name).ok_or_else(|| {
        Problem::not_found(
            "web_app_not_built",
            "The web app is not in this build. Build it (`cd web && npm ci && npm run build`), then the server again.",
        )
    })?;
    respond(files, file, headers).await
}

async fn respond(
    files: &CompressedFiles,
    file: File,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let tag = file.etag()?;
    let caching = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, file.cache_control()),
        (
            header::VARY,
            HeaderValue::from_static("Accept, Accept-Encoding"),
        ),
    ];
    if etag::if_none_match(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let content_type: [(HeaderName, HeaderValue); 1] =
        [(header::CONTENT_TYPE, file.content_type())];
    let (encoding, content) = files.encoded(file, headers).await;
    let mut response = (caching, content_type, Body::from(content)).into_response();
    if let Some(encoding) = encoding {
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, encoding);
    }
    Ok(response)
}

fn not_found() -> Problem {
    Problem::not_found("not_found", "There is nothing at this address.")
}
