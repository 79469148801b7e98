//! The worker: takes due jobs of its kinds, as many at once as each kind allows.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::claim::{claim, next_due_us};
use super::prune::prune_until;
use super::registry::{Kind, Registry};
use super::run::run;
use super::{NewJob, enqueue};
use crate::db::{Db, now_us};

/// How often the table is looked at when nobody woke the worker: jobs of other processes are found so.
const POLL: Duration = Duration::from_secs(1);
/// How long a handler may go on once the process is to stop.
const STOPPING_GRACE: Duration = Duration::from_secs(5);
/// The pause after the database failed.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);

/// The key of the one row of recurring work.
const RECURRING_KEY: &str = "recurring";

/// Runs the jobs of a service. Run one per process; several processes share the work.
#[derive(Debug)]
pub struct Worker {
    db: Db,
    registry: Registry,
    pace: Pace,
}

/// Who works, and how patiently.
#[derive(Debug, Clone)]
struct Pace {
    owner: Uuid,
    poll: Duration,
    grace: Duration,
    shutdown: CancellationToken,
}

impl Worker {
    #[must_use]
    pub fn new(db: Db, registry: Registry) -> Self {
        Self {
            db,
            registry,
            pace: Pace {
                owner: Uuid::now_v7(),
                poll: POLL,
                grace: STOPPING_GRACE,
                shutdown: CancellationToken::new(),
            },
        }
    }

    /// How often to look for jobs that another process handed in; 1 s unless said otherwise.
    #[must_use]
    pub fn poll_every(mut self, poll: Duration) -> Self {
        self.pace.poll = poll;
        self
    }

    /// How long a handler may go on once the worker is to stop; 5 s unless said otherwise.
    #[must_use]
    pub fn stopping_grace(mut self, grace: Duration) -> Self {
        self.pace.grace = grace;
        self
    }

    /// Runs jobs until `shutdown` is cancelled. Those that do not end within the grace then are given back.
    pub async fn run(self, shutdown: CancellationToken) {
        let Self {
            db,
            registry,
            mut pace,
        } = self;
        pace.shutdown = shutdown.clone();
        let mut loops = JoinSet::new();
        for kind in registry.kinds {
            let (db, pace) = (db.clone(), pace.clone());
            loops.spawn(async move { run_kind(&db, &kind, &pace).await });
        }
        loops.spawn(async move { prune_until(&db, &shutdown).await });
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a loop of the job worker panicked");
            }
        }
    }
}

async fn run_kind(db: &Db, kind: &Kind, pace: &Pace) {
    let mut running: JoinSet<()> = JoinSet::new();
    let mut is_scheduled = kind.every.is_none();
    while !pace.shutdown.is_cancelled() {
        let woken = db.jobs_woken().notified();
        tokio::pin!(woken);
        woken.as_mut().enable();

        if !is_scheduled {
            is_scheduled = schedule(db, kind).await;
        }
        let free = kind.options.concurrency.saturating_sub(running.len());
        let pause = take(db, kind, pace, free, &mut running).await;
        tokio::select! {
            () = pace.shutdown.cancelled() => break,
            Some(ended) = running.join_next() => log_panic(kind, ended),
            () = &mut woken, if free > 0 => {}
            () = tokio::time::sleep(pause), if free > 0 => {}
        }
    }
    while let Some(ended) = running.join_next().await {
        log_panic(kind, ended);
    }
}

/// Starts what is due, and says how long there is nothing more to start.
async fn take(
    db: &Db,
    kind: &Kind,
    pace: &Pace,
    free: usize,
    running: &mut JoinSet<()>,
) -> Duration {
    if free == 0 {
        return pace.poll;
    }
    match claim_due(db, kind, pace.owner, free).await {
        Ok(Taken::Jobs(claimed)) => {
            for claimed in claimed {
                let stopping = pace.shutdown.clone();
                running.spawn(run(db.clone(), kind.clone(), claimed, stopping, pace.grace));
            }
            Duration::ZERO
        }
        Ok(Taken::NothingFor(wait)) => wait.min(pace.poll),
        Err(error) => {
            tracing::warn!(kind = kind.name, %error, "jobs cannot be taken; it is tried again");
            DATABASE_PAUSE
        }
    }
}

enum Taken {
    Jobs(Vec<super::claim::Claimed>),
    NothingFor(Duration),
}

async fn claim_due(db: &Db, kind: &Kind, owner: Uuid, free: usize) -> Result<Taken, DbErr> {
    let Some(due_us) = next_due_us(db, kind).await? else {
        return Ok(Taken::NothingFor(Duration::MAX));
    };
    let wait_us = due_us.saturating_sub(now_us());
    if let Ok(wait_us @ 1..) = u64::try_from(wait_us) {
        return Ok(Taken::NothingFor(Duration::from_micros(wait_us)));
    }
    let claimed = claim(db, kind, owner, free).await?;
    if claimed.is_empty() {
        // Another worker was faster, or has the rows locked.
        return Ok(Taken::NothingFor(Duration::from_millis(20)));
    }
    Ok(Taken::Jobs(claimed))
}

/// Makes sure that the one row of recurring work exists.
async fn schedule(db: &Db, kind: &Kind) -> bool {
    let scheduled = db
        .write(|txn| {
            Box::pin(async move {
                let job = NewJob::new(kind.name, ()).dedup(RECURRING_KEY);
                enqueue(txn, job).await
            })
        })
        .await;
    match scheduled {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(kind = kind.name, %error, "recurring work could not be scheduled; it is tried again");
            false
        }
    }
}

fn log_panic(kind: &Kind, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(kind = kind.name, %error, "running a job panicked; it runs again when its lease lapses");
    }
}
