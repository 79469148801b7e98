//! Housekeeping.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::db::{micros, now_us};
use amphi_chassis::shared::Topic;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

const INTERVAL: Duration = Duration::from_secs(3600);

/// Tells those who keep lists that videos have changed, after what became of their assets was committed. Many such changes in
/// a row are one piece of news.
pub async fn tell_of_projections(
    changes: Topic,
    projected: Arc<Notify>,
    shutdown: CancellationToken,
) -> Result<(), Infallible> {
    let telling = async {
        loop {
            projected.notified().await;
            changes.tell("").await;
        }
    };
    shutdown.run_until_cancelled(telling).await;
    Ok(())
}

/// Forgets idempotency keys that are older than `lifetime`, once per hour, until the process stops.
pub async fn forget_idempotency_keys(
    store: Store,
    lifetime: Duration,
    shutdown: CancellationToken,
) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let before_us = now_us().saturating_sub(micros(lifetime));
        match store.purge_idempotency_keys(before_us).await {
            Ok(0) => {}
            Ok(forgotten) => tracing::info!(forgotten, "old idempotency keys forgotten"),
            Err(error) => tracing::warn!(%error, "old idempotency keys stay until the next run"),
        }
    }
}
