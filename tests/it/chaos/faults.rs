//! What can fail, and how.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amphi_chassis::testing::{Line, Proxy, TestKafka, TestS3, TestServer, free_address};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every connection ends; new ones are fine.
    Cut,
    Delayed,
    /// Connections stand half open.
    Silent,
    Refused,
    /// The server ends in peace, and is started again.
    Stopped,
    /// The server's processes are killed, and it is started again.
    Killed,
}

const OF_LINES: [Fault; 4] = [Fault::Cut, Fault::Delayed, Fault::Silent, Fault::Refused];

/// An engine or a role with a line before it, over which everybody reaches it.
pub struct Place {
    pub name: &'static str,
    line: Proxy,
    server: Server,
}

pub enum Server {
    /// Its processes are the platform's own.
    Role,
    Engine(Arc<Mutex<TestServer>>),
    Store(TestS3),
    Kafka {
        broker: Arc<Mutex<TestKafka>>,
        /// Where it keeps its events. Does not fail.
        _store: TestS3,
    },
}

impl Place {
    pub async fn engine(name: &'static str, server: TestServer) -> Self {
        Self {
            name,
            line: Proxy::before(server.address()).await,
            server: Server::Engine(Arc::new(Mutex::new(server))),
        }
    }

    pub async fn store(name: &'static str, store: TestS3) -> Self {
        Self {
            name,
            line: Proxy::before(store.address()).await,
            server: Server::Store(store),
        }
    }

    pub async fn kafka(name: &'static str) -> Self {
        let listen = free_address();
        let line = Proxy::before(listen).await;
        let store = TestS3::start();
        let broker = TestKafka::on(&store, listen, line.address());
        Self {
            name,
            line,
            server: Server::Kafka {
                broker: Arc::new(Mutex::new(broker)),
                _store: store,
            },
        }
    }

    /// Before a role that need not run yet.
    pub async fn role(name: &'static str, address: SocketAddr) -> Self {
        Self {
            name,
            line: Proxy::before(address).await,
            server: Server::Role,
        }
    }

    /// Where it is reached.
    pub fn address(&self) -> SocketAddr {
        self.line.address()
    }

    /// The URL of the engine, without a database, over the line.
    pub fn url(&self) -> String {
        match &self.server {
            Server::Engine(server) => server.lock().unwrap().url_by(self.address()),
            Server::Kafka { broker, .. } => broker.lock().unwrap().url(),
            Server::Role | Server::Store(_) => panic!("{} has no URL", self.name),
        }
    }

    pub fn s3(&self) -> &TestS3 {
        let Server::Store(store) = &self.server else {
            panic!("{} is no store", self.name);
        };
        store
    }

    /// What can happen here.
    pub fn faults(&self) -> impl Iterator<Item = Fault> + use<> {
        let of_servers: &[Fault] = match self.server {
            Server::Role => &[],
            Server::Engine(_) | Server::Store(_) => &[Fault::Stopped, Fault::Killed],
            Server::Kafka { .. } => &[Fault::Killed],
        };
        OF_LINES.into_iter().chain(of_servers.iter().copied())
    }

    pub async fn begin(&mut self, fault: Fault) {
        match fault {
            Fault::Cut => self.line.cut(),
            Fault::Delayed => self.line.set(Line::Delayed(Duration::from_millis(300))),
            Fault::Silent => self.line.set(Line::Silent),
            Fault::Refused => self.line.set(Line::Refused),
            Fault::Stopped | Fault::Killed => match &mut self.server {
                Server::Engine(server) if fault == Fault::Killed => {
                    command(server, TestServer::kill).await;
                }
                Server::Engine(server) => command(server, TestServer::stop).await,
                Server::Store(store) => store.stop().await,
                Server::Kafka { broker, .. } => command(broker, TestKafka::kill).await,
                Server::Role => panic!("{} is stopped elsewhere", self.name),
            },
        }
    }

    /// Returns once the place can be reached as before.
    pub async fn mend(&mut self, fault: Fault) {
        self.line.set(Line::Open);
        if !matches!(fault, Fault::Stopped | Fault::Killed) {
            return;
        }
        match &mut self.server {
            Server::Engine(server) => command(server, TestServer::start_again).await,
            Server::Store(store) => store.start_again(),
            Server::Kafka { broker, .. } => command(broker, TestKafka::start).await,
            Server::Role => {}
        }
    }
}

/// The servers' own commands wait, and people go on meanwhile.
async fn command<S: Send + 'static>(
    server: &Arc<Mutex<S>>,
    give: impl FnOnce(&mut S) + Send + 'static,
) {
    let server = Arc::clone(server);
    tokio::task::spawn_blocking(move || give(&mut server.lock().unwrap()))
        .await
        .unwrap();
}
