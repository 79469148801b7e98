//! Clients of the brokers: how they are set up, what they have to say, and how they are let go.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::super::{BusError, KafkaSettings, Settings};
use super::address::{Address, FORM};
use crate::Role;

/// A broker that has not answered by then is reported as unreachable.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// How long one question waits before it is looked whether the reason is known that nobody answers.
const ASK_TIMEOUT: Duration = Duration::from_millis(500);
/// Things that a client says while one question waits, and many more.
const SAID_MAX: usize = 200;
/// One request to a broker that has accepted the connection, milliseconds. Below the relay's patience with one delivery, so
/// that the reason is known before that ends.
pub(super) const REQUEST_TIMEOUT_MS: &str = "8000";

/// Where the brokers are, and what is ours there.
#[derive(Debug)]
pub(super) struct Link {
    address: Address,
    prefix: String,
    pub topics: KafkaSettings,
}

impl Link {
    pub fn new(settings: &Settings) -> Result<Self, BusError> {
        let address = Address::parse(settings.url.expose())
            .map_err(|reason| BusError::Url { reason, form: FORM })?;
        let ca_file = &settings.kafka.ca_file;
        if !ca_file.is_empty() {
            if !address.is_tls {
                return Err(BusError::CaFile {
                    path: ca_file.clone(),
                    reason:
                        "`bus.url` says no TLS: begin it with kafka+ssl://, or leave this empty"
                            .to_owned(),
                });
            }
            std::fs::File::open(ca_file).map_err(|error| BusError::CaFile {
                path: ca_file.clone(),
                reason: error.to_string(),
            })?;
        }
        Ok(Self {
            address,
            prefix: settings.prefix.clone(),
            topics: settings.kafka.clone(),
        })
    }

    /// `host:port,host:port`, without the credentials.
    pub fn target(&self) -> String {
        self.address.servers.clone()
    }

    pub fn topic(&self, role: Role) -> String {
        format!("{}.{role}", self.prefix)
    }

    pub fn dead_letters(&self, role: Role) -> String {
        format!("{}.{role}.dead", self.prefix)
    }

    /// Of the processes that share the work of a role.
    pub fn group(&self, role: Role) -> String {
        format!("{}.{role}", self.prefix)
    }

    /// What every client is set up with. `purpose` is shown in the brokers' logs.
    pub fn config(&self, purpose: &str) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address.servers)
            .set("client.id", format!("amphi-{}", purpose.replace(' ', "-")))
            .set("security.protocol", self.address.security_protocol())
            .set("socket.timeout.ms", REQUEST_TIMEOUT_MS)
            .set("socket.keepalive.enable", "true")
            .set("socket.nagle.disable", "true")
            .set("reconnect.backoff.ms", "100")
            .set("reconnect.backoff.max.ms", "2000")
            // Partitions that were added are found by then.
            .set("topic.metadata.refresh.interval.ms", "30000")
            .set_log_level(RDKafkaLogLevel::Info);
        if let Some(login) = &self.address.login {
            config
                .set("sasl.mechanism", login.mechanism)
                .set("sasl.username", &login.user)
                .set("sasl.password", login.password.expose());
        }
        if self.address.is_tls && !self.topics.ca_file.is_empty() {
            config.set("ssl.ca.location", &self.topics.ca_file);
        }
        config
    }

    /// For looking: it belongs to no group and commits nothing. Blocks when it is dropped.
    pub fn looker(&self, purpose: &str) -> Result<(BaseConsumer<Watch>, Watch), BusError> {
        let watch = Watch::default();
        let looker = self
            .config(purpose)
            .create_with_context(watch.clone())
            .map_err(|error| self.explain(&watch, &error))?;
        Ok((looker, watch))
    }

    /// What a reader is set up with that is given its partitions, rather than joining a group: the library wants a group's name
    /// all the same.
    pub fn reader(&self, purpose: &str) -> ClientConfig {
        let mut config = self.config(purpose);
        config
            .set("group.id", format!("{}.reader", self.prefix))
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "8192");
        config
    }

    /// What is wrong when a client failed with `error`, or did nothing for too long.
    pub fn explain(&self, watch: &Watch, error: &KafkaError) -> BusError {
        let target = self.target();
        let said = watch.explanation_of(error);
        let code = said.as_ref().map(|(code, _)| *code);
        let codes = [code, error.rdkafka_error_code()];
        let reason = said.map_or_else(|| in_words(error), |(_, reason)| reason);
        if codes.into_iter().flatten().any(is_refusal) {
            return BusError::Refused {
                target,
                reason,
                look_at: "user, password, and whether it speaks TLS (kafka+ssl://)",
            };
        }
        BusError::Unreachable { target, reason }
    }

    /// Asks whether a topic is there, until somebody answers. Blocks.
    ///
    /// # Errors
    /// Nobody has answered within [`CONNECT_TIMEOUT`], or we are refused.
    pub fn partitions_of(
        &self,
        looker: &BaseConsumer<Watch>,
        watch: &Watch,
        topic: &str,
    ) -> Result<Vec<i32>, BusError> {
        let started = Instant::now();
        loop {
            let error = match looker.fetch_metadata(Some(topic), ASK_TIMEOUT) {
                Ok(metadata) => {
                    let topics = metadata.topics().iter();
                    let found = topics.filter(|it| it.name() == topic && it.error().is_none());
                    return Ok(found
                        .flat_map(|it| it.partitions())
                        .filter(|partition| partition.leader() >= 0)
                        .map(|partition| partition.id())
                        .collect());
                }
                Err(error) => error,
            };
            // Hands what the client has to say to the watch, one thing at a time; nothing is the answer to log lines, too.
            for _ in 0..SAID_MAX {
                drop(looker.poll(Duration::ZERO));
            }
            if watch.is_hopeless() {
                return Err(self.explain(watch, &error));
            }
            if started.elapsed() + ASK_TIMEOUT > CONNECT_TIMEOUT {
                return Err(match watch.reason() {
                    Some(_) => self.explain(watch, &error),
                    None => BusError::Unreachable {
                        target: self.target(),
                        reason: format!("it took longer than {} s", CONNECT_TIMEOUT.as_secs()),
                    },
                });
            }
        }
    }

    /// Whether somebody answers. Blocks.
    pub fn check(&self) -> Result<(), BusError> {
        let (looker, watch) = self.looker("check")?;
        // Any topic will do: those of others are not ours to ask for.
        let answer = self.partitions_of(&looker, &watch, &self.topic(Role::Catalog));
        answer.map(drop)
    }
}

fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::IllegalSASLState
            | Code::SSL
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
    )
}

/// Nobody has answered, whatever the reason.
fn is_vague(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::MessageTimedOut
            | Code::OperationTimedOut
            | Code::AllBrokersDown
    )
}

/// The library's own name of an error is for its programmers.
pub(super) fn in_words(error: &KafkaError) -> String {
    match error.rdkafka_error_code() {
        Some(code) => code.to_string(),
        None => error.to_string(),
    }
}

/// Keeps what a client has to say of its connections, which is told beside the calls that fail.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    said: Arc<Mutex<Said>>,
}

#[derive(Debug, Default)]
struct Said {
    reason: Option<(Code, String)>,
    are_all_down: bool,
}

impl Watch {
    pub fn reason(&self) -> Option<(Code, String)> {
        self.lock().reason.clone()
    }

    /// What was said of connections explains an error that says nothing itself, and no other.
    pub fn explanation_of(&self, error: &KafkaError) -> Option<(Code, String)> {
        let code = error.rdkafka_error_code();
        let is_explained = code.is_none_or(|code| is_refusal(code) || is_vague(code));
        self.reason().filter(|_| is_explained)
    }

    /// A broker has answered: what was said before explains nothing that comes later.
    pub fn forget(&self) {
        *self.lock() = Said::default();
    }

    /// Asking again will not help in time.
    fn is_hopeless(&self) -> bool {
        let said = self.lock();
        let is_refused = said
            .reason
            .as_ref()
            .is_some_and(|(code, _)| is_refusal(*code));
        is_refused || said.are_all_down
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, error: &KafkaError, reason: &str) {
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let mut said = self.lock();
        if code == Code::AllBrokersDown {
            said.are_all_down = true;
            return;
        }
        // A refusal closes the connection: what is said of that afterwards explains nothing.
        let was_refused = said
            .reason
            .as_ref()
            .is_some_and(|(code, _)| is_refusal(*code));
        if !was_refused || is_refusal(code) {
            said.reason = Some((code, reason.to_owned()));
        }
    }
}

impl ClientContext for Watch {
    fn log(&self, _level: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, message, "kafka client");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "kafka client");
        self.note(&error, reason);
    }
}

impl ConsumerContext for Watch {}

/// Runs what blocks where it holds up nobody.
pub(super) async fn blocking<T: Send + 'static>(
    link: &Arc<Link>,
    call: impl FnOnce(&Link) -> Result<T, BusError> + Send + 'static,
) -> Result<T, BusError> {
    let owned = Arc::clone(link);
    let done = tokio::task::spawn_blocking(move || call(&owned)).await;
    done.unwrap_or_else(|error| {
        Err(BusError::Unreachable {
            target: link.target(),
            reason: error.to_string(),
        })
    })
}

/// Lets go of a client on a thread of its own: that waits for the client's threads, and for brokers.
#[derive(Debug)]
pub(super) struct LetGo<T: Send + 'static>(Option<T>);

impl<T: Send + 'static> LetGo<T> {
    pub fn new(client: T) -> Self {
        Self(Some(client))
    }
}

impl<T: Send + 'static> std::ops::Deref for LetGo<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // `drop` alone takes it out.
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<T: Send + 'static> Drop for LetGo<T> {
    fn drop(&mut self) {
        let client = self.0.take();
        let thread = std::thread::Builder::new().name("kafka let go".to_owned());
        // Without a thread it is dropped here.
        drop(thread.spawn(move || drop(client)));
    }
}
