use amphi_contracts::IdError;
use amphi_contracts::proto::catalog::v1 as proto;

use crate::domain::{Episode, Error, Series, SeriesKind, Video, VideoState, Visibility};

pub(super) fn malformed_id(error: IdError) -> Error {
    Error::Malformed(error.to_string())
}

/// `None` when none was given; a number that is no visibility is refused.
pub(super) fn visibility_of(number: i32) -> Result<Option<Visibility>, Error> {
    let visibility = proto::Visibility::try_from(number)
        .map_err(|_| Error::Malformed(format!("{number} is not a visibility.")))?;
    Ok(match visibility {
        proto::Visibility::Unspecified => None,
        proto::Visibility::Public => Some(Visibility::Public),
        proto::Visibility::Unlisted => Some(Visibility::Unlisted),
        proto::Visibility::Private => Some(Visibility::Private),
    })
}

/// `None` when none was given; a number that is no kind is refused.
pub(super) fn kind_of(number: i32) -> Result<Option<SeriesKind>, Error> {
    let kind = proto::SeriesKind::try_from(number)
        .map_err(|_| Error::Malformed(format!("{number} is not a kind of series.")))?;
    Ok(match kind {
        proto::SeriesKind::Unspecified => None,
        proto::SeriesKind::Drama => Some(SeriesKind::Drama),
        proto::SeriesKind::Course => Some(SeriesKind::Course),
    })
}

impl From<Visibility> for proto::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Unlisted => Self::Unlisted,
            Visibility::Private => Self::Private,
        }
    }
}

impl From<VideoState> for proto::VideoState {
    fn from(state: VideoState) -> Self {
        match state {
            VideoState::Draft => Self::Draft,
            VideoState::Uploading => Self::Uploading,
            VideoState::Inspecting => Self::Inspecting,
            VideoState::Encoding => Self::Encoding,
            VideoState::Viewable => Self::Viewable,
            VideoState::Ready => Self::Ready,
            VideoState::Failed => Self::Failed,
        }
    }
}

impl From<SeriesKind> for proto::SeriesKind {
    fn from(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Drama => Self::Drama,
            SeriesKind::Course => Self::Course,
        }
    }
}

impl From<Video> for proto::Video {
    fn from(video: Video) -> Self {
        Self {
            id: video.id.to_string(),
            owner_id: video.owner_id.to_string(),
            title: video.title,
            description: video.description,
            visibility: proto::Visibility::from(video.visibility).into(),
            state: proto::VideoState::from(video.state).into(),
            state_reason: video.state_reason.unwrap_or_default(),
            duration_ms: video.duration_ms,
            width: video.width,
            height: video.height,
            poster_path: video.poster_path,
            created_at_us: video.created_at_us,
            updated_at_us: video.updated_at_us,
            version: video.version,
        }
    }
}

impl From<Series> for proto::Series {
    fn from(series: Series) -> Self {
        Self {
            id: series.id.to_string(),
            owner_id: series.owner_id.to_string(),
            kind: proto::SeriesKind::from(series.kind).into(),
            title: series.title,
            description: series.description,
            episodes: series.episodes.into_iter().map(Into::into).collect(),
            created_at_us: series.created_at_us,
        }
    }
}

impl From<Episode> for proto::Episode {
    fn from(episode: Episode) -> Self {
        Self {
            id: episode.id.to_string(),
            number: episode.number,
            title: episode.title,
            video: Some(episode.video.into()),
        }
    }
}
