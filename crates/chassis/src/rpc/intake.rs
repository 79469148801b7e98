//! Receives the events that other processes deliver.

use std::sync::Arc;

use amphi_contracts::proto::events::v1::event_intake_client::EventIntakeClient;
use amphi_contracts::proto::events::v1::event_intake_server::EventIntake;
use amphi_contracts::proto::events::v1::{DeliverRequest, DeliverResponse};
use tonic::{Request, Response, Status};
use tower::util::BoxCloneSyncService;

use super::wiring::Wiring;
use crate::auth::Caller;
use crate::events::{Consumer, accept};
use crate::{Problem, Role};

/// More in one delivery would keep one call busy for too long.
const EVENTS_MAX: usize = 1000;

/// The intake of one role, behind that role's server stack.
pub(crate) struct RoleIntake {
    pub role: Role,
    pub consumer: Arc<dyn Consumer>,
}

#[tonic::async_trait]
impl EventIntake for RoleIntake {
    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        Caller::of(&request).service()?;
        let DeliverRequest { consumer, events } = request.into_inner();
        if consumer != self.role.as_str() {
            let detail = format!(
                "This is the intake of {}, not of `{consumer:.64}`.",
                self.role
            );
            return Err(Problem::not_found("wrong_consumer", detail).into());
        }
        if events.len() > EVENTS_MAX {
            let detail = format!("At most {EVENTS_MAX} events are taken at once.");
            return Err(Problem::invalid("too_many_events", detail).into());
        }
        // In order and one by one: events of one subject build on each other.
        for event in &events {
            accept(self.consumer.as_ref(), event).await?;
        }
        Ok(Response::new(DeliverResponse {}))
    }
}

/// The one intake on a process's internal port: passes a delivery to the role it is for, with all that the caller sent
/// along, so that the role's own stack verifies, measures and traces it.
pub(crate) struct IntakeDispatcher {
    pub wiring: Arc<Wiring>,
    pub message_bytes_max: usize,
}

#[tonic::async_trait]
impl EventIntake for IntakeDispatcher {
    async fn deliver(
        &self,
        request: Request<DeliverRequest>,
    ) -> Result<Response<DeliverResponse>, Status> {
        let consumer = &request.get_ref().consumer;
        let intake = consumer
            .parse::<Role>()
            .ok()
            .and_then(|role| {
                self.wiring
                    .find(role, |local| local.intake.clone())
                    .flatten()
            })
            .ok_or_else(|| {
                let detail = format!("No consumer `{consumer:.64}` runs in this process.");
                Problem::not_found("unknown_consumer", detail)
            })?;
        EventIntakeClient::new(BoxCloneSyncService::new(intake))
            .max_decoding_message_size(self.message_bytes_max)
            .max_encoding_message_size(self.message_bytes_max)
            .deliver(request)
            .await
    }
}
