//! Background work: the rotation of signing keys, and housekeeping.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::db::{micros, now_us};
use tokio_util::sync::CancellationToken;

use crate::keys::KeyKeeper;
use crate::settings::Settings;
use crate::store::{Outdated, Store};

/// How often a replica looks for a key that is due, or that another replica has made.
pub const KEY_CHECK_INTERVAL: Duration = Duration::from_secs(60);
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(3600);

/// Rotates signing keys until the process stops.
pub async fn rotate_keys(keys: KeyKeeper, shutdown: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(KEY_CHECK_INTERVAL);
    while next_tick(&mut ticks, &shutdown).await {
        if let Err(error) = keys.check().await {
            tracing::warn!(%error, "signing keys stay as they are until the next check");
        }
    }
    Ok(())
}

/// Deletes what is of no use any more, until the process stops.
pub async fn clean_up(
    store: Store,
    settings: Arc<Settings>,
    shutdown: CancellationToken,
) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    while next_tick(&mut ticks, &shutdown).await {
        match store.purge(outdated(&settings, now_us())).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "outdated sign-in data deleted"),
            Err(error) => tracing::warn!(%error, "outdated sign-in data stays until the next run"),
        }
    }
    Ok(())
}

fn outdated(settings: &Settings, now_us: i64) -> Outdated {
    let ago = |duration| now_us.saturating_sub(micros(duration));
    Outdated {
        tokens_expired_before_us: now_us,
        // Its revocation may still have to be told.
        sessions_ended_before_us: ago(settings.revocation_memory()),
        records_made_before_us: ago(settings.login_record_lifetime),
        windows_opened_before_us: ago(settings.throttle.window),
    }
}

/// False when the process stops.
async fn next_tick(ticks: &mut tokio::time::Interval, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        _ = ticks.tick() => true,
    }
}
