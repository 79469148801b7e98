//! The servers that tests run against: databases, brokers and caches.
//!
//! Each is the one that its `AMPHI_TEST_*` variable names (a URL without a database), else the one on the standard local
//! port, else one started for this process from the installed packages. None at all fails the test: it is never skipped.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

#[cfg(feature = "kafka")]
use super::kafka::TestKafka;
#[cfg(feature = "kafka")]
use super::ports::free_address;
use super::server::{ServerKind, TestServer};

/// `postgres://user@host:port`
pub(super) fn postgres() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard(
            "AMPHI_TEST_POSTGRES",
            5432,
            "postgres://postgres@127.0.0.1:5432",
        )
        .unwrap_or_else(|| start(ServerKind::Postgres))
    })
}

/// `mysql://user@host:port`; MariaDB stands for both.
pub(super) fn mysql() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard("AMPHI_TEST_MYSQL", 3306, "mysql://root@127.0.0.1:3306")
            .unwrap_or_else(|| start(ServerKind::MariaDb))
    })
}

/// `amqp://user:password@host:port/vhost`
#[cfg(feature = "rabbitmq")]
pub(super) fn rabbitmq() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard(
            "AMPHI_TEST_RABBITMQ",
            5672,
            "amqp://guest:guest@127.0.0.1:5672/%2f",
        )
        .unwrap_or_else(|| start(ServerKind::RabbitMq))
    })
}

/// `redis://host:port`
#[cfg(feature = "redis")]
pub(super) fn redis() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard("AMPHI_TEST_REDIS", 6379, "redis://127.0.0.1:6379")
            .unwrap_or_else(|| start(ServerKind::Redis))
    })
}

/// `kafka://host:port`
#[cfg(feature = "kafka")]
pub(super) fn kafka() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    static BROKER: OnceLock<TestKafka> = OnceLock::new();
    URL.get_or_init(|| {
        named_or_standard("AMPHI_TEST_KAFKA", 9092, "kafka://127.0.0.1:9092").unwrap_or_else(|| {
            let address = free_address();
            let broker = BROKER.get_or_init(|| TestKafka::behind(address, address));
            broker.url()
        })
    })
}

fn named_or_standard(variable: &str, standard_port: u16, standard_url: &str) -> Option<String> {
    if let Ok(url) = std::env::var(variable) {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let standard = SocketAddr::from((Ipv4Addr::LOCALHOST, standard_port));
    TcpStream::connect_timeout(&standard, Duration::from_millis(500))
        .is_ok()
        .then(|| standard_url.to_owned())
}

/// A server for all tests of this process; it goes with the process.
fn start(kind: ServerKind) -> String {
    static SERVERS: Mutex<Vec<TestServer>> = Mutex::new(Vec::new());
    let server = TestServer::start(kind);
    let url = server.url();
    let mut servers = SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
    servers.push(server);
    url
}
