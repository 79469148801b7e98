//! The events of the platform: their types, their data, and who consumes them.
//!
//! The data of an event is a plain struct here. `consumers` is the routing table: the outbox of the publisher delivers an
//! event to each role named for its type.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{AccountId, SessionId, VideoId};

/// The data of one type of event.
pub trait EventData: Serialize + DeserializeOwned {
    /// CloudEvents `type`: `amphi.<service>.<noun>.<past participle>.v1`.
    const TYPE: &'static str;

    /// CloudEvents `subject`: events of one subject are delivered in the order they happened.
    fn subject(&self) -> String;
}

/// The state of an asset has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssetStateChanged {
    pub video_id: VideoId,
    pub owner_id: AccountId,
    pub state: AssetState,
    /// A sentence for people, when it failed.
    pub reason: Option<String>,
    pub duration_ms: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Capability path below the public origin.
    pub poster_path: Option<String>,
    /// Rises with each change of the asset: a lower one that comes later is stale.
    pub version: u64,
}

impl EventData for AssetStateChanged {
    const TYPE: &'static str = "amphi.media.asset.changed.v1";

    fn subject(&self) -> String {
        self.video_id.to_string()
    }
}

/// Where a video's source is on its way to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetState {
    Uploading,
    Inspecting,
    Encoding,
    /// It plays.
    Viewable,
    /// Its whole ladder is there.
    Ready,
    Failed,
}

/// A video was deleted: its bytes and its sessions may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoDeleted {
    pub video_id: VideoId,
}

impl EventData for VideoDeleted {
    const TYPE: &'static str = "amphi.catalog.video.deleted.v1";

    fn subject(&self) -> String {
        self.video_id.to_string()
    }
}

/// Who may watch a video has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoVisibilityChanged {
    pub video_id: VideoId,
    /// `public`, `unlisted` or `private`.
    pub visibility: String,
}

impl EventData for VideoVisibilityChanged {
    const TYPE: &'static str = "amphi.catalog.visibility.changed.v1";

    fn subject(&self) -> String {
        self.video_id.to_string()
    }
}

/// A session was ended before its time: by logout, or because its refresh token was used twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionRevoked {
    pub session_id: SessionId,
    pub account_id: AccountId,
}

impl EventData for SessionRevoked {
    const TYPE: &'static str = "amphi.identity.session.revoked.v1";

    fn subject(&self) -> String {
        self.session_id.to_string()
    }
}

/// An account was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccountRegistered {
    pub account_id: AccountId,
    pub name: String,
}

impl EventData for AccountRegistered {
    const TYPE: &'static str = "amphi.identity.account.registered.v1";

    fn subject(&self) -> String {
        self.account_id.to_string()
    }
}

/// The roles that consume events of a type, by role name.
#[must_use]
pub fn consumers(event_type: &str) -> &'static [&'static str] {
    match event_type {
        AssetStateChanged::TYPE => &["catalog", "playback"],
        VideoDeleted::TYPE => &["media", "playback"],
        VideoVisibilityChanged::TYPE => &["playback"],
        SessionRevoked::TYPE => &["playback"],
        _ => &[],
    }
}
