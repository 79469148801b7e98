//! The section `[media]` of the configuration. What each key means stands in `config/default.toml`.

use std::path::PathBuf;
use std::time::Duration;

use amphi_chassis::config::{DAY_MS, PEBIBYTE, YEARS_S, milliseconds, not_empty, seconds, whole};
use amphi_media_kit::{EncodeSettings, Limits};
use serde::{Deserialize, Deserializer};

use crate::domain::task::RetryRules;

/// `[media]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(deserialize_with = "whole::<_, _, 1, PEBIBYTE>")]
    pub upload_bytes_max: u64,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub uploads_open_max: u64,
    #[serde(
        rename = "upload_expiry_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub upload_expiry: Duration,
    #[serde(
        rename = "upload_idle_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, DAY_MS>"
    )]
    pub upload_idle_timeout: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, PEBIBYTE>")]
    pub upload_checkpoint_bytes: u64,
    #[serde(
        rename = "upload_checkpoint_ms",
        deserialize_with = "milliseconds::<_, 1, DAY_MS>"
    )]
    pub upload_checkpoint_time: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, { i64::MAX }>")]
    pub disk_reserve_bytes: u64,
    pub absolute_upload_urls: bool,
    pub keep_source: bool,
    #[serde(deserialize_with = "not_empty")]
    pub ffmpeg: PathBuf,
    #[serde(deserialize_with = "not_empty")]
    pub ffprobe: PathBuf,
    #[serde(deserialize_with = "whole::<_, _, 1, 1024>")]
    pub inspections_at_once: usize,
    #[serde(
        rename = "lease_ms",
        deserialize_with = "milliseconds::<_, 100, DAY_MS>"
    )]
    pub lease: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    pub task_failures_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub task_lost_leases_max: u32,
    #[serde(
        rename = "task_retry_pause_ms",
        deserialize_with = "milliseconds::<_, 0, DAY_MS>"
    )]
    pub task_retry_pause: Duration,
    #[serde(deserialize_with = "whole::<_, _, 65_536, 1_073_741_824>")]
    pub output_bytes_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1, 1024>")]
    pub outputs_at_once: usize,
    #[serde(
        rename = "sweep_interval_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub sweep_interval: Duration,
    #[serde(rename = "orphan_age_s", deserialize_with = "seconds::<_, 0, YEARS_S>")]
    pub orphan_age: Duration,
    #[serde(deserialize_with = "limits")]
    pub limits: Limits,
    #[serde(deserialize_with = "encode_settings")]
    pub encode: EncodeSettings,
}

impl Settings {
    #[must_use]
    pub const fn retry_rules(&self) -> RetryRules {
        RetryRules {
            failures_max: self.task_failures_max,
            lost_leases_max: self.task_lost_leases_max,
            backoff: self.task_retry_pause,
        }
    }
}

/// `[media.limits]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitSettings {
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000>")]
    streams_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1, 4_294_967_296>")]
    pixels_max: u64,
    #[serde(deserialize_with = "whole::<_, _, 1, 65_536>")]
    side_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 3_153_600_000>")]
    duration_ms_max: u64,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000_000>")]
    frames_max: u64,
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    frame_rate_max: u32,
}

fn limits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Limits, D::Error> {
    let LimitSettings {
        streams_max,
        pixels_max,
        side_max,
        duration_ms_max,
        frames_max,
        frame_rate_max,
    } = LimitSettings::deserialize(deserializer)?;
    Ok(Limits {
        streams_max,
        pixels_max,
        side_max,
        duration_ms_max,
        frames_max,
        frame_rate_max,
    })
}

/// `[media.encode]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncodeSection {
    #[serde(deserialize_with = "whole::<_, _, 500, 30_000>")]
    segment_ms: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000>")]
    segments_per_chunk: u32,
    preset: Preset,
    // x264's range for 8 bits.
    #[serde(deserialize_with = "whole::<_, _, 0, 51>")]
    crf: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 480>")]
    frame_rate_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 64>")]
    audio_tracks_max: usize,
    // What AAC can use: below, it is noise; above, ffmpeg lowers it.
    #[serde(deserialize_with = "whole::<_, _, 16_000, 512_000>")]
    audio_bit_rate_bps: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 3_153_600_000>")]
    duration_ms_max: u64,
}

/// Presets of x264; `placebo` is left out, since it only costs time.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Preset {
    UltraFast,
    SuperFast,
    VeryFast,
    Faster,
    Fast,
    Medium,
    Slow,
    Slower,
    VerySlow,
}

impl Preset {
    const fn as_str(self) -> &'static str {
        match self {
            Self::UltraFast => "ultrafast",
            Self::SuperFast => "superfast",
            Self::VeryFast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
            Self::Slower => "slower",
            Self::VerySlow => "veryslow",
        }
    }
}

fn encode_settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<EncodeSettings, D::Error> {
    let section = EncodeSection::deserialize(deserializer)?;
    Ok(EncodeSettings {
        segment_ms: section.segment_ms,
        segments_per_chunk: section.segments_per_chunk,
        preset: section.preset.as_str().to_owned(),
        crf: section.crf,
        frame_rate_max: section.frame_rate_max,
        audio_tracks_max: section.audio_tracks_max,
        audio_bit_rate_bps: section.audio_bit_rate_bps,
        duration_ms_max: section.duration_ms_max,
    })
}
