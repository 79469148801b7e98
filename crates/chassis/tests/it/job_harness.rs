//! A service with jobs, and workers that can be killed.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::db::Db;
use amphi_chassis::jobs::{Enqueued, KindOptions, NewJob, Registry, Worker, enqueue, unfinished};
use amphi_chassis::testing::{TestDatabases, eventually};
use sea_orm::{ConnectionTrait, Statement};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{note_names, notes_of};

pub const KIND: &str = "note";

pub struct Office {
    pub db: Db,
}

impl Office {
    pub async fn new(databases: &TestDatabases) -> Self {
        Self {
            db: notes_of(databases, Role::Media).await,
        }
    }

    pub async fn enqueue(&self, job: NewJob<&str>) -> Enqueued {
        let job = &job;
        self.db
            .write(|txn| Box::pin(enqueue(txn, job.clone())))
            .await
            .unwrap()
    }

    pub fn worker(&self, registry: Registry) -> RunningWorker {
        let worker = Worker::new(self.db.clone(), registry)
            .poll_every(Duration::from_millis(20))
            .stopping_grace(Duration::from_millis(100));
        let shutdown = CancellationToken::new();
        RunningWorker {
            task: tokio::spawn(worker.run(shutdown.clone())),
            shutdown,
        }
    }

    pub async fn notes(&self) -> Vec<String> {
        note_names(&self.db).await
    }

    /// Waits until every job of the kind is done or given up.
    pub async fn until_idle(&self) {
        eventually("the jobs to be done", || async {
            (unfinished(&self.db, KIND).await.unwrap() == 0).then_some(())
        })
        .await;
    }

    /// When the lease of the one running job ends, microseconds since the epoch.
    pub async fn lease_end_us(&self) -> i64 {
        let query = "SELECT due_at_us FROM jobs WHERE state = 'running'";
        let statement = Statement::from_string(self.db.engine(), query);
        let row = self.db.read().query_one_raw(statement).await.unwrap();
        row.unwrap().try_get_by_index(0).unwrap()
    }

    /// Makes each lease lapse, as time would if its worker were frozen.
    pub async fn let_leases_lapse(&self) {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let lapse = "UPDATE jobs SET due_at_us = 1 WHERE state = 'running'";
                    txn.execute_raw(Statement::from_string(txn.get_database_backend(), lapse))
                        .await
                })
            })
            .await
            .unwrap();
    }
}

pub struct RunningWorker {
    pub task: JoinHandle<()>,
    pub shutdown: CancellationToken,
}

impl RunningWorker {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// As a killed process: it gives nothing back.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Retries come soon. A lease outlasts any stall of the machine: without its renewals a job would be run a second time.
pub fn quick() -> KindOptions {
    KindOptions {
        concurrency: 1,
        lease: Duration::from_secs(60),
        pause_base: Duration::from_millis(5),
        pause_max: Duration::from_millis(40),
    }
}
