//! The innermost part of the client stack: to the role in this process, or over the network.

use std::error::Error;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Service, ServiceExt};

use super::body::status_of;
use super::breaker::Outcome;
use super::call_context::CallContext;
use super::clients::Shared;
use super::method::Method;
use super::peers::{Lane, Picked, Tried};
use crate::telemetry::{self, Seldom};
use crate::{Role, tls};

/// Which of a role's services is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    /// Its own.
    Api,
    /// The events it consumes.
    Intake,
}

/// Where the calls to one role go. It is looked up with each call, since clients exist before the roles do.
#[derive(Clone)]
pub(super) struct Transport {
    pub shared: Arc<Shared>,
    pub target: Role,
    pub plane: Plane,
}

impl Service<Request<Body>> for Transport {
    type Response = Response<Body>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Response<Body>, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let local = self
            .shared
            .wiring
            .find(self.target, |role| match self.plane {
                Plane::Api => Some(role.grpc.clone()),
                Plane::Intake => role.intake.clone(),
            });
        if let Some(local) = local {
            let Some(mut service) = local else {
                let target = self.target;
                return Box::pin(async move {
                    Err(Status::unimplemented(format!(
                        "{target} consumes no events"
                    )))
                });
            };
            let answer = service.call(request);
            return Box::pin(async move { answer.await.map_err(|never| match never {}) });
        }
        let tried = request.extensions().get::<Tried>().cloned();
        let picked = self
            .shared
            .pick(self.target, Lane::Grpc, &tried.unwrap_or_default());
        let Some(picked) = picked else {
            return Box::pin(std::future::ready(Err(self.shared.nowhere(self.target))));
        };
        Box::pin(send(request, picked))
    }
}

/// Sends a call to a peer and notes on the peer how it went.
async fn send(mut request: Request<Body>, picked: Picked) -> Result<Response<Body>, Status> {
    let deadline = CallContext::current()
        .remaining()
        .map(|remaining| Instant::now() + remaining);
    let waits = Method::of_path(request.uri().path()).waits();
    let mut picked = picked.until(deadline);
    if waits {
        picked = picked.waiting();
    }
    // In this process the span is a parent by itself; over the network it needs the header.
    inject_traceparent(request.headers_mut());
    let mut channel = picked.peer.grpc.clone();
    let answer = match channel.ready().await {
        Ok(channel) => channel.call(request).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &answer {
        report_refusal(error, &picked);
    }
    let answer = answer.map_err(unavailable);
    picked.settle(outcome(&answer));
    answer
}

/// Says who is refused by whom where the certificates of internal calls do not fit.
pub(super) fn report_refusal(error: &(dyn Error + 'static), picked: &Picked) {
    static SAID: Seldom = Seldom::new();
    if let Some(reason) = tls::words_for(error)
        && SAID.may_say()
    {
        tracing::warn!(
            address = picked.peer.base_url,
            reason,
            "an internal call fails"
        );
    }
}

fn outcome(answer: &Result<Response<Body>, Status>) -> Outcome {
    match answer {
        Ok(response) if status_of(response.headers()).0 != Code::Unavailable => Outcome::Answered,
        _ => Outcome::Failed,
    }
}

pub(super) fn inject_traceparent(headers: &mut http::HeaderMap) {
    let traceparent = telemetry::current_traceparent();
    if let Some(value) = traceparent.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert("traceparent", value);
    }
}

/// Says of a status that its call never reached the other side, so that even a call that changes something may be made again.
#[derive(Debug, thiserror::Error)]
#[error("the call was not sent")]
pub(super) struct NotSent;

/// Whatever breaks on the way, to the caller the role is away. (Tonic calls some of it unknown, cancelled or internal.)
fn unavailable(error: tonic::transport::Error) -> Status {
    let cause = tls::words_for(&error).unwrap_or_else(|| innermost(&error));
    let mut status = Status::unavailable(format!("cannot reach the service: {cause}"));
    if was_not_sent(&error) {
        status.set_source(Arc::new(NotSent));
    }
    status
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// Whether it is certain that the other side has not begun to work on the call: there was no connection, or it was closed
/// before the call was written, or the other side says so (RFC 9113 §6.8 and §8.7).
fn was_not_sent(error: &(dyn Error + 'static)) -> bool {
    tls::is_certificate_alert(error)
        || chain(error).any(|error| {
            error.is::<tonic::ConnectError>()
                || error
                    .downcast_ref::<hyper::Error>()
                    .is_some_and(hyper::Error::is_canceled)
                || error
                    .downcast_ref::<h2::Error>()
                    .is_some_and(is_unprocessed)
        })
}

fn is_unprocessed(error: &h2::Error) -> bool {
    let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    let is_goodbye = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
    error.is_remote() && (is_refused || is_goodbye)
}
