//! Command lines for ffmpeg and ffprobe, and what they say back. Nothing here starts a process.
//!
//! Every output name is relative: the child's working directory is the task's own folder.

mod audio;
mod failure;
mod filters;
mod input;
mod progress;
mod stills;
mod video;

pub use audio::audio_arguments;
pub use failure::{FailureReason, explain_failure};
pub use progress::{Progress, ProgressParser};
pub use stills::{poster_arguments, storyboard_arguments};
pub use video::video_chunk_arguments;

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Container;

/// What the installed ffmpeg can do beyond the required, and how many threads it may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abilities {
    /// `zscale` and `tonemap`. Without them HDR is converted plainly and looks washed out.
    pub tone_mapping: bool,
    pub threads: u32,
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            tone_mapping: false,
            threads: 2,
        }
    }
}

/// Name of the pipe through which a rendition leaves ffmpeg.
pub fn pipe_name(rendition: &str) -> String {
    format!("{rendition}.pipe")
}

/// Asks ffprobe for a source's format and streams as JSON.
pub fn probe_arguments(container: Container, source: &Path) -> Vec<OsString> {
    let mut arguments = Arguments::default();
    arguments.flags(&[
        "-v",
        "error",
        "-hide_banner",
        "-print_format",
        "json",
        "-show_format",
        "-show_streams",
    ]);
    arguments.flags(&["-probesize", "50000000", "-analyzeduration", "20000000"]);
    input::open(&mut arguments, container, source);
    arguments.finish()
}

/// An argument list under construction.
#[derive(Debug, Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    /// What every run of ffmpeg starts with.
    fn for_ffmpeg() -> Self {
        let mut arguments = Self::default();
        arguments.flags(&[
            "-nostdin",
            "-hide_banner",
            "-loglevel",
            "warning",
            "-nostats",
            "-y",
        ]);
        arguments.flags(&["-progress", "pipe:1", "-stats_period", "0.5"]);
        arguments
    }

    fn flags(&mut self, flags: &[&str]) {
        self.0.extend(flags.iter().map(OsString::from));
    }

    fn option(&mut self, name: &str, value: impl Into<OsString>) {
        self.0.push(name.into());
        self.0.push(value.into());
    }

    /// Ends an output: nothing of the source's metadata is carried over.
    fn output(&mut self, format: &str, name: &str) {
        self.flags(&["-map_metadata", "-1", "-map_chapters", "-1", "-f", format]);
        self.0.push(format!("file:{name}").into());
    }

    /// Fragments without edit list, trailer or version texts, into the rendition's pipe.
    fn fragmented_output(&mut self, rendition: &str, extra_movflags: &str) {
        self.option(
            "-movflags",
            format!("+empty_moov+default_base_moof+skip_trailer{extra_movflags}"),
        );
        self.flags(&[
            "-use_editlist",
            "0",
            "-fflags",
            "+bitexact",
            "-flags",
            "+bitexact",
        ]);
        self.output("mp4", &pipe_name(rendition));
    }

    fn finish(self) -> Vec<OsString> {
        self.0
    }
}
