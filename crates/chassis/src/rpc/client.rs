//! The client stack, outermost first:
//!
//! 1. credentials: before all else, so that every attempt bears the same token
//! 2. observation (span and metrics): around the retries, so that it shows the call as its caller feels it
//! 3. retry: inside the observation, outside the deadline, so that each attempt is sent with the time then left
//! 4. circuit breaker: every attempt asks it and tells it
//! 5. deadline: next to the transport, so that waiting for a connection counts
//! 6. transport

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::{Instrument, Span, field};

use super::body::{CallEnd, Ending, ObservedBody, status_of};
use super::call_context::{CallContext, ServerTimings};
use super::clients::{Credentials, Shared};
use super::fault::is_fault;
use super::guard::Guard;
use super::method::Method;
use super::retry::Retry;
use super::transport::Transport;
use crate::Role;

type CallFuture = BoxFuture<'static, Result<Response<Body>, Status>>;

/// The stack before a transport.
pub(super) fn stack(transport: Transport, origin: Role, credentials: Credentials) -> ClientStack {
    let shared = Arc::clone(&transport.shared);
    let target = transport.target;
    let deadline = Deadline {
        inner: transport,
        default_timeout: shared.settings.timeout,
    };
    let guard = Guard {
        inner: deadline,
        breaker: shared.breaker(target),
    };
    let retry = Retry {
        inner: guard,
        policy: shared.retry_policy(target),
    };
    let observe = Observe {
        inner: retry,
        origin,
        target,
    };
    Authorize {
        inner: observe,
        shared,
        origin,
        credentials,
    }
}

pub(super) type ClientStack = Authorize<Observe<Retry<Guard<Deadline<Transport>>>>>;

/// Adds the `authorization` of whoever the call is made for.
#[derive(Clone)]
pub(super) struct Authorize<S> {
    inner: S,
    shared: Arc<Shared>,
    origin: Role,
    credentials: Credentials,
}

impl<S> Service<Request<Body>> for Authorize<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status, Future = CallFuture>,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = CallFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> CallFuture {
        // A token that the caller has set by hand is meant.
        if !request.headers().contains_key(header::AUTHORIZATION)
            && let Some(token) = self.credentials.token(&self.shared, self.origin)
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {token}"))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        self.inner.call(request)
    }
}

/// A span of kind client around the call, its duration as metric and in the request's `Server-Timing`.
#[derive(Clone)]
pub(super) struct Observe<S> {
    inner: S,
    origin: Role,
    target: Role,
}

impl<S> Service<Request<Body>> for Observe<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status, Future = CallFuture>,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = CallFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> CallFuture {
        let path = request.uri().path().to_owned();
        let method = Method::of_path(&path);
        let span = tracing::info_span!(
            "rpc.client",
            service = self.origin.as_str(),
            otel.kind = "client",
            otel.name = method.full,
            otel.status_code = field::Empty,
            otel.status_message = field::Empty,
            rpc.system.name = "grpc",
            rpc.method = method.full,
            rpc.response.status_code = field::Empty,
            server.service = self.target.as_str(),
        );
        let streaming = method.is_streaming();
        let mut ending = Ending::new(ClientCallEnd {
            path,
            target: self.target,
            started: Instant::now(),
            timings: CallContext::current().timings().cloned(),
            span: span.clone(),
        });
        let answer = span.in_scope(|| self.inner.call(request));
        Box::pin(
            async move {
                match answer.await {
                    Ok(response) => {
                        let (code, message) = status_of(response.headers());
                        // A stream lasts as long as its reader likes: its call ends with the head.
                        if code != Code::Ok || streaming {
                            ending.finish(code, &message);
                            return Ok(response);
                        }
                        Ok(response.map(|body| Body::new(ObservedBody::new(body, ending))))
                    }
                    Err(status) => {
                        ending.finish(status.code(), status.message());
                        Err(status)
                    }
                }
            }
            .instrument(span),
        )
    }
}

struct ClientCallEnd {
    path: String,
    target: Role,
    started: Instant,
    timings: Option<ServerTimings>,
    span: Span,
}

impl CallEnd for ClientCallEnd {
    fn ended(&mut self, code: Code, message: &str) {
        let duration = self.started.elapsed();
        if let Some(timings) = &self.timings {
            timings.add(self.target, duration);
        }
        self.span
            .record("rpc.response.status_code", code_name(code));
        if is_fault(code) {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_message", message);
        }
        metrics::histogram!(
            "rpc.client.call.duration",
            "rpc.method" => Method::of_path(&self.path).full.to_owned(),
            "server.service" => self.target.as_str(),
            "rpc.response.status_code" => code_name(code),
        )
        .record(duration.as_secs_f64());
    }
}

/// Ends a call whose time is over, and tells the other side how much is left. Applies to the head of the answer: a stream
/// may last.
#[derive(Clone)]
pub(super) struct Deadline<S> {
    inner: S,
    default_timeout: Duration,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status, Future = CallFuture>,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = CallFuture;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> CallFuture {
        let timeout = CallContext::current()
            .remaining()
            .unwrap_or(self.default_timeout);
        if timeout.is_zero() {
            return Box::pin(std::future::ready(Err(too_late())));
        }
        request
            .headers_mut()
            .insert(GRPC_TIMEOUT, grpc_timeout(timeout));
        let answer = self.inner.call(request);
        Box::pin(async move {
            tokio::time::timeout(timeout, answer)
                .await
                .unwrap_or_else(|_| Err(too_late()))
        })
    }
}

pub(super) const GRPC_TIMEOUT: &str = "grpc-timeout";

pub(super) fn too_late() -> Status {
    crate::Problem::deadline_exceeded(
        "deadline_exceeded",
        "The request took longer than its caller would wait.",
    )
    .into()
}

/// `grpc-timeout`: at most eight digits and a unit.
fn grpc_timeout(timeout: Duration) -> HeaderValue {
    const DIGITS_MAX: u128 = 99_999_999;
    let text = match (timeout.as_micros(), timeout.as_millis()) {
        (micros, _) if micros <= DIGITS_MAX => format!("{micros}u"),
        (_, millis) if millis <= DIGITS_MAX => format!("{millis}m"),
        _ => format!("{}S", u128::from(timeout.as_secs()).min(DIGITS_MAX)),
    };
    // Digits and a letter are a valid header value.
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("10S"))
}

/// The other direction of [`grpc_timeout`]; `None` when it is not of that form.
pub(super) fn parse_grpc_timeout(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(count * 3600)),
        "M" => Some(Duration::from_secs(count * 60)),
        "S" => Some(Duration::from_secs(count)),
        "m" => Some(Duration::from_millis(count)),
        "u" => Some(Duration::from_micros(count)),
        "n" => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

/// The code as the semantic conventions name it.
pub(super) const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_timeout_survives_its_header() {
        for timeout in [
            Duration::from_micros(1),
            Duration::from_millis(300),
            Duration::from_secs(99),
            Duration::from_secs(3600),
            Duration::from_secs(400_000),
        ] {
            assert_eq!(parse_grpc_timeout(&grpc_timeout(timeout)), Some(timeout));
        }
    }

    #[test]
    fn a_malformed_timeout_is_none() {
        for text in ["", "S", "1", "1x", "-1S", "123456789S", "1.5S", "9é"] {
            let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else {
                continue;
            };
            assert_eq!(parse_grpc_timeout(&value), None, "{text}");
        }
    }
}
