//! The relay's side: events go in, and are the broker's once it has confirmed them.

use std::collections::HashSet;
use std::sync::Arc;

use amphi_contracts::proto::events::v1::Event;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::sync::Mutex;

use super::super::{BusError, envelope};
use super::Link;
use super::connection::OpenConnection;
use crate::events::Deliver;
use crate::{Problem, Role};

/// AMQP's mark of a message that survives a restart.
const PERSISTENT: u8 = 2;

/// Publishes over one connection, opened when it is first needed and anew whenever it fails.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Arc<Link>,
    open: Mutex<Option<Open>>,
}

struct Open {
    /// Closes when it is dropped.
    _connection: OpenConnection,
    channel: Channel,
    declared: HashSet<Role>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl Publisher {
    pub fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            open: Mutex::default(),
        }
    }

    async fn connect(&self) -> Result<Open, BusError> {
        let connection = self.link.connect("publisher").await?;
        let channel = async {
            let channel = connection.create_channel().await?;
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await?;
            Ok(channel)
        };
        let channel = channel.await.map_err(|error| self.link.explain(&error))?;
        Ok(Open {
            _connection: connection,
            channel,
            declared: HashSet::new(),
        })
    }

    async fn publish(
        &self,
        open: &mut Option<Open>,
        consumer: Role,
        messages: &[Vec<u8>],
    ) -> Result<(), Problem> {
        let open = match open {
            Some(open) => open,
            None => open.insert(self.connect().await.map_err(broker_away)?),
        };
        if !open.declared.contains(&consumer) {
            let declared = self.link.declare(&open.channel, consumer).await;
            declared.map_err(broker_away)?;
            open.declared.insert(consumer);
        }
        let failed = |error: lapin::Error| broker_away(self.link.explain(&error));
        let (exchange, queue) = (self.link.exchange(), self.link.queue(consumer));
        let mut confirms = Vec::with_capacity(messages.len());
        for message in messages {
            let confirm = open
                .channel
                .basic_publish(
                    exchange.as_str().into(),
                    consumer.as_str().into(),
                    BasicPublishOptions {
                        // Without the queue it comes back instead of vanishing.
                        mandatory: true,
                        ..BasicPublishOptions::default()
                    },
                    message,
                    BasicProperties::default()
                        .with_content_type(envelope::CONTENT_TYPE.into())
                        .with_delivery_mode(PERSISTENT),
                )
                .await
                .map_err(failed)?;
            confirms.push(confirm);
        }
        for confirm in confirms {
            match confirm.await.map_err(failed)? {
                Confirmation::Ack(None) => {}
                Confirmation::Ack(Some(_)) => return Err(not_taken(&queue, "the queue is gone")),
                Confirmation::Nack(_) => return Err(not_taken(&queue, "it has no room")),
                Confirmation::NotRequested => {
                    return Err(not_taken(&queue, "it gives no confirms"));
                }
            }
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Deliver for Publisher {
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem> {
        let messages = events
            .iter()
            .map(envelope::encode)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Problem::invalid("unusable_event", error))?;
        let mut slot = self.open.lock().await;
        // Put back only when all went well: after an error, or when the relay has lost patience, the next try begins with a new
        // connection, whatever state this one is in.
        let mut open = slot.take();
        self.publish(&mut open, consumer, &messages).await?;
        *slot = open;
        Ok(())
    }
}

fn broker_away(error: BusError) -> Problem {
    Problem::unavailable("broker_unavailable", error.to_string())
}

fn not_taken(queue: &str, reason: &str) -> Problem {
    Problem::unavailable(
        "broker_refused",
        format!("The broker did not take an event for `{queue}`: {reason}."),
    )
}
