//! What carries events from the outboxes of services to the inboxes of others.
//!
//! Locally the outbox's relay calls the consumer's process. With a broker the relay hands events to the broker, which keeps
//! them until a process of the consumer has committed them. Either way an event arrives at least once, in order with the
//! others of its subject, and the inbox makes it once.

mod envelope;
mod error;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod intake;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
mod lanes;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use amphi_contracts::proto::events::v1::Event;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::events::{Consumer, Deliver};
use crate::{Role, Secret};

pub use envelope::to_json as to_cloud_event;
pub use error::BusError;

/// The section `[bus]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub kind: Kind,
    /// Of the broker.
    #[serde(deserialize_with = "broker_url")]
    pub url: Secret<String>,
    /// What the names of its queues or topics begin with.
    #[serde(deserialize_with = "queue_prefix")]
    pub prefix: String,
    /// Events that a process takes ahead of consuming them, per role.
    #[serde(deserialize_with = "crate::config::whole::<_, _, 1, 65_535>")]
    pub prefetch: u32,
    /// Refusals of an event by its consumer until it is a dead letter.
    #[serde(deserialize_with = "crate::config::whole::<_, _, 1, 1_000>")]
    pub attempts_max: u32,
    pub kafka: KafkaSettings,
}

/// The section `[bus.kafka]`: of topics that are yet to be made, and how we connect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaSettings {
    #[serde(deserialize_with = "crate::config::whole::<_, _, 1, 1_000>")]
    pub partitions: i32,
    /// 0: what the brokers have for their default.
    #[serde(deserialize_with = "crate::config::whole::<_, _, 0, 9>")]
    pub replication_factor: i32,
    /// At most half as long as an inbox remembers: a broker may keep an event for twice this, and one that is read again later
    /// would act again.
    #[serde(
        rename = "retention_s",
        deserialize_with = "crate::config::seconds::<_, 3_600, 604_800>"
    )]
    pub retention: Duration,
    /// Empty: the system's.
    #[serde(deserialize_with = "ca_file")]
    pub ca_file: String,
}

fn ca_file<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || std::path::Path::new(&text).is_absolute() {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"the whole path of a file, which begins with a slash",
    ))
}

fn broker_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.starts_with("amqp://") || text.starts_with("amqps://") {
        return Ok(Secret::new(text));
    }
    #[cfg(feature = "kafka")]
    if text.starts_with("kafka") {
        kafka::Address::parse(&text).map_err(D::Error::custom)?;
    }
    if text.starts_with("kafka://") || text.starts_with("kafka+ssl://") {
        return Ok(Secret::new(text));
    }
    // Without what was found, since it may hold a password.
    Err(D::Error::custom(
        "amqp://user:password@host:5672/vhost, kafka://host:9092,host:9092, or with TLS amqps://… or kafka+ssl://… is expected",
    ))
}

/// A beginning of names of queues and topics that every tool can show and match.
fn queue_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    if (1..=64).contains(&text.len()) && text.chars().all(is_plain) {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"1 to 64 letters, digits, `-`, `_` or `.`",
    ))
}

/// `bus.kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No broker: the relay calls the consumer's process.
    Local,
    #[serde(rename = "rabbitmq")]
    RabbitMq,
    Kafka,
}

/// An event on its way to one of its consumers.
#[derive(Debug, Clone, PartialEq)]
pub struct Tailed {
    pub consumer: Role,
    pub event: Event,
}

/// Events as they are published. Dropping it ends the listening.
pub type Tail = mpsc::Receiver<Tailed>;

/// Events that may wait for whoever looks at a tail. The reading waits then, and no consumer does.
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
const TAIL_AHEAD: usize = 256;

/// A server that keeps events for their consumers.
#[async_trait::async_trait]
pub trait Broker: fmt::Debug + Send + Sync + 'static {
    /// Where a relay hands its events over. Handing over succeeds when the broker has them safe.
    fn publisher(&self) -> Arc<dyn Deliver>;

    /// Takes the events of `role` and has them consumed, until `shutdown`. Reconnects by itself.
    async fn receive(&self, role: Role, consumer: Arc<dyn Consumer>, shutdown: CancellationToken);

    /// The events of `role` that were given up and wait for an operator, the oldest first.
    ///
    /// # Errors
    /// When the broker does not say.
    async fn dead_letters(&self, role: Role, limit: usize) -> Result<Vec<Event>, BusError>;

    /// Puts the events of `role` that were given up back into its queue. Returns how many there were.
    ///
    /// # Errors
    /// When the broker fails half-way; what was put back until then stays so.
    async fn replay_dead_letters(&self, role: Role) -> Result<u64, BusError>;

    /// The events that are published for `roles` from now on. No consumer notices that they are listened to.
    ///
    /// # Errors
    /// When the broker does not let us listen.
    async fn tail(&self, roles: &[Role]) -> Result<Tail, BusError>;

    /// Whether it answers.
    ///
    /// # Errors
    /// What is wrong, with its cure.
    async fn check(&self) -> Result<(), BusError>;
}

/// The broker that the settings name, which has answered; none for the local bus.
///
/// # Errors
/// When a setting is wrong, or the broker does not answer or refuses, within 5 s.
pub async fn open(settings: &Settings) -> Result<Option<Arc<dyn Broker>>, BusError> {
    match settings.kind {
        Kind::Local => Ok(None),
        #[cfg(feature = "rabbitmq")]
        Kind::RabbitMq => {
            let broker = rabbitmq::RabbitMq::new(settings)?;
            broker.check().await?;
            Ok(Some(Arc::new(broker)))
        }
        #[cfg(not(feature = "rabbitmq"))]
        Kind::RabbitMq => Err(BusError::NotBuilt { kind: "rabbitmq" }),
        #[cfg(feature = "kafka")]
        Kind::Kafka => {
            let broker = kafka::Kafka::new(settings)?;
            broker.check().await?;
            Ok(Some(Arc::new(broker)))
        }
        #[cfg(not(feature = "kafka"))]
        Kind::Kafka => Err(BusError::NotBuilt { kind: "kafka" }),
    }
}
