//! A corner of a test's own at a real broker.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::time::Duration;

use futures::executor::block_on;
use lapin::options::{ExchangeDeleteOptions, QueueDeleteOptions};
use lapin::{Connection, ConnectionProperties};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;

use super::kafka::TestKafka;
use super::ports::free_address;
use super::proxy::Proxy;
use super::servers;
use crate::bus::{KafkaSettings, Kind, Settings};
use crate::{Role, Secret};

/// Queues or topics that nobody else uses, gone when this is dropped.
#[derive(Debug)]
pub struct TestBroker {
    kind: Kind,
    prefix: String,
    url: String,
    /// Its own, with all that is in it.
    server: Option<TestKafka>,
}

impl TestBroker {
    /// Makes no queue yet: those who publish and receive do.
    #[must_use]
    pub fn rabbitmq() -> Self {
        Self::at(Kind::RabbitMq, servers::rabbitmq().to_owned())
    }

    /// Makes no topic yet: those who publish and receive do.
    #[must_use]
    pub fn kafka() -> Self {
        Self::at(Kind::Kafka, servers::kafka().to_owned())
    }

    /// With a line before it that can fail. Kafka's clients go where the broker says that it is, which must be the line: this
    /// is a broker of the test's own.
    ///
    /// # Panics
    /// When there is no such broker.
    pub async fn behind_line(kind: Kind) -> (Self, Proxy) {
        if kind == Kind::Kafka {
            let server = free_address();
            let line = Proxy::before(server).await;
            let server = TestKafka::behind(server, line.address());
            let mut broker = Self::at(kind, server.url());
            broker.server = Some(server);
            return (broker, line);
        }
        let mut broker = Self::rabbitmq();
        let server = broker.address();
        let line = Proxy::before(server).await;
        let by_line = line.address().to_string();
        broker.url = broker.url.replace(&server.to_string(), &by_line);
        (broker, line)
    }

    fn at(kind: Kind, url: String) -> Self {
        Self {
            kind,
            prefix: format!("amphi-test-{}", uuid::Uuid::now_v7().simple()),
            url,
            server: None,
        }
    }

    /// The setting `bus.kind`.
    ///
    /// # Panics
    /// For the local bus, which is no broker.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::RabbitMq => "rabbitmq",
            Kind::Kafka => "kafka",
            Kind::Local => panic!("no broker"),
        }
    }

    /// The setting `bus.url`.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The setting `bus.prefix`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Where it is, by the URL.
    ///
    /// # Panics
    /// When the URL names no address, as those of tests do.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let place = self.url.split(['/', '@']).find_map(|it| it.parse().ok());
        place.unwrap()
    }

    /// The section `[bus]`; an event is given up at its second refusal.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            kind: self.kind,
            url: Secret::new(self.url()),
            prefix: self.prefix.clone(),
            prefetch: 64,
            attempts_max: 2,
            kafka: KafkaSettings {
                partitions: 3,
                replication_factor: 1,
                retention: Duration::from_secs(3_600),
                ca_file: String::new(),
            },
        }
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        if self.server.is_some() {
            return;
        }
        let (kind, prefix) = (self.kind, self.prefix.clone());
        // The test's own runtime cannot wait here.
        let deleting = std::thread::spawn(move || match kind {
            Kind::Local => Ok(()),
            Kind::RabbitMq => delete_queues(&prefix),
            Kind::Kafka => delete_topics(&prefix),
        });
        match deleting.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("what is named {}.* stays: {error}", self.prefix),
            Err(_) => eprintln!("what is named {}.* stays", self.prefix),
        }
    }
}

fn delete_queues(prefix: &str) -> Result<(), String> {
    let deleting = async {
        let url = servers::rabbitmq();
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        for role in Role::ALL {
            for queue in [format!("{prefix}.{role}"), format!("{prefix}.{role}.dead")] {
                let options = QueueDeleteOptions::default();
                channel.queue_delete(queue.as_str().into(), options).await?;
            }
        }
        let exchange = format!("{prefix}.events");
        let options = ExchangeDeleteOptions::default();
        channel
            .exchange_delete(exchange.as_str().into(), options)
            .await?;
        connection.close(200, "done".into()).await
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let deleted: lapin::Result<()> = runtime.unwrap().block_on(deleting);
    deleted.map_err(|error| error.to_string())
}

fn delete_topics(prefix: &str) -> Result<(), String> {
    let servers = servers::kafka().trim_start_matches("kafka://");
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", servers)
        .create()
        .map_err(|error| error.to_string())?;
    let names: Vec<String> = Role::ALL
        .into_iter()
        .flat_map(|role| [format!("{prefix}.{role}"), format!("{prefix}.{role}.dead")])
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
    // Those that were never made are no error.
    block_on(admin.delete_topics(&names, &options))
        .map(drop)
        .map_err(|error| error.to_string())
}
