//! Background work: forgetting what has expired or was deleted, and rotating the keys.

use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::db::{micros, now_us};
use amphi_chassis::jobs::{self, Job, JobError, KindOptions, NewJob, Registry};
use amphi_contracts::VideoId;
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::playback::Playback;

/// Sessions and locks are kept this much longer than needed, for clocks that differ.
const SLACK: Duration = Duration::from_secs(3600);

/// Forgetting where people stopped in a video that was deleted.
const FORGET_POSITIONS: &str = "playback.forget_positions";

/// Queues it with the transaction that learns of the deletion, which itself must not take as long as a much-watched video takes.
///
/// # Errors
/// The database fails.
pub async fn forget_positions(txn: &impl ConnectionTrait, video_id: VideoId) -> Result<(), DbErr> {
    jobs::enqueue(txn, NewJob::new(FORGET_POSITIONS, video_id).dedup(video_id)).await?;
    Ok(())
}

/// The jobs of playback.
#[must_use]
pub fn registry(playback: &Playback) -> Registry {
    let store = playback.store.clone();
    Registry::new().with(
        FORGET_POSITIONS,
        KindOptions::default(),
        move |job: Job<VideoId>| {
            let store = store.clone();
            async move {
                store.forget_resume_positions(job.payload).await?;
                Ok::<_, JobError>(())
            }
        },
    )
}

/// Sweeps until the process stops. A sweep that fails is tried again next time: nothing depends on its being on time.
///
/// # Errors
/// None; the type is that of workers.
pub async fn sweep_regularly(
    playback: Playback,
    shutdown: CancellationToken,
) -> Result<(), Problem> {
    let mut ticks =
        tokio::time::interval(playback.settings.sweep_interval.max(Duration::from_secs(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        if let Err(problem) = sweep(&playback).await {
            tracing::warn!(code = %problem.code, "a sweep of playback did not end");
        }
    }
}

/// Rotates the keys, and forgets expired sessions, locks that end nothing any more and old positions.
///
/// # Errors
/// The database fails.
pub async fn sweep(playback: &Playback) -> Result<(), Problem> {
    let settings = &playback.settings;
    let lifetime = settings.session_lifetime;
    let before = |age: Duration| now_us().saturating_sub(micros(age));
    playback
        .keys
        .rotate(settings.key_rotation, lifetime)
        .await?;
    let swept = playback.store.sweep_sessions(before(SLACK)).await?;
    playback.store.sweep_locks(before(lifetime + SLACK)).await?;
    playback
        .store
        .sweep_resume_positions(before(settings.resume_kept))
        .await?;
    if swept > 0 {
        tracing::info!(sessions = swept, "forgot expired playback sessions");
    }
    Ok(())
}
