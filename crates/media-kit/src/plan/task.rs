//! The tasks that encoders lease.

use serde::{Deserialize, Serialize};

use super::{AudioGrid, VideoGrid};
use crate::Container;
use crate::ladder::VideoRung;
use crate::probe::Colour;
use crate::stills::{PosterSpec, StoryboardSpec};

/// One run of ffmpeg (stills: two).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EncodeTask {
    Audio(AudioTask),
    VideoChunk(VideoChunkTask),
    Stills(StillsTask),
}

impl EncodeTask {
    /// Renditions that the task writes segments of.
    pub fn renditions(&self) -> Vec<&str> {
        match self {
            Self::Audio(task) => task
                .tracks
                .iter()
                .map(|track| track.rendition.as_str())
                .collect(),
            Self::VideoChunk(task) => task.rungs.iter().map(|rung| rung.id.as_str()).collect(),
            Self::Stills(_) => Vec::new(),
        }
    }

    /// The same task without the segments before `segment`, which exist already. `None` if nothing is left to do; stills start over.
    pub fn resume_at(&self, segment: u32) -> Option<Self> {
        match self {
            Self::Audio(task) => {
                let first_segment = segment.max(task.first_segment);
                let rest = AudioTask {
                    first_segment,
                    ..task.clone()
                };
                (first_segment < task.segments_max).then_some(Self::Audio(rest))
            }
            Self::VideoChunk(task) => {
                let first_segment = segment.max(task.first_segment);
                let rest = VideoChunkTask {
                    first_segment,
                    ..task.clone()
                };
                (first_segment <= rest.final_segment()).then_some(Self::VideoChunk(rest))
            }
            Self::Stills(_) => Some(self.clone()),
        }
    }
}

/// How to get the pictures out of the source and onto the grid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoInput {
    pub container: Container,
    /// ffmpeg's index over all streams.
    pub stream_index: u32,
    /// Start of the whole source on the container's clock.
    pub clock_start_us: i64,
    /// What to subtract beyond the start so that the first picture lies on the grid; less than one picture.
    pub picture_shift_us: i64,
    pub grid: VideoGrid,
    /// Clockwise turn that brings the decoded picture upright.
    pub rotation_degrees: u32,
    pub interlaced: bool,
    pub colour: Colour,
    pub coded_height: u32,
    /// How long the last picture is held because other tracks go on.
    pub hold_last_picture_ms: u64,
}

/// A run of whole segments of every rung, decoded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoChunkTask {
    pub input: VideoInput,
    pub rungs: Vec<VideoRung>,
    pub preset: String,
    pub first_segment: u32,
    /// `None`: to the end of the source.
    pub last_segment: Option<u32>,
    /// Number of segments that the whole video may have.
    pub segments_max: u32,
}

impl VideoChunkTask {
    /// The last segment that the task may write.
    pub fn final_segment(&self) -> u32 {
        self.last_segment
            .unwrap_or(self.segments_max.saturating_sub(1))
    }

    pub fn start_ms(&self) -> u64 {
        u64::from(self.first_segment) * u64::from(self.input.grid.segment_ms)
    }

    pub fn first_frame(&self) -> u64 {
        self.input.grid.first_frame(self.first_segment)
    }

    /// Pictures that the task writes at most.
    pub fn frame_count_max(&self) -> u64 {
        self.input
            .grid
            .first_frame(self.final_segment().saturating_add(1))
            - self.first_frame()
    }
}

/// Every audio track of the source, from start to end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTask {
    pub container: Container,
    pub clock_start_us: i64,
    pub tracks: Vec<AudioTrackInput>,
    pub bit_rate_bps: u32,
    pub grid: AudioGrid,
    /// Earlier segments are encoded again but not handed out; AAC has no place to start from.
    pub first_segment: u32,
    pub segments_max: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioTrackInput {
    pub rendition: String,
    pub stream_index: u32,
    pub language: String,
    /// Silence added because other tracks go on.
    pub silence_after_ms: u64,
}

/// Poster and storyboard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillsTask {
    pub input: VideoInput,
    pub poster: PosterSpec,
    /// Absent if the duration is unknown.
    pub storyboard: Option<StoryboardSpec>,
}
