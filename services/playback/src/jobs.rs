//! Background work: forgetting what has expired, and rotating the keys.

use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::db::{micros, now_us};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::playback::Playback;

/// Sessions and locks are kept this much longer than needed, for clocks that differ.
const SLACK: Duration = Duration::from_secs(3600);

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

/// Forgets expired sessions, locks that end nothing any more and old positions, and rotates the keys.
///
/// # Errors
/// The database fails.
pub async fn sweep(playback: &Playback) -> Result<(), Problem> {
    let settings = &playback.settings;
    let lifetime = settings.session_lifetime;
    let before = |age: Duration| now_us().saturating_sub(micros(age));
    let swept = playback.store.sweep_sessions(before(SLACK)).await?;
    playback.store.sweep_locks(before(lifetime + SLACK)).await?;
    playback
        .store
        .sweep_resume_positions(before(settings.resume_kept))
        .await?;
    playback
        .keys
        .rotate(settings.key_rotation, lifetime)
        .await?;
    if swept > 0 {
        tracing::info!(sessions = swept, "forgot expired playback sessions");
    }
    Ok(())
}
