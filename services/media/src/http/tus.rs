//! The headers of tus 1.0 (<https://tus.io/protocols/resumable-upload>), read and written.

use amphi_chassis::Problem;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

use crate::domain::Error;
use crate::domain::checksum::{ALGORITHMS, Checksum};
use crate::domain::upload::{PatchHead, Upload, UploadState};
use crate::settings::Settings;

pub const VERSION: &str = "1.0.0";
const EXTENSIONS: &str =
    "creation,creation-defer-length,creation-with-upload,termination,expiration,checksum";

pub const PATCH_CONTENT_TYPE: &str = "application/offset+octet-stream";

pub const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const METHOD_OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");
pub const AMPHI_VIDEO_ID: HeaderName = HeaderName::from_static("amphi-video-id");

/// Puts the protocol's version on every answer, refusals included.
pub async fn mark(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(VERSION));
    if response.status() == StatusCode::PRECONDITION_FAILED {
        let versions = HeaderValue::from_static(VERSION);
        response.headers_mut().insert(TUS_VERSION, versions);
    }
    response
}

/// The method that is meant: clients behind old proxies say it in a header of a POST.
pub fn effective_method(method: &Method, headers: &HeaderMap) -> Method {
    headers
        .get(METHOD_OVERRIDE)
        .filter(|_| *method == Method::POST)
        .and_then(|value| Method::from_bytes(value.as_bytes().to_ascii_uppercase().as_slice()).ok())
        .unwrap_or_else(|| method.clone())
}

/// The answer to OPTIONS: what this server can do.
pub fn abilities(settings: &Settings) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(TUS_EXTENSION, HeaderValue::from_static(EXTENSIONS));
    headers.insert(TUS_MAX_SIZE, HeaderValue::from(settings.upload_bytes_max));
    headers.insert(TUS_CHECKSUM_ALGORITHM, HeaderValue::from_static(ALGORITHMS));
    response
}

/// Refuses a client that speaks another version.
pub fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match text(headers, &TUS_RESUMABLE)? {
        Some(VERSION) => Ok(()),
        _ => Err(Problem::precondition_failed(
            "unsupported_tus_version",
            format!("This server speaks tus {VERSION}: send `Tus-Resumable: {VERSION}`."),
        )),
    }
}

/// The length that a creation names; `None` when it is to be told later.
pub fn creation_length(headers: &HeaderMap, bytes_max: u64) -> Result<Option<u64>, Problem> {
    let length = number(headers, &UPLOAD_LENGTH)?;
    let deferred = text(headers, &UPLOAD_DEFER_LENGTH)?;
    match (length, deferred) {
        (Some(length), None) if length > bytes_max => {
            Err(Error::UploadTooLarge { bytes_max }.into())
        }
        (Some(length), None) => Ok(Some(length)),
        (None, Some("1")) => Ok(None),
        _ => Err(Problem::invalid(
            "upload_length_required",
            "Say how many bytes will come with `Upload-Length`, or `Upload-Defer-Length: 1` if that is not known yet: \
             one of the two.",
        )),
    }
}

/// What a PATCH says of itself.
pub fn patch_head(headers: &HeaderMap) -> Result<PatchHead, Problem> {
    let offset = number(headers, &UPLOAD_OFFSET)?.ok_or_else(|| {
        Problem::invalid(
            "upload_offset_required",
            "Say where the bytes belong with `Upload-Offset`.",
        )
    })?;
    Ok(PatchHead {
        offset,
        content_length: number(headers, &header::CONTENT_LENGTH)?,
        declared_length: number(headers, &UPLOAD_LENGTH)?,
    })
}

/// Whether the body is bytes of an upload.
pub fn has_upload_body(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(PATCH_CONTENT_TYPE))
}

/// The checksum of the body, if one is given.
pub fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(value) = text(headers, &UPLOAD_CHECKSUM)? else {
        return Ok(None);
    };
    let checksum = Checksum::parse(value).map_err(Error::from)?;
    Ok(Some(checksum))
}

