//! Roles of the platform in a test: real databases, real blobs, the real stacks, on port 0, in a folder that goes
//! with the test. Services that the one under test calls may be real or stand-ins: a stand-in is a [`Service`] whose
//! gRPC server the test wrote.

#[cfg(feature = "testing-tls")]
mod authority;
#[cfg(all(feature = "kafka", feature = "rabbitmq"))]
mod brokers;
mod databases;
#[cfg(feature = "kafka")]
mod kafka;
mod keys;
mod plans;
mod ports;
mod process;
mod proxy;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "testing-s3")]
mod s3;
mod server;
mod servers;
mod statements;

use std::future::Future;
use std::time::{Duration, Instant};

#[cfg(feature = "testing-tls")]
pub use authority::{TestAuthority, TestCertificate, TestTlsFiles};
#[cfg(all(feature = "kafka", feature = "rabbitmq"))]
pub use brokers::TestBroker;
pub use databases::{Engine, TestDatabases, on_each_engine};
#[cfg(feature = "kafka")]
pub use kafka::TestKafka;
pub use keys::TestKeys;
pub use ports::free_address;
pub use process::{TestProcess, TestProcessBuilder};
pub use proxy::{Line, Proxy};
#[cfg(feature = "redis")]
pub use redis::TestRedis;
#[cfg(feature = "testing-s3")]
pub use s3::{TestS3, serve_s3};
pub use server::{ServerKind, TestServer};
pub use statements::Statements;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polls until `look` finds something; a test waits for conditions, never for time.
///
/// # Panics
/// When it did not come in a minute.
pub async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let started = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
