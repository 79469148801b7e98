//! What can go wrong between this client and a platform, and whether it is worth another try.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::StatusCode;

/// Why a request, or a whole upload, did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot reach {base}: {}; is it running?", innermost(cause))]
    Unreachable { base: String, cause: reqwest::Error },
    #[error("{base} has taken no byte for {} s", after.as_secs())]
    Stalled { base: String, after: Duration },
    #[error("{0}")]
    Refused(Refusal),
    #[error("the answer of {base} is not what this version of amphi expects: {what}")]
    Unexpected { base: String, what: String },
    #[error("cannot read {}: {cause}", path.display())]
    File {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error("the upload was removed meanwhile")]
    UploadGone,
    #[error("{title} cannot be played: {reason}")]
    VideoFailed { title: String, reason: String },
    #[error("there was no progress for {} s; at last: {cause}", after.as_secs())]
    GaveUp {
        after: Duration,
        cause: Box<ClientError>,
    },
}

/// A refusal in the platform's own words.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    /// Of `/docs/problems`; `None` when something in between answered.
    pub code: Option<String>,
    pub detail: String,
    pub trace_id: Option<String>,
    pub retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)?;
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        match &self.trace_id {
            Some(trace) if self.status.is_server_error() => write!(f, " (trace {trace})"),
            _ => Ok(()),
        }
    }
}

impl Refusal {
    /// Whether the same request may well succeed later, by itself.
    fn is_transient(&self) -> bool {
        match self.status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::LOCKED => true,
            // The account's own doing, so that waiting does not help; every other limit is one of time.
            StatusCode::TOO_MANY_REQUESTS => self.code.as_deref() != Some("too_many_uploads"),
            StatusCode::CONFLICT | StatusCode::BAD_REQUEST => matches!(
                self.code.as_deref(),
                Some("offset_mismatch" | "wrong_offset" | "body_interrupted" | "blob_busy")
            ),
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => true,
            _ => false,
        }
    }
}

impl ClientError {
    /// Whether another try may well succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Stalled { .. } => true,
            Self::Refused(refusal) => refusal.is_transient(),
            _ => false,
        }
    }

    /// How long the platform wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether nothing is left that could be gone on with.
    pub fn ends_the_upload(&self) -> bool {
        matches!(self, Self::UploadGone | Self::VideoFailed { .. })
    }

    /// A stable name of the kind, for scripts: the platform's own code where it gave one.
    pub fn code(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Stalled { .. } => "stalled",
            Self::Refused(refusal) => refusal.code.as_deref().unwrap_or("refused"),
            Self::Unexpected { .. } => "unexpected_answer",
            Self::File { .. } => "unreadable_file",
            Self::UploadGone => "upload_gone",
            Self::VideoFailed { .. } => "video_failed",
            Self::GaveUp { cause, .. } => cause.code(),
        }
    }
}

/// The cause at the bottom: what the layers above it say is noise.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, code: Option<&str>) -> ClientError {
        ClientError::Refused(Refusal {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            code: code.map(str::to_owned),
            detail: String::new(),
            trace_id: None,
            retry_after: None,
        })
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        for (status, code, is_transient) in [
            (400, Some("invalid_upload_metadata"), false),
            (400, Some("body_interrupted"), true),
            (401, Some("token_expired"), false),
            (403, Some("role_too_low"), false),
            (404, Some("upload_not_found"), false),
            (409, Some("offset_mismatch"), true),
            (409, Some("video_has_source"), false),
            (413, Some("upload_too_large"), false),
            (422, Some("source_refused"), false),
            (423, Some("upload_locked"), true),
            (429, Some("rate_limited"), true),
            (429, Some("too_many_uploads"), false),
            (429, None, true),
            (500, Some("internal"), true),
            (501, None, false),
            (502, None, true),
            (503, Some("service_unavailable"), true),
            (504, None, true),
            (507, Some("storage_full"), false),
        ] {
            let error = refused(status, code);
            assert_eq!(error.is_transient(), is_transient, "{status} {code:?}");
        }
    }
}
