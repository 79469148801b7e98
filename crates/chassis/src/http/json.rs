//! JSON bodies, with refusals that say where in the body the mistake is.

use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::Segment;

use crate::Problem;

/// Like [`axum::Json`], but answers `application/problem+json` when the body is not what is expected.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::unsupported(
                "json_expected",
                "The body must be JSON: send it with Content-Type: application/json.",
            ));
        }
        parse(&read(request, state).await?).map(Self)
    }
}

/// An optional body: nothing at all is the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = read(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        parse(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .map(|media_type| media_type.trim().to_ascii_lowercase());
    media_type.is_some_and(|it| it == "application/json" || it.ends_with("+json"))
}

/// The body, bounded by the route's `DefaultBodyLimit`.
async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return Problem::too_large(
                    "body_too_large",
                    "The body is larger than is taken here.",
                );
            }
            let detail = format!("The body cannot be read: {}.", rejection.body_text());
            Problem::invalid("unreadable_body", detail)
        })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let pointer = pointer(error.path());
        refusal(error.inner(), &pointer)
    })?;
    json.end().map_err(|error| refusal(&error, ""))?;
    Ok(value)
}

fn refusal(error: &serde_json::Error, pointer: &str) -> Problem {
    match error.classify() {
        Category::Data => {
            let place = if pointer.is_empty() {
                String::new()
            } else {
                format!(" at {pointer}")
            };
            Problem::unprocessable(
                "invalid_body",
                format!("The body is JSON but not what is expected{place}: {error}."),
            )
            .with_field(pointer, "invalid", error.to_string())
        }
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::invalid("malformed_json", format!("The body is not JSON: {error}."))
        }
    }
}

/// The path as JSON Pointer (RFC 6901).
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } | Segment::Enum { variant: key } => {
                format!("/{}", key.replace('~', "~0").replace('/', "~1"))
            }
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Wanted {
        #[allow(dead_code)]
        title: String,
        #[allow(dead_code)]
        tags: Vec<String>,
    }

    fn request(content_type: &str, body: &str) -> Request {
        Request::builder()
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body.to_owned()))
            .unwrap()
    }

    async fn check(body: &str, code: &str, pointer: Option<&str>, hint: &str) {
        let problem = Json::<Wanted>::from_request(request("application/json", body), &())
            .await
            .unwrap_err();
        assert_eq!(problem.code, code, "{body}");
        let found = problem.fields.first().map(|field| field.pointer.as_str());
        assert_eq!(found, pointer, "{body}");
        assert!(problem.detail.contains(hint), "{}", problem.detail);
    }

    #[tokio::test]
    async fn a_wrong_body_is_refused_with_what_and_where() {
        let invalid = "invalid_body";
        check("{\"title\": 5}", invalid, Some("/title"), "integer").await;
        check(
            "{\"tags\": [\"a\", 5]}",
            invalid,
            Some("/tags/1"),
            "integer",
        )
        .await;
        check("{\"a/b\": 1}", invalid, Some("/a~1b"), "unknown field").await;
        check("5", invalid, Some(""), "expected").await;
        check("{\"title\": ", "malformed_json", None, "line 1").await;
        check("{} {}", "malformed_json", None, "trailing").await;
        check("", "malformed_json", None, "EOF").await;
    }

    #[tokio::test]
    async fn a_body_of_another_type_is_refused() {
        for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
            let problem = Json::<Wanted>::from_request(request(content_type, "{}"), &())
                .await
                .unwrap_err();
            assert_eq!(problem.code, "json_expected", "{content_type}");
        }
        for content_type in [
            "application/json; charset=utf-8",
            "application/merge-patch+json",
        ] {
            let body = Json::<Wanted>::from_request(request(content_type, "{}"), &()).await;
            assert!(body.is_ok(), "{content_type}");
        }
    }

    #[tokio::test]
    async fn no_body_at_all_is_the_default_where_it_is_optional() {
        let request = Request::new(Body::empty());
        let OptionalJson(wanted) = OptionalJson::<Wanted>::from_request(request, &())
            .await
            .unwrap();
        assert!(wanted.title.is_empty());
    }
}
