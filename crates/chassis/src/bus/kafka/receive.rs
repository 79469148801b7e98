//! The consumer's side: an offset is committed once all events before it are committed by their consumer, or set aside.

use std::collections::HashMap;
use std::sync::Arc;

use amphi_contracts::proto::events::v1::Event;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::intake::{Recovery, Taken, take};
use super::super::lanes::Lanes;
use super::super::{BusError, envelope};
use super::client::{Link, blocking};
use super::poller::{News, Poller, Record};
use super::publish::{Outgoing, Publisher, SendError};
use super::{dead_letters, topics};
use crate::events::Consumer;
use crate::{Problem, Role};

/// Takes the events of one role.
#[derive(Clone)]
pub(super) struct Receiver {
    pub link: Arc<Link>,
    pub publisher: Arc<Publisher>,
    pub role: Role,
    pub consumer: Arc<dyn Consumer>,
    pub prefetch: u32,
    pub attempts_max: u32,
}

/// Why a membership came to an end.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error("the group of consumers is lost: {0}")]
    Group(String),
    #[error("an event that is given up cannot be set aside: {0}")]
    DeadLetter(#[from] SendError),
    #[error("events cannot be consumed at present: {0}")]
    ConsumerAway(Problem),
}

/// An event and where it stood.
struct Held {
    event: Event,
    record: Record,
}

/// A partition while it is ours.
struct Assigned {
    lanes: Lanes<Held>,
    /// Cancelled when it is ours no more, or nobody's here.
    stop: CancellationToken,
    /// Tells this time from the last one, whose events may still be under way.
    number: u64,
}

/// An event that is done with, whatever became of it.
struct Done {
    partition: i32,
    number: u64,
    subject: String,
    offset: i64,
    /// Whether it is settled.
    outcome: Result<bool, Ended>,
}

impl Receiver {
    /// Until `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut recovery = Recovery::of(self.role);
        while !shutdown.is_cancelled() {
            let mut has_received = false;
            if let Err(ended) = self.session(&shutdown, &mut has_received).await {
                recovery.pause(ended, has_received, &shutdown).await;
            }
        }
    }

    /// For one membership of the group. What is not settled at its end comes again.
    async fn session(
        &self,
        shutdown: &CancellationToken,
        has_received: &mut bool,
    ) -> Result<(), Ended> {
        // A process that cannot consume leaves the partitions to others.
        if let Err(error) = self.consumer.db().ping().await {
            return Err(Ended::ConsumerAway(Problem::from(error)));
        }
        let role = self.role;
        let prefetch = self.prefetch;
        let poller = blocking(&self.link, move |link| {
            topics::ensure(link, role)?;
            Poller::start(link, role, prefetch)
        });
        let mut session = Session {
            poller: poller.await?,
            receiver: self,
            partitions: HashMap::new(),
            count: 0,
            underway: JoinSet::new(),
            shutdown: shutdown.child_token(),
        };
        let outcome = session.run(has_received).await;
        // No new ones; those being committed are still noted as settled.
        session.shutdown.cancel();
        while let Some(done) = session.underway.join_next().await {
            if let Ok(done) = done
                && matches!(done.outcome, Ok(true))
            {
                session.poller.settle(done.partition, done.offset);
            }
        }
        session.poller.leave().await;
        outcome
    }

    /// Returns whether it is settled.
    async fn consume(&self, held: &Held, stop: &CancellationToken) -> Result<bool, Ended> {
        let consumer = self.consumer.as_ref();
        match take(self.role, consumer, &held.event, self.attempts_max, stop).await {
            Taken::Consumed => Ok(true),
            Taken::Refused(problem) => {
                let reason = problem.to_string();
                self.set_aside(&held.event.id, &held.event.subject, &held.record, &reason)
                    .await?;
                Ok(true)
            }
            Taken::Away(problem) => Err(Ended::ConsumerAway(problem)),
            Taken::Stopped => Ok(false),
        }
    }

    /// To the dead letters, as it came.
    async fn set_aside(
        &self,
        event_id: &str,
        subject: &str,
        record: &Record,
        reason: &str,
    ) -> Result<(), SendError> {
        let topic = self.link.dead_letters(self.role);
        let letter = |payload: Option<Vec<u8>>, reason: &str| Outgoing {
            key: subject.to_owned(),
            payload,
            headers: dead_letters::headers(reason),
            partition: Some(dead_letters::PARTITION),
        };
        let whole = letter(Some(record.payload.clone()), reason);
        match self.publisher.send(self.role, &topic, vec![whole]).await {
            // One that fits into its topic, but not among the dead letters, would be read again and again for ever.
            Err(SendError::Unusable(why)) => {
                let place = format!("partition {}, offset {}", record.partition, record.offset);
                let reason = format!("{reason} (the event itself is at {place}: {why})");
                let told = letter(None, &reason);
                self.publisher.send(self.role, &topic, vec![told]).await?;
            }
            sent => sent?,
        }
        metrics::counter!("amphi_events_dead_total", "consumer" => self.role.as_str()).increment(1);
        tracing::error!(
            consumer = %self.role, event_id, topic, partition = record.partition, offset = record.offset, error = reason,
            "an event is given up: its consumer cannot use it; it is kept as a dead letter"
        );
        Ok(())
    }
}

