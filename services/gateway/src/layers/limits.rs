//! Bounds on requests to the API: how many at a time, and how long.

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::rpc::CallContext;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use crate::gateway::Gateway;

/// Refuses what comes beyond the places there are: an answer at once beats a queue that nobody waits out.
pub async fn shed(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(_place) = places.try_acquire() else {
        return Problem::unavailable(
            "too_busy",
            "This server works on as many requests as it can. Try again shortly.",
        )
        .with_retry_after(Duration::from_secs(1))
        .into_response();
    };
    next.run(request).await
}

/// Ends a request that takes too long. The calls made for it are given the same deadline.
pub async fn time_out(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let limit = gateway.settings().request_timeout;
    let context = CallContext::current().with_timeout(limit);
    let answer = context.scope(next.run(request));
    tokio::time::timeout(limit, answer)
        .await
        .unwrap_or_else(|_| {
            Problem::deadline_exceeded(
                "deadline_exceeded",
                "The request took longer than it may. Try again; if it stays, give the trace id to the operator.",
            )
            .into_response()
        })
}
