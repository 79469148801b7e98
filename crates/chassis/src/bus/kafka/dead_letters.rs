//! The topic of a role's dead letters.
//!
//! A topic gives nothing up by itself, and what a group has committed is forgotten after some days. What was replayed is
//! therefore told by a mark in the topic itself: all before the offset that it names are no dead letters any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_contracts::proto::events::v1::Event;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::super::{BusError, envelope};
use super::client::{CONNECT_TIMEOUT, Link, Watch, blocking};
use super::publish::{Outgoing, Publisher, SendError};
use super::topics;
use crate::Role;

/// There is one, so that the letters are in order.
pub(super) const PARTITION: i32 = 0;
const REASON: &str = "amphi-reason";
const REASON_CHARS_MAX: usize = 500;
/// The mark: letters before this offset were replayed.
const REPLAYED_BEFORE: &str = "amphi-replayed-before";
/// Letters that are put back before that is marked.
const REPLAY_BATCH: usize = 1_000;
/// A broker that gives nothing for so long, though there is more, is away.
const SILENCE_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// A letter as it stands in the topic.
struct Letter {
    offset: i64,
    key: String,
    payload: Vec<u8>,
}

/// What a letter says beside the event.
pub(super) fn headers(reason: &str) -> Vec<(&'static str, String)> {
    let reason = reason.chars().take(REASON_CHARS_MAX).collect();
    vec![
        ("content-type", envelope::CONTENT_TYPE.to_owned()),
        (REASON, reason),
    ]
}

pub(super) async fn look(
    link: &Arc<Link>,
    role: Role,
    limit: usize,
) -> Result<Vec<Event>, BusError> {
    let (letters, _) = letters(link, role, limit).await?;
    let events = letters.into_iter().filter_map(|letter| {
        envelope::decode(&letter.payload)
            .inspect_err(|reason| tracing::warn!(%role, reason, "a dead letter is no event"))
            .ok()
    });
    Ok(events.collect())
}

/// Each is back in the role's topic before it is marked as replayed, so that nothing is lost in between.
pub(super) async fn replay(
    link: &Arc<Link>,
    publisher: &Publisher,
    role: Role,
) -> Result<u64, BusError> {
    let mut replayed = 0;
    // Not more than there are now: what is refused again meanwhile would go round for ever.
    let (mut letters, end) = letters(link, role, REPLAY_BATCH).await?;
    loop {
        letters.retain(|letter| letter.offset < end);
        let Some(last) = letters.last().map(|letter| letter.offset) else {
            return Ok(replayed);
        };
        let count = letters.len() as u64;
        let back = letters.into_iter().map(|letter| Outgoing {
            key: letter.key,
            payload: Some(letter.payload),
            headers: vec![("content-type", envelope::CONTENT_TYPE.to_owned())],
            partition: None,
        });
        put(link, publisher, role, &link.topic(role), back.collect()).await?;
        let mark = Outgoing {
            headers: vec![(REPLAYED_BEFORE, (last + 1).to_string())],
            partition: Some(PARTITION),
            ..Outgoing::default()
        };
        put(link, publisher, role, &link.dead_letters(role), vec![mark]).await?;
        replayed += count;
        letters = self::letters(link, role, REPLAY_BATCH).await?.0;
    }
}

async fn put(
    link: &Link,
    publisher: &Publisher,
    role: Role,
    topic: &str,
    records: Vec<Outgoing>,
) -> Result<(), BusError> {
    let sent = publisher.send(role, topic, records).await;
    sent.map_err(|error| match error {
        SendError::Bus(error) => error,
        SendError::Unusable(reason) => topics::not_given(link, topic, &reason),
    })
}

/// The first letters, at most `limit`, and the offset behind the last there is.
async fn letters(
    link: &Arc<Link>,
    role: Role,
    limit: usize,
) -> Result<(Vec<Letter>, i64), BusError> {
    blocking(link, move |link| {
        topics::ensure(link, role)?;
        let topic = Topic::open(link, role)?;
        let mut first = topic.low;
        topic.read(topic.low, |message| {
            first = first.max(mark_of(message).unwrap_or(topic.low));
            true
        })?;
        let mut letters = Vec::new();
        topic.read(first, |message| {
            if mark_of(message).is_none() && letters.len() < limit {
                letters.push(Letter::of(message));
            }
            letters.len() < limit
        })?;
        Ok((letters, topic.high))
    })
    .await
}

fn mark_of(message: &BorrowedMessage<'_>) -> Option<i64> {
    let mark = message
        .headers()?
        .iter()
        .find(|header| header.key == REPLAYED_BEFORE)?;
    std::str::from_utf8(mark.value?).ok()?.parse().ok()
}

impl Letter {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let key = message.key().unwrap_or_default();
        Self {
            offset: message.offset(),
            key: String::from_utf8_lossy(key).into_owned(),
            payload: message.payload().unwrap_or_default().to_vec(),
        }
    }
}

/// The topic as it is now. What comes later is not looked at.
struct Topic<'a> {
    link: &'a Link,
    name: String,
    consumer: BaseConsumer<Watch>,
    watch: Watch,
    low: i64,
    high: i64,
}

impl<'a> Topic<'a> {
    fn open(link: &'a Link, role: Role) -> Result<Self, BusError> {
        let name = link.dead_letters(role);
        let watch = Watch::default();
        let consumer: BaseConsumer<Watch> = link
            .reader("dead letters")
            .create_with_context(watch.clone())
            .map_err(|error| link.explain(&watch, &error))?;
        let (low, high) = consumer
            .fetch_watermarks(&name, PARTITION, CONNECT_TIMEOUT)
            .map_err(|error| topics::failed(link, &watch, &name, &error))?;
        Ok(Self {
            link,
            name,
            consumer,
            watch,
            low,
            high,
        })
    }

    /// Shows every record from `first` on, until `wants_more` says that it does not.
    fn read(
        &self,
        first: i64,
        mut wants_more: impl FnMut(&BorrowedMessage<'_>) -> bool,
    ) -> Result<(), BusError> {
        if first >= self.high {
            return Ok(());
        }
        let failed = |error| topics::failed(self.link, &self.watch, &self.name, &error);
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(&self.name, PARTITION, Offset::Offset(first))
            .map_err(failed)?;
        self.consumer.assign(&from).map_err(failed)?;
        let mut heard = Instant::now();
        loop {
            match self.consumer.poll(POLL) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    let is_last = message.offset() + 1 >= self.high;
                    if message.offset() >= self.high || !wants_more(&message) || is_last {
                        break;
                    }
                }
                // It goes on trying by itself.
                Some(Err(error)) => tracing::debug!(%error, "dead letters are read"),
                None => {}
            }
            if heard.elapsed() > SILENCE_MAX {
                return Err(match self.watch.reason() {
                    Some((_, reason)) => topics::not_given(self.link, &self.name, &reason),
                    None => topics::not_given(self.link, &self.name, "it gives nothing"),
                });
            }
        }
        self.consumer.unassign().map_err(failed)
    }
}
