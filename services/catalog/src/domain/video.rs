use std::str::FromStr;

use amphi_contracts::events::AssetState;
use amphi_contracts::{AccountId, VideoId};
use serde::Deserialize;

use super::{Description, Error, Title};

/// Who may see a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Everybody; listed once it plays.
    Public,
    /// Everybody who has its id; never listed.
    Unlisted,
    /// Its owner and administrators.
    Private,
}

impl Visibility {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Unlisted => "unlisted",
            Self::Private => "private",
        }
    }
}

impl FromStr for Visibility {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Public, Self::Unlisted, Self::Private]
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| Error::Corrupt(format!("`{text}` is not a visibility")))
    }
}

/// Where a video is on its way to be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoState {
    /// Nothing was uploaded yet.
    Draft,
    Uploading,
    Inspecting,
    Encoding,
    /// It plays.
    Viewable,
    /// Its whole ladder is there.
    Ready,
    Failed,
}

impl VideoState {
    const ALL: [Self; 7] = [
        Self::Draft,
        Self::Uploading,
        Self::Inspecting,
        Self::Encoding,
        Self::Viewable,
        Self::Ready,
        Self::Failed,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Uploading => "uploading",
            Self::Inspecting => "inspecting",
            Self::Encoding => "encoding",
            Self::Viewable => "viewable",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub const fn plays(self) -> bool {
        matches!(self, Self::Viewable | Self::Ready)
    }
}

impl FromStr for VideoState {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == text)
            .ok_or_else(|| Error::Corrupt(format!("`{text}` is not a state of a video")))
    }
}

impl From<AssetState> for VideoState {
    fn from(state: AssetState) -> Self {
        match state {
            AssetState::Uploading => Self::Uploading,
            AssetState::Inspecting => Self::Inspecting,
            AssetState::Encoding => Self::Encoding,
            AssetState::Viewable => Self::Viewable,
            AssetState::Ready => Self::Ready,
            AssetState::Failed => Self::Failed,
        }
    }
}

/// Whether the public list shows it.
#[must_use]
pub fn is_listed(visibility: Visibility, state: VideoState) -> bool {
    visibility == Visibility::Public && state.plays()
}

/// A video's metadata. Its bytes are the media service's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    pub id: VideoId,
    pub owner_id: AccountId,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub state: VideoState,
    /// Why it failed, a sentence for people.
    pub state_reason: Option<String>,
    pub duration_ms: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Capability path below the public origin.
    pub poster_path: Option<String>,
    pub created_at_us: i64,
    pub updated_at_us: i64,
    /// Rises with each change.
    pub version: u64,
}

/// What its owner says of a new video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVideo {
    pub title: Title,
    pub description: Description,
    pub visibility: Visibility,
}

/// What is to be different about a video; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VideoChanges {
    pub title: Option<Title>,
    pub description: Option<Description>,
    pub visibility: Option<Visibility>,
}

impl VideoChanges {
    /// The video after the changes, its version and time not yet raised.
    #[must_use]
    pub fn applied_to(&self, video: &Video) -> Video {
        let mut changed = video.clone();
        if let Some(title) = &self.title {
            changed.title = title.as_str().to_owned();
        }
        if let Some(description) = &self.description {
            changed.description = description.as_str().to_owned();
        }
        if let Some(visibility) = self.visibility {
            changed.visibility = visibility;
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn states_and_visibilities_are_read_back_and_unknown_ones_are_errors() {
        for state in VideoState::ALL {
            assert_eq!(state.as_str().parse::<VideoState>().unwrap(), state);
        }
        for visibility in [
            Visibility::Public,
            Visibility::Unlisted,
            Visibility::Private,
        ] {
            assert_eq!(
                visibility.as_str().parse::<Visibility>().unwrap(),
                visibility
            );
        }
        assert!("cooking".parse::<VideoState>().is_err());
        assert!("".parse::<Visibility>().is_err());
    }

    #[test]
    fn only_what_is_public_and_plays_is_listed() {
        for visibility in [
            Visibility::Public,
            Visibility::Unlisted,
            Visibility::Private,
        ] {
            for state in VideoState::ALL {
                let expected = visibility == Visibility::Public
                    && [VideoState::Viewable, VideoState::Ready].contains(&state);
                assert_eq!(
                    is_listed(visibility, state),
                    expected,
                    "{visibility:?} {state:?}"
                );
            }
        }
    }
}
