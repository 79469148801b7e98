//! What playback hears: videos that are deleted or change who may watch, sign-ins that end, assets that grow.

use amphi_chassis::Problem;
use amphi_chassis::db::Db;
use amphi_chassis::events::Consumer;
use amphi_contracts::events::{
    AssetStateChanged, EventData, SessionRevoked, VideoDeleted, VideoVisibilityChanged,
};
use amphi_contracts::proto::events::v1::Event;
use sea_orm::DatabaseTransaction;

use crate::domain::VideoLock;
use crate::jobs;
use crate::playback::Playback;
use crate::store::Store;

#[derive(Debug)]
pub struct PlaybackEvents {
    playback: Playback,
}

/// An event as playback takes it.
enum Heard {
    Deleted(VideoDeleted),
    Private(VideoVisibilityChanged),
    /// Public or unlisted: who has the address may watch.
    Open(VideoVisibilityChanged),
    SignedOut(SessionRevoked),
    Asset(AssetStateChanged),
    /// Of a type that a newer release may route here.
    Unknown,
}

impl PlaybackEvents {
    #[must_use]
    pub const fn new(playback: Playback) -> Self {
        Self { playback }
    }
}

#[async_trait::async_trait]
impl Consumer for PlaybackEvents {
    async fn consume(&self, txn: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        match read(event)? {
            Heard::Deleted(VideoDeleted { video_id }) => {
                Store::lock_video(txn, video_id, VideoLock::Deleted).await?;
                jobs::forget_positions(txn, video_id).await?;
            }
            Heard::Private(changed) => {
                Store::lock_video(txn, changed.video_id, VideoLock::Private).await?;
            }
            Heard::Open(changed) => Store::unlock_video(txn, changed.video_id).await?,
            Heard::SignedOut(revoked) => Store::end_sign_in(txn, revoked.session_id).await?,
            Heard::Asset(_) | Heard::Unknown => {}
        }
        Ok(())
    }

    fn db(&self) -> &Db {
        self.playback.store.db()
    }

    fn after_commit(&self, event: &Event) {
        let states = &self.playback.states;
        // What was consumed could be read.
        match read(event).unwrap_or(Heard::Unknown) {
            Heard::Deleted(VideoDeleted { video_id }) => {
                states.locked(video_id, VideoLock::Deleted);
                self.playback.presentations.forget(video_id);
            }
            Heard::Private(changed) => states.locked(changed.video_id, VideoLock::Private),
            Heard::Open(changed) => states.unlocked(changed.video_id),
            Heard::SignedOut(revoked) => states.signed_out(revoked.session_id),
            Heard::Asset(changed) => self.playback.presentations.forget(changed.video_id),
            Heard::Unknown => {}
        }
    }
}

fn read(event: &Event) -> Result<Heard, Problem> {
    Ok(match event.r#type.as_str() {
        VideoDeleted::TYPE => Heard::Deleted(data(event)?),
        VideoVisibilityChanged::TYPE => {
            let changed: VideoVisibilityChanged = data(event)?;
            match changed.visibility.as_str() {
                "private" => Heard::Private(changed),
                "public" | "unlisted" => Heard::Open(changed),
                other => {
                    return Err(Problem::invalid(
                        "malformed_event",
                        format!("`{other}` is no visibility of a video."),
                    ));
                }
            }
        }
        SessionRevoked::TYPE => Heard::SignedOut(data(event)?),
        AssetStateChanged::TYPE => Heard::Asset(data(event)?),
        _ => Heard::Unknown,
    })
}

fn data<E: EventData>(event: &Event) -> Result<E, Problem> {
    serde_json::from_str(&event.data).map_err(|error| {
        Problem::invalid(
            "malformed_event",
            format!(
                "The data of the event {} cannot be read: {error}.",
                event.id
            ),
        )
    })
}
