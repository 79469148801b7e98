//! The relay's side: events go in, and are the brokers' once all replicas in step have them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex as Shared, PoisonError};

use amphi_contracts::proto::events::v1::Event;
use futures::future::try_join_all;
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use rdkafka::util::Timeout;
use tokio::sync::Mutex;

use super::super::{BusError, envelope};
use super::client::{LetGo, Link, REQUEST_TIMEOUT_MS, Watch, blocking};
use super::topics;
use crate::events::Deliver;
use crate::{Problem, Role};

/// Publishes with one producer, made when it is first needed and anew once it is beyond repair.
#[derive(Debug)]
pub(super) struct Publisher {
    link: Arc<Link>,
    open: Mutex<Option<Arc<Open>>>,
}

struct Open {
    producer: LetGo<FutureProducer<Watch>>,
    watch: Watch,
    /// The roles whose topics are known to be there.
    ensured: Shared<HashSet<Role>>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

/// One record to be.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// What it is in order with: the subject.
    pub key: String,
    pub payload: Option<Vec<u8>>,
    pub headers: Vec<(&'static str, String)>,
    /// The one that the key says, unless said.
    pub partition: Option<i32>,
}

/// Why records were not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Bus(#[from] BusError),
    /// This record never will be.
    #[error("the broker refuses the record: {0}")]
    Unusable(String),
}

impl Publisher {
    pub fn new(link: Arc<Link>) -> Self {
        Self {
            link,
            open: Mutex::default(),
        }
    }

    /// Hands records over to `topic`, one of those of `role`. Of one key the next goes when the one before is safe, or an error
    /// in between would let it overtake; keys go side by side.
    pub async fn send(
        &self,
        role: Role,
        topic: &str,
        records: Vec<Outgoing>,
    ) -> Result<(), SendError> {
        let open = self.open().await?;
        self.ensure(&open, role).await?;
        let mut lanes: HashMap<String, Vec<Outgoing>> = HashMap::new();
        for record in records {
            lanes.entry(record.key.clone()).or_default().push(record);
        }
        let lanes = lanes.into_values().map(|lane| async {
            for record in lane {
                self.send_one(&open, topic, record).await?;
            }
            Ok::<_, SendError>(())
        });
        let sent = try_join_all(lanes).await;
        if sent.is_err() {
            self.after_failure(&open).await;
        }
        sent.map(drop)
    }

    async fn send_one(&self, open: &Open, topic: &str, record: Outgoing) -> Result<(), SendError> {
        let headers = record.headers.iter().fold(
            OwnedHeaders::new_with_capacity(record.headers.len()),
            |headers, (key, value)| {
                headers.insert(Header {
                    key,
                    value: Some(value),
                })
            },
        );
        let mut outgoing = FutureRecord::to(topic).key(&record.key).headers(headers);
        outgoing.payload = record.payload.as_deref();
        outgoing.partition = record.partition;
        // A full queue is full of what cannot be sent: the relay tries again later.
        let outcome = open
            .producer
            .send(outgoing, Timeout::After(std::time::Duration::ZERO));
        let Err((error, _)) = outcome.await else {
            open.watch.forget();
            return Ok(());
        };
        Err(match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge | Code::InvalidRecord) => {
                SendError::Unusable(super::client::in_words(&error))
            }
            _ => topics::failed(&self.link, &open.watch, topic, &error).into(),
        })
    }

    async fn open(&self) -> Result<Arc<Open>, BusError> {
        let mut slot = self.open.lock().await;
        if let Some(open) = slot.as_ref() {
            return Ok(Arc::clone(open));
        }
        let open = Arc::new(blocking(&self.link, Open::new).await?);
        *slot = Some(Arc::clone(&open));
        Ok(open)
    }

    async fn ensure(&self, open: &Open, role: Role) -> Result<(), BusError> {
        let known = |open: &Open| open.ensured().contains(&role);
        if !known(open) {
            blocking(&self.link, move |link| topics::ensure(link, role)).await?;
            open.ensured().insert(role);
        }
        Ok(())
    }

    /// A producer is beyond repair when the brokers no longer know its sequence. Topics may be gone.
    async fn after_failure(&self, open: &Arc<Open>) {
        open.ensured().clear();
        if open.producer.client().fatal_error().is_none() {
            return;
        }
        let mut slot = self.open.lock().await;
        if slot.as_ref().is_some_and(|it| Arc::ptr_eq(it, open)) {
            *slot = None;
        }
    }
}

impl Open {
    fn new(link: &Link) -> Result<Self, BusError> {
        let watch = Watch::default();
        let producer = link
            .config("publisher")
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("delivery.timeout.ms", REQUEST_TIMEOUT_MS)
            .set("linger.ms", "0")
            // As Java's clients choose the partition, so that whoever else publishes under the same key is in order with us.
            .set("partitioner", "murmur2_random")
            .set("queue.buffering.max.messages", "10000")
            .set("queue.buffering.max.kbytes", "65536")
            // How large a record may be is for the brokers to say: what they have taken once must fit among the dead letters.
            .set("message.max.bytes", "33554432")
            .create_with_context(watch.clone())
            .map_err(|error| link.explain(&watch, &error))?;
        Ok(Self {
            producer: LetGo::new(producer),
            watch,
            ensured: Shared::default(),
        })
    }

    fn ensured(&self) -> std::sync::MutexGuard<'_, HashSet<Role>> {
        self.ensured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as others read it, too: CloudEvents' structured mode, and the trace where clients for Kafka look for it.
///
/// # Errors
/// What is wrong with the event.
pub(super) fn outgoing(event: &Event) -> Result<Outgoing, String> {
    let mut headers = vec![("content-type", envelope::CONTENT_TYPE.to_owned())];
    if !event.traceparent.is_empty() {
        headers.push(("traceparent", event.traceparent.clone()));
    }
    Ok(Outgoing {
        key: event.subject.clone(),
        payload: Some(envelope::encode(event)?),
        headers,
        partition: None,
    })
}

#[async_trait::async_trait]
impl Deliver for Publisher {
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem> {
        let records = events
            .iter()
            .map(outgoing)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Problem::invalid("unusable_event", error))?;
        let topic = self.link.topic(consumer);
        let sent = self.send(consumer, &topic, records).await;
        sent.map_err(|error| match error {
            SendError::Bus(error) => Problem::unavailable("broker_unavailable", error.to_string()),
            SendError::Unusable(_) => Problem::invalid("unusable_event", error.to_string()),
        })
    }
}
