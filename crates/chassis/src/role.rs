//! The roles a process can play.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A part of the platform that can run in a process of its own, or with others in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The public address: REST, live updates and the web app; owns no data
    Gateway,
    /// Accounts, sign-in, sessions and the keys that sign tokens
    Identity,
    /// Videos, dramas, courses and their episodes
    Catalog,
    /// Uploads, sources, assets and encode tasks
    Media,
    /// Turns sources into segments with ffmpeg; any number of them
    Encoder,
    /// Playback sessions, manifests and segments
    Playback,
    /// Traces, the service map and the waterfall of a click
    Observatory,
    /// Leases of service instances, in Eureka's protocol; others may join
    Registry,
}

impl Role {
    pub const ALL: [Self; 8] = [
        Self::Gateway,
        Self::Identity,
        Self::Catalog,
        Self::Media,
        Self::Encoder,
        Self::Playback,
        Self::Observatory,
        Self::Registry,
    ];

    /// The name used on the command line, in configuration, in spans and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Identity => "identity",
            Self::Catalog => "catalog",
            Self::Media => "media",
            Self::Encoder => "encoder",
            Self::Playback => "playback",
            Self::Observatory => "observatory",
            Self::Registry => "registry",
        }
    }

    /// Whether other roles call it.
    #[must_use]
    pub const fn is_called(self) -> bool {
        !matches!(self, Self::Gateway | Self::Encoder | Self::Registry)
    }

    /// What the role does, in one line.
    #[must_use]
    pub const fn summary(self) -> &'static str {
        match self {
            Self::Gateway => "the public address: REST, live updates and the web app; owns no data",
            Self::Identity => "accounts, sign-in, sessions and the keys that sign tokens",
            Self::Catalog => "videos, dramas, courses and their episodes",
            Self::Media => "uploads, sources, assets and encode tasks",
            Self::Encoder => "turns sources into segments with ffmpeg; any number of them",
            Self::Playback => "playback sessions, manifests and segments",
            Self::Observatory => "traces, the service map and the waterfall of a click",
            Self::Registry => "leases of service instances, in Eureka's protocol; others may join",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a role; the roles are gateway, identity, catalog, media, encoder, playback, observatory, registry"
)]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.chars().take(64).collect()))
    }
}
