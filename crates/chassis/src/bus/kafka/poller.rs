//! The thread that owns a member of a consumer group: the client library blocks, and answers the brokers' questions only while
//! it is polled.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message as _};
use rdkafka::topic_partition_list::TopicPartitionList;
use tokio::sync::{mpsc, oneshot};

use super::super::BusError;
use super::client::{Link, Watch, in_words};
use super::window::Window;
use crate::Role;

/// How long one look for records takes; as much later it is seen that others are done.
const POLL: Duration = Duration::from_millis(100);
/// While no more are taken.
const POLL_FULL: Duration = Duration::from_millis(5);
/// Records of which it is known that they are settled, or not yet. One that is refused for minutes holds up what is committed of
/// its partition, and not the others of it, until there are so many.
const KEPT_MAX: usize = 50_000;
/// Leaving the group takes a request; brokers that do not answer are not waited for.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// A record that was taken.
#[derive(Debug)]
pub(super) struct Record {
    pub partition: i32,
    pub offset: i64,
    pub payload: Vec<u8>,
}

/// What the group has to say.
#[derive(Debug)]
pub(super) enum News {
    Record(Record),
    /// These partitions are somebody else's from now on.
    Revoked(Vec<i32>),
    /// It is over with this membership.
    Ended(String),
}

/// A member of the group of a role. Leaves it when it is dropped.
#[derive(Debug)]
pub(super) struct Poller {
    /// Bounded by what may be taken ahead.
    pub news: mpsc::UnboundedReceiver<News>,
    settled: std_mpsc::Sender<(i32, i64)>,
    has_stopped: Arc<AtomicBool>,
    has_left: oneshot::Receiver<()>,
}

impl Poller {
    /// Joins. At most `ahead` records are taken and not settled.
    pub fn start(link: &Link, role: Role, ahead: u32) -> Result<Self, BusError> {
        let member = Member::default();
        let watch = member.watch.clone();
        let consumer: BaseConsumer<Member> = link
            .config(&format!("{role} events"))
            .set("group.id", link.group(role))
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("auto.offset.reset", "earliest")
            // What is settled is stored, and what is stored is committed every now and then, and when partitions go.
            .set("enable.auto.offset.store", "false")
            .set("enable.auto.commit", "true")
            .set("auto.commit.interval.ms", "1000")
            // A process that was killed is missed after that …
            .set("session.timeout.ms", "10000")
            .set("heartbeat.interval.ms", "2000")
            // … and one whose thread hangs after that.
            .set("max.poll.interval.ms", "60000")
            .set("queued.min.messages", ahead.to_string())
            .set("queued.max.messages.kbytes", "8192")
            .set("fetch.error.backoff.ms", "100")
            .create_with_context(member)
            .map_err(|error| link.explain(&watch, &error))?;
        let topic = link.topic(role);
        consumer
            .subscribe(&[&topic])
            .map_err(|error| link.explain(&watch, &error))?;

        let (news_sent, news) = mpsc::unbounded_channel();
        let (settled, to_settle) = std_mpsc::channel();
        let (left_sent, has_left) = oneshot::channel();
        let has_stopped = Arc::new(AtomicBool::new(false));
        let thread = Thread {
            role,
            topic,
            consumer,
            ahead: ahead as usize,
            windows: HashMap::new(),
            is_full: false,
            news: news_sent,
            to_settle,
            has_stopped: Arc::clone(&has_stopped),
        };
        std::thread::Builder::new()
            .name(format!("kafka {role}"))
            .spawn(move || {
                thread.run();
                // Nobody may be waiting any more.
                let _ = left_sent.send(());
            })
            .map_err(|error| BusError::Unreachable {
                target: link.target(),
                reason: format!("no thread can be started: {error}"),
            })?;
        Ok(Self {
            news,
            settled,
            has_stopped,
            has_left,
        })
    }

    /// The record is committed by its consumer, or set aside.
    pub fn settle(&self, partition: i32, offset: i64) {
        // When the thread is gone, so is the membership, and the record comes again.
        let _ = self.settled.send((partition, offset));
    }

    /// Commits what is settled and leaves the group.
    pub async fn leave(mut self) {
        self.has_stopped.store(true, Ordering::Release);
        let left = tokio::time::timeout(LEAVE_TIMEOUT, &mut self.has_left).await;
        if left.is_err() {
            tracing::debug!("the brokers do not take note that a member leaves its group");
        }
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.has_stopped.store(true, Ordering::Release);
    }
}

struct Thread {
    role: Role,
    topic: String,
    consumer: BaseConsumer<Member>,
    ahead: usize,
    windows: HashMap<i32, Window>,
    /// As many are taken as may be: the partitions are paused.
    is_full: bool,
    news: mpsc::UnboundedSender<News>,
    to_settle: std_mpsc::Receiver<(i32, i64)>,
    has_stopped: Arc<AtomicBool>,
}

