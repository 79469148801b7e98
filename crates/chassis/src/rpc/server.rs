//! The server stack that stands before every gRPC service of a role, outermost first:
//!
//! 1. observation (span and metrics): around all else, so that refusals, delays and panics show as what they were
//! 2. panic guard: inside the observation, so that a panic ends as a failed call and takes no other call down
//! 3. shedding: before any work, since a role that is too busy should say so at once
//! 4. fault delay: inside the span, so that an experiment's delay shows on this hop and no other
//! 5. context: the deadline runs from here, over authentication too, which may have to fetch keys
//! 6. authentication: next to the services, which find the caller in the request's extensions
//! 7. end of streams: a stream that is answered ends when the process stops

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, header};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::Service;
use tower::util::BoxCloneSyncService;
use tracing::{Instrument, Span, field};

use super::GrpcService;
use super::body::{CallEnd, Ending, ObservedBody, UntilShutdown, status_of};
use super::call_context::CallContext;
use super::client::{GRPC_TIMEOUT, code_name, parse_grpc_timeout, too_late};
use super::fault::is_fault;
use super::method::Method;
use crate::auth::{Caller, TokenVerifier};
use crate::{Problem, Role};

type Answer = Result<Response<Body>, Infallible>;
type AnswerFuture = BoxFuture<'static, Answer>;

/// Spans of the calls that carry spans would beget spans without end.
const UNTRACED_SERVICES: &str = "opentelemetry.proto.collector.";

/// What the server stack of a role needs.
#[derive(Clone)]
pub(crate) struct ServerStack {
    pub role: Role,
    pub verifier: TokenVerifier,
    pub fault_delay: Option<Duration>,
    pub default_timeout: Duration,
    pub concurrency_max: usize,
    /// Cancelled when the process stops and streams must end.
    pub shutdown: CancellationToken,
}

impl ServerStack {
    pub fn wrap(&self, services: GrpcServices) -> GrpcService {
        let end_streams = EndStreams {
            inner: services,
            shutdown: self.shutdown.clone(),
        };
        let authenticate = Authenticate {
            inner: end_streams,
            verifier: self.verifier.clone(),
        };
        let context = CarryContext {
            inner: authenticate,
            default_timeout: self.default_timeout,
        };
        let delay = FaultDelay {
            inner: context,
            delay: self.fault_delay,
        };
        let shed = Shed {
            inner: delay,
            role: self.role,
            permits: Arc::new(Semaphore::new(self.concurrency_max)),
        };
        let guard = CatchPanic { inner: shed };
        BoxCloneSyncService::new(Observe {
            inner: guard,
            role: self.role,
        })
    }
}

/// The gRPC services of one role, by name. There are one or two, so they are searched in order.
#[derive(Clone, Default)]
pub(crate) struct GrpcServices {
    services: Vec<(&'static str, GrpcService)>,
}

impl GrpcServices {
    pub fn add<S>(&mut self, service: S)
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.services
            .push((S::NAME, BoxCloneSyncService::new(service)));
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.services.iter().map(|(name, _)| *name)
    }
}

impl Service<Request<Body>> for GrpcServices {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Generated servers are always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let wanted = Method::of_path(request.uri().path()).service;
        match self.services.iter_mut().find(|(name, _)| *name == wanted) {
            Some((_, service)) => service.call(request),
            None => refuse(Status::unimplemented(format!("no service {wanted} here"))),
        }
    }
}

fn refuse(status: Status) -> AnswerFuture {
    Box::pin(std::future::ready(Ok(status.into_http())))
}

macro_rules! always_ready {
    () => {
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }
    };
}

/// What every layer here is around: always ready, never an error besides a status.
trait Inner:
    Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = AnswerFuture>
    + Clone
    + Send
    + 'static
{
}

impl<S> Inner for S where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = AnswerFuture>
        + Clone
        + Send
        + 'static
{
}

#[derive(Clone)]
struct Observe<S> {
    inner: S,
    role: Role,
}

impl<S: Inner> Service<Request<Body>> for Observe<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let path = request.uri().path().to_owned();
        let method = Method::of_path(&path);
        let streaming = method.is_streaming();
        let span = server_span(self.role, method, request.headers());
        let mut ending = Ending::new(ServerCallEnd {
            path,
            role: self.role,
            started: Instant::now(),
            span: span.clone(),
        });
        let answer = span.in_scope(|| self.inner.call(request));
        Box::pin(
            async move {
                let response = match answer.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                let (code, message) = status_of(response.headers());
                // A stream lasts as long as its reader likes: its call ends with the head.
                if code != Code::Ok || streaming {
                    ending.finish(code, &message);
                    return Ok(response);
                }
                Ok(response.map(|body| Body::new(ObservedBody::new(body, ending))))
            }
            .instrument(span),
        )
    }
}

fn server_span(role: Role, method: Method<'_>, headers: &HeaderMap) -> Span {
    if method.service.starts_with(UNTRACED_SERVICES) {
        return crate::telemetry::unrecorded();
    }
    let traceparent = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    tracing::info_span!(
        "rpc.server",
        service = role.as_str(),
        traceparent,
        otel.kind = "server",
        otel.name = method.full,
        otel.status_code = field::Empty,
        otel.status_message = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method.full,
        rpc.response.status_code = field::Empty,
    )
}

