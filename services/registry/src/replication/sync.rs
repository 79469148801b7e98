//! A registry that starts, and what it does not know yet.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::client::PeerError;
use super::{Inner, Peer};
use crate::domain::Moment;
use crate::http::replica;

/// Before the others are asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What a registry knows since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum SyncState {
    /// It is about to ask the others.
    Learning,
    /// None of them has told it anything. Instances that live are telling of themselves, one after the other.
    Partial,
    Complete,
}

impl Inner {
    pub(super) fn sync_state(&self) -> SyncState {
        match self.sync_state.load(Ordering::Relaxed) {
            0 => SyncState::Learning,
            1 => SyncState::Partial,
            _ => SyncState::Complete,
        }
    }

    fn set_sync_state(&self, state: SyncState) {
        self.sync_state.store(state as u8, Ordering::Relaxed);
    }

    /// The first that answers will do: they know the same. When none does, whoever is alive has told of itself after a while.
    pub(super) async fn learn(&self) {
        let end = Instant::now() + self.empty_start_wait;
        loop {
            for peer in &self.peers {
                match self.learn_from(peer).await {
                    Ok(instances) => {
                        tracing::info!(peer = %peer.client.address, instances, "learnt what another registry knows");
                        self.set_sync_state(SyncState::Complete);
                        return;
                    }
                    Err(error) => {
                        tracing::info!(peer = %peer.client.address, %error, "another registry does not tell what it knows");
                    }
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.set_sync_state(SyncState::Partial);
            tokio::time::sleep(left.min(PAUSE)).await;
        }
        if !self.peers.is_empty() {
            tracing::warn!(
                "no other registry has told what it knows; going on with what instances have told"
            );
        }
        self.set_sync_state(SyncState::Complete);
    }

    async fn learn_from(&self, peer: &Peer) -> Result<usize, PeerError> {
        let instances = peer.client.list().await?;
        let now = Moment::now();
        let mut learnt = 0;
        for instance in &instances {
            let taken = replica::read(instance, now)
                .map_err(|problem| problem.to_string())
                .and_then(|(instance, there)| {
                    let mut leases = self.registry.leases();
                    let taken = leases.register_replica(instance, there, now);
                    taken.map_err(|full| full.to_string())
                });
            match taken {
                Ok(()) => learnt += 1,
                Err(error) => {
                    tracing::warn!(peer = %peer.client.address, error, "an instance of another registry is not taken");
                }
            }
        }
        Ok(learnt)
    }
}
