//! Videos: catalog's metadata, media's asset and the owner's name in one shape.

use amphi_chassis::Problem;
use amphi_contracts::proto::{catalog::v1 as catalog, media::v1 as media};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accounts::Owner;
use super::{page, time, unknown_value};

/// Who may watch: anyone; anyone who knows the address; the owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    Public,
    Unlisted,
    Private,
}

impl From<Visibility> for catalog::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Public => Self::Public,
            Visibility::Unlisted => Self::Unlisted,
            Visibility::Private => Self::Private,
        }
    }
}

impl Visibility {
    fn of(video: &catalog::Video) -> Result<Self, Problem> {
        match video.visibility() {
            catalog::Visibility::Public => Ok(Self::Public),
            catalog::Visibility::Unlisted => Ok(Self::Unlisted),
            catalog::Visibility::Private => Ok(Self::Private),
            catalog::Visibility::Unspecified => Err(unknown_value("visibility", video.visibility)),
        }
    }
}

/// Where a video is on its way. It plays from `viewable` on; at `ready` its whole ladder is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VideoState {
    Draft,
    Uploading,
    Inspecting,
    Encoding,
    Viewable,
    Ready,
    Failed,
}

impl VideoState {
    pub(crate) fn of(video: &catalog::Video) -> Result<Self, Problem> {
        match video.state() {
            catalog::VideoState::Draft => Ok(Self::Draft),
            catalog::VideoState::Uploading => Ok(Self::Uploading),
            catalog::VideoState::Inspecting => Ok(Self::Inspecting),
            catalog::VideoState::Encoding => Ok(Self::Encoding),
            catalog::VideoState::Viewable => Ok(Self::Viewable),
            catalog::VideoState::Ready => Ok(Self::Ready),
            catalog::VideoState::Failed => Ok(Self::Failed),
            catalog::VideoState::Unspecified => Err(unknown_value("video state", video.state)),
        }
    }

    fn of_asset(asset: &media::Asset) -> Result<Self, Problem> {
        match asset.state() {
            media::AssetState::Uploading => Ok(Self::Uploading),
            media::AssetState::Inspecting => Ok(Self::Inspecting),
            media::AssetState::Encoding => Ok(Self::Encoding),
            media::AssetState::Viewable => Ok(Self::Viewable),
            media::AssetState::Ready => Ok(Self::Ready),
            media::AssetState::Failed => Ok(Self::Failed),
            media::AssetState::Unspecified => Err(unknown_value("asset state", asset.state)),
        }
    }

    /// Nothing more will happen to it by itself.
    pub(crate) const fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Failed)
    }

    pub(crate) const fn plays(self) -> bool {
        matches!(self, Self::Viewable | Self::Ready)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RenditionKind {
    Video,
    Audio,
}

/// One encoding of a video's picture or sound.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Rendition {
    pub id: String,
    pub kind: RenditionKind,
    /// RFC 6381, for example `avc1.64001f`.
    pub codec: String,
    #[schema(required)]
    pub width: Option<u32>,
    #[schema(required)]
    pub height: Option<u32>,
    #[schema(required)]
    pub frame_rate: Option<f64>,
    /// Peak.
    pub bandwidth_bps: u64,
    /// BCP 47.
    #[schema(required)]
    pub language: Option<String>,
    #[schema(required)]
    pub channels: Option<u32>,
    pub segments_done: u32,
    /// Null while unknown.
    #[schema(required)]
    pub segments_total: Option<u32>,
    pub complete: bool,
}

impl TryFrom<media::Rendition> for Rendition {
    type Error = Problem;

    fn try_from(rendition: media::Rendition) -> Result<Self, Problem> {
        let kind = match rendition.kind() {
            media::TrackKind::Video => RenditionKind::Video,
            media::TrackKind::Audio => RenditionKind::Audio,
            media::TrackKind::Unspecified => {
                return Err(unknown_value("track kind", rendition.kind));
            }
        };
        let is_video = kind == RenditionKind::Video;
        let is_audio = kind == RenditionKind::Audio;
        Ok(Self {
            id: rendition.id,
            kind,
            codec: rendition.codec,
            width: is_video.then_some(rendition.width),
            height: is_video.then_some(rendition.height),
            frame_rate: is_video.then_some(rendition.frame_rate),
            bandwidth_bps: rendition.bandwidth_bps,
            language: is_audio.then_some(rendition.language),
            channels: is_audio.then_some(rendition.channels),
            segments_done: rendition.segments_done,
            segments_total: Some(rendition.segments_total).filter(|total| *total > 0),
            complete: rendition.complete,
        })
    }
}

