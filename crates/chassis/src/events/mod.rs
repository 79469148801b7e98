//! Events between services: written to an outbox in the transaction of the change, relayed from there at least once, and
//! made once again by the consumer's inbox.

mod dead_letters;
mod delivery;
mod inbox;
mod outbox;
mod queue;
mod relay;
mod tables;

use std::sync::Arc;

use amphi_contracts::proto::events::v1::Event;
use sea_orm::DatabaseTransaction;

use crate::db::Db;
use crate::{Problem, Role};

pub use dead_letters::{DeadLetter, dead_letter_count, dead_letters, replay_dead_letters};
pub(crate) use delivery::is_transient;
pub use inbox::{Acceptance, accept, prune_inbox};
pub use outbox::{publish, undelivered};
pub use relay::{Relay, RelayOptions};
pub(crate) use tables::migrations;

/// What a service does with the events that are routed to it.
#[async_trait::async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// Applies one event within `txn`. Called once per event that commits; an error rolls back and the event comes again.
    async fn consume(&self, txn: &DatabaseTransaction, event: &Event) -> Result<(), Problem>;

    /// The database that `consume` writes to; the inbox is in it.
    fn db(&self) -> &Db;

    /// Called after the commit, for what may be lost: waking, caches, live updates.
    fn after_commit(&self, event: &Event) {
        let _ = event;
    }
}

/// Hands events over to the process that holds a consumer, or to a broker on the way.
#[async_trait::async_trait]
pub trait Deliver: Send + Sync + 'static {
    /// Succeeds only when each event is committed by the consumer, or safe with the broker. They are in order.
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem>;
}

#[async_trait::async_trait]
impl<D: Deliver + ?Sized> Deliver for Arc<D> {
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem> {
        (**self).deliver(consumer, events).await
    }
}
