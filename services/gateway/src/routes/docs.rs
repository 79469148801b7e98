//! Pages about the API: its document, its reference and its problem codes.

use std::sync::LazyLock;

use amphi_chassis::Problem;
use axum::Router;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};

use crate::gateway::Gateway;
use crate::{openapi, problems, web};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let document = openapi::openapi();
    // The document is made of plain maps and texts.
    serde_json::to_vec(&document).unwrap_or_default().into()
});
static PROBLEMS_PAGE: LazyLock<String> = LazyLock::new(problems::page);

pub fn routes() -> Router<Gateway> {
    Router::new()
        .route("/api/openapi.json", get(document))
        .route("/docs", get(reference))
        .route("/docs/problems", get(problems_page))
}

async fn document() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, DOCUMENT.clone()).into_response()
}

async fn reference(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    web::api_reference(gateway.web_files(), &headers).await
}

async fn problems_page() -> Html<&'static str> {
    Html(PROBLEMS_PAGE.as_str())
}
