//! What one registry is told, the others hear: each is told how each instance is now, and one that starts asks them what they know.
//!
//! What is passed on is a state and never an operation: that an instance has changed waits for each registry, once, and when its
//! turn comes the registry is told what is true then. So it matters neither in which order changes come, nor how often, nor how
//! long a registry was away. Two that were told different things put them together by the rules of [`crate::domain`].

mod client;
mod queue;
mod sync;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use amphi_chassis::config::RegistryAddress;
use amphi_chassis::tls::InternalTls;
use futures::future::join_all;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::domain::{Moment, Registry};
use client::{PeerClient, PeerError, Renewed};
pub(crate) use client::{Token, query};
pub(crate) use queue::ChangeKind;
use queue::{Change, Queue};
pub(crate) use sync::SyncState;

/// Before a registry that is away is called again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Told to one registry at once.
const CONCURRENT_CALLS_MAX: usize = 16;

/// The other registries. Cheap to clone.
#[derive(Clone)]
pub struct Peers(Arc<Inner>);

struct Inner {
    registry: Registry,
    peers: Vec<Peer>,
    sync_state: AtomicU8,
    /// How long a registry that has learnt nothing waits for instances to tell of themselves.
    empty_start_wait: Duration,
}

struct Peer {
    client: PeerClient,
    queue: Queue,
    is_away: AtomicBool,
}

/// How another registry does, for operators.
#[derive(Debug, Serialize)]
pub struct PeerReport {
    address: String,
    is_away: bool,
    /// Changes that it has still to be told.
    waiting: usize,
}

impl fmt::Debug for Peers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

impl Peers {
    /// `waiting_max` changes may wait for one registry; when there are more, it is told everything anew. `tls` is for those at
    /// `https://`.
    ///
    /// # Errors
    /// No client can be made, for want of root certificates and the like.
    pub fn new(
        addresses: &[RegistryAddress],
        registry: Registry,
        token: Token,
        waiting_max: usize,
        empty_start_wait: Duration,
        tls: Option<&InternalTls>,
    ) -> Result<Self, reqwest::Error> {
        let peer = |address: &RegistryAddress| {
            Ok(Peer {
                client: PeerClient::new(address.clone(), Arc::clone(&token), tls)?,
                queue: Queue::new(waiting_max),
                is_away: AtomicBool::new(false),
            })
        };
        let state = match (addresses.is_empty(), empty_start_wait.is_zero()) {
            (false, _) => SyncState::Learning,
            (true, false) => SyncState::Partial,
            (true, true) => SyncState::Complete,
        };
        Ok(Self(Arc::new(Inner {
            registry,
            peers: addresses.iter().map(peer).collect::<Result<_, _>>()?,
            sync_state: AtomicU8::new(state as u8),
            empty_start_wait,
        })))
    }

    /// Whether this registry knows what there is to know.
    #[must_use]
    pub fn sync_state(&self) -> SyncState {
        self.0.sync_state()
    }

    #[must_use]
    pub fn report(&self) -> Vec<PeerReport> {
        let report = |peer: &Peer| PeerReport {
            address: peer.client.address.to_string(),
            is_away: peer.is_away.load(Ordering::Relaxed),
            waiting: peer.queue.len(),
        };
        self.0.peers.iter().map(report).collect()
    }

    /// All others will be told how the instance is then.
    pub(crate) fn changed(&self, app: &str, id: &str, kind: ChangeKind) {
        for peer in &self.0.peers {
            peer.queue.put(Change {
                app: app.to_owned(),
                id: id.to_owned(),
                kind,
            });
        }
    }

    /// Asks the others what they know and passes on what is told, until it is told to stop.
    ///
    /// # Errors
    /// Never; the type is that of a worker.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), std::convert::Infallible> {
        let passing_on = join_all(self.0.peers.iter().map(|peer| self.0.pass_on(peer)));
        let work = futures::future::join(self.0.learn(), passing_on);
        shutdown.run_until_cancelled(work).await;
        Ok(())
    }
}

impl Inner {
    async fn pass_on(&self, peer: &Peer) {
        loop {
            let changes = peer.queue.next(CONCURRENT_CALLS_MAX).await;
            let telling = changes.iter().map(|change| self.tell(peer, change));
            let outcomes = join_all(telling).await;
            let mut away = None;
            for (change, outcome) in changes.into_iter().zip(outcomes) {
                match outcome {
                    Ok(()) => {}
                    Err(error) if error.is_away() => {
                        peer.queue.put(change);
                        away = Some(error);
                    }
                    Err(error) => refused(peer, &change, &error),
                }
            }
            let was_away = peer.is_away.swap(away.is_some(), Ordering::Relaxed);
            match away {
                Some(error) => {
                    if !was_away {
                        tracing::warn!(peer = %peer.client.address, %error, "another registry is away; what it should hear waits");
                    }
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                None if was_away => {
                    tracing::info!(peer = %peer.client.address, "another registry is back");
                }
                None => {}
            }
            if peer.queue.take_overflow() {
                self.queue_all(peer);
            }
        }
    }

    /// More has changed than could wait.
    fn queue_all(&self, peer: &Peer) {
        let known: Vec<Change> = self
            .registry
            .leases()
            .all()
            .map(|lease| Change {
                app: lease.instance.app.clone(),
                id: lease.instance.id.clone(),
                kind: ChangeKind::Renewal,
            })
            .collect();
        for change in known {
            peer.queue.put(change);
        }
    }

    /// Tells how the instance is now.
    async fn tell(&self, peer: &Peer, change: &Change) -> Result<(), PeerError> {
        let now = Moment::now();
        let (lease, cancelled_ms) = {
            let leases = self.registry.leases();
            let cancelled_ms = leases.cancelled_ms(&change.app, &change.id, now);
            (leases.find(&change.app, &change.id).cloned(), cancelled_ms)
        };
        let client = &peer.client;
        let Some(lease) = lease else {
            // Without a word it was dropped here, and will be there.
            let Some(cancelled_ms) = cancelled_ms else {
                return Ok(());
            };
            return client.cancel(&change.app, &change.id, cancelled_ms).await;
        };
        if change.kind == ChangeKind::Description {
            return client.register(&lease, now).await;
        }
        match client.renew(&lease, now).await? {
            Renewed::Agreed => Ok(()),
            Renewed::Unknown => client.register(&lease, now).await,
            Renewed::Newer(instance, there) => {
                let taken = self
                    .registry
                    .leases()
                    .register_replica(*instance, there, now);
                // It is known here already, so there is room.
                taken.or(Ok(()))
            }
        }
    }
}

/// The registry is there and will not have this one; it would not have it later either.
fn refused(peer: &Peer, change: &Change, error: &PeerError) {
    metrics::counter!("registry.replication.refused").increment(1);
    let (address, app, id) = (&peer.client.address, &change.app, &change.id);
    match change.kind {
        ChangeKind::Description => {
            tracing::warn!(peer = %address, app, instance = id, %error, "another registry refuses an instance; it is not known there");
        }
        // Again and again.
        ChangeKind::Renewal => {
            tracing::debug!(peer = %address, app, instance = id, %error, "another registry refuses a renewal");
        }
    }
}
