//! Server-sent events: live updates that end with their reader, with the process, or by themselves.

use std::convert::Infallible;
use std::time::Duration;

use amphi_chassis::Problem;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;

use crate::event_streams::Place;
use crate::gateway::Gateway;

/// An event that tells of `data`.
///
/// # Errors
/// It cannot be written as JSON.
pub fn event(name: &'static str, data: &impl Serialize) -> Result<Event, Problem> {
    let event = Event::default().event(name).json_data(data);
    event.map_err(Problem::internal)
}

/// An answer of events. The first failure ends it: the client asks again.
pub fn respond<S>(gateway: &Gateway, place: Place, updates: S) -> Response
where
    S: Stream<Item = Result<Event, Problem>> + Send + 'static,
{
    let shutdown = gateway.shutdown().clone().cancelled_owned();
    let events = updates
        .take_until(shutdown)
        .map(move |update| {
            // The place is taken until the stream is dropped.
            let _ = &place;
            update
        })
        .scan((), |(), event| {
            let event = event.inspect_err(|problem| {
                tracing::debug!(code = %problem.code, detail = %problem.detail, "live updates end");
            });
            std::future::ready(event.ok().map(Ok::<_, Infallible>))
        });
    let heartbeat = gateway
        .settings()
        .event_heartbeat
        .max(Duration::from_secs(1));
    let keep_alive = KeepAlive::new().interval(heartbeat).text("heartbeat");
    // nginx would otherwise gather the events.
    const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Sse::new(events).keep_alive(keep_alive)).into_response()
}
