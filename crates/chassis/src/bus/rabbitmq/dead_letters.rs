//! The queue of a role's dead letters.

use std::time::{Duration, Instant};

use amphi_contracts::proto::events::v1::Event;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::{Channel, Confirmation};

use super::super::{BusError, envelope};
use super::connection::OpenConnection;
use super::{Link, quorum};
use crate::Role;

/// Reads without taking: what was read goes back when the connection ends.
pub(super) async fn look(link: &Link, role: Role, limit: usize) -> Result<Vec<Event>, BusError> {
    let (connection, channel) = open(link, role).await?;
    let failed = |error| link.explain(&error);
    let queue = link.dead_letters(role);
    let mut events = Vec::new();
    while events.len() < limit {
        let got = channel
            .basic_get(queue.as_str().into(), BasicGetOptions::default())
            .await
            .map_err(failed)?;
        let Some(message) = got else {
            break;
        };
        match envelope::decode(&message.data) {
            Ok(event) => events.push(event),
            Err(reason) => tracing::warn!(%role, reason, "a dead letter is no event"),
        }
    }
    connection.close().await;
    Ok(events)
}

/// Each goes into the role's queue before it leaves that of the dead, so that nothing is lost in between.
pub(super) async fn replay(link: &Link, role: Role) -> Result<u64, BusError> {
    let (connection, channel) = open(link, role).await?;
    let failed = |error| link.explain(&error);
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .map_err(failed)?;
    let (queue, dead) = (link.queue(role), link.dead_letters(role));
    // Not more than there are now: what is refused again meanwhile would go round for ever.
    let found = count(link, &channel, &dead).await?;
    let mut replayed = 0;
    while replayed < found {
        let got = channel
            .basic_get(dead.as_str().into(), BasicGetOptions::default())
            .await
            .map_err(failed)?;
        let Some(message) = got else {
            break;
        };
        let mandatory = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let properties = message.properties.clone().with_headers(Default::default());
        let confirm = channel
            .basic_publish(
                link.exchange().as_str().into(),
                role.as_str().into(),
                mandatory,
                &message.data,
                properties,
            )
            .await
            .map_err(failed)?;
        if confirm.await.map_err(failed)? != Confirmation::Ack(None) {
            return Err(BusError::Queue {
                target: link.target(),
                queue,
                reason: "it did not take an event back".to_owned(),
            });
        }
        message
            .acker
            .ack(BasicAckOptions::default())
            .await
            .map_err(failed)?;
        replayed += 1;
    }
    connection.close().await;
    Ok(replayed)
}

/// Letters that are ready. What somebody has just looked at comes back a moment after he has left.
async fn count(link: &Link, channel: &Channel, dead: &str) -> Result<u64, BusError> {
    const COMES_BACK_WITHIN: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(50);
    let asked = Instant::now();
    loop {
        let found = link
            .declare_queue(channel, dead, QueueDeclareOptions::durable(), quorum())
            .await?;
        if found.message_count() > 0 || asked.elapsed() >= COMES_BACK_WITHIN {
            return Ok(found.message_count().into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open(link: &Link, role: Role) -> Result<(OpenConnection, Channel), BusError> {
    let connection = link.connect("dead letters").await?;
    let channel = connection
        .create_channel()
        .await
        .map_err(|error| link.explain(&error))?;
    link.declare(&channel, role).await?;
    Ok((connection, channel))
}
