//! One error for every border: what a caller is told, over gRPC and over HTTP, and what only the log is told.

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use tonic::metadata::{BinaryMetadataKey, MetadataMap, MetadataValue};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const DETAILS_KEY: &str = "amphi-problem-bin";

/// What sort of refusal it is; decides the HTTP and gRPC status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Invalid,
    Unprocessable,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    Gone,
    PreconditionFailed,
    TooLarge,
    Unsupported,
    RangeNotSatisfiable,
    RateLimited,
    Internal,
    Unavailable,
    DeadlineExceeded,
}

impl Kind {
    /// Whether whoever was asked is away, overloaded or slow: nothing is wrong with what was asked.
    #[must_use]
    pub const fn is_away(self) -> bool {
        matches!(self, Self::Unavailable | Self::DeadlineExceeded)
    }

    #[must_use]
    pub const fn http_status(self) -> StatusCode {
        match self {
            Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::Gone => StatusCode::GONE,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    const fn grpc_code(self) -> tonic::Code {
        match self {
            Self::Invalid | Self::Unprocessable | Self::Unsupported => tonic::Code::InvalidArgument,
            Self::Unauthenticated => tonic::Code::Unauthenticated,
            Self::Forbidden => tonic::Code::PermissionDenied,
            Self::NotFound | Self::Gone => tonic::Code::NotFound,
            Self::Conflict => tonic::Code::Aborted,
            Self::PreconditionFailed => tonic::Code::FailedPrecondition,
            Self::TooLarge | Self::RateLimited => tonic::Code::ResourceExhausted,
            Self::RangeNotSatisfiable => tonic::Code::OutOfRange,
            Self::MethodNotAllowed => tonic::Code::Unimplemented,
            Self::Internal => tonic::Code::Internal,
            Self::Unavailable => tonic::Code::Unavailable,
            Self::DeadlineExceeded => tonic::Code::DeadlineExceeded,
        }
    }

    const fn from_grpc(code: tonic::Code) -> Self {
        match code {
            tonic::Code::InvalidArgument => Self::Invalid,
            tonic::Code::Unauthenticated => Self::Unauthenticated,
            tonic::Code::PermissionDenied => Self::Forbidden,
            tonic::Code::NotFound => Self::NotFound,
            tonic::Code::AlreadyExists | tonic::Code::Aborted => Self::Conflict,
            tonic::Code::FailedPrecondition => Self::PreconditionFailed,
            tonic::Code::ResourceExhausted => Self::RateLimited,
            tonic::Code::OutOfRange => Self::RangeNotSatisfiable,
            tonic::Code::Unavailable => Self::Unavailable,
            tonic::Code::DeadlineExceeded | tonic::Code::Cancelled => Self::DeadlineExceeded,
            _ => Self::Internal,
        }
    }

    /// The code of a problem that has no more precise one.
    const fn default_code(self) -> &'static str {
        match self {
            Self::Invalid => "invalid_request",
            Self::Unprocessable => "unprocessable",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Conflict => "conflict",
            Self::Gone => "gone",
            Self::PreconditionFailed => "precondition_failed",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported_media_type",
            Self::RangeNotSatisfiable => "range_not_satisfiable",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DeadlineExceeded => "deadline_exceeded",
        }
    }
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// JSON Pointer (RFC 6901) into the request body.
    pub pointer: String,
    pub code: String,
    pub detail: String,
}

/// A refusal or a failure, as the caller sees it.
///
/// `detail` says what was wrong and what to do. The cause of a failure on our side is kept for the log and never shown.
#[derive(Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {detail}")]
pub struct Problem {
    pub kind: Kind,
    pub code: Cow<'static, str>,
    pub detail: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldProblem>,
    /// When to try again, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
    #[serde(skip)]
    source: Option<BoxError>,
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),+ $(,)?) => {$(
        #[must_use]
        pub fn $name(code: &'static str, detail: impl Into<String>) -> Self {
            Self::new(Kind::$kind, code, detail)
        }
    )+};
}

