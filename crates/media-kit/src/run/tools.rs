//! Which ffmpeg and ffprobe are installed and what they can do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncReadExt;

use super::child::{GuardedChild, read_tail};
use super::{RunError, RunLimits};
use crate::ffmpeg::Abilities;

/// The two programs, found and examined once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tools {
    pub ffmpeg: PathBuf,
    pub ffprobe: PathBuf,
    /// As ffmpeg states it: `5.1.9-0+deb12u1`.
    pub version: String,
    pub abilities: Abilities,
}

/// Why the installed programs will not do.
#[derive(Debug, Error)]
pub enum ToolsError {
    #[error("{program} does not run; install ffmpeg 5.1 or newer, or set its path")]
    Missing {
        program: PathBuf,
        #[source]
        source: RunError,
    },
    #[error("{0} did not answer as ffmpeg does")]
    NotFfmpeg(PathBuf),
    #[error("this ffmpeg has no encoder {0}; install a build with it")]
    EncoderMissing(&'static str),
}

impl Tools {
    /// Runs both programs and asks for version, encoders and filters.
    ///
    /// # Errors
    /// [`ToolsError`] if one is missing or lacks what encoding needs.
    pub async fn detect(ffmpeg: &Path, ffprobe: &Path, threads: u32) -> Result<Self, ToolsError> {
        let version = version(&ask(ffmpeg, &["-version"]).await?, "ffmpeg version ");
        let version = version.ok_or_else(|| ToolsError::NotFfmpeg(ffmpeg.to_path_buf()))?;
        let probe_version =
            super::tools::version(&ask(ffprobe, &["-version"]).await?, "ffprobe version ");
        probe_version.ok_or_else(|| ToolsError::NotFfmpeg(ffprobe.to_path_buf()))?;
        let encoders = ask(ffmpeg, &["-hide_banner", "-encoders"]).await?;
        for encoder in ["libx264", "aac", "mjpeg"] {
            if !lists(&encoders, encoder) {
                return Err(ToolsError::EncoderMissing(encoder));
            }
        }
        let filters = ask(ffmpeg, &["-hide_banner", "-filters"]).await?;
        Ok(Self {
            ffmpeg: ffmpeg.to_path_buf(),
            ffprobe: ffprobe.to_path_buf(),
            version,
            abilities: Abilities {
                tone_mapping: lists(&filters, "zscale") && lists(&filters, "tonemap"),
                threads: threads.max(1),
            },
        })
    }
}

async fn ask(program: &Path, arguments: &[&str]) -> Result<String, ToolsError> {
    const ANSWER_BYTES_MAX: u64 = 1 << 20;
    let failed = |source| ToolsError::Missing {
        program: program.to_path_buf(),
        source,
    };
    let limits = RunLimits {
        wall_time: Duration::from_secs(20),
        ..RunLimits::default()
    };
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let mut child =
        GuardedChild::spawn(program, &arguments, Path::new("/"), &limits).map_err(failed)?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let mut answer = Vec::new();
    let conversation = async {
        let reading = async {
            if let Some(stdout) = stdout {
                // What cannot be read is missing from the answer, which the caller checks.
                let _ = stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await;
            }
        };
        tokio::join!(reading, read_tail(stderr));
        child.wait().await
    };
    match tokio::time::timeout(limits.wall_time, conversation).await {
        Ok(Ok(_)) => Ok(String::from_utf8_lossy(&answer).into_owned()),
        Ok(Err(error)) => Err(failed(error)),
        Err(_) => Err(failed(RunError::TimedOut(limits.wall_time))),
    }
}

fn version(answer: &str, prefix: &str) -> Option<String> {
    let rest = answer.lines().next()?.strip_prefix(prefix)?;
    rest.split_whitespace().next().map(str::to_owned)
}

/// Lists have a column of marks, then the name.
fn lists(answer: &str, name: &str) -> bool {
    answer
        .lines()
        .any(|line| line.split_whitespace().nth(1) == Some(name))
}
