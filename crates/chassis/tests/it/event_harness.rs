//! A publisher, a consumer that keeps notes, and a line between them that can be cut.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amphi_chassis::db::Db;
use amphi_chassis::events::{Acceptance, Consumer, Deliver, Relay, RelayOptions, accept, publish};
use amphi_chassis::testing::{TestDatabases, eventually};
use amphi_chassis::{Problem, Role};
use amphi_contracts::VideoId;
use amphi_contracts::events::{AssetState, AssetStateChanged};
use amphi_contracts::proto::events::v1::Event;
use sea_orm::{DatabaseTransaction, DbErr};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{add_note, note_names, notes_of};

/// Keeps a note of each event it consumes: `<reason>`, or refuses it.
pub struct NoteTaker {
    db: Db,
    refused: Mutex<Vec<String>>,
    panics_at: Mutex<Option<String>>,
    pub committed: AtomicUsize,
}

impl NoteTaker {
    /// From now on, events with this reason are refused, after their note was written.
    pub fn refuse(&self, reason: &str) {
        self.refused.lock().unwrap().push(reason.to_owned());
    }

    /// From now on, the consumer panics at events with this reason, after their note was written.
    pub fn panic_at(&self, reason: &str) {
        *self.panics_at.lock().unwrap() = Some(reason.to_owned());
    }

    /// From now on, nothing is refused.
    pub fn take_everything(&self) {
        self.refused.lock().unwrap().clear();
        *self.panics_at.lock().unwrap() = None;
    }
}

#[async_trait::async_trait]
impl Consumer for NoteTaker {
    async fn consume(&self, txn: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        let data: AssetStateChanged = serde_json::from_str(&event.data).unwrap();
        let reason = data.reason.unwrap();
        add_note(txn, &reason, 0).await?;
        if self.refused.lock().unwrap().contains(&reason) {
            return Err(Problem::unprocessable("bad_event", "It cannot be used."));
        }
        let panics_at = self.panics_at.lock().unwrap().clone();
        assert_ne!(panics_at, Some(reason), "as it was told");
        Ok(())
    }

    fn db(&self) -> &Db {
        &self.db
    }

    fn after_commit(&self, _event: &Event) {
        self.committed.fetch_add(1, Ordering::SeqCst);
    }
}

type Fault = Box<dyn Fn(usize) -> Option<Problem> + Send + Sync>;

/// Delivers to catalog; other roles take everything and forget it.
pub struct Line {
    pub consumer: Arc<NoteTaker>,
    /// Asked with the number of the call, from 0 on, before and after the consumer got the events.
    pub fails_before: Mutex<Fault>,
    pub fails_after: Mutex<Fault>,
    /// While set, a call is never answered.
    pub hangs: AtomicBool,
    pub calls: AtomicUsize,
    pub underway: AtomicUsize,
    pub underway_max: AtomicUsize,
}

#[async_trait::async_trait]
impl Deliver for Line {
    async fn deliver(&self, consumer: Role, events: Vec<Event>) -> Result<(), Problem> {
        if consumer != Role::Catalog {
            return Ok(());
        }
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let underway = self.underway.fetch_add(1, Ordering::SeqCst) + 1;
        self.underway_max.fetch_max(underway, Ordering::SeqCst);
        let outcome = self.hand_over(call, &events).await;
        self.underway.fetch_sub(1, Ordering::SeqCst);
        outcome
    }
}

impl Line {
    async fn hand_over(&self, call: usize, events: &[Event]) -> Result<(), Problem> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let fault = (self.fails_before.lock().unwrap())(call);
        if let Some(problem) = fault {
            return Err(problem);
        }
        for event in events {
            accept(self.consumer.as_ref(), event).await?;
        }
        let fault = (self.fails_after.lock().unwrap())(call);
        fault.map_or(Ok(()), Err)
    }
}

pub struct House {
    pub publisher: Db,
    pub consumer: Arc<NoteTaker>,
    pub line: Arc<Line>,
}

impl House {
    pub async fn new(databases: &TestDatabases) -> Self {
        let consumer = Arc::new(NoteTaker {
            db: notes_of(databases, Role::Catalog).await,
            refused: Mutex::default(),
            panics_at: Mutex::default(),
            committed: AtomicUsize::new(0),
        });
        let line = Arc::new(Line {
            consumer: consumer.clone(),
            fails_before: Mutex::new(Box::new(|_| None)),
            fails_after: Mutex::new(Box::new(|_| None)),
            hangs: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            underway: AtomicUsize::new(0),
            underway_max: AtomicUsize::new(0),
        });
        Self {
            publisher: notes_of(databases, Role::Media).await,
            consumer,
            line,
        }
    }

    /// Publishes one event per reason, each in a transaction of its own.
    pub async fn publish(&self, subject: VideoId, reasons: &[&str]) {
        for reason in reasons {
            let event = changed(subject, reason);
            let event = &event;
            self.publisher
                .write(|txn| Box::pin(publish(txn, Role::Media, event)))
                .await
                .unwrap();
        }
    }

    pub fn relay(&self) -> RunningRelay {
        self.relay_with(quick())
    }

    pub fn relay_with(&self, options: RelayOptions) -> RunningRelay {
        let relay = Relay::with_options(self.publisher.clone(), self.line.clone(), options);
        let shutdown = CancellationToken::new();
        RunningRelay {
            task: tokio::spawn(relay.run(shutdown.clone())),
            shutdown,
        }
    }

    /// Waits until the consumer has kept so many notes, and returns them.
    pub async fn notes(&self, count: usize) -> Vec<String> {
        eventually("the notes", || async {
            let names = note_names(&self.consumer.db).await;
            (names.len() >= count).then_some(names)
        })
        .await
    }

    pub async fn until_outbox_is_empty(&self) {
        eventually("an empty outbox", || async {
            let left = amphi_chassis::events::undelivered(&self.publisher).await;
            (left.unwrap() == 0).then_some(())
        })
        .await;
    }

    pub async fn accept(&self, event: &Event) -> Result<Acceptance, Problem> {
        accept(self.consumer.as_ref(), event).await
    }
}

pub struct RunningRelay {
    pub task: JoinHandle<()>,
    pub shutdown: CancellationToken,
}

impl RunningRelay {
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }

    /// As a killed process: it gives nothing back.
    pub async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// Everything happens soon, nothing is given up soon.
pub fn quick() -> RelayOptions {
    RelayOptions {
        poll: Duration::from_millis(20),
        pause_base: Duration::from_millis(5),
        event_pause_max: Duration::from_millis(40),
        consumer_pause_max: Duration::from_millis(40),
        ..RelayOptions::default()
    }
}

pub fn changed(subject: VideoId, reason: &str) -> AssetStateChanged {
    AssetStateChanged {
        video_id: subject,
        owner_id: amphi_contracts::AccountId::generate(),
        state: AssetState::Encoding,
        reason: Some(reason.to_owned()),
        duration_ms: None,
        width: None,
        height: None,
        poster_path: None,
        version: 1,
    }
}

pub fn away() -> Problem {
    Problem::unavailable("away", "Nobody is there.")
}

/// For closures of [`Db::write`] that fail on purpose.
pub fn on_purpose() -> DbErr {
    DbErr::Custom("on purpose".to_owned())
}
