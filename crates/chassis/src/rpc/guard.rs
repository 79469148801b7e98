//! The layer of the client stack that asks the role's circuit breaker first and tells it afterwards.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::body::status_of;
use super::breaker::{Breaker, BreakerOpen, Outcome};

/// A call that was given up sooner was given too little time, which is no failure of the role.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub(super) struct Guard<S> {
    pub inner: S,
    pub breaker: Arc<Breaker>,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error = Status,
            Future = BoxFuture<'static, Result<Response<Body>, Status>>,
        >,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let started = Instant::now();
        let permit = match self.breaker.admit(started) {
            Ok(permit) => permit,
            Err(problem) => {
                let mut status = Status::from(problem);
                status.set_source(Arc::new(BreakerOpen));
                return Box::pin(std::future::ready(Err(status)));
            }
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = match &answer {
                Ok(response) => status_of(response.headers()).0,
                Err(status) => status.code(),
            };
            permit.settle(outcome(code, started.elapsed()));
            answer
        })
    }
}

fn outcome(code: Code, elapsed: Duration) -> Outcome {
    match code {
        Code::Unavailable => Outcome::Failed,
        Code::DeadlineExceeded if elapsed >= PATIENCE => Outcome::Failed,
        _ => Outcome::Answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_role_that_does_not_answer_has_failed() {
        for code in [
            Code::Ok,
            Code::NotFound,
            Code::Unauthenticated,
            Code::Internal,
        ] {
            assert_eq!(outcome(code, PATIENCE), Outcome::Answered, "{code:?}");
        }
        assert_eq!(outcome(Code::Unavailable, Duration::ZERO), Outcome::Failed);
        assert_eq!(outcome(Code::DeadlineExceeded, PATIENCE), Outcome::Failed);
        let impatient = Duration::from_millis(5);
        assert_eq!(
            outcome(Code::DeadlineExceeded, impatient),
            Outcome::Answered
        );
    }
}
