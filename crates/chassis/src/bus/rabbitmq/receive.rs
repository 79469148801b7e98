//! The consumer's side: events are acknowledged once they are committed, and set aside once they are hopeless.

use std::sync::Arc;

use amphi_contracts::proto::events::v1::Event;
use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::intake::{Recovery, Taken, take};
use super::super::lanes::Lanes;
use super::super::{BusError, envelope};
use super::Link;
use crate::events::Consumer;
use crate::{Problem, Role};

const CONSUMER_TAG: &str = "amphi";

/// Takes the events of one role.
#[derive(Clone)]
pub(super) struct Receiver {
    pub link: Arc<Link>,
    pub role: Role,
    pub consumer: Arc<dyn Consumer>,
    pub prefetch: u16,
    pub attempts_max: u32,
}

/// Why a connection's worth of receiving came to an end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the connection to the broker failed: {0}")]
    Connection(#[from] lapin::Error),
    #[error("the broker ended the delivery of events")]
    Cancelled,
    #[error("events cannot be consumed at present: {0}")]
    ConsumerAway(Problem),
}

/// An event with the delivery to acknowledge.
type Held = (Event, Delivery);

impl Receiver {
    /// Until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut recovery = Recovery::of(self.role);
        while !shutdown.is_cancelled() {
            let mut has_received = false;
            if let Err(ended) = self.session(&shutdown, &mut has_received).await {
                recovery.pause(ended, has_received, &shutdown).await;
            }
        }
    }

    /// Over one connection. What is not acknowledged at its end, the broker delivers again.
    async fn session(
        &self,
        shutdown: &CancellationToken,
        has_received: &mut bool,
    ) -> Result<(), Ended> {
        // An event taken for nothing counts as a delivery.
        if let Err(error) = self.consumer.db().ping().await {
            return Err(Ended::ConsumerAway(Problem::from(error)));
        }
        let connection = self.link.connect(&format!("{} events", self.role)).await?;
        let channel = connection.create_channel().await?;
        self.link.declare(&channel, self.role).await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let mut deliveries = channel
            .basic_consume(
                self.link.queue(self.role).as_str().into(),
                CONSUMER_TAG.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        tracing::debug!(consumer = %self.role, "receiving events");

        let mut lanes: Lanes<Held> = Lanes::new();
        let mut underway: JoinSet<(String, Result<(), Ended>)> = JoinSet::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                delivery = deliveries.next() => {
                    let delivery = delivery.ok_or(Ended::Cancelled)??;
                    *has_received = true;
                    let event = match envelope::decode(&delivery.data) {
                        Ok(event) => event,
                        Err(reason) => {
                            self.set_aside("", &delivery, &reason).await?;
                            continue;
                        }
                    };
                    let subject = event.subject.clone();
                    if let Some(held) = lanes.enter(&subject, (event, delivery)) {
                        self.begin(&mut underway, held, shutdown);
                    }
                }
                Some(done) = underway.join_next() => {
                    let (subject, outcome) = done.unwrap_or_else(|panicked| {
                        (String::new(), Err(Ended::ConsumerAway(Problem::internal(panicked))))
                    });
                    outcome?;
                    if let Some(held) = lanes.leave(&subject) {
                        self.begin(&mut underway, held, shutdown);
                    }
                }
            }
        }
        // No new ones; those being committed still get their acknowledgement.
        channel
            .basic_cancel(CONSUMER_TAG.into(), BasicCancelOptions::default())
            .await?;
        while underway.join_next().await.is_some() {}
        connection.close().await;
        Ok(())
    }

    fn begin(
        &self,
        underway: &mut JoinSet<(String, Result<(), Ended>)>,
        (event, delivery): Held,
        shutdown: &CancellationToken,
    ) {
        let (receiver, shutdown) = (self.clone(), shutdown.clone());
        underway.spawn(async move {
            let outcome = receiver.consume(&event, &delivery, &shutdown).await;
            (event.subject, outcome)
        });
    }

    async fn consume(
        &self,
        event: &Event,
        delivery: &Delivery,
        shutdown: &CancellationToken,
    ) -> Result<(), Ended> {
        let consumer = self.consumer.as_ref();
        match take(self.role, consumer, event, self.attempts_max, shutdown).await {
            Taken::Consumed => {
                delivery.acker.ack(BasicAckOptions::default()).await?;
                Ok(())
            }
            Taken::Refused(problem) => {
                self.set_aside(&event.id, delivery, &problem.to_string())
                    .await
            }
            Taken::Away(problem) => Err(Ended::ConsumerAway(problem)),
            Taken::Stopped => Ok(()),
        }
    }

    /// To the dead letters.
    async fn set_aside(
        &self,
        event_id: &str,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<(), Ended> {
        metrics::counter!("amphi_events_dead_total", "consumer" => self.role.as_str()).increment(1);
        tracing::error!(
            consumer = %self.role, event_id, queue = self.link.dead_letters(self.role), error = reason,
            "an event is given up: its consumer cannot use it; it is kept as a dead letter"
        );
        let discard = BasicRejectOptions { requeue: false };
        delivery.acker.reject(discard).await?;
        Ok(())
    }
}
