//! The lists with stream URLs in them: `/dramas` and `/videos`.

use std::collections::HashMap;

use amphi_chassis::Problem;
use amphi_contracts::proto::catalog::v1 as catalog;
use serde::Serialize;
use utoipa::ToSchema;

use super::series::poster;
use super::videos::VideoState;

/// HLS paths by video id.
pub type StreamPaths = HashMap<String, String>;

#[derive(Debug, Serialize, ToSchema)]
pub struct Drama {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub title: String,
    pub description: String,
    #[schema(required)]
    pub poster_url: Option<String>,
    pub episodes: Vec<DramaEpisode>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DramaEpisode {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub number: u32,
    pub title: String,
    #[schema(required)]
    pub duration_ms: Option<u64>,
    pub state: VideoState,
    /// Signed HLS address; null while the episode does not play, or when it is not public.
    #[schema(required)]
    pub stream_url: Option<String>,
}

impl Drama {
    /// # Errors
    /// A message holds a value that this release does not know.
    pub fn compose(series: catalog::Series, streams: &StreamPaths) -> Result<Self, Problem> {
        Ok(Self {
            poster_url: poster(&series.episodes),
            episodes: series
                .episodes
                .into_iter()
                .map(|episode| DramaEpisode::compose(episode, streams))
                .collect::<Result<_, _>>()?,
            id: series.id,
            title: series.title,
            description: series.description,
        })
    }
}

impl DramaEpisode {
    fn compose(episode: catalog::Episode, streams: &StreamPaths) -> Result<Self, Problem> {
        let video = episode
            .video
            .ok_or_else(|| Problem::internal("catalog sent an episode without its video"))?;
        Ok(Self {
            id: episode.id,
            number: episode.number,
            title: episode.title,
            duration_ms: video.duration_ms,
            state: VideoState::of(&video)?,
            stream_url: streams.get(&video.id).cloned(),
        })
    }
}

/// A public video as the first video service had it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicVideo {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub title: String,
    #[schema(required)]
    pub duration_ms: Option<u64>,
    #[schema(required)]
    pub poster_url: Option<String>,
    #[schema(required)]
    pub stream_url: Option<String>,
}

impl PublicVideo {
    #[must_use]
    pub fn compose(video: catalog::Video, streams: &StreamPaths) -> Self {
        Self {
            stream_url: streams.get(&video.id).cloned(),
            id: video.id,
            title: video.title,
            duration_ms: video.duration_ms,
            poster_url: video.poster_path,
        }
    }
}

/// Whether a stream URL may be signed for it without asking who watches.
pub(crate) fn is_public_and_plays(video: &catalog::Video) -> Result<bool, Problem> {
    let is_public = video.visibility() == catalog::Visibility::Public;
    Ok(is_public && VideoState::of(video)?.plays())
}