/// The headers that tell where an upload stands.
pub fn describe(upload: &Upload, headers: &mut HeaderMap) {
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(upload.received));
    match upload.length {
        Some(length) => headers.insert(UPLOAD_LENGTH, HeaderValue::from(length)),
        None => headers.insert(UPLOAD_DEFER_LENGTH, HeaderValue::from_static("1")),
    };
    if let Ok(metadata) = HeaderValue::try_from(&upload.metadata)
        && !upload.metadata.is_empty()
    {
        headers.insert(UPLOAD_METADATA, metadata);
    }
    if let Ok(id) = HeaderValue::try_from(upload.video_id.to_string()) {
        headers.insert(AMPHI_VIDEO_ID, id);
    }
    tell_expiry(upload, headers);
}

/// `Upload-Expires`, for an upload that is still open.
pub fn tell_expiry(upload: &Upload, headers: &mut HeaderMap) {
    if upload.state != UploadState::Open {
        return;
    }
    let date = Timestamp::from_microsecond(upload.expires_at_us)
        .and_then(|time| DateTimePrinter::new().timestamp_to_rfc9110_string(&time));
    if let Some(date) = date.ok().and_then(|date| HeaderValue::try_from(date).ok()) {
        headers.insert(UPLOAD_EXPIRES, date);
    }
}

/// A refusal, with the status that tus names where it has one of its own.
pub fn refusal(error: Error) -> Response {
    let status = match error {
        Error::ChecksumMismatch => StatusCode::from_u16(460).ok(),
        Error::UploadLocked => Some(StatusCode::LOCKED),
        Error::StorageFull => Some(StatusCode::INSUFFICIENT_STORAGE),
        _ => None,
    };
    let mut response = Problem::from(error).into_response();
    if let Some(status) = status {
        *response.status_mut() = status;
    }
    response
}

pub fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim())),
        Err(_) => Err(Problem::invalid(
            "invalid_header",
            format!("The header {name} holds something else than plain text."),
        )),
    }
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let Some(text) = text(headers, name)? else {
        return Ok(None);
    };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_plain => Ok(Some(number)),
        _ => Err(Problem::invalid(
            "invalid_header",
            format!("The header {name} must be a whole number."),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse::<HeaderName>().unwrap(),
                    value.parse::<HeaderValue>().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn a_creation_names_its_length_now_or_later() {
        for (pairs, expected) in [
            (&[("upload-length", "100")][..], Ok(Some(100))),
            (&[("upload-length", "0")], Ok(Some(0))),
            (&[("upload-defer-length", "1")], Ok(None)),
            (&[("upload-length", "1001")], Err("upload_too_large")),
            (&[], Err("upload_length_required")),
            (
                &[("upload-defer-length", "2")],
                Err("upload_length_required"),
            ),
            (
                &[("upload-length", "1"), ("upload-defer-length", "1")],
                Err("upload_length_required"),
            ),
            (&[("upload-length", "-1")], Err("invalid_header")),
            (&[("upload-length", "+1")], Err("invalid_header")),
            (
                &[("upload-length", "99999999999999999999999")],
                Err("invalid_header"),
            ),
        ] {
            let found = creation_length(&headers(pairs), 1_000);
            let found = found.map_err(|problem| problem.code.into_owned());
            assert_eq!(found, expected.map_err(str::to_owned), "{pairs:?}");
        }
    }

    #[test]
    fn only_a_post_may_mean_another_method() {
        let patch = headers(&[("x-http-method-override", "patch")]);
        assert_eq!(effective_method(&Method::POST, &patch), Method::PATCH);
        assert_eq!(effective_method(&Method::GET, &patch), Method::GET);
        assert_eq!(
            effective_method(&Method::POST, &HeaderMap::new()),
            Method::POST
        );
    }

    #[test]
    fn another_version_is_refused() {
        assert!(check_version(&headers(&[("tus-resumable", "1.0.0")])).is_ok());
        for pairs in [&[][..], &[("tus-resumable", "0.2.2")]] {
            let problem = check_version(&headers(pairs)).unwrap_err();
            assert_eq!(problem.kind.http_status(), StatusCode::PRECONDITION_FAILED);
        }
    }

    #[test]
    fn parameters_of_the_content_type_do_not_matter() {
        assert!(has_upload_body(&headers(&[(
            "content-type",
            "application/offset+octet-stream"
        )])));
        assert!(has_upload_body(&headers(&[(
            "content-type",
            "Application/Offset+Octet-Stream; x=y"
        )])));
        assert!(!has_upload_body(&headers(&[(
            "content-type",
            "application/octet-stream"
        )])));
        assert!(!has_upload_body(&HeaderMap::new()));
    }
}
