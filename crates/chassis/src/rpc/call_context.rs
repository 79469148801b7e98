//! What a request hands on to the calls that are made for it.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{Role, Secret};

tokio::task_local! {
    static CURRENT: CallContext;
}

/// Services called for one request; more than there are roles cannot be.
const SERVICES_MAX: usize = Role::ALL.len();

/// The deadline and the credentials of the request that is being worked on, carried on by every call made for it.
///
/// The server stacks set it for the handler. It does not follow into a spawned task or into a response stream that
/// outlives the handler: take it along with [`CallContext::current`] and [`CallContext::scope`].
#[derive(Debug, Clone, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    token: Option<Secret<Arc<str>>>,
    timings: Option<ServerTimings>,
}

impl CallContext {
    /// The context of the request being worked on; empty in background work.
    #[must_use]
    pub fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Runs a future in this context.
    pub fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// The time by which the caller stops waiting.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What is left until the deadline; `None` when there is no deadline.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// The context with a deadline that is not later than the one it has.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        self.deadline = Some(self.deadline.map_or(deadline, |known| known.min(deadline)));
        self
    }

    /// The context without a deadline, for work that outlives the request, such as a stream.
    #[must_use]
    pub const fn without_deadline(mut self) -> Self {
        self.deadline = None;
        self
    }

    #[must_use]
    pub fn with_token(mut self, token: Option<Arc<str>>) -> Self {
        self.token = token.map(Secret::new);
        self
    }

    #[must_use]
    pub fn with_timings(mut self, timings: ServerTimings) -> Self {
        self.timings = Some(timings);
        self
    }

    pub(crate) fn token(&self) -> Option<&Arc<str>> {
        self.token.as_ref().map(Secret::expose)
    }

    pub(crate) fn timings(&self) -> Option<&ServerTimings> {
        self.timings.as_ref()
    }
}

/// How long the calls of one request took, summed per service called; becomes its `Server-Timing` header.
#[derive(Debug, Clone, Default)]
pub struct ServerTimings {
    sums: Arc<Mutex<Vec<(Role, Duration)>>>,
}

impl ServerTimings {
    pub fn add(&self, service: Role, duration: Duration) {
        // A poisoned lock only means that another thread panicked between two whole additions.
        let mut sums = self
            .sums
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, sum)) = sums.iter_mut().find(|(known, _)| *known == service) {
            *sum += duration;
        } else if sums.len() < SERVICES_MAX {
            sums.push((service, duration));
        }
    }

    /// Each service called with the sum of its calls, in the order of the first call.
    #[must_use]
    pub fn sums(&self) -> Vec<(Role, Duration)> {
        self.sums
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone()
    }
}
