//! Runs ffmpeg and ffprobe as children that are bounded in time, memory, CPU and output, and cuts what they write into segments.
//!
//! To cancel a run, drop its future: the child's whole process group is killed with SIGKILL at once.

mod child;
mod inspect;
mod rendition;
mod stills;
mod task;
mod tools;

pub use inspect::{InspectError, inspect, sniff_file};
pub use task::run_task;
pub use tools::{Tools, ToolsError};

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::cmaf::{CmafError, InitInfo};
use crate::ffmpeg::{FailureReason, Progress};

/// Bounds on one child process and what it writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLimits {
    pub wall_time: Duration,
    /// CPU time over all threads.
    pub cpu_time: Duration,
    /// Address space, in bytes. Every thread maps some 70 MB that it never touches.
    pub memory_bytes: u64,
    /// Everything the child writes, all renditions together.
    pub output_bytes: u64,
    /// 0 to 19; higher yields more to others.
    pub niceness: u8,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self {
            wall_time: Duration::from_secs(6 * 60 * 60),
            cpu_time: Duration::from_secs(24 * 60 * 60),
            memory_bytes: 12 << 30,
            output_bytes: 64 << 30,
            niceness: 10,
        }
    }
}

/// What a run reports while it goes on. Files are complete when they are reported, and are the receiver's to take away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TaskEvent {
    Progress(Progress),
    Init(InitFile),
    Segment(SegmentFile),
    Still(StillFile),
}

/// `{rendition}/init.mp4`; comes before the rendition's first segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitFile {
    pub rendition: String,
    pub path: PathBuf,
    pub bytes: u64,
    pub info: InitInfo,
}

/// `{rendition}/{number}.m4s`; numbers of a rendition come in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentFile {
    pub rendition: String,
    pub number: u32,
    pub path: PathBuf,
    pub bytes: u64,
    pub timescale: u32,
    pub start_ticks: u64,
    pub duration_ticks: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StillFile {
    pub still: StillKind,
    pub path: PathBuf,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StillKind {
    Poster,
    StoryboardSheet {
        sheet: u32,
    },
    /// WebVTT; comes after the sheets that it names.
    StoryboardIndex,
}

/// How a run that went well ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSummary {
    /// For each rendition the number of segments handed out, all of them consecutive from the task's first.
    pub segments: BTreeMap<String, u32>,
    /// The source ended before the task's last segment was full. Always so for the task at the end of the timeline; for another, the
    /// source is shorter than its header says, and the chunks after this one will hand out nothing.
    pub source_ended: bool,
}

/// Why a run failed.
#[derive(Debug, Error)]
pub enum RunError {
    #[error("{program} cannot be started")]
    Spawn {
        program: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the work folder cannot be used")]
    WorkFolder(#[source] io::Error),
    #[error("the run took longer than {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("the run wrote more than {0} bytes")]
    OutputTooLarge(u64),
    /// `detail` is the tail of standard error: for the log, not for the person who uploaded.
    #[error("{reason}")]
    Failed {
        reason: FailureReason,
        detail: String,
    },
    #[error("ffmpeg's output for rendition {rendition} does not fit the plan")]
    UnexpectedOutput {
        rendition: String,
        #[source]
        source: CmafError,
    },
    #[error("the source yields no {0}")]
    NothingDecoded(&'static str),
    #[error("nobody takes the run's events any more")]
    ReceiverGone,
}

impl RunError {
    /// Whether the source itself is at fault, so that another attempt would fail as well.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Failed { reason, .. } => reason.is_permanent(),
            Self::OutputTooLarge(_) | Self::NothingDecoded(_) => true,
            _ => false,
        }
    }
}