struct ServerCallEnd {
    path: String,
    role: Role,
    started: Instant,
    span: Span,
}

impl CallEnd for ServerCallEnd {
    fn ended(&mut self, code: Code, message: &str) {
        self.span
            .record("rpc.response.status_code", code_name(code));
        if is_fault(code) {
            self.span.record("otel.status_code", "ERROR");
            self.span.record("otel.status_message", message);
        }
        // What does not exist must not make a label for every name that somebody tries.
        let method = match code {
            Code::Unimplemented => "unknown".to_owned(),
            _ => Method::of_path(&self.path).full.to_owned(),
        };
        metrics::histogram!(
            "rpc.server.call.duration",
            "rpc.method" => method,
            "service" => self.role.as_str(),
            "rpc.response.status_code" => code_name(code),
        )
        .record(self.started.elapsed().as_secs_f64());
    }
}

#[derive(Clone)]
struct CatchPanic<S> {
    inner: S,
}

impl<S: Inner> Service<Request<Body>> for CatchPanic<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let mut inner = self.inner.clone();
        // The call itself may panic as well as its future.
        let answer = AssertUnwindSafe(async move { inner.call(request).await });
        Box::pin(async move {
            answer.catch_unwind().await.unwrap_or_else(|panic| {
                let problem = Problem::internal(format!("panicked: {}", panic_message(&*panic)));
                Ok(Status::from(problem).into_http())
            })
        })
    }
}

pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[derive(Clone)]
struct Shed<S> {
    inner: S,
    role: Role,
    permits: Arc<Semaphore>,
}

impl<S: Inner> Service<Request<Body>> for Shed<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            let problem = Problem::unavailable(
                "too_busy",
                format!("{} works on as many calls as it can; try again.", self.role),
            );
            return refuse(problem.with_retry_after(Duration::from_secs(1)).into());
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(permit);
            answer
        })
    }
}

#[derive(Clone)]
struct FaultDelay<S> {
    inner: S,
    delay: Option<Duration>,
}

impl<S: Inner> Service<Request<Body>> for FaultDelay<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let Some(delay) = self.delay else {
            return self.inner.call(request);
        };
        let mut inner = self.inner.clone();
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            inner.call(request).await
        })
    }
}

#[derive(Clone)]
struct CarryContext<S> {
    inner: S,
    default_timeout: Duration,
}

impl<S: Inner> Service<Request<Body>> for CarryContext<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let timeout = request
            .headers()
            .get(GRPC_TIMEOUT)
            .and_then(parse_grpc_timeout)
            .unwrap_or(self.default_timeout);
        let token = bearer_token(request.headers()).map(Arc::from);
        let context = CallContext::default()
            .with_timeout(timeout)
            .with_token(token);
        let mut inner = self.inner.clone();
        // The call is made inside the scope: generated servers build their handler's future at once.
        let answer = context.scope(async move { inner.call(request).await });
        Box::pin(async move {
            tokio::time::timeout(timeout, answer)
                .await
                .unwrap_or_else(|_| Ok(too_late().into_http()))
        })
    }
}

/// The token of an `authorization` header of the scheme Bearer.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_start())
}

#[derive(Clone)]
struct Authenticate<S> {
    inner: S,
    verifier: TokenVerifier,
}

impl<S: Inner> Service<Request<Body>> for Authenticate<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, mut request: Request<Body>) -> AnswerFuture {
        let mut inner = self.inner.clone();
        let verifier = self.verifier.clone();
        Box::pin(async move {
            match authenticate(&verifier, request.headers()).await {
                Ok(caller) => {
                    request.extensions_mut().insert(caller);
                    inner.call(request).await
                }
                Err(problem) => Ok(Status::from(problem).into_http()),
            }
        })
    }
}

/// Who calls, by the `authorization` header: nobody when there is none, a refusal when it is bad.
pub(crate) async fn authenticate(
    verifier: &TokenVerifier,
    headers: &HeaderMap,
) -> Result<Caller, Problem> {
    if !headers.contains_key(header::AUTHORIZATION) {
        return Ok(Caller::Anonymous);
    }
    let token = bearer_token(headers).ok_or_else(|| {
        Problem::unauthenticated(
            "token_invalid",
            "The Authorization header must be `Bearer` and an access token.",
        )
    })?;
    Ok(verifier.verify(token).await?)
}

#[derive(Clone)]
struct EndStreams<S> {
    inner: S,
    shutdown: CancellationToken,
}

impl<S: Inner> Service<Request<Body>> for EndStreams<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = AnswerFuture;

    always_ready!();

    fn call(&mut self, request: Request<Body>) -> AnswerFuture {
        let streaming = Method::of_path(request.uri().path()).is_streaming();
        let answer = self.inner.call(request);
        if !streaming {
            return answer;
        }
        let shutdown = self.shutdown.clone();
        Box::pin(async move {
            let response = answer.await?;
            Ok(response.map(|body| Body::new(UntilShutdown::new(body, shutdown))))
        })
    }
}
