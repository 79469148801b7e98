//! Where segments begin and end, in pictures and in audio access units.

use serde::{Deserialize, Serialize};

use crate::FrameRate;

pub const AUDIO_SAMPLE_RATE_HZ: u32 = 48_000;
/// Samples in one AAC-LC access unit.
pub const AUDIO_SAMPLES_PER_UNIT: u32 = 1024;

/// Pictures at a constant rate, cut into segments of a nominal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoGrid {
    pub rate: FrameRate,
    pub segment_ms: u32,
}

impl VideoGrid {
    pub fn new(rate: FrameRate, segment_ms: u32) -> Self {
        Self { rate, segment_ms }
    }

    /// Index of the segment's first picture, counted from the start of the source.
    pub fn first_frame(self, segment: u32) -> u64 {
        self.rate
            .first_frame_at_or_after(u64::from(segment) * u64::from(self.segment_ms))
    }

    pub fn frames_in(self, segment: u32) -> u64 {
        self.first_frame(segment.saturating_add(1)) - self.first_frame(segment)
    }

    pub fn start_ticks(self, segment: u32) -> u64 {
        self.first_frame(segment) * u64::from(self.rate.ticks_per_frame())
    }
}

/// AAC access units at 48 kHz, cut into segments of a nominal length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioGrid {
    pub segment_ms: u32,
}

impl AudioGrid {
    pub fn new(segment_ms: u32) -> Self {
        Self { segment_ms }
    }

    /// Index of the segment's first access unit.
    pub fn first_unit(self, segment: u32) -> u64 {
        let samples =
            u64::from(segment) * u64::from(self.segment_ms) * u64::from(AUDIO_SAMPLE_RATE_HZ)
                / 1000;
        samples.div_ceil(u64::from(AUDIO_SAMPLES_PER_UNIT))
    }

    pub fn units_in(self, segment: u32) -> u64 {
        self.first_unit(segment.saturating_add(1)) - self.first_unit(segment)
    }
}
