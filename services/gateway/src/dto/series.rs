//! Dramas and courses with their episodes.

use std::collections::HashMap;

use amphi_chassis::Problem;
use amphi_contracts::proto::catalog::v1 as catalog;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::accounts::Owner;
use super::videos::VideoState;
use super::{page, time, unknown_value};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeriesKind {
    Drama,
    Course,
}

impl From<SeriesKind> for catalog::SeriesKind {
    fn from(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Drama => Self::Drama,
            SeriesKind::Course => Self::Course,
        }
    }
}

/// What an episode shows of its video.
#[derive(Debug, Serialize, ToSchema)]
pub struct EpisodeVideo {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub state: VideoState,
    #[schema(required)]
    pub duration_ms: Option<u64>,
    #[schema(required)]
    pub poster_url: Option<String>,
}

/// An episode of a drama, or a session of a course.
#[derive(Debug, Serialize, ToSchema)]
pub struct Episode {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub number: u32,
    pub title: String,
    pub video: EpisodeVideo,
}

impl TryFrom<catalog::Episode> for Episode {
    type Error = Problem;

    fn try_from(episode: catalog::Episode) -> Result<Self, Problem> {
        let video = episode
            .video
            .ok_or_else(|| Problem::internal("catalog sent an episode without its video"))?;
        Ok(Self {
            id: episode.id,
            number: episode.number,
            title: episode.title,
            video: EpisodeVideo {
                state: VideoState::of(&video)?,
                id: video.id,
                duration_ms: video.duration_ms,
                poster_url: video.poster_path,
            },
        })
    }
}

/// A drama or a course.
#[derive(Debug, Serialize, ToSchema)]
pub struct Series {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub kind: SeriesKind,
    pub title: String,
    pub description: String,
    /// That of the first episode that has one.
    #[schema(required)]
    pub poster_url: Option<String>,
    pub owner: Owner,
    pub episode_count: usize,
    pub episodes: Vec<Episode>,
    pub created_at: Timestamp,
}

impl Series {
    /// # Errors
    /// A message holds a value that this release does not know.
    pub fn compose(
        series: catalog::Series,
        names: &HashMap<String, String>,
    ) -> Result<Self, Problem> {
        let kind = match series.kind() {
            catalog::SeriesKind::Drama => SeriesKind::Drama,
            catalog::SeriesKind::Course => SeriesKind::Course,
            catalog::SeriesKind::Unspecified => {
                return Err(unknown_value("series kind", series.kind));
            }
        };
        let owner = Owner::named(&series.owner_id, names);
        Ok(Self {
            kind,
            poster_url: poster(&series.episodes),
            episode_count: series.episodes.len(),
            episodes: series
                .episodes
                .into_iter()
                .map(Episode::try_from)
                .collect::<Result<_, _>>()?,
            id: series.id,
            title: series.title,
            description: series.description,
            owner,
            created_at: time(series.created_at_us)?,
        })
    }
}

/// The poster of a series: that of its first episode that has one.
pub(crate) fn poster(episodes: &[catalog::Episode]) -> Option<String> {
    episodes
        .iter()
        .find_map(|episode| episode.video.as_ref()?.poster_path.clone())
}

page! {
    /// One page of series, the newest first.
    SeriesPage of Series
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSeriesRequest {
    pub kind: SeriesKind,
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[serde(default)]
    pub description: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEpisodeRequest {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    pub video_id: Uuid,
    /// The next free one when not given.
    #[schema(minimum = 1, nullable = false)]
    pub number: Option<u32>,
}