struct Session<'a> {
    receiver: &'a Receiver,
    poller: Poller,
    partitions: HashMap<i32, Assigned>,
    count: u64,
    underway: JoinSet<Done>,
    shutdown: CancellationToken,
}

impl Session<'_> {
    async fn run(&mut self, has_received: &mut bool) -> Result<(), Ended> {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Ok(()),
                news = self.poller.news.recv() => match news {
                    Some(News::Record(record)) => {
                        *has_received = true;
                        self.enter(record).await?;
                    }
                    Some(News::Revoked(partitions)) => {
                        for partition in partitions {
                            if let Some(assigned) = self.partitions.remove(&partition) {
                                assigned.stop.cancel();
                            }
                        }
                    }
                    Some(News::Ended(reason)) => return Err(Ended::Group(reason)),
                    None => return Err(Ended::Group("its thread has ended".to_owned())),
                },
                Some(done) = self.underway.join_next() => {
                    let done = done.map_err(|panicked| Ended::ConsumerAway(Problem::internal(panicked)))?;
                    self.leave(done)?;
                }
            }
        }
    }

    async fn enter(&mut self, record: Record) -> Result<(), Ended> {
        let partition = record.partition;
        let event = match envelope::decode(&record.payload) {
            Ok(event) => event,
            Err(reason) => {
                let receiver = self.receiver;
                receiver.set_aside("", "", &record, &reason).await?;
                self.poller.settle(partition, record.offset);
                return Ok(());
            }
        };
        let assigned = self.partitions.entry(partition).or_insert_with(|| {
            self.count += 1;
            Assigned {
                lanes: Lanes::new(),
                stop: self.shutdown.child_token(),
                number: self.count,
            }
        });
        let subject = event.subject.clone();
        if let Some(held) = assigned.lanes.enter(&subject, Held { event, record }) {
            self.begin(held);
        }
        Ok(())
    }

    fn leave(&mut self, done: Done) -> Result<(), Ended> {
        if done.outcome? {
            self.poller.settle(done.partition, done.offset);
        }
        let next = self
            .partitions
            .get_mut(&done.partition)
            .filter(|assigned| assigned.number == done.number)
            .and_then(|assigned| assigned.lanes.leave(&done.subject));
        if let Some(held) = next {
            self.begin(held);
        }
        Ok(())
    }

    fn begin(&mut self, held: Held) {
        let Some(assigned) = self.partitions.get(&held.record.partition) else {
            return;
        };
        let (number, stop) = (assigned.number, assigned.stop.clone());
        let receiver = self.receiver.clone();
        self.underway.spawn(async move {
            let outcome = receiver.consume(&held, &stop).await;
            Done {
                partition: held.record.partition,
                number,
                subject: held.event.subject,
                offset: held.record.offset,
                outcome,
            }
        });
    }
}
