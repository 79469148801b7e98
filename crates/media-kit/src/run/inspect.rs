//! Looks at a source: sniffs it, then asks ffprobe with the sniffed demuxer forced.

use std::io;
use std::path::Path;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncReadExt;

use super::child::{GuardedChild, read_tail};
use super::{RunError, RunLimits, Tools};
use crate::ffmpeg::{explain_failure, probe_arguments};
use crate::probe::{Limits, ProbeError, RejectReason, SourceInfo, check, parse};
use crate::sniff::{Container, HEAD_BYTES, SniffError, sniff};

/// ffprobe's answer for a file of many streams and long tags; more is not an answer.
const ANSWER_BYTES_MAX: u64 = 4 << 20;
const PROBE_TIME: Duration = Duration::from_secs(60);

/// Why a source is not accepted.
#[derive(Debug, Error)]
pub enum InspectError {
    #[error(transparent)]
    Refused(#[from] SniffError),
    #[error(transparent)]
    Unreadable(#[from] ProbeError),
    #[error(transparent)]
    BeyondLimits(#[from] RejectReason),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("the source cannot be opened")]
    Io(#[source] io::Error),
}

impl InspectError {
    /// The sentence to show to the person who uploaded; `None` if the fault is ours and another attempt may help.
    pub fn human_reason(&self) -> Option<String> {
        match self {
            Self::Unreadable(ProbeError::Malformed(_)) | Self::Io(_) => None,
            Self::Run(error) => error.is_permanent().then(|| error.to_string()),
            _ => Some(self.to_string()),
        }
    }
}

/// Sniffs a file on disk.
///
/// # Errors
/// [`InspectError::Refused`] or [`InspectError::Io`].
pub async fn sniff_file(source: &Path) -> Result<Container, InspectError> {
    let file = tokio::fs::File::open(source)
        .await
        .map_err(InspectError::Io)?;
    let mut head = Vec::with_capacity(HEAD_BYTES);
    file.take(HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .await
        .map_err(InspectError::Io)?;
    Ok(sniff(&head)?)
}

/// Describes a source and holds it against the limits.
///
/// # Errors
/// [`InspectError`]; [`InspectError::human_reason`] tells what to show.
pub async fn inspect(
    tools: &Tools,
    source: &Path,
    limits: &Limits,
) -> Result<SourceInfo, InspectError> {
    let container = sniff_file(source).await?;
    let answer = ask_ffprobe(tools, container, source).await?;
    let info = parse(&answer, container)?;
    check(&info, limits)?;
    Ok(info)
}

async fn ask_ffprobe(
    tools: &Tools,
    container: Container,
    source: &Path,
) -> Result<Vec<u8>, RunError> {
    let limits = RunLimits {
        wall_time: PROBE_TIME,
        cpu_time: PROBE_TIME,
        memory_bytes: 4 << 30,
        ..RunLimits::default()
    };
    let source = std::path::absolute(source).map_err(RunError::WorkFolder)?;
    let arguments = probe_arguments(container, &source);
    let mut child = GuardedChild::spawn(&tools.ffprobe, &arguments, Path::new("/"), &limits)?;
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let conversation = async {
        let mut answer = Vec::new();
        let reading = async {
            match stdout {
                Some(stdout) => stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await,
                None => Ok(0),
            }
        };
        let (read, tail) = tokio::join!(reading, read_tail(stderr));
        read.map_err(RunError::WorkFolder)?;
        let status = child.wait().await?;
        if !status.success() {
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            return Err(RunError::Failed {
                reason: explain_failure(&tail, signal),
                detail: tail,
            });
        }
        Ok(answer)
    };
    match tokio::time::timeout(PROBE_TIME, conversation).await {
        Ok(outcome) => outcome,
        Err(_) => Err(RunError::TimedOut(PROBE_TIME)),
    }
}
