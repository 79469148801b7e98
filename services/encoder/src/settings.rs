//! The section `[encoder]` of the configuration. What each key means stands in `config/default.toml`.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::time::Duration;

use amphi_chassis::config::{PEBIBYTE, YEARS_S, milliseconds, not_empty, seconds, whole};
use amphi_media_kit::run::RunLimits;
use serde::Deserialize;

/// `[encoder]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(deserialize_with = "whole::<_, _, 1, 1024>")]
    pub concurrency: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 1024>")]
    pub threads: u32,
    #[serde(deserialize_with = "not_empty")]
    pub ffmpeg: PathBuf,
    #[serde(deserialize_with = "not_empty")]
    pub ffprobe: PathBuf,
    /// With the placeholder `{data_dir}`.
    #[serde(deserialize_with = "not_empty")]
    pub work_dir: String,
    #[serde(
        rename = "wait_ms",
        deserialize_with = "milliseconds::<_, 0, 3_600_000>"
    )]
    pub wait: Duration,
    #[serde(
        rename = "report_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub report_interval: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, 256>")]
    pub handins_at_once: u32,
    #[serde(rename = "wall_time_s", deserialize_with = "seconds::<_, 1, YEARS_S>")]
    pub wall_time: Duration,
    #[serde(rename = "cpu_time_s", deserialize_with = "seconds::<_, 1, YEARS_S>")]
    pub cpu_time: Duration,
    #[serde(deserialize_with = "whole::<_, _, 268_435_456, PEBIBYTE>")]
    pub memory_bytes: u64,
    #[serde(deserialize_with = "whole::<_, _, 1_048_576, PEBIBYTE>")]
    pub output_bytes: u64,
    #[serde(deserialize_with = "whole::<_, _, 0, 19>")]
    pub niceness: u8,
}

impl Settings {
    /// Where tasks are worked on, for a process with this data folder.
    #[must_use]
    pub fn work_folder(&self, data_dir: &Path) -> PathBuf {
        let data_dir = data_dir.to_string_lossy();
        PathBuf::from(self.work_dir.replace("{data_dir}", &data_dir))
    }

    #[must_use]
    pub const fn run_limits(&self) -> RunLimits {
        RunLimits {
            wall_time: self.wall_time,
            cpu_time: self.cpu_time,
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes,
            niceness: self.niceness,
        }
    }

    /// Threads of one ffmpeg: what is set, or the processors shared among the tasks.
    #[must_use]
    pub fn threads_per_task(&self) -> u32 {
        if self.threads > 0 {
            return self.threads;
        }
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let processors = u32::try_from(processors).unwrap_or(1);
        (processors / self.concurrency.max(1)).max(1)
    }
}
