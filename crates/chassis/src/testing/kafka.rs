//! A Kafka of a test's own: one that can be stopped and started, and says of itself what the test wants.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ports::free_address;

/// A broker, gone when this is dropped.
#[derive(Debug)]
pub struct TestKafka {
    how: Kafka,
    running: Option<Started>,
}

impl TestKafka {
    /// Keeps everything in memory. Clients are told that it is at `advertised`, where a line leads to `listen`.
    #[must_use]
    pub fn behind(listen: SocketAddr, advertised: SocketAddr) -> Self {
        Self::of(Kafka::in_memory(listen, advertised))
    }

    /// Keeps everything in a bucket, so that it comes back with what it had. Addresses as in [`Self::behind`].
    #[cfg(feature = "testing-s3")]
    #[must_use]
    pub fn on(s3: &super::TestS3, listen: SocketAddr, advertised: SocketAddr) -> Self {
        let mut how = Kafka::in_memory(listen, advertised);
        let settings = s3.settings();
        how.storage = format!("s3://{}/", settings.bucket);
        how.env = vec![
            ("AWS_ENDPOINT", settings.endpoint.unwrap_or_default()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", settings.access_key_id),
            (
                "AWS_SECRET_ACCESS_KEY",
                settings.access_key_secret.expose().clone(),
            ),
        ];
        Self::of(how)
    }

    /// With more flags for the broker.
    #[must_use]
    pub fn with(flags: &[&str]) -> Self {
        let address = free_address();
        let mut how = Kafka::in_memory(address, address);
        how.flags = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self::of(how)
    }

    fn of(how: Kafka) -> Self {
        let running = Some(start_kafka(&how));
        Self { how, running }
    }

    /// The setting `bus.url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("kafka://{}", self.how.advertised)
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.how.advertised
    }

    /// Ends it as a power cut does.
    ///
    /// # Panics
    /// When it does not end.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            drop(running.shell.stdin.take());
            running.shell.wait().unwrap();
        }
    }

    /// At the same address, once more.
    pub fn start(&mut self) {
        self.kill();
        self.running = Some(start_kafka(&self.how));
    }
}

impl Drop for TestKafka {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a broker that speaks Kafka's protocol is to be started.
#[derive(Debug, Clone)]
struct Kafka {
    listen: SocketAddr,
    /// What it tells clients of its address.
    advertised: SocketAddr,
    storage: String,
    /// For the storage.
    env: Vec<(&'static str, String)>,
    flags: Vec<String>,
}

impl Kafka {
    fn in_memory(listen: SocketAddr, advertised: SocketAddr) -> Self {
        Self {
            listen,
            advertised,
            storage: "memory://tansu/".to_owned(),
            env: Vec::new(),
            flags: Vec::new(),
        }
    }
}

/// Has answered. Ends when the input of its shell does.
fn start_kafka(kafka: &Kafka) -> Started {
    let script = r#"
        { "$BIN/tansu" broker --listener-url "tcp://$LISTEN" --advertised-listener-url "tcp://$ADVERTISED" \
            --storage-engine "$STORAGE" "$@" >"$DIR/log" 2>&1 & } &&
        server=$! &&
        cat >/dev/null
        kill -KILL "$server"
        rm -rf "$DIR"
        "#;
    let folder = tempfile::Builder::new()
        .prefix("amphi-test-kafka-")
        .tempdir()
        .unwrap()
        .keep();
    let shell = Command::new("sh")
        .args(["-c", script, "tansu"])
        .args(&kafka.flags)
        .envs(kafka.env.iter().map(|(key, value)| (key, value)))
        .env("LISTEN", kafka.listen.to_string())
        .env("ADVERTISED", kafka.advertised.to_string())
        .env("STORAGE", &kafka.storage)
        .env("BIN", tansu())
        .env("DIR", &folder)
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Started { shell, folder };
    let began = Instant::now();
    while TcpStream::connect_timeout(&kafka.listen, Duration::from_secs(1)).is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the broker does not listen; see {}/log",
            started.folder.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    started
}

/// The folder of the broker's program: from the search path, or where `scripts/setup test` puts it.
fn tansu() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
    let installed = cache.join("amphi/tools/tansu-0.6.0/bin");
    std::env::split_paths(&path)
        .chain([installed])
        .find(|folder| folder.join("tansu").is_file())
        .expect("Kafka is not running, and tansu, which stands for it, is not installed: scripts/setup test")
}

/// A server that was started, and the shell that ends it.
struct Started {
    shell: Child,
    folder: PathBuf,
}

impl std::fmt::Debug for Started {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Started")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
