//! What there is to play of each video, as media knows it, and the manifests written from it.
//!
//! A video that is still being encoded is asked for again at most every half second however many watch it; a complete one
//! rarely, since media tells of changes by event.

mod convert;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use amphi_chassis::db::now_us;
use amphi_chassis::delivery::Delivery;
use amphi_chassis::rpc::Clients;
use amphi_chassis::{Kind, Problem};
use amphi_contracts::VideoId;
use amphi_contracts::proto::media::v1::{
    AssetState, GetPresentationRequest, Presentation as PresentationMessage,
};
use amphi_media_kit::presentation::{Track, TrackKind};
use amphi_media_kit::{dash, hls};
use aws_lc_rs::digest;
use bytes::Bytes;
use http::HeaderValue;
use moka::Expiry;
use moka::future::Cache;

use crate::settings::Settings;

/// A manifest and its entity tag.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub text: Bytes,
    pub etag: HeaderValue,
}

impl Manifest {
    fn new(text: String) -> Self {
        let tag = format!("\"{}\"", short_hash(text.as_bytes()));
        Self {
            // Hex digits in quotes are a valid header value.
            etag: HeaderValue::from_str(&tag).unwrap_or_else(|_| HeaderValue::from_static("\"\"")),
            text: text.into(),
        }
    }
}

/// A video as it could be played at one moment. Its manifests are written when first asked for.
#[derive(Debug)]
pub struct Presentation {
    state: AssetState,
    blob_prefix: String,
    /// Where manifests say that the segments are; `None` for beside them.
    folder: Option<String>,
    /// All that media has.
    all: amphi_media_kit::Presentation,
    /// What manifests may name.
    playable: Option<amphi_media_kit::Presentation>,
    read_at: Instant,
    read_at_us: i64,
    hls_master: OnceLock<Manifest>,
    dash: OnceLock<Manifest>,
    /// By place of the track in `playable`.
    hls_media: Vec<OnceLock<Manifest>>,
}

/// A piece of a track in the blob store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub blob_key: String,
    pub is_video: bool,
    /// Tells it from every other piece, for entity tags.
    pub tag: String,
}

impl Piece {
    fn new(blob_prefix: &str, track: &Track, file: &str) -> Self {
        let blob_key = format!("{blob_prefix}/{}/{file}", track.id);
        Self {
            tag: short_hash(blob_key.as_bytes()),
            is_video: matches!(track.kind, TrackKind::Video { .. }),
            blob_key,
        }
    }

    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        if self.is_video {
            "video/mp4"
        } else {
            "audio/mp4"
        }
    }
}

/// 96 bits of SHA-256, in hex.
fn short_hash(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    hash.as_ref()[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Presentation {
    /// # Errors
    /// The message holds something that is no presentation.
    pub fn new(message: PresentationMessage, delivery: &Delivery) -> Result<Self, Problem> {
        let state = message.state();
        let blob_prefix = message.blob_prefix.clone();
        let all = convert::presentation(message)?;
        let playable = all.playable();
        let tracks = playable
            .as_ref()
            .map_or(0, |playable| playable.tracks.len());
        Ok(Self {
            state,
            folder: delivery.folder(&blob_prefix),
            blob_prefix,
            all,
            playable,
            read_at: Instant::now(),
            read_at_us: now_us(),
            hls_master: OnceLock::new(),
            dash: OnceLock::new(),
            hls_media: (0..tracks).map(|_| OnceLock::new()).collect(),
        })
    }

    /// Whether a new session may begin.
    #[must_use]
    pub fn is_playable(&self) -> bool {
        matches!(self.state, AssetState::Viewable | AssetState::Ready) && self.playable.is_some()
    }

    /// Whether nothing will be added.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.all.complete
    }

    #[must_use]
    pub fn hls_master(&self) -> Option<&Manifest> {
        let playable = self.playable.as_ref()?;
        let write = || Manifest::new(hls::master_playlist(playable));
        Some(self.hls_master.get_or_init(write))
    }

    #[must_use]
    pub fn hls_media(&self, rendition: &str) -> Option<&Manifest> {
        let playable = self.playable.as_ref()?;
        let place = playable
            .tracks
            .iter()
            .position(|track| track.id == rendition)?;
        let track = &playable.tracks[place];
        let write = || {
            Manifest::new(match &self.folder {
                None => hls::media_playlist(playable, track),
                Some(folder) => hls::media_playlist_in(folder, playable, track),
            })
        };
        Some(self.hls_media.get(place)?.get_or_init(write))
    }

    #[must_use]
    pub fn dash(&self) -> Option<&Manifest> {
        let playable = self.playable.as_ref()?;
        let now_ms = self.read_at_us / 1000;
        let write = || {
            Manifest::new(match &self.folder {
                None => dash::manifest(playable, now_ms),
                Some(folder) => dash::manifest_in(folder, playable, now_ms),
            })
        };
        Some(self.dash.get_or_init(write))
    }

    /// The folder of all its blobs.
    #[must_use]
    pub fn blob_prefix(&self) -> &str {
        &self.blob_prefix
    }

    /// The initialization segment of a track that is there.
    #[must_use]
    pub fn init(&self, rendition: &str) -> Option<Piece> {
        let track = self.track(rendition)?;
        Some(Piece::new(&self.blob_prefix, track, "init.mp4"))
    }

    /// A segment that is there.
    #[must_use]
    pub fn segment(&self, rendition: &str, number: u32) -> Option<Piece> {
        let track = self.track(rendition)?;
        track
            .segments
            .binary_search_by_key(&number, |segment| segment.number)
            .ok()?;
        Some(Piece::new(
            &self.blob_prefix,
            track,
            &format!("{number}.m4s"),
        ))
    }

    fn track(&self, rendition: &str) -> Option<&Track> {
        self.all.tracks.iter().find(|track| track.id == rendition)
    }

    /// Bytes of memory, about, once all manifests are written.
    fn weight(&self) -> u32 {
        const TRACK_BYTES: usize = 2048;
        /// The segment itself twice, and its lines in an HLS and a DASH manifest.
        const SEGMENT_BYTES: usize = 2 * 32 + 40 + 40;
        let segments: usize = self
            .all
            .tracks
            .iter()
            .map(|track| track.segments.len())
            .sum();
        let folder_bytes = self.folder.as_ref().map_or(0, String::len);
        let bytes = self.all.tracks.len() * TRACK_BYTES + segments * (SEGMENT_BYTES + folder_bytes);
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }
}

/// Presentations by video. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Presentations {
    clients: Clients,
    delivery: Delivery,
    cache: Cache<VideoId, Arc<Presentation>>,
    live_max_age: Duration,
}

