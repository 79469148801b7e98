//! Background work that survives a crash: rows that are leased, run, retried, and given up.
//!
//! A job is enqueued in the transaction of the change that needs it. It runs at least once: a worker that dies loses its
//! lease and the job runs again; one that was taken for dead can no longer complete it (fencing by owner and attempt).

mod claim;
mod enqueue;
mod prune;
mod registry;
mod run;
mod tables;
mod worker;

use std::time::Duration;

use sea_orm::DbErr;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::Problem;

pub use claim::{Lease, NotComplete};
pub use enqueue::{Enqueued, NewJob, cancel, dead, enqueue, unfinished};
pub use registry::{KindOptions, Registry};
pub(crate) use tables::migrations;
pub use worker::Worker;

/// A job in the hands of its handler.
#[derive(Debug)]
pub struct Job<T> {
    pub id: Uuid,
    pub payload: T,
    /// 1 when it runs for the first time.
    pub attempt: u32,
    /// Lets the handler complete the job in its own transaction.
    pub lease: Lease,
    /// Cancelled when the process is to stop: a handler that ends soon afterwards is waited for, another one is dropped
    /// and its job runs again elsewhere.
    pub stopping: CancellationToken,
}

/// Why a job did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It runs again, after the given pause or else by the schedule of its kind.
    #[error("{problem}")]
    Retry {
        #[source]
        problem: Problem,
        after: Option<Duration>,
    },
    /// No further attempt would help.
    #[error("{0}")]
    Hopeless(#[source] Problem),
}

impl JobError {
    #[must_use]
    pub fn retry_after(problem: impl Into<Problem>, after: Duration) -> Self {
        Self::Retry {
            problem: problem.into(),
            after: Some(after),
        }
    }

    #[must_use]
    pub fn hopeless(problem: impl Into<Problem>) -> Self {
        Self::Hopeless(problem.into())
    }
}

impl From<Problem> for JobError {
    fn from(problem: Problem) -> Self {
        Self::Retry {
            problem,
            after: None,
        }
    }
}

impl From<DbErr> for JobError {
    fn from(error: DbErr) -> Self {
        Self::from(Problem::from(error))
    }
}