impl Thread {
    fn run(mut self) {
        let mut last_trouble = None;
        loop {
            // Looked at first: whatever was settled before is stored below.
            let is_last = self.has_stopped.load(Ordering::Acquire);
            self.store_settled();
            if is_last {
                return;
            }
            self.keep_bounds();
            let polled = self
                .consumer
                .poll(if self.is_full { POLL_FULL } else { POLL });
            let taken = match polled {
                None => None,
                Some(Ok(message)) => Some(record_of(&message)),
                Some(Err(error)) => {
                    if let Some(reason) = self.ending(&error) {
                        let _ = self.news.send(News::Ended(reason));
                        return;
                    }
                    // The library goes on trying by itself, and says so again and again.
                    if last_trouble != error.rdkafka_error_code() {
                        last_trouble = error.rdkafka_error_code();
                        let reason = self.reason_of(&error);
                        tracing::warn!(consumer = %self.role, error = reason, "the brokers of events are in trouble");
                    }
                    None
                }
            };
            self.note_rebalance();
            if let Some(record) = taken {
                last_trouble = None;
                self.consumer.context().watch.forget();
                let window = self.windows.entry(record.partition).or_default();
                window.take(record.offset);
                let _ = self.news.send(News::Record(record));
            }
        }
    }

    fn store_settled(&mut self) {
        while let Ok((partition, offset)) = self.to_settle.try_recv() {
            // A partition that went meanwhile is somebody else's to commit.
            let Some(window) = self.windows.get_mut(&partition) else {
                continue;
            };
            window.settle(offset);
            let Some(next) = window.advance() else {
                continue;
            };
            // The library stores the offset behind the one it is given.
            if let Err(error) = self.consumer.store_offset(&self.topic, partition, next - 1) {
                tracing::debug!(consumer = %self.role, partition, %error, "an offset is not stored; its events come again");
            }
        }
    }

    /// Pauses all partitions when as many records are taken as may be. The library is polled on, or the group would take this
    /// member for dead.
    fn keep_bounds(&mut self) {
        let open: usize = self.windows.values().map(Window::open).sum();
        let kept: usize = self.windows.values().map(Window::len).sum();
        if !self.is_full && (open >= self.ahead || kept >= KEPT_MAX) {
            self.is_full = true;
            self.pause();
        } else if self.is_full && open <= self.ahead / 2 && kept < KEPT_MAX {
            self.is_full = false;
            let all = self.consumer.assignment();
            if let Err(error) = all.and_then(|all| self.consumer.resume(&all)) {
                tracing::debug!(consumer = %self.role, %error, "not all partitions go on");
            }
        }
    }

    fn pause(&self) {
        let all = self.consumer.assignment();
        if let Err(error) = all.and_then(|all| self.consumer.pause(&all)) {
            tracing::debug!(consumer = %self.role, %error, "not all partitions are paused");
        }
    }

    fn note_rebalance(&mut self) {
        for change in self.consumer.context().changes() {
            match change {
                Change::Assigned if self.is_full => self.pause(),
                Change::Assigned => {}
                Change::Revoked(partitions) => {
                    for partition in &partitions {
                        self.windows.remove(partition);
                    }
                    let _ = self.news.send(News::Revoked(partitions));
                }
            }
        }
    }

    fn ending(&self, error: &KafkaError) -> Option<String> {
        let is_fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
        // The topic went, and has to be made again.
        let is_gone = matches!(
            error.rdkafka_error_code(),
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic)
        );
        (is_fatal || is_gone).then(|| self.reason_of(error))
    }

    fn reason_of(&self, error: &KafkaError) -> String {
        let said = self.consumer.context().watch.explanation_of(error);
        said.map_or_else(|| in_words(error), |(_, reason)| reason)
    }
}

fn record_of(message: &BorrowedMessage<'_>) -> Record {
    Record {
        partition: message.partition(),
        offset: message.offset(),
        payload: message.payload().unwrap_or_default().to_vec(),
    }
}

/// What the library tells a member of its group.
#[derive(Debug, Default)]
struct Member {
    watch: Watch,
    changes: Mutex<Vec<Change>>,
}

#[derive(Debug)]
enum Change {
    Assigned,
    Revoked(Vec<i32>),
}

impl Member {
    fn changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.watch.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.watch.error(error, reason);
    }
}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, _consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let change = match rebalance {
            Rebalance::Assign(partitions) => {
                tracing::debug!(partitions = ?numbers(partitions), "partitions are assigned");
                Change::Assigned
            }
            Rebalance::Revoke(partitions) => Change::Revoked(numbers(partitions)),
            Rebalance::Error(error) => {
                tracing::warn!(%error, "partitions are not given out");
                return;
            }
        };
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        if let Err(error) = result {
            tracing::debug!(%error, "offsets are not committed; their events may come again");
        }
    }
}

fn numbers(partitions: &TopicPartitionList) -> Vec<i32> {
    partitions
        .elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}
