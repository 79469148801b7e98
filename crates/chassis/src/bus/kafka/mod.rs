//! Kafka: one topic per consuming role, keyed by subject, and one beside it for its dead letters.
//!
//! The processes of a role are a consumer group: each has some of the partitions to itself, and with them the subjects that are
//! in them, so that nobody is overtaken. No transactions of Kafka's are used: the outbox publishes at least once, the inbox makes
//! it once.

mod address;
mod client;
mod dead_letters;
mod poller;
mod publish;
mod receive;
mod tail;
mod topics;
mod window;

use std::sync::Arc;

use amphi_contracts::proto::events::v1::Event;
use tokio_util::sync::CancellationToken;

use super::{Broker, BusError, Settings, Tail};
use crate::Role;
use crate::events::{Consumer, Deliver};
use client::{Link, blocking};
use publish::Publisher;

pub(super) use address::Address;

/// Events by way of Kafka.
#[derive(Debug)]
pub(super) struct Kafka {
    link: Arc<Link>,
    publisher: Arc<Publisher>,
    prefetch: u32,
    attempts_max: u32,
}

impl Kafka {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, BusError> {
        let link = Arc::new(Link::new(settings)?);
        Ok(Self {
            publisher: Arc::new(Publisher::new(Arc::clone(&link))),
            link,
            prefetch: settings.prefetch,
            attempts_max: settings.attempts_max,
        })
    }
}

#[async_trait::async_trait]
impl Broker for Kafka {
    fn publisher(&self) -> Arc<dyn Deliver> {
        Arc::clone(&self.publisher) as Arc<dyn Deliver>
    }

    async fn receive(&self, role: Role, consumer: Arc<dyn Consumer>, shutdown: CancellationToken) {
        let receiver = receive::Receiver {
            link: Arc::clone(&self.link),
            publisher: Arc::clone(&self.publisher),
            role,
            consumer,
            prefetch: self.prefetch,
            attempts_max: self.attempts_max,
        };
        receiver.run(shutdown).await;
    }

    async fn dead_letters(&self, role: Role, limit: usize) -> Result<Vec<Event>, BusError> {
        dead_letters::look(&self.link, role, limit).await
    }

    async fn replay_dead_letters(&self, role: Role) -> Result<u64, BusError> {
        dead_letters::replay(&self.link, &self.publisher, role).await
    }

    async fn tail(&self, roles: &[Role]) -> Result<Tail, BusError> {
        tail::tail(&self.link, roles).await
    }

    async fn check(&self) -> Result<(), BusError> {
        blocking(&self.link, Link::check).await
    }
}
