//! A corner of a test's own at a real broker.

#![allow(clippy::unwrap_used)]

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};

use super::servers;
use crate::bus::{Kind, Settings};
use crate::{Role, Secret};

/// Queues that nobody else uses, gone when this is dropped.
#[derive(Debug)]
pub struct TestBroker {
    prefix: String,
}

impl TestBroker {
    /// Makes no queue yet: those who publish and receive do.
    #[must_use]
    pub fn rabbitmq() -> Self {
        Self {
            prefix: format!("amphi-test-{}", uuid::Uuid::now_v7().simple()),
        }
    }

    /// The setting `bus.url`.
    #[must_use]
    pub fn url(&self) -> String {
        servers::rabbitmq().to_owned()
    }

    /// The setting `bus.prefix`.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The section `[bus]`; an event is given up at its second refusal.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            kind: Kind::RabbitMq,
            url: Secret::new(self.url()),
            prefix: self.prefix.clone(),
            prefetch: 64,
            attempts_max: 2,
        }
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        let prefix = self.prefix.clone();
        // The test's own runtime cannot wait here.
        let deleting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(delete_queues(&prefix))
        });
        match deleting.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("the queues {}.* stay: {error}", self.prefix),
            Err(_) => eprintln!("the queues {}.* stay", self.prefix),
        }
    }
}

async fn delete_queues(prefix: &str) -> lapin::Result<()> {
    let url = servers::rabbitmq();
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    for role in Role::ALL {
        for queue in [format!("{prefix}.{role}"), format!("{prefix}.{role}.dead")] {
            let options = QueueDeleteOptions::default();
            channel.queue_delete(queue.as_str().into(), options).await?;
        }
    }
    connection.close(200, "done".into()).await
}