impl Presentations {
    /// `clients` call as the service: whoever holds a token has been let in already.
    #[must_use]
    pub fn new(clients: Clients, delivery: Delivery, settings: &Settings) -> Self {
        Self {
            clients,
            delivery,
            live_max_age: settings.live_manifest_max_age,
            cache: Cache::builder()
                .max_capacity(settings.manifest_cache_bytes)
                .weigher(|_, presentation: &Arc<Presentation>| presentation.weight())
                .expire_after(Ageing {
                    live: settings.live_manifest_max_age,
                    complete: settings.complete_manifest_max_age,
                })
                .build(),
        }
    }

    /// The presentation of a video, at most as old as the settings allow; none when nothing was uploaded. Callers that ask
    /// at the same time share one call to media.
    ///
    /// # Errors
    /// Media does not answer.
    pub async fn find(&self, video_id: VideoId) -> Result<Option<Arc<Presentation>>, Problem> {
        let found = self.cache.try_get_with(video_id, self.load(video_id)).await;
        match found {
            Ok(presentation) => Ok(Some(presentation)),
            Err(problem) if problem.kind == Kind::NotFound => Ok(None),
            Err(problem) => Err(again(&problem)),
        }
    }

    /// A presentation that is newer than `known`, which has grown too old to be sure of: another replica may already have
    /// named segments to a player that this one has not heard of. Waits as long as media is spared, so that no player can
    /// make it be asked more often.
    ///
    /// # Errors
    /// Media does not answer.
    pub async fn find_newer(
        &self,
        video_id: VideoId,
        known: &Presentation,
    ) -> Result<Option<Arc<Presentation>>, Problem> {
        tokio::time::sleep(self.live_max_age.saturating_sub(known.read_at.elapsed())).await;
        let cached = self.cache.get(&video_id).await;
        if cached.is_some_and(|cached| cached.read_at == known.read_at) {
            self.cache.invalidate(&video_id).await;
        }
        self.find(video_id).await
    }

    /// Asks media again soon: who calls need not wait for the cache.
    pub fn forget(&self, video_id: VideoId) {
        let cache = self.cache.clone();
        drop(tokio::spawn(
            async move { cache.invalidate(&video_id).await },
        ));
    }

    async fn load(&self, video_id: VideoId) -> Result<Arc<Presentation>, Problem> {
        let request = GetPresentationRequest {
            video_id: video_id.to_string(),
        };
        let message = self.clients.media().get_presentation(request).await?;
        Ok(Arc::new(Presentation::new(
            message.into_inner(),
            &self.delivery,
        )?))
    }
}

/// A problem that several callers share, for one of them.
fn again(problem: &Arc<Problem>) -> Problem {
    let mut copy = Problem::new(problem.kind, "unavailable", problem.detail.clone());
    copy.code = problem.code.clone();
    copy.retry_after_s = problem.retry_after_s;
    copy
}

struct Ageing {
    live: Duration,
    complete: Duration,
}

impl Expiry<VideoId, Arc<Presentation>> for Ageing {
    fn expire_after_create(
        &self,
        _: &VideoId,
        presentation: &Arc<Presentation>,
        _: Instant,
    ) -> Option<Duration> {
        Some(if presentation.is_complete() {
            self.complete
        } else {
            self.live
        })
    }
}
