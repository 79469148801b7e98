//! The leases of this process, for all who ask at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio_util::sync::CancellationToken;

use super::{Eviction, Leases, Limits};

/// One time by two clocks: leases run by the one that is never set.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub at: Instant,
    pub unix_ms: i64,
}

impl Moment {
    #[must_use]
    pub fn now() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            at: Instant::now(),
            unix_ms: i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    leases: Arc<Mutex<Leases>>,
    is_preserving: Arc<AtomicBool>,
}

impl Registry {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            leases: Arc::new(Mutex::new(Leases::new(limits))),
            is_preserving: Arc::default(),
        }
    }

    /// For short work: nobody else gets at the leases meanwhile.
    pub fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether leases that have run out are kept for the time being.
    #[must_use]
    pub fn is_preserving(&self) -> bool {
        self.is_preserving.load(Ordering::Relaxed)
    }

    /// Drops expired leases again and again until it is told to stop.
    ///
    /// # Errors
    /// Never; the type is that of a worker.
    pub async fn evict_expired(
        self,
        interval: Duration,
        shutdown: CancellationToken,
    ) -> Result<(), std::convert::Infallible> {
        let rounds = async {
            loop {
                tokio::time::sleep(interval).await;
                let eviction = self.leases().evict(Moment::now());
                self.report(&eviction);
            }
        };
        shutdown.run_until_cancelled(rounds).await;
        Ok(())
    }

    fn report(&self, eviction: &Eviction) {
        for (app, id) in &eviction.dropped {
            tracing::info!(
                app,
                instance = id,
                "a lease has run out; the instance is dropped"
            );
        }
        let preserves = eviction.preserved > 0;
        let preserved_before = self.is_preserving.swap(preserves, Ordering::Relaxed);
        let (expired, instances) = (eviction.preserved, eviction.instances);
        if preserves && !preserved_before {
            tracing::warn!(
                expired,
                instances,
                "so many leases have run out at once that the network is rather at fault: self-preservation, nobody is dropped"
            );
        }
        if !preserves && preserved_before {
            tracing::info!(instances, "self-preservation has ended");
        }
        metrics::counter!("registry.evictions").increment(eviction.dropped.len() as u64);
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("registry.instances").set(instances as f64);
        metrics::gauge!("registry.self_preservation").set(f64::from(u8::from(preserves)));
    }
}

/// Says what the metrics of the role mean.
pub fn describe_metrics() {
    metrics::describe_gauge!("registry.instances", "Instances that hold a lease");
    metrics::describe_gauge!(
        "registry.self_preservation",
        "1 while nobody is dropped because too many leases have run out at once"
    );
    metrics::describe_counter!(
        "registry.evictions",
        "Instances that were dropped because their lease had run out"
    );
}
