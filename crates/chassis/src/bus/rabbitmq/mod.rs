//! RabbitMQ: one quorum queue per consuming role, and one beside it for its dead letters. An exchange before the queues lets
//! others listen in.
//!
//! A queue has one active consumer at a time (`x-single-active-consumer`), or replicas would overtake each other; the others
//! stand by. Publishing waits for the broker's confirm, which a quorum queue gives when a majority has the event on disk.

mod connection;
mod dead_letters;
mod publish;
mod receive;
mod tail;

use std::sync::Arc;
use std::time::Duration;

use amphi_contracts::proto::events::v1::Event;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, ErrorKind, ExchangeKind, Queue};
use tokio_util::sync::CancellationToken;

use super::{Broker, BusError, Settings, Tail};
use crate::Role;
use crate::events::{Consumer, Deliver};
use connection::OpenConnection;
use publish::Publisher;

const FORM: &str = "amqp://user:password@host:5672/vhost, or amqps://… for TLS";
/// A broker that has not answered by then is reported as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Newer releases give up an event after 20 deliveries by themselves. Ours are given up by their consumer's refusals, not by
/// how often a consumer was restarted or somebody looked at the dead letters.
const DELIVERY_LIMIT: i64 = 1_000_000;

/// Events by way of RabbitMQ.
#[derive(Debug)]
pub(super) struct RabbitMq {
    link: Arc<Link>,
    publisher: Arc<Publisher>,
    prefetch: u16,
    attempts_max: u32,
}

impl RabbitMq {
    /// Connects to nothing yet.
    pub fn new(settings: &Settings) -> Result<Self, BusError> {
        let link = Arc::new(Link::new(settings)?);
        Ok(Self {
            publisher: Arc::new(Publisher::new(Arc::clone(&link))),
            link,
            prefetch: u16::try_from(settings.prefetch).unwrap_or(u16::MAX),
            attempts_max: settings.attempts_max,
        })
    }
}

#[async_trait::async_trait]
impl Broker for RabbitMq {
    fn publisher(&self) -> Arc<dyn Deliver> {
        Arc::clone(&self.publisher) as Arc<dyn Deliver>
    }

    async fn receive(&self, role: Role, consumer: Arc<dyn Consumer>, shutdown: CancellationToken) {
        let receiver = receive::Receiver {
            link: Arc::clone(&self.link),
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
        dead_letters::replay(&self.link, role).await
    }

    async fn tail(&self, roles: &[Role]) -> Result<Tail, BusError> {
        tail::tail(&self.link, roles).await
    }

    async fn check(&self) -> Result<(), BusError> {
        let connection = self.link.connect("check").await?;
        let channel = connection
            .create_channel()
            .await
            .map_err(|error| self.link.explain(&error))?;
        // Whether the user has the rights is seen by what a tail does.
        self.link.open_tail(&channel, &[Role::Catalog]).await?;
        connection.close().await;
        Ok(())
    }
}

/// How to reach the broker, and what things are called there.
struct Link {
    uri: AMQPUri,
    prefix: String,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("target", &self.target())
            .finish_non_exhaustive()
    }
}

impl Link {
    fn new(settings: &Settings) -> Result<Self, BusError> {
        let uri = settings
            .url
            .expose()
            .parse()
            .map_err(|reason| BusError::Url { reason, form: FORM })?;
        Ok(Self {
            uri,
            prefix: settings.prefix.clone(),
        })
    }

    /// `host:port/vhost`, without the credentials.
    fn target(&self) -> String {
        let AMQPUri {
            authority, vhost, ..
        } = &self.uri;
        format!(
            "{}:{}/{}",
            authority.host,
            authority.port,
            vhost.trim_start_matches('/')
        )
    }

    /// Events come in here, with the role that they are for as their routing key.
    fn exchange(&self) -> String {
        format!("{}.events", self.prefix)
    }

    fn queue(&self, role: Role) -> String {
        format!("{}.{role}", self.prefix)
    }

    /// Of one who listens in.
    fn tail(&self) -> String {
        format!("{}.tail.{}", self.prefix, uuid::Uuid::now_v7().simple())
    }

    fn dead_letters(&self, role: Role) -> String {
        format!("{}.{role}.dead", self.prefix)
    }

    /// `purpose` is shown in the broker's list of connections.
    async fn connect(&self, purpose: &str) -> Result<OpenConnection, BusError> {
        let properties =
            ConnectionProperties::default().with_connection_name(format!("amphi {purpose}").into());
        let connecting = Connection::connect_uri(self.uri.clone(), properties);
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(connection)) => Ok(OpenConnection::new(connection)),
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(BusError::Unreachable {
                target: self.target(),
                reason: format!("it took longer than {} s", CONNECT_TIMEOUT.as_secs()),
            }),
        }
    }

    fn explain(&self, error: &lapin::Error) -> BusError {
        let (target, reason) = (self.target(), error.to_string());
        match error.kind() {
            ErrorKind::ProtocolError(_) | ErrorKind::AuthProviderError(_) => BusError::Refused {
                target,
                reason,
                look_at: "user, password and virtual host",
            },
            _ => BusError::Unreachable { target, reason },
        }
    }

    /// Makes the queues of a role, unless they are there: whoever comes first, so that nothing sent before the consumer's
    /// first start is lost.
    async fn declare(&self, channel: &Channel, role: Role) -> Result<(), BusError> {
        let dead = self.dead_letters(role);
        let durable = QueueDeclareOptions::durable();
        self.declare_queue(channel, &dead, durable, quorum())
            .await?;
        let mut arguments = quorum();
        arguments.insert("x-single-active-consumer".into(), AMQPValue::Boolean(true));
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(&dead));
        let queue = self.queue(role);
        self.declare_queue(channel, &queue, durable, arguments)
            .await?;
        self.bind(channel, &queue, role).await
    }

    /// Has the events for `role` put into `queue`, too.
    async fn bind(&self, channel: &Channel, queue: &str, role: Role) -> Result<(), BusError> {
        let exchange = self.exchange();
        let failed = |error: lapin::Error| BusError::Queue {
            target: self.target(),
            queue: exchange.clone(),
            reason: error.to_string(),
        };
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        channel
            .exchange_declare(
                exchange.as_str().into(),
                ExchangeKind::Direct,
                durable,
                FieldTable::default(),
            )
            .await
            .map_err(failed)?;
        channel
            .queue_bind(
                queue.into(),
                exchange.as_str().into(),
                role.as_str().into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .map_err(failed)
    }

    async fn declare_queue(
        &self,
        channel: &Channel,
        queue: &str,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    ) -> Result<Queue, BusError> {
        channel
            .queue_declare(queue.into(), options, arguments)
            .await
            .map_err(|error| BusError::Queue {
                target: self.target(),
                queue: queue.to_owned(),
                reason: error.to_string(),
            })
    }
}

fn quorum() -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    let limit = AMQPValue::LongLongInt(DELIVERY_LIMIT);
    arguments.insert("x-delivery-limit".into(), limit);
    arguments
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}
