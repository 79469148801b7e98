//! Whether a session may be used now, mostly from memory.
//!
//! What this process itself is told (a revocation, an event) counts from that moment on. What another replica is told
//! counts once the state kept here is older than its maximum age, two seconds by default.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_chassis::Problem;
use amphi_chassis::db::now_us;
use amphi_contracts::{PlaybackSessionId, SessionId, VideoId};
use moka::future::Cache;
use sea_orm::DbErr;
use uuid::Uuid;

use crate::domain::session::ended;
use crate::domain::{Ended, Error, VideoLock};
use crate::store::{SessionState, Store};

/// Sessions in use at a time, times the videos they are used for.
const STATES_MAX: u64 = 100_000;
const TOLD_MAX: u64 = 100_000;
/// No reading of a state takes longer.
const READING_TIME_MAX: Duration = Duration::from_secs(60);

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct SessionStates {
    store: Store,
    states: Cache<(PlaybackSessionId, VideoId), Option<Arc<KnownState>>>,
    /// What was told here lately, by the id of the session, the sign-in or the video. It counts against the states read
    /// before it, and outlives them.
    told: moka::sync::Cache<Uuid, (Instant, Told)>,
}

#[derive(Debug)]
struct KnownState {
    /// When the reading began.
    read_at: Instant,
    state: SessionState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Revoked,
    SignedOut,
    Locked(VideoLock),
    Unlocked,
}

impl SessionStates {
    #[must_use]
    pub fn new(store: Store, max_age: Duration) -> Self {
        Self {
            store,
            states: Cache::builder()
                .max_capacity(STATES_MAX)
                .time_to_live(max_age)
                .build(),
            told: moka::sync::Cache::builder()
                .max_capacity(TOLD_MAX)
                .time_to_live(max_age + READING_TIME_MAX)
                .build(),
        }
    }

    /// # Errors
    /// The session has expired or was ended, or its state cannot be read.
    pub async fn check(
        &self,
        session_id: PlaybackSessionId,
        video_id: VideoId,
    ) -> Result<(), Error> {
        let known = self
            .states
            .try_get_with((session_id, video_id), self.load(session_id, video_id))
            .await
            .map_err(|error| Error::Other(Problem::internal(error)))?;
        // Swept, which happens after its expiry, or ended together with the database that knew it.
        let known = known.ok_or(Error::SessionEnded(Ended::Revoked))?;
        let session = &known.state.session;
        if session.expires_at_us <= now_us() {
            return Err(Error::TokenExpired);
        }
        // A session of one video is good for no other, whatever the token says.
        if session.video_id.is_some_and(|own| own != video_id) {
            return Err(Error::TokenInvalid);
        }
        if self.told_since(session_id.as_uuid(), &known) == Some(Told::Revoked) {
            return Err(Error::SessionEnded(Ended::Revoked));
        }
        let signed_out = known.state.signed_out
            || session.sign_in_id.is_some_and(|sign_in_id| {
                self.told_since(sign_in_id.as_uuid(), &known) == Some(Told::SignedOut)
            });
        let lock = match self.told_since(video_id.as_uuid(), &known) {
            Some(Told::Locked(lock)) => Some(lock),
            Some(Told::Unlocked) => known.state.lock.filter(|lock| *lock == VideoLock::Deleted),
            _ => known.state.lock,
        };
        match ended(session, lock, signed_out) {
            Some(why) => Err(Error::SessionEnded(why)),
            None => Ok(()),
        }
    }

    /// Counts from now on: the session was revoked.
    pub fn revoked(&self, session_id: PlaybackSessionId) {
        self.tell(session_id.as_uuid(), Told::Revoked);
    }

    /// Counts from now on: the sign-in has ended.
    pub fn signed_out(&self, sign_in_id: SessionId) {
        self.tell(sign_in_id.as_uuid(), Told::SignedOut);
    }

    /// Counts from now on: the video was locked.
    pub fn locked(&self, video_id: VideoId, lock: VideoLock) {
        self.tell_of_video(video_id, Told::Locked(lock));
    }

    /// Counts from now on: the video is not private any more.
    pub fn unlocked(&self, video_id: VideoId) {
        self.tell_of_video(video_id, Told::Unlocked);
    }

    /// A deleted video stays deleted, whatever is told of it afterwards.
    fn tell_of_video(&self, video_id: VideoId, told: Told) {
        let known = self.told.get(&video_id.as_uuid());
        if !matches!(known, Some((_, Told::Locked(VideoLock::Deleted)))) {
            self.tell(video_id.as_uuid(), told);
        }
    }

    fn tell(&self, id: Uuid, told: Told) {
        self.told.insert(id, (Instant::now(), told));
    }

    /// What was told after the state was read.
    fn told_since(&self, id: Uuid, known: &KnownState) -> Option<Told> {
        let (at, told) = self.told.get(&id)?;
        (at >= known.read_at).then_some(told)
    }

    async fn load(
        &self,
        session_id: PlaybackSessionId,
        video_id: VideoId,
    ) -> Result<Option<Arc<KnownState>>, DbErr> {
        let read_at = Instant::now();
        let state = self.store.find_state(session_id, video_id).await?;
        Ok(state.map(|state| Arc::new(KnownState { read_at, state })))
    }
}
