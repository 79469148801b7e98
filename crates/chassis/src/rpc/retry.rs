//! Repeats calls that may be repeated, within a budget.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tower::retry::budget::{Budget, TpsBudget};

use super::body::status_of;
use super::breaker::BreakerOpen;
use super::method::Method;
use super::peers::Tried;
use super::transport::NotSent;
use crate::config::RpcConfig;

/// How long calls are remembered for the budget.
const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BACKOFF_FIRST: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_millis(500);

/// How often, and how much of all calls to one role.
#[derive(Debug, Clone)]
pub(super) struct RetryPolicy {
    retries_max: u32,
    request_bytes_max: usize,
    budget: Arc<TpsBudget>,
}

impl RetryPolicy {
    pub fn new(settings: &RpcConfig) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let share = settings.retry_budget_percent.min(1000) as f32 / 100.0;
        Self {
            retries_max: settings.retries_max,
            request_bytes_max: settings.message_bytes_max,
            budget: Arc::new(TpsBudget::new(
                BUDGET_WINDOW,
                settings.retry_budget_min_per_s,
                share,
            )),
        }
    }
}

/// Repeats calls that failed with `Unavailable`, the one code that says the service did not answer: idempotent ones, and
/// others when they were certainly not sent. Not when the circuit breaker refused them.
#[derive(Debug, Clone)]
pub(super) struct Retry<S> {
    pub inner: S,
    pub policy: RetryPolicy,
}

impl<S> Service<Request<Body>> for Retry<S>
where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Status,
            Future = BoxFuture<'static, Result<Response<Body>, Status>>,
        > + Clone
        + Send
        + 'static,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let method = Method::of_path(request.uri().path());
        // The request of a stream may be one itself; its caller opens another.
        if self.policy.retries_max == 0 || method.is_streaming() {
            return self.inner.call(request);
        }
        let is_idempotent = method.is_idempotent();
        let inner = self.inner.clone();
        let policy = self.policy.clone();
        Box::pin(call_with_retries(inner, policy, request, is_idempotent))
    }
}

async fn call_with_retries<S>(
    mut inner: S,
    policy: RetryPolicy,
    request: Request<Body>,
    is_idempotent: bool,
) -> Result<Response<Body>, Status>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Status>,
{
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Tried::default());
    let message = Limited::new(body, policy.request_bytes_max)
        .collect()
        .await
        .map_err(Status::from_error)?
        .to_bytes();
    policy.budget.deposit();
    let mut attempt = 0;
    loop {
        let request = Request::from_parts(parts.clone(), whole(message.clone()));
        let answer = inner.call(request).await;
        let may_repeat = may_repeat(&answer, is_idempotent)
            && attempt < policy.retries_max
            && policy.budget.withdraw();
        if !may_repeat {
            return answer;
        }
        tokio::time::sleep(backoff(attempt)).await;
        attempt += 1;
        metrics::counter!("rpc.client.retries").increment(1);
        tracing::debug!(attempt, path = parts.uri.path(), "calling again");
    }
}

fn whole(message: Bytes) -> Body {
    Body::new(Full::new(message))
}

fn may_repeat(answer: &Result<Response<Body>, Status>, is_idempotent: bool) -> bool {
    match answer {
        Ok(response) => is_idempotent && status_of(response.headers()).0 == Code::Unavailable,
        Err(status) if status.code() != Code::Unavailable => false,
        Err(status) if is_caused_by::<BreakerOpen>(status) => false,
        Err(status) => is_idempotent || is_caused_by::<NotSent>(status),
    }
}

fn is_caused_by<E: std::error::Error + 'static>(status: &Status) -> bool {
    std::error::Error::source(status).is_some_and(|source| source.is::<E>())
}

/// Full jitter: a random time up to a bound that doubles, so that callers do not come back all at once.
fn backoff(attempt: u32) -> Duration {
    let bound = BACKOFF_FIRST
        .saturating_mul(1 << attempt.min(16))
        .min(BACKOFF_MAX);
    bound.mul_f64(rand::random::<f64>())
}