/// How much of the source has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Upload {
    pub size_bytes: u64,
    pub received_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Video {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub state: VideoState,
    /// Why it failed, a sentence for people.
    #[schema(required)]
    pub state_reason: Option<String>,
    /// 0 to 1, from the first byte uploaded to ready.
    #[schema(minimum = 0, maximum = 1)]
    pub progress: f64,
    #[schema(required)]
    pub duration_ms: Option<u64>,
    #[schema(required)]
    pub width: Option<u32>,
    #[schema(required)]
    pub height: Option<u32>,
    #[schema(required)]
    pub poster_url: Option<String>,
    /// WebVTT thumbnails.
    #[schema(required)]
    pub storyboard_url: Option<String>,
    pub owner: Owner,
    #[schema(required)]
    pub upload: Option<Upload>,
    /// Empty in lists.
    pub renditions: Vec<Rendition>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Catalog's version, for entity tags.
    #[serde(skip)]
    #[schema(ignore)]
    pub version: u64,
}

impl Video {
    /// Puts together what the services know. Where catalog and media differ, media is ahead: catalog hears of it by event.
    ///
    /// # Errors
    /// A message holds a value that this release does not know.
    pub fn compose(
        video: catalog::Video,
        asset: Option<media::Asset>,
        owner: Owner,
    ) -> Result<Self, Problem> {
        let visibility = Visibility::of(&video)?;
        let mut composed = Self {
            state: VideoState::of(&video)?,
            state_reason: Some(video.state_reason).filter(|reason| !reason.is_empty()),
            progress: 0.0,
            duration_ms: video.duration_ms,
            width: video.width,
            height: video.height,
            poster_url: video.poster_path,
            storyboard_url: None,
            upload: None,
            renditions: Vec::new(),
            id: video.id,
            title: video.title,
            description: video.description,
            visibility,
            owner,
            created_at: time(video.created_at_us)?,
            updated_at: time(video.updated_at_us)?,
            version: video.version,
        };
        if let Some(asset) = asset {
            composed.take_from_asset(asset)?;
        }
        if composed.state == VideoState::Ready {
            composed.progress = 1.0;
        }
        Ok(composed)
    }

    fn take_from_asset(&mut self, asset: media::Asset) -> Result<(), Problem> {
        self.state = VideoState::of_asset(&asset)?;
        self.state_reason = Some(asset.state_reason).filter(|reason| !reason.is_empty());
        self.progress = asset.progress.clamp(0.0, 1.0);
        self.duration_ms = asset.duration_ms.or(self.duration_ms);
        self.width = asset.width.or(self.width);
        self.height = asset.height.or(self.height);
        self.poster_url = asset.poster_path.or_else(|| self.poster_url.take());
        self.storyboard_url = asset.storyboard_path;
        self.upload = (asset.upload_size_bytes > 0).then_some(Upload {
            size_bytes: asset.upload_size_bytes,
            received_bytes: asset.upload_received_bytes,
        });
        self.renditions = asset
            .renditions
            .into_iter()
            .map(Rendition::try_from)
            .collect::<Result<_, _>>()?;
        Ok(())
    }
}

page! {
    /// One page of videos, the newest first.
    VideoPage of Video
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVideoRequest {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// The server has a default when it is not given.
    #[schema(nullable = false)]
    pub visibility: Option<Visibility>,
}

/// What is not given stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateVideoRequest {
    #[schema(min_length = 1, max_length = 200, nullable = false)]
    pub title: Option<String>,
    #[schema(nullable = false)]
    pub description: Option<String>,
    #[schema(nullable = false)]
    pub visibility: Option<Visibility>,
}