impl Problem {
    #[must_use]
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind,
            code: Cow::Borrowed(code),
            detail: detail.into(),
            fields: Vec::new(),
            retry_after_s: None,
            source: None,
        }
    }

    constructors! {
        invalid => Invalid,
        unprocessable => Unprocessable,
        unauthenticated => Unauthenticated,
        forbidden => Forbidden,
        not_found => NotFound,
        method_not_allowed => MethodNotAllowed,
        conflict => Conflict,
        gone => Gone,
        precondition_failed => PreconditionFailed,
        too_large => TooLarge,
        unsupported => Unsupported,
        range_not_satisfiable => RangeNotSatisfiable,
        rate_limited => RateLimited,
        unavailable => Unavailable,
        deadline_exceeded => DeadlineExceeded,
    }

    /// A failure on our side. Logs the cause, once, here; the caller is told nothing of it.
    #[must_use]
    pub fn internal(source: impl Into<BoxError>) -> Self {
        let source = source.into();
        tracing::error!(error = %DisplayChain(source.as_ref()), "internal error");
        let mut problem = Self::new(
            Kind::Internal,
            "internal",
            "Something went wrong on our side. Try again; if it stays, give the trace id to the operator.",
        );
        problem.source = Some(source);
        problem
    }

    /// The same for another who waited for the same; its cause was logged already.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            kind: self.kind,
            code: self.code.clone(),
            detail: self.detail.clone(),
            fields: self.fields.clone(),
            retry_after_s: self.retry_after_s,
            source: None,
        }
    }

    #[must_use]
    pub fn with_field(
        mut self,
        pointer: impl Into<String>,
        code: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        self.fields.push(FieldProblem {
            pointer: pointer.into(),
            code: code.into(),
            detail: detail.into(),
        });
        self
    }

    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after_s = Some(after.as_secs().max(1));
        self
    }
}

struct DisplayChain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for DisplayChain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(error) = next {
            write!(f, ": {error}")?;
            next = error.source();
        }
        Ok(())
    }
}

impl From<sea_orm::DbErr> for Problem {
    /// A database that is away or overloaded is no fault of ours in the code: the caller may try again.
    fn from(error: sea_orm::DbErr) -> Self {
        use crate::db::{is_connection_lost, is_contention, is_cut_off};
        if !is_connection_lost(&error) && !is_contention(&error) && !is_cut_off(&error) {
            return Self::internal(error);
        }
        tracing::warn!(%error, "the database is unavailable");
        let mut problem = Self::unavailable(
            "database_unavailable",
            "The database does not answer at the moment. Try again in a while.",
        )
        .with_retry_after(Duration::from_secs(1));
        problem.source = Some(Box::new(error));
        problem
    }
}

impl From<Problem> for tonic::Status {
    fn from(problem: Problem) -> Self {
        let mut metadata = MetadataMap::new();
        if let Ok(json) = serde_json::to_vec(&problem) {
            let key = BinaryMetadataKey::from_static(DETAILS_KEY);
            metadata.insert_bin(key, MetadataValue::from_bytes(&json));
        }
        Self::with_metadata(problem.kind.grpc_code(), problem.detail, metadata)
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        if let Some(problem) = embedded(&status) {
            return problem;
        }
        let kind = Kind::from_grpc(status.code());
        if kind == Kind::Internal {
            return Self::internal(status);
        }
        let mut problem = Self::new(kind, kind.default_code(), status.message());
        problem.source = Some(Box::new(status));
        problem
    }
}

fn embedded(status: &tonic::Status) -> Option<Problem> {
    let bytes = status.metadata().get_bin(DETAILS_KEY)?.to_bytes().ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Where the web app shows what happened in a request. It tells one occurrence from another, which the path of the request
/// would not, and streams have their signature in their paths.
const TRACE_PAGE: &str = "/observatory/traces/";

/// The body of RFC 9457.
#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldProblem],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.http_status();
        let trace_id = crate::telemetry::current_trace_id().map(|id| id.to_string());
        let body = Body {
            r#type: format!("/docs/problems#{}", self.code),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            instance: trace_id.as_ref().map(|id| format!("{TRACE_PAGE}{id}")),
            trace_id,
            errors: &self.fields,
        };
        let mut response = (status, axum::Json(&body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_problem_crosses_grpc_whole() {
        let sent = Problem::conflict("email_taken", "This address has an account already.")
            .with_field("/email", "taken", "Sign in instead.")
            .with_retry_after(Duration::from_secs(3));
        let received = Problem::from(tonic::Status::from(sent));
        assert_eq!(received.kind, Kind::Conflict);
        assert_eq!(received.code, "email_taken");
        assert_eq!(received.fields[0].pointer, "/email");
        assert_eq!(received.retry_after_s, Some(3));
    }

    #[test]
    fn a_foreign_status_is_mapped_by_its_code() {
        let problem = Problem::from(tonic::Status::unavailable("no route"));
        assert_eq!(problem.kind, Kind::Unavailable);
        assert_eq!(problem.code, "unavailable");
    }

    #[test]
    fn the_cause_of_an_internal_error_is_not_told() {
        let problem = Problem::internal("password=hunter2");
        assert!(!problem.detail.contains("hunter2"));
        assert!(!serde_json::to_string(&problem).unwrap().contains("hunter2"));
    }
}
