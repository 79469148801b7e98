//! The topics of a role: made by whoever comes first, so that nothing sent before the consumer's first start is lost.

use std::time::Instant;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::BaseConsumer;
use rdkafka::error::RDKafkaErrorCode as Code;

use super::super::BusError;
use super::client::{CONNECT_TIMEOUT, Link, Watch, in_words};
use crate::Role;

/// Dead letters are few, and shown in the order in which they were given up.
const DEAD_PARTITIONS: i32 = 1;
/// The brokers' word for theirs.
const DEFAULT_REPLICATION: i32 = -1;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Sees to it that the topics of `role` are there. Topics that there are stay as they are. Blocks.
///
/// # Errors
/// The brokers do not answer, or there is a topic missing that we may not make.
pub(super) fn ensure(link: &Link, role: Role) -> Result<(), BusError> {
    let (looker, watch) = link.looker("topics")?;
    let retention_ms = link.topics.retention.as_millis().to_string();
    let wanted = [
        (link.topic(role), link.topics.partitions, retention_ms),
        // Until somebody has looked at them.
        (link.dead_letters(role), DEAD_PARTITIONS, "-1".to_owned()),
    ];
    let mut missing = Vec::new();
    for topic in &wanted {
        if link.partitions_of(&looker, &watch, &topic.0)?.is_empty() {
            missing.push(topic);
        }
    }
    let replication = match link.topics.replication_factor {
        0 => DEFAULT_REPLICATION,
        factor => factor,
    };
    let topics: Vec<NewTopic<'_>> = missing
        .iter()
        .map(|(name, partitions, retention_ms)| {
            NewTopic::new(name, *partitions, TopicReplication::Fixed(replication))
                .set("cleanup.policy", "delete")
                .set("retention.ms", retention_ms)
        })
        .collect();
    if topics.is_empty() {
        return Ok(());
    }
    create(link, &topics)?;
    for topic in &topics {
        until_led(link, &looker, &watch, topic.name)?;
    }
    Ok(())
}

fn create(link: &Link, topics: &[NewTopic<'_>]) -> Result<(), BusError> {
    let watch = Watch::default();
    let admin: AdminClient<Watch> = link
        .config("topics")
        .create_with_context(watch.clone())
        .map_err(|error| link.explain(&watch, &error))?;
    let options = AdminOptions::new()
        .request_timeout(Some(CONNECT_TIMEOUT))
        .operation_timeout(Some(CONNECT_TIMEOUT));
    let created = futures::executor::block_on(admin.create_topics(topics, &options))
        .map_err(|error| link.explain(&watch, &error))?;
    for result in created {
        match result {
            Ok(topic) => tracing::info!(topic, "a topic was made"),
            // Somebody else came first.
            Err((_, Code::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(not_given(link, &topic, &code.to_string())),
        }
    }
    Ok(())
}

/// A topic that was just made has no leaders for a moment.
fn until_led(
    link: &Link,
    looker: &BaseConsumer<Watch>,
    watch: &Watch,
    topic: &str,
) -> Result<(), BusError> {
    let started = Instant::now();
    while link.partitions_of(looker, watch, topic)?.is_empty() {
        if started.elapsed() > CONNECT_TIMEOUT {
            return Err(not_given(link, topic, "it has no leader"));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

pub(super) fn not_given(link: &Link, topic: &str, reason: &str) -> BusError {
    BusError::Topic {
        target: link.target(),
        topic: topic.to_owned(),
        reason: reason.to_owned(),
    }
}

/// An error of an operation on a topic, where the connection is not to blame.
pub(super) fn failed(
    link: &Link,
    watch: &Watch,
    topic: &str,
    error: &rdkafka::error::KafkaError,
) -> BusError {
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            not_given(link, topic, &in_words(error))
        }
        _ => link.explain(watch, error),
    }
}
