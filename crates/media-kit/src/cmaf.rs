//! CMAF: reading what ffmpeg writes, cutting it into segments of our own, reading those back.
//!
//! ffmpeg only encodes; every header that a player sees of a segment is written here. Decode times are the segment's presentation
//! times in order, with signed composition offsets, so that a segment starts at the same time on both clocks and no edit list is needed.
//! Layouts follow ISO/IEC 14496-12 and 23000-19. Nothing here panics on damaged bytes.

mod boxes;
mod fragment;
mod init;
mod segment;
mod segmenter;

pub use fragment::{FragmentItem, FragmentReader, Sample};
pub use init::{InitInfo, TrackDefaults, TrackInfo, normalise_init, parse_init};
pub use segment::{SegmentInfo, SegmentSample, parse_segment, write_segment};
pub use segmenter::{AudioSegmenter, FinishedSegment, VideoSegmenter};

use thiserror::Error;

/// What is wrong with a piece of CMAF.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CmafError {
    #[error("the {0} box is cut off or contradicts itself")]
    Malformed(&'static str),
    #[error("the {0} box is missing")]
    Missing(&'static str),
    #[error("the codec of sample entry {0} is not one of ours")]
    UnknownCodec(String),
    #[error("a box of {0} bytes is larger than any segment")]
    TooLarge(u64),
    #[error("segment {segment} does not begin with a key frame")]
    KeyFrameMissing { segment: u32 },
    #[error(
        "segment {segment} has a key frame after {pictures} pictures, where none was asked for"
    )]
    KeyFrameUnexpected { segment: u32, pictures: u64 },
    #[error("segment {segment} does not hold the pictures it should")]
    PicturesMisplaced { segment: u32 },
    #[error("more was encoded than the task asked for")]
    Surplus,
}
