//! Which kinds of jobs a worker runs, and how.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::RngExt;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::claim::Claimed;
use super::{Job, JobError};
use crate::Problem;

/// How jobs of one kind run.
#[derive(Debug, Clone)]
pub struct KindOptions {
    /// How many run at once in this process.
    pub concurrency: usize,
    /// A worker that shows no sign of life for so long is taken for dead.
    pub lease: Duration,
    /// The pause after the first failure; each further one doubles it.
    pub pause_base: Duration,
    pub pause_max: Duration,
}

impl Default for KindOptions {
    fn default() -> Self {
        Self {
            concurrency: 1,
            lease: Duration::from_secs(60),
            pause_base: Duration::from_secs(1),
            pause_max: Duration::from_secs(300),
        }
    }
}

impl KindOptions {
    #[must_use]
    pub fn concurrency(mut self, jobs: usize) -> Self {
        self.concurrency = jobs.max(1);
        self
    }

    pub(super) fn pause_after(&self, attempt: u32) -> Duration {
        self.pause_base
            .saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(24)))
            .min(self.pause_max)
            .mul_f64(rand::rng().random_range(0.75..1.0))
    }
}

type Handler = Arc<
    dyn Fn(Claimed, CancellationToken) -> BoxFuture<'static, Result<(), JobError>> + Send + Sync,
>;

#[derive(Clone)]
pub(super) struct Kind {
    pub name: &'static str,
    pub options: KindOptions,
    /// Set for work that comes round again instead of being done.
    pub every: Option<Duration>,
    pub handler: Handler,
}

/// The kinds that a worker runs, each with its handler.
#[derive(Clone, Default)]
pub struct Registry {
    pub(super) kinds: Vec<Kind>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.kinds.iter().map(|kind| kind.name))
            .finish()
    }
}

impl Registry {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs jobs of `kind` with `handler`. It may be run twice for one job, and must bear it.
    #[must_use]
    pub fn with<T, H, F>(mut self, kind: &'static str, options: KindOptions, handler: H) -> Self
    where
        T: DeserializeOwned + Send + 'static,
        H: Fn(Job<T>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        self.kinds.push(Kind {
            name: kind,
            options,
            every: None,
            handler: typed(handler),
        });
        self
    }

    /// Runs `handler` again and again, `interval` after it last ended, in one process of all that share the database.
    ///
    /// A failure is retried by the schedule of `options` and never given up.
    #[must_use]
    pub fn every<H, F>(
        mut self,
        kind: &'static str,
        interval: Duration,
        options: KindOptions,
        handler: H,
    ) -> Self
    where
        H: Fn(Job<()>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), JobError>> + Send + 'static,
    {
        self.kinds.push(Kind {
            name: kind,
            options,
            every: Some(interval),
            handler: typed(handler),
        });
        self
    }
}

fn typed<T, H, F>(handler: H) -> Handler
where
    T: DeserializeOwned + Send + 'static,
    H: Fn(Job<T>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), JobError>> + Send + 'static,
{
    Arc::new(move |claimed, stopping| {
        let payload = match serde_json::from_str(&claimed.payload) {
            Ok(payload) => payload,
            Err(error) => {
                let problem = Problem::invalid(
                    "unreadable_job",
                    format!("The payload of the job cannot be read: {error}."),
                );
                return Box::pin(std::future::ready(Err(JobError::Hopeless(problem))));
            }
        };
        Box::pin(handler(Job {
            id: claimed.lease.id(),
            payload,
            attempt: claimed.lease.attempt(),
            lease: claimed.lease,
            stopping,
        }))
    })
}
