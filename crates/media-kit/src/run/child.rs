//! A child in a process group of its own, bounded by resource limits, whose group dies with its guard.

use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, kill_process_group, prlimit, setpriority_pgrp,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::{RunError, RunLimits};

/// How much of standard error is kept for the log.
const STDERR_TAIL_BYTES: usize = 16 << 10;

/// A running child. Dropping it kills its whole process group.
#[derive(Debug)]
pub(super) struct GuardedChild {
    child: Child,
    group: ProcessGroup,
}

impl GuardedChild {
    /// Starts a program in `work_dir` with an empty environment but for the path.
    pub fn spawn(
        program: &Path,
        arguments: &[OsString],
        work_dir: &Path,
        limits: &RunLimits,
    ) -> Result<Self, RunError> {
        let failed = |source| RunError::Spawn {
            program: program.to_path_buf(),
            source,
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(work_dir)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(std::env::var_os("LD_LIBRARY_PATH").map(|path| ("LD_LIBRARY_PATH", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(failed)?;
        let pid = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))?;
        let guarded = Self {
            child,
            group: ProcessGroup(Some(pid)),
        };
        bound(pid, limits).map_err(|error| failed(error.into()))?;
        Ok(guarded)
    }

    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Waits for the end. Safe to cancel and call again.
    pub async fn wait(&mut self) -> Result<ExitStatus, RunError> {
        let status = self.child.wait().await.map_err(RunError::WorkFolder)?;
        // The leader is reaped and its number may be given to another process: nothing must be killed by it any more.
        self.group.0 = None;
        Ok(status)
    }
}

#[derive(Debug)]
struct ProcessGroup(Option<Pid>);

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(pid) = self.0.take() {
            // A group that is gone already is what we want.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

/// Limits are set from outside, right after the start: what the child does in its first microseconds is load its libraries.
fn bound(pid: Pid, limits: &RunLimits) -> rustix::io::Result<()> {
    let set = |resource, value: u64| {
        let limit = Rlimit {
            current: Some(value),
            // Soft and hard limit are one: ffmpeg would take the soft one's signal as a wish to end early, and look successful to itself.
            maximum: Some(value),
        };
        match prlimit(Some(pid), resource, limit) {
            // A child that is gone already needs no limit; a lower limit of our own stays.
            Ok(_) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => Ok(()),
            Err(error) => Err(error),
        }
    };
    set(Resource::Core, 0)?;
    set(Resource::As, limits.memory_bytes)?;
    set(Resource::Cpu, limits.cpu_time.as_secs().max(1))?;
    set(Resource::Fsize, limits.output_bytes)?;
    set(Resource::Nofile, 256)?;
    match setpriority_pgrp(Some(pid), i32::from(limits.niceness.min(19))) {
        Ok(())
        | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM | rustix::io::Errno::ACCESS) => {
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Reads standard error to its end and keeps the last [`STDERR_TAIL_BYTES`].
pub(super) async fn read_tail(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else {
        return String::new();
    };
    let mut tail = Vec::new();
    let mut chunk = [0u8; 4096];
    while let Ok(count @ 1..) = stream.read(&mut chunk).await {
        tail.extend_from_slice(&chunk[..count]);
        if tail.len() > 2 * STDERR_TAIL_BYTES {
            tail.drain(..tail.len() - STDERR_TAIL_BYTES);
        }
    }
    let start = tail.len().saturating_sub(STDERR_TAIL_BYTES);
    String::from_utf8_lossy(&tail[start..]).into_owned()
}
