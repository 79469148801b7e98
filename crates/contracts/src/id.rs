//! Ids are UUIDv7: sortable by creation, and of one type per thing so that they cannot be mixed up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a valid {kind} id: a UUID such as 01890a5d-ac96-774b-bcce-b302099a8057 is expected"
)]
pub struct IdError {
    pub kind: &'static str,
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta] $name:ident = $kind:literal),+ $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later in order than every id made before it on this machine.
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError {
                    kind: $kind,
                    text: text.chars().take(64).collect(),
                })
            }
        }
    )+};
}

id! {
    /// An account.
    AccountId = "account",
    /// A sign-in of an account, from login to logout.
    SessionId = "session",
    /// A video.
    VideoId = "video",
    /// A drama or a course.
    SeriesId = "series",
    /// An episode of a drama, or a session of a course.
    EpisodeId = "episode",
    /// A resumable upload.
    UploadId = "upload",
    /// An encode task.
    TaskId = "task",
    /// A viewer's permission to fetch one video's media.
    PlaybackSessionId = "playback session",
    /// An event.
    EventId = "event",
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_id_survives_text_and_json() {
        let id = VideoId::generate();
        assert_eq!(id.to_string().parse::<VideoId>().unwrap(), id);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<VideoId>(&json).unwrap(), id);
    }

    #[test]
    fn text_that_is_no_id_is_refused_with_its_kind() {
        let error = "../etc".parse::<VideoId>().unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`../etc` is not a valid video id")
        );
    }
}
