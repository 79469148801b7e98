//! Bodies in the format that each side wants.

use amphi_chassis::Problem;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::xml;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    /// XML unless JSON is asked for, as Eureka has it.
    pub fn accepted(headers: &HeaderMap) -> Self {
        let accepts_json = headers
            .get_all(header::ACCEPT)
            .iter()
            .any(|value| value.as_bytes().windows(4).any(|word| word == b"json"));
        if accepts_json { Self::Json } else { Self::Xml }
    }

    /// What `value` is, under its name.
    pub fn answer(self, root: &str, value: Value) -> Response {
        let (content_type, body) = match self {
            Self::Json => ("application/json", json!({ root: value }).to_string()),
            Self::Xml => ("application/xml", xml::write(root, &value)),
        };
        let content_type = HeaderValue::from_static(content_type);
        ([(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

/// The instance in the body of a registration.
///
/// # Errors
/// It is too large, of another type, or no instance.
pub(super) fn instance(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Value, Problem> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(
            "registration_too_large",
            "The registration is larger than registry.body_bytes_max. Leave out metadata that nobody needs.",
        ),
        _ => Problem::invalid(
            "registration_interrupted",
            "The registration did not arrive whole. Send it again.",
        ),
    })?;
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // A type that web pages of others may not send without being asked.
    if content_type.contains("json") {
        let mut document: Value = serde_json::from_slice(&body)
            .map_err(|error| malformed(&format!("no JSON: {error}")))?;
        return Ok(match document.get_mut("instance") {
            Some(instance) => instance.take(),
            None => document,
        });
    }
    if content_type.contains("xml") {
        let text = std::str::from_utf8(&body).map_err(|_| malformed("not UTF-8"))?;
        let (root, value) =
            xml::read(text).map_err(|error| malformed(&format!("no XML: {error}")))?;
        if root != "instance" {
            return Err(malformed("no element `instance`"));
        }
        return Ok(value);
    }
    Err(Problem::unsupported(
        "unsupported_registration",
        "A registration is application/json or application/xml.",
    ))
}

fn malformed(what: &str) -> Problem {
    Problem::invalid(
        "malformed_registration",
        format!(
            "The registration is {what}. Send {{\"instance\": {{…}}}} or <instance>…</instance>."
        ),
    )
}
