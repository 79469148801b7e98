//! Requests to the byte plane of a role.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use tower::ServiceExt;
use tracing::{Instrument, field};

use super::breaker::Outcome;
use super::call_context::CallContext;
use super::clients::{Credentials, Shared};
use super::peers::{Lane, Picked, Tried};
use super::reclaimable::reclaimable;
use super::transport::{inject_traceparent, report_refusal};
use crate::{Problem, Role};

/// Headers that concern one connection, which a proxy must not hand on (RFC 9110 §7.6.1).
const HOP_BY_HOP: [&str; 8] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Enough to get past those that were just stopped.
const PEERS_TRIED_MAX: usize = 3;

/// The byte plane of a role: its router in this process, or streaming HTTP to another.
#[derive(Clone)]
pub struct HttpChannel {
    shared: Arc<Shared>,
    origin: Role,
    target: Role,
    credentials: Credentials,
}

impl std::fmt::Debug for HttpChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpChannel")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl HttpChannel {
    pub(super) const fn new(
        shared: Arc<Shared>,
        origin: Role,
        target: Role,
        credentials: Credentials,
    ) -> Self {
        Self {
            shared,
            origin,
            target,
            credentials,
        }
    }

    /// Sends a request whose URI is a path. Bodies stream both ways. A failure to reach the role is a problem response.
    pub async fn call(&self, mut request: Request<Body>) -> Response<Body> {
        // The path stays out of the span: paths of streams carry their signature.
        let span = tracing::info_span!(
            "http.client",
            service = self.origin.as_str(),
            otel.kind = "client",
            otel.name = field::Empty,
            otel.status_code = field::Empty,
            http.request.method = %request.method(),
            http.response.status_code = field::Empty,
            server.service = self.target.as_str(),
        );
        span.record(
            "otel.name",
            format!("{} {}", request.method(), self.target).as_str(),
        );
        if !request.headers().contains_key(header::AUTHORIZATION)
            && let Some(token) = self.credentials.token(&self.shared, self.origin)
            && let Ok(mut value) = HeaderValue::try_from(format!("Bearer {token}"))
        {
            value.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let started = Instant::now();
        let timings = CallContext::current().timings().cloned();
        let response = self.send(request).instrument(span.clone()).await;
        if let Some(timings) = timings {
            timings.add(self.target, started.elapsed());
        }
        span.record("http.response.status_code", response.status().as_u16());
        if response.status().is_server_error() {
            span.record("otel.status_code", "ERROR");
        }
        response
    }

    async fn send(&self, mut request: Request<Body>) -> Response<Body> {
        let local = self
            .shared
            .wiring
            .find(self.target, |role| role.http.clone());
        if let Some(router) = local {
            // The span is a parent by itself here; a header would name the caller's caller.
            request.headers_mut().remove("traceparent");
            forget_the_route(&mut request);
            return router
                .oneshot(request)
                .await
                .unwrap_or_else(|never| match never {});
        }
        let permit = match self.shared.breaker(self.target).admit(Instant::now()) {
            Ok(permit) => permit,
            Err(problem) => return problem.into_response(),
        };
        let response = self.send_away(request).await;
        permit.settle(outcome(response.status()));
        response
    }

    /// To another process; to the next one when the first cannot be connected to.
    async fn send_away(&self, request: Request<Body>) -> Response<Body> {
        let (parts, mut body) = request.into_parts();
        let tried = Tried::default();
        for _ in 0..PEERS_TRIED_MAX {
            let Some(picked) = self.shared.pick(self.target, Lane::Http, &tried) else {
                return Problem::from(self.shared.nowhere(self.target)).into_response();
            };
            let (lent, claim) = reclaimable(body);
            let request = Request::from_parts(parts.clone(), lent);
            let error = match send_to(picked, request).await {
                Ok(response) => return response,
                Err(SendError::Address(error)) => return Problem::internal(error).into_response(),
                Err(SendError::Client(error)) => error,
            };
            tracing::warn!(target = %self.target, error = %error, "cannot reach the byte plane");
            match claim.take_back() {
                Some(unsent) if error.is_connect() => body = unsent,
                _ => break,
            }
        }
        Problem::unavailable(
            "service_unavailable",
            format!("{} cannot be reached; try again.", self.target),
        )
        .into_response()
    }
}

/// Leaves of what routers and layers have noted on the request only the peer's address: the other router would take the
/// route and its parameters for its own.
fn forget_the_route(request: &mut Request<Body>) {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .copied();
    request.extensions_mut().clear();
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
}

#[derive(Debug)]
enum SendError {
    Address(http::Error),
    Client(hyper_util::client::legacy::Error),
}

async fn send_to(
    mut picked: Picked,
    mut request: Request<Body>,
) -> Result<Response<Body>, SendError> {
    *request.uri_mut() =
        absolute(&picked.peer.base_url, request.uri()).map_err(SendError::Address)?;
    *request.version_mut() = http::Version::HTTP_11;
    remove_hop_by_hop(request.headers_mut());
    request.headers_mut().remove(header::HOST);
    inject_traceparent(request.headers_mut());
    match picked.peer.http.request(request).await {
        Ok(mut response) => {
            remove_hop_by_hop(response.headers_mut());
            if outcome(response.status()) == Outcome::Failed {
                picked.settle(Outcome::Failed);
            }
            // A transfer is in flight until its last byte.
            Ok(response.map(|body| Body::new(Transfer { body, picked })))
        }
        Err(error) => {
            report_refusal(&error, &picked);
            picked.settle(Outcome::Failed);
            Err(SendError::Client(error))
        }
    }
}

/// What proxies say of a server behind them, and servers of themselves, when it does not answer.
const fn outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            Outcome::Failed
        }
        _ => Outcome::Answered,
    }
}

/// The body of a peer's response.
struct Transfer {
    body: Incoming,
    picked: Picked,
}

impl http_body::Body for Transfer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) => {}
            None => self.picked.settle(Outcome::Answered),
            Some(Err(_)) => self.picked.settle(Outcome::Failed),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn absolute(base_url: &str, uri: &Uri) -> Result<Uri, http::Error> {
    let base: Uri = base_url.parse()?;
    let path = uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    let scheme = base.scheme().cloned().unwrap_or(Scheme::HTTP);
    let authority = match base.authority() {
        Some(authority) => authority.clone(),
        None => Authority::from_static("localhost"),
    };
    Uri::builder()
        .scheme(scheme)
        .authority(authority)
        .path_and_query(path)
        .build()
}

fn remove_hop_by_hop(headers: &mut http::HeaderMap) {
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}
