//! Events on their way to a consumer, by the same clients as any call.

use amphi_contracts::proto::events::v1::{DeliverRequest, Event};

use crate::events::Deliver;
use crate::rpc::Clients;
use crate::{Problem, Role};

#[derive(Debug, Clone)]
pub(super) struct OverRpc {
    clients: Clients,
}

impl OverRpc {
    pub const fn new(clients: Clients) -> Self {
        Self { clients }
    }
}

#[async_trait::async_trait]
impl Deliver for OverRpc {
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem> {
        let request = DeliverRequest {
            consumer: consumer.as_str().to_owned(),
            events,
        };
        self.clients.intake(consumer).deliver(request).await?;
        Ok(())
    }
}
