//! One job from its lease to its end.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::JobError;
use super::claim::{Claimed, Lease, NotComplete};
use super::registry::Kind;
use crate::Problem;
use crate::db::Db;

enum Ending {
    Handled(Result<(), JobError>),
    LeaseLost,
    Stopped,
}

/// Runs one job that was claimed, and writes down how it ended.
///
/// Once `stopping` is cancelled, the handler has `grace` left.
pub(super) async fn run(
    db: Db,
    kind: Kind,
    claimed: Claimed,
    stopping: CancellationToken,
    grace: Duration,
) {
    let span = tracing::info_span!(
        "run job",
        otel.kind = "consumer",
        otel.name = %format_args!("job {}", kind.name),
        service = db.role().as_str(),
        traceparent = claimed.traceparent,
        amphi.job.id = %claimed.lease.id(),
        amphi.job.attempt = claimed.lease.attempt(),
    );
    let lease = claimed.lease.clone();
    let max_attempts = claimed.max_attempts;
    let started = Instant::now();
    let ending = until_ended(&db, &kind, claimed, stopping, grace)
        .instrument(span)
        .await;
    metrics::histogram!("amphi_jobs_duration_seconds", "kind" => kind.name)
        .record(started.elapsed());
    if let Err(error) = write_down(&db, &kind, &lease, max_attempts, ending).await {
        tracing::warn!(job_id = %lease.id(), kind = kind.name, %error, "how a job ended could not be written down; it runs again when its lease lapses");
    }
}

async fn until_ended(
    db: &Db,
    kind: &Kind,
    claimed: Claimed,
    stopping: CancellationToken,
    grace: Duration,
) -> Ending {
    let lease = claimed.lease.clone();
    let handler = (kind.handler)(claimed, stopping.clone());
    let mut handler = AbortOnDropHandle::new(tokio::spawn(handler.in_current_span()));
    let given_up = async {
        stopping.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = &mut handler => Ending::Handled(match ended {
            Ok(outcome) => outcome,
            Err(panicked) => Err(Problem::internal(panicked).into()),
        }),
        () = until_lease_lost(db, kind, &lease) => Ending::LeaseLost,
        () = given_up => Ending::Stopped,
    }
}

/// Shows signs of life until another worker has the job, or none could be shown for the length of the lease.
async fn until_lease_lost(db: &Db, kind: &Kind, lease: &Lease) {
    let length = kind.options.lease;
    let mut held_until = Instant::now() + length;
    loop {
        tokio::time::sleep(length / 3).await;
        let asked_at = Instant::now();
        let remaining = held_until.saturating_duration_since(asked_at);
        match tokio::time::timeout(remaining, lease.extend(db, length)).await {
            Ok(Ok(true)) => held_until = asked_at + length,
            Ok(Ok(false)) if lease.was_completed() => std::future::pending().await,
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::warn!(job_id = %lease.id(), %error, "the lease of a job could not be extended");
                if Instant::now() >= held_until {
                    return;
                }
            }
        }
    }
}

async fn write_down(
    db: &Db,
    kind: &Kind,
    lease: &Lease,
    max_attempts: u32,
    ending: Ending,
) -> Result<(), sea_orm::DbErr> {
    let (job_id, attempt) = (lease.id(), lease.attempt());
    let count = |outcome: &'static str| {
        metrics::counter!("amphi_jobs_total", "kind" => kind.name, "outcome" => outcome)
            .increment(1);
    };
    let kept = match ending {
        Ending::Handled(Ok(())) => {
            count("done");
            if lease.was_completed() {
                return Ok(());
            }
            match db.write(|txn| Box::pin(lease.complete(txn))).await {
                Ok(()) => true,
                Err(NotComplete::Fenced) => false,
                Err(NotComplete::Db(error)) => return Err(error),
            }
        }
        Ending::Handled(Err(JobError::Retry { problem, after }))
            if kind.every.is_some() || attempt < max_attempts =>
        {
            count("failed");
            let pause = after.unwrap_or_else(|| kind.options.pause_after(attempt));
            tracing::warn!(%job_id, kind = kind.name, attempt, pause_ms = pause.as_millis(), error = %problem, "a job failed; it runs again");
            lease.retry(db, pause, &problem.to_string()).await?
        }
        Ending::Handled(Err(JobError::Hopeless(problem))) if kind.every.is_some() => {
            count("failed");
            let pause = kind.options.pause_after(attempt);
            tracing::error!(%job_id, kind = kind.name, error = %problem, "recurring work failed; it comes round again");
            lease.retry(db, pause, &problem.to_string()).await?
        }
        Ending::Handled(Err(JobError::Retry { problem, .. } | JobError::Hopeless(problem))) => {
            count("dead");
            metrics::counter!("amphi_jobs_dead_total", "kind" => kind.name).increment(1);
            tracing::error!(%job_id, kind = kind.name, attempt, error = %problem, "a job is given up");
            lease.bury(db, &problem.to_string()).await?
        }
        Ending::Stopped => {
            count("released");
            lease.release(db).await?
        }
        Ending::LeaseLost => false,
    };
    if !kept && !lease.was_completed() {
        count("fenced");
        tracing::warn!(%job_id, kind = kind.name, attempt, "another worker has the job by now; what this one did is not counted");
    }
    Ok(())
}
