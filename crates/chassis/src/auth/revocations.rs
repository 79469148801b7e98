//! Sessions that have ended while access tokens of theirs have not, and how current this process's knowledge of them is.
//!
//! Not to be on the list means something only while the list is current. So whoever asks about a session first makes sure
//! that it is, and refuses to decide otherwise.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use amphi_contracts::SessionId;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;
use tonic::Status;

use super::{KeySource, REVOCATION_MEMORY};

/// At a million revoked sessions within an hour something else is wrong; then the oldest are forgotten, loudly.
const SESSIONS_MAX: usize = 1_000_000;
/// Answers of identity for one reading of its list, each with thousands of sessions.
const ANSWERS_MAX: usize = 1_000;
/// While identity fails it is asked on behalf of requests at most this often …
const ASK_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// … and a request waits so long for whoever asks next: when all processes start at once, identity is there a moment later.
const WAIT_MAX: Duration = Duration::from_millis(1_500);

pub(super) struct Revocations {
    ended: RwLock<HashMap<SessionId, Instant>>,
    /// What identity knew at this time is known here.
    read_at: watch::Sender<Option<Instant>>,
    /// Held while identity is asked, so that a burst of requests makes one call.
    reading: Mutex<Reading>,
}

#[derive(Default)]
struct Reading {
    since_us: i64,
    failure: Option<(Instant, String)>,
}

impl Revocations {
    pub fn new() -> Self {
        Self {
            ended: RwLock::default(),
            read_at: watch::Sender::new(None),
            reading: Mutex::default(),
        }
    }

    /// Takes note that the session has ended.
    pub fn note(&self, session_id: SessionId) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= SESSIONS_MAX {
            forget_the_oldest_half(&mut ended);
        }
        ended.insert(session_id, Instant::now());
    }

    pub fn has_ended(&self, session_id: SessionId) -> bool {
        let ended = self.ended.read().unwrap_or_else(PoisonError::into_inner);
        ended.contains_key(&session_id)
    }

    /// Reads what is new on identity's list.
    ///
    /// # Errors
    /// Identity's, and an internal one when its list has no end. What was read until then is known.
    pub async fn read(&self, source: &dyn KeySource) -> Result<(), Status> {
        let mut reading = self.reading.lock().await;
        self.read_on(&mut reading, source).await
    }

    /// Sees to it that the list was read within `max_age`: at once when it was, else by asking identity or, when it was just
    /// asked in vain, by waiting a moment for the next answer.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub async fn ensure_current(
        &self,
        source: &dyn KeySource,
        max_age: Duration,
    ) -> Result<(), String> {
        if self.is_current(max_age) {
            return Ok(());
        }
        let failure = match self.ask(source, max_age).await {
            Ok(()) => return Ok(()),
            Err(failure) => failure,
        };
        let mut read_at = self.read_at.subscribe();
        let is_current = |at: &Option<Instant>| at.is_some_and(|at| at.elapsed() <= max_age);
        match tokio::time::timeout(WAIT_MAX, read_at.wait_for(is_current)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(failure),
        }
    }

    /// Asks identity, unless somebody has meanwhile or has just done so in vain.
    async fn ask(&self, source: &dyn KeySource, max_age: Duration) -> Result<(), String> {
        let mut reading = self.reading.lock().await;
        if self.is_current(max_age) {
            return Ok(());
        }
        if let Some((at, reason)) = &reading.failure
            && at.elapsed() < ASK_INTERVAL_MIN
        {
            return Err(reason.clone());
        }
        let answer = self.read_on(&mut reading, source).await;
        answer.map_err(|status| status.message().to_owned())
    }

    /// Access tokens do not live as long as this.
    pub fn forget_old(&self) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, at| at.elapsed() < REVOCATION_MEMORY);
    }

    fn is_current(&self, max_age: Duration) -> bool {
        self.read_at
            .borrow()
            .is_some_and(|at| at.elapsed() <= max_age)
    }

    async fn read_on(&self, reading: &mut Reading, source: &dyn KeySource) -> Result<(), Status> {
        let asked_at = Instant::now();
        let answer = self.read_to_the_end(&mut reading.since_us, source).await;
        match &answer {
            Ok(()) => {
                reading.failure = None;
                self.read_at.send_replace(Some(asked_at));
            }
            Err(status) => {
                reading.failure = Some((Instant::now(), status.message().to_owned()));
            }
        }
        answer
    }

    async fn read_to_the_end(
        &self,
        since_us: &mut i64,
        source: &dyn KeySource,
    ) -> Result<(), Status> {
        for _ in 0..ANSWERS_MAX {
            let revoked = source.revoked_sessions(*since_us).await?;
            *since_us = revoked.as_of_us;
            revoked.session_ids.into_iter().for_each(|id| self.note(id));
            if !revoked.has_more {
                return Ok(());
            }
        }
        Err(Status::internal("the list of ended sessions has no end"))
    }
}

fn forget_the_oldest_half(ended: &mut HashMap<SessionId, Instant>) {
    tracing::error!(
        limit = SESSIONS_MAX,
        "too many revoked sessions; forgetting the oldest half"
    );
    let mut times: Vec<Instant> = ended.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    ended.retain(|_, at| *at > median);
}
