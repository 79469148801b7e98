//! The bounds a source must keep before anything of it is encoded.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::SourceInfo;

/// Bounds on one source. The defaults admit a 12-hour lecture and an 8K film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub streams_max: usize,
    pub pixels_max: u64,
    pub side_max: u32,
    pub duration_ms_max: u64,
    /// Pictures to decode or to write, whichever are more.
    pub frames_max: u64,
    pub frame_rate_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            streams_max: 64,
            pixels_max: 8192 * 4352,
            side_max: 16_384,
            duration_ms_max: 12 * 60 * 60 * 1000,
            frames_max: 12 * 60 * 60 * 60,
            frame_rate_max: 480,
        }
    }
}

/// Which bound a source breaks, as a sentence for the person who uploaded it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RejectReason {
    #[error("The file holds {found} tracks; at most {allowed} are allowed.")]
    TooManyStreams { found: usize, allowed: usize },
    #[error("The picture measures {width} × {height} pixels, which is larger than allowed.")]
    PictureTooLarge { width: u32, height: u32 },
    #[error("The video lasts {} minutes; at most {} are allowed.", .found_ms / 60_000, .allowed_ms / 60_000)]
    TooLong { found_ms: u64, allowed_ms: u64 },
    #[error("The video holds {found} pictures; at most {allowed} are allowed.")]
    TooManyFrames { found: u64, allowed: u64 },
    #[error("The video claims {found} pictures a second; at most {allowed} are allowed.")]
    FrameRateTooHigh { found: u64, allowed: u32 },
}

/// Holds a source against the limits.
///
/// # Errors
/// The first bound that the source breaks.
pub fn check(source: &SourceInfo, limits: &Limits) -> Result<(), RejectReason> {
    if source.stream_count > limits.streams_max {
        return Err(RejectReason::TooManyStreams {
            found: source.stream_count,
            allowed: limits.streams_max,
        });
    }
    if let Some(found_ms) = source.duration_ms.filter(|&ms| ms > limits.duration_ms_max) {
        return Err(RejectReason::TooLong {
            found_ms,
            allowed_ms: limits.duration_ms_max,
        });
    }
    let Some(video) = &source.video else {
        return Ok(());
    };
    let pixels = u64::from(video.coded_width) * u64::from(video.coded_height);
    let longest = video.coded_width.max(video.coded_height);
    if pixels > limits.pixels_max || longest > limits.side_max {
        return Err(RejectReason::PictureTooLarge {
            width: video.coded_width,
            height: video.coded_height,
        });
    }
    let written = source
        .duration_ms
        .map(|ms| video.frame_rate.capped(60).first_frame_at_or_after(ms));
    let frames = video.frame_count_estimate.max(written).unwrap_or(0);
    if frames > limits.frames_max {
        return Err(RejectReason::TooManyFrames {
            found: frames,
            allowed: limits.frames_max,
        });
    }
    let seconds = video
        .duration_ms
        .or(source.duration_ms)
        .unwrap_or(0)
        .max(1000)
        / 1000;
    let decoded_per_second = video.frame_count_estimate.unwrap_or(0) / seconds;
    if decoded_per_second > u64::from(limits.frame_rate_max) {
        return Err(RejectReason::FrameRateTooHigh {
            found: decoded_per_second,
            allowed: limits.frame_rate_max,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::plan::tests::source_with_video;

    #[test]
    fn each_bound_is_named_when_broken() {
        type Change = fn(&mut SourceInfo);
        let cases: [(Change, &str); 5] = [
            (
                |source| source.stream_count = 65,
                "The file holds 65 tracks; at most 64 are allowed.",
            ),
            (
                |source| source.duration_ms = Some(13 * 3_600_000),
                "The video lasts 780 minutes; at most 720 are allowed.",
            ),
            (
                |source| {
                    let video = source.video.as_mut().unwrap();
                    (video.coded_width, video.coded_height) = (16_000, 16_000);
                },
                "The picture measures 16000 × 16000 pixels, which is larger than allowed.",
            ),
            (
                |source| source.video.as_mut().unwrap().frame_count_estimate = Some(3_000_000),
                "The video holds 3000000 pictures; at most 2592000 are allowed.",
            ),
            (
                |source| source.video.as_mut().unwrap().frame_count_estimate = Some(50_000),
                "The video claims 5000 pictures a second; at most 480 are allowed.",
            ),
        ];
        for (change, expected) in cases {
            let mut source = source_with_video(1920, 1080, 10_000);
            assert_eq!(check(&source, &Limits::default()), Ok(()));
            change(&mut source);
            let reason = check(&source, &Limits::default()).unwrap_err();
            assert_eq!(reason.to_string(), expected);
        }
    }
}
