//! What a source holds: ffprobe's answer as plain types, and the limits a source must keep.

mod ffprobe;
mod limits;
mod values;

pub use ffprobe::{ProbeError, parse};
pub use limits::{Limits, RejectReason, check};

use serde::{Deserialize, Serialize};

use crate::{Container, FrameRate};

/// A source as far as encoding needs to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceInfo {
    pub container: Container,
    /// From the first to the last moment of any track; absent in live recordings and some streams.
    pub duration_ms: Option<u64>,
    /// Timestamp at which the source's earliest track starts, in microseconds of the container's own clock.
    pub start_time_us: i64,
    pub bit_rate_bps: Option<u64>,
    /// Every stream in the container, those we do not use included.
    pub stream_count: usize,
    pub video: Option<VideoStream>,
    pub audio: Vec<AudioStream>,
}

/// The picture track that is encoded; cover art is not one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoStream {
    /// ffmpeg's index over all streams.
    pub index: u32,
    pub codec: String,
    pub coded_width: u32,
    pub coded_height: u32,
    /// In square pixels, after the sample aspect ratio and the rotation.
    pub display_width: u32,
    pub display_height: u32,
    /// Clockwise turn that the player would apply: 0, 90, 180 or 270.
    pub rotation_degrees: u32,
    pub frame_rate: FrameRate,
    /// Whether pictures come at an even pace; if not, [`Self::frame_rate`] is the rate to even them out to.
    pub constant_frame_rate: bool,
    pub pixel_format: String,
    pub bit_depth: u32,
    pub interlaced: bool,
    pub colour: Colour,
    /// Timestamp of the first picture, in microseconds of the container's clock.
    pub start_time_us: i64,
    pub duration_ms: Option<u64>,
    /// Pictures to decode, from the index or from rate and duration.
    pub frame_count_estimate: Option<u64>,
}

/// What the source says of its colours; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    pub matrix: Option<String>,
    pub transfer: Option<String>,
    pub primaries: Option<String>,
}

impl Colour {
    /// PQ (HDR10, Dolby Vision's base layer) or HLG.
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioStream {
    /// ffmpeg's index over all streams.
    pub index: u32,
    pub codec: String,
    pub channels: u32,
    pub sample_rate_hz: u32,
    /// BCP 47; `und` if the source does not say.
    pub language: String,
    pub title: Option<String>,
    pub default: bool,
    pub start_time_us: i64,
    pub duration_ms: Option<u64>,
}

impl SourceInfo {
    /// How much later than the whole source a track ends, by the source's own account.
    pub(crate) fn missing_tail_ms(&self, start_time_us: i64, duration_ms: Option<u64>) -> u64 {
        let (Some(whole_ms), Some(track_ms)) = (self.duration_ms, duration_ms) else {
            return 0;
        };
        let lead_ms = u64::try_from((start_time_us - self.start_time_us) / 1000).unwrap_or(0);
        whole_ms.saturating_sub(track_ms.saturating_add(lead_ms))
    }
}
