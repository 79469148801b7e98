//! Listening in: a queue of its own, which gets what the queues of the consumers get and goes with its connection.

use std::sync::Arc;

use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Consumer};
use tokio::sync::mpsc;

use super::super::{BusError, TAIL_AHEAD, Tail, Tailed, envelope};
use super::connection::OpenConnection;
use super::{Link, text};
use crate::Role;

/// Events that wait at the broker for a slow looker; then the oldest go.
const WAITING_MAX: i64 = 10_000;

pub(super) async fn tail(link: &Arc<Link>, roles: &[Role]) -> Result<Tail, BusError> {
    let connection = link.connect("tail").await?;
    let channel = connection
        .create_channel()
        .await
        .map_err(|error| link.explain(&error))?;
    let queue = link.open_tail(&channel, roles).await?;
    let deliveries = channel
        .basic_consume(
            queue.as_str().into(),
            "amphi tail".into(),
            BasicConsumeOptions {
                // What is looked at need not be looked at again.
                no_ack: true,
                ..BasicConsumeOptions::default()
            },
            FieldTable::default(),
        )
        .await
        .map_err(|error| link.explain(&error))?;
    let (sent, tail) = mpsc::channel(TAIL_AHEAD);
    tokio::spawn(pass_on(connection, deliveries, sent));
    Ok(tail)
}

impl Link {
    /// A queue that gets what `roles` get, and goes with the connection. Returns its name.
    pub(super) async fn open_tail(
        &self,
        channel: &Channel,
        roles: &[Role],
    ) -> Result<String, BusError> {
        // Named as what the user has a right to.
        let queue = self.tail();
        let options = QueueDeclareOptions {
            exclusive: true,
            auto_delete: true,
            ..QueueDeclareOptions::default()
        };
        self.declare_queue(channel, &queue, options, bounds())
            .await?;
        for role in roles {
            self.bind(channel, &queue, *role).await?;
        }
        Ok(queue)
    }
}

fn bounds() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(WAITING_MAX));
    arguments.insert("x-overflow".into(), text("drop-head"));
    arguments
}

/// Until nobody listens, or the connection fails.
async fn pass_on(connection: OpenConnection, mut deliveries: Consumer, sent: mpsc::Sender<Tailed>) {
    loop {
        let delivery = tokio::select! {
            () = sent.closed() => break,
            delivery = deliveries.next() => delivery,
        };
        let Some(Ok(delivery)) = delivery else {
            tracing::warn!("the connection to the broker failed");
            return;
        };
        if let Some(tailed) = read(&delivery)
            && sent.send(tailed).await.is_err()
        {
            break;
        }
    }
    connection.close().await;
}

fn read(delivery: &Delivery) -> Option<Tailed> {
    Some(Tailed {
        consumer: delivery.routing_key.as_str().parse().ok()?,
        event: envelope::decode(&delivery.data).ok()?,
    })
}
