//! Answers a GET or HEAD with a blob, or the part of it that was asked for.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use super::ranges::{Selection, Validators, http_date, select};
use crate::Problem;
use crate::blob::Blob;

/// What goes into the headers besides the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Representation<'a> {
    pub content_type: &'a str,
    pub cache_control: &'a str,
    pub validators: Validators,
}

/// The answer of RFC 9110 to `method` with `headers`: 200, 206, 304, 412 or 416, the body streamed in bounded pieces.
///
/// # Errors
/// When the blob cannot be read, or a header value is not one.
pub fn serve_blob(
    method: &Method,
    headers: &HeaderMap,
    blob: &Blob,
    representation: &Representation<'_>,
) -> Result<Response, Problem> {
    let size = blob.size();
    let validators = &representation.validators;
    let (status, range) = match select(method, headers, size, validators) {
        Selection::Whole => (StatusCode::OK, Some((0, size))),
        Selection::Part { first, last } => (StatusCode::PARTIAL_CONTENT, Some((first, last + 1))),
        Selection::NotModified => (StatusCode::NOT_MODIFIED, None),
        Selection::PreconditionFailed => {
            return Err(Problem::precondition_failed(
                "precondition_failed",
                "What is here is not what If-Match or If-Unmodified-Since asks for. Fetch it anew.",
            ));
        }
        Selection::Unsatisfiable => return unsatisfiable(size),
    };

    let mut response = Response::new(match range {
        Some((start, end)) if *method != Method::HEAD && start < end => {
            Body::from_stream(blob.read_range(start..end)?)
        }
        _ => Body::empty(),
    });
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::CACHE_CONTROL, value(representation.cache_control)?);
    if let Some(etag) = &validators.etag {
        fields.insert(header::ETAG, value(etag)?);
    }
    if let Some(modified) = validators.modified {
        fields.insert(header::LAST_MODIFIED, value(&http_date(modified))?);
    }
    let Some((start, end)) = range else {
        return Ok(response);
    };
    fields.insert(header::CONTENT_TYPE, value(representation.content_type)?);
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(end - start));
    if status == StatusCode::PARTIAL_CONTENT {
        let content_range = format!("bytes {start}-{}/{size}", end - 1);
        fields.insert(header::CONTENT_RANGE, value(&content_range)?);
    }
    Ok(response)
}

fn unsatisfiable(size: u64) -> Result<Response, Problem> {
    let problem = Problem::range_not_satisfiable(
        "range_not_satisfiable",
        format!("The range lies outside of the {size} bytes that are here."),
    );
    let mut response = problem.into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_RANGE, value(&format!("bytes */{size}"))?);
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(Problem::internal)
}
