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
    pub fn encode(self, root: &str, value: Value) -> Bytes {
        match self {
            Self::Json => json!({ root: value }).to_string().into(),
            Self::Xml => xml::write(root, &value).into(),
        }
    }

    pub fn response(self, body: Bytes) -> Response {
        let content_type = HeaderValue::from_static(match self {
            Self::Json => "application/json",
            Self::Xml => "application/xml",
        });
        ([(header::CONTENT_TYPE, content_type)], body).into_response()
    }

    pub fn answer(self, root: &str, value: Value) -> Response {
        self.response(self.encode(root, value))
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
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::invalid(
            "registration_interrupted",
            "The registration did not arrive whole. Send it again.",
        ),
    })?;
    let media_type = media_type(headers);
    // Types that web pages of others may not send without being asked.
    if media_type == "application/json" {
        let mut document: Value = serde_json::from_slice(&body)
            .map_err(|error| malformed(&format!("no JSON: {error}")))?;
        return Ok(match document.get_mut("instance") {
            Some(instance) => instance.take(),
            None => document,
        });
    }
    if matches!(media_type.as_str(), "application/xml" | "text/xml") {
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

/// As it is sent, or as it would be passed on to other registries.
pub(super) fn too_large() -> Problem {
    Problem::too_large(
        "registration_too_large",
        "The registration is larger than registry.body_bytes_max. Leave out metadata that nobody needs.",
    )
}

/// Without parameters: `text/plain; x=json` is plain text.
fn media_type(headers: &HeaderMap) -> String {
    let content_type = headers.get(header::CONTENT_TYPE);
    let text = content_type.and_then(|value| value.to_str().ok());
    let essence = text.and_then(|text| text.split(';').next());
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

fn malformed(what: &str) -> Problem {
    Problem::invalid(
        "malformed_registration",
        format!(
            "The registration is {what}. Send {{\"instance\": {{…}}}} or <instance>…</instance>."
        ),
    )
}
