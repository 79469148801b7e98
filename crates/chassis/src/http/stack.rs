//! What stands before every HTTP handler, outermost first:
//!
//! 1. observation (span, metrics; on the public port the request's id, trace and timings in the answer's headers): around
//!    all else, so that refusals, delays and panics show as what they were
//! 2. panic guard: inside the observation, so that a panic is a failed request and takes no other down
//! 3. fault delay: inside the span, so that an experiment's delay shows on this hop and no other
//! 4. authentication: next to the handlers, which find the caller in the request's extensions and the token in the
//!    call context, from where it is carried on

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tracing::{Instrument, Span, field};

use super::lingering_body::LingeringBody;
use super::request_id::{self, RequestId};
use crate::auth::TokenVerifier;
use crate::rpc::{CallContext, ServerTimings, authenticate, bearer_token, panic_message};
use crate::{Problem, Role, telemetry};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Spans of the requests that carry spans would beget spans without end.
const UNTRACED_ROUTES: [&str; 2] = ["/v1/traces", "/api/v1/observatory/otlp/v1/traces"];

/// The layers around the HTTP handlers of one role.
#[derive(Debug, Clone)]
pub struct HttpStack {
    role: Role,
    verifier: TokenVerifier,
    fault_delay: Option<Duration>,
    side: Side,
}

/// Whose routes these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The gateway's and other services'.
    Plane,
    /// Everybody's.
    Public,
    /// Those of a foreign protocol, which has its own way to say who calls.
    Foreign,
}

impl HttpStack {
    pub(crate) const fn new(
        role: Role,
        verifier: TokenVerifier,
        fault_delay: Option<Duration>,
    ) -> Self {
        Self {
            role,
            verifier,
            fault_delay,
            side: Side::Plane,
        }
    }

    /// Around the routes of a byte plane, which the gateway and other services call.
    pub(crate) fn wrap_plane(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self.clone()), serve))
    }

    /// Around the routes of the public port.
    pub(crate) fn wrap_public(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self.on(Side::Public)), serve))
    }

    /// Around the routes of a foreign protocol on the internal port. They see who calls themselves, and leave no traces: the
    /// heartbeats of its clients would push all others out.
    pub(crate) fn wrap_foreign(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::new(self.on(Side::Foreign)), serve))
    }

    fn on(&self, side: Side) -> Self {
        Self {
            side,
            ..self.clone()
        }
    }

    fn is_public(&self) -> bool {
        self.side == Side::Public
    }
}

async fn serve(State(stack): State<Arc<HttpStack>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let method = request.method().clone();
    let span = match stack.side {
        Side::Foreign => telemetry::unrecorded(),
        Side::Plane | Side::Public => server_span(stack.role, &request, route.as_deref()),
    };
    let timings = ServerTimings::default();
    let request_id = RequestId::of(request.headers());
    if stack.is_public() {
        request.extensions_mut().insert(request_id.clone());
        request = request.map(LingeringBody::wrap);
    }

    let guarded = AssertUnwindSafe(answer(Arc::clone(&stack), request, next, timings.clone()));
    let mut response = async {
        guarded.catch_unwind().await.unwrap_or_else(|panic| {
            Problem::internal(format!("panicked: {}", panic_message(&*panic))).into_response()
        })
    }
    .instrument(span.clone())
    .await;

    let status = response.status();
    record_outcome(&span, status);
    metrics::histogram!(
        "http.server.request.duration",
        "http.request.method" => method_label(&method),
        // What does not exist must not make a label for every path that somebody tries.
        "http.route" => route.unwrap_or_else(|| "unknown".to_owned()),
        "service" => stack.role.as_str(),
        "http.response.status_code" => status.as_str().to_owned(),
    )
    .record(started.elapsed().as_secs_f64());
    if stack.is_public() {
        let headers = response.headers_mut();
        tell_the_client(headers, &span, &request_id);
        tell_the_timings(headers, stack.role, started.elapsed(), &timings);
    }
    response
}

async fn answer(
    stack: Arc<HttpStack>,
    mut request: Request,
    next: Next,
    timings: ServerTimings,
) -> Response {
    if let Some(delay) = stack.fault_delay {
        tokio::time::sleep(delay).await;
    }
    if stack.side == Side::Foreign {
        return CallContext::default().scope(next.run(request)).await;
    }
    match authenticate(&stack.verifier, request.headers()).await {
        Ok(caller) => request.extensions_mut().insert(caller),
        Err(problem) => return problem.into_response(),
    };
    let token = bearer_token(request.headers()).map(Arc::from);
    let mut context = CallContext::default().with_token(token);
    if stack.is_public() {
        context = context.with_timings(timings);
    }
    context.scope(next.run(request)).await
}

/// The route, not the path: paths of streams carry their signature. What has no route is a file of the web app, or nothing.
fn server_span(role: Role, request: &Request, route: Option<&str>) -> Span {
    let Some(route) = route.filter(|route| !UNTRACED_ROUTES.contains(route)) else {
        return telemetry::unrecorded();
    };
    let name = format!("{} {route}", method_label(request.method()));
    let traceparent = request
        .headers()
        .get(TRACEPARENT)
        .and_then(|value| value.to_str().ok());
    tracing::info_span!(
        "http.server",
        service = role.as_str(),
        traceparent,
        otel.kind = "server",
        otel.name = name.as_str(),
        otel.status_code = field::Empty,
        http.request.method = method_label(request.method()),
        http.route = route,
        http.response.status_code = field::Empty,
    )
}

fn method_label(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "_OTHER",
    }
}

/// By the semantic conventions for HTTP: a refusal is no error of the server.
fn record_outcome(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// By which client and operator find the request again.
fn tell_the_client(headers: &mut HeaderMap, span: &Span, request_id: &RequestId) {
    if let Some(value) = request_id.header_value() {
        headers.insert(request_id::HEADER, value);
    }
    let traceparent = telemetry::traceparent_of(span);
    if let Some(value) = traceparent.and_then(|it| HeaderValue::try_from(it.to_string()).ok()) {
        headers.insert(TRACEPARENT, value);
    }
}

/// Browsers show `Server-Timing` beside the request: the role's own total, then what the calls to each service took.
fn tell_the_timings(headers: &mut HeaderMap, role: Role, total: Duration, timings: &ServerTimings) {
    let mut timing = format!("{role};dur={:.1}", total.as_secs_f64() * 1_000.0);
    for (service, spent) in timings.sums() {
        timing.push_str(&format!(
            ", {service};dur={:.1}",
            spent.as_secs_f64() * 1_000.0
        ));
    }
    if let Ok(value) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING, value);
    }
}
