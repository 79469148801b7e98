//! The folder that an encoder works in, and the name that it keeps over restarts.
//!
//! The name lets media give a killed encoder's task away again at once: who asks for a task has none.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use uuid::Uuid;

const LOCK_FILE: &str = "lock";
const NAME_FILE: &str = "name";
const TASKS: &str = "tasks";
const SOURCES: &str = "sources";

/// Why the folder cannot be worked in.
#[derive(Debug, thiserror::Error)]
pub enum WorkFolderError {
    #[error(
        "another Amphi{} uses {}: stop it, or give this one a folder of its own (--data, or encoder.work_dir)",
        Process(*pid),
        path.display()
    )]
    Taken { path: PathBuf, pid: Option<u32> },
    #[error("{} cannot be used: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

struct Process(Option<u32>);

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(pid) => write!(f, " (process {pid})"),
            None => Ok(()),
        }
    }
}

/// A work folder, locked for this process until it is dropped.
#[derive(Debug)]
pub struct WorkFolder {
    root: PathBuf,
    name: String,
    _lock: File,
}

impl WorkFolder {
    /// Takes the folder, makes it if it is missing, and removes what an earlier process left of its tasks.
    ///
    /// # Errors
    /// [`WorkFolderError::Taken`] when another process has it.
    pub fn open(root: &Path) -> Result<Self, WorkFolderError> {
        let failed = |source| WorkFolderError::Io {
            path: root.to_owned(),
            source,
        };
        fs::create_dir_all(root).map_err(failed)?;
        let lock = lock(root)?;
        end_leftover_processes(&root.join(TASKS)).map_err(failed)?;
        for area in [TASKS, SOURCES] {
            let path = root.join(area);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => fs::create_dir_all(&path).map_err(failed)?,
            }
        }
        let name = name(root).map_err(failed)?;
        Ok(Self {
            root: root.to_owned(),
            name,
            _lock: lock,
        })
    }

    /// Unique among encoders, the same after a restart.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A fresh folder for one task; it goes with its guard.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn task_folder(&self) -> io::Result<tempfile::TempDir> {
        tempfile::Builder::new()
            .prefix("task-")
            .tempdir_in(self.root.join(TASKS))
    }

    /// Where sources lie that had to be fetched.
    #[must_use]
    pub fn sources(&self) -> PathBuf {
        self.root.join(SOURCES)
    }
}

fn lock(root: &Path) -> Result<File, WorkFolderError> {
    let failed = |source| WorkFolderError::Io {
        path: root.to_owned(),
        source,
    };
    let path = root.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            return Err(WorkFolderError::Taken {
                path: root.to_owned(),
                pid: holder(&path),
            });
        }
        Err(error) => return Err(failed(error.into())),
    }
    // Who holds it is told to whoever comes second.
    file.set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(file)
}

/// Says so when a process works in the folder now. Changes nothing there.
///
/// # Errors
/// [`WorkFolderError::Taken`].
pub fn check_is_free(root: &Path) -> Result<(), WorkFolderError> {
    let path = root.join(LOCK_FILE);
    let Ok(file) = File::open(&path) else {
        return Ok(());
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(rustix::io::Errno::WOULDBLOCK) => Err(WorkFolderError::Taken {
            path: root.to_owned(),
            pid: holder(&path),
        }),
        // Whatever else is wrong is told by what opens it.
        _ => Ok(()),
    }
}

/// The process that holds the lock, if it has said so.
fn holder(lock: &Path) -> Option<u32> {
    fs::read_to_string(lock).ok()?.trim().parse().ok()
}

/// When an encoder is killed, its ffmpeg goes on, for nobody. Whatever still works below `tasks` is such a one, since the
/// folder is locked for this process.
fn end_leftover_processes(tasks: &Path) -> io::Result<()> {
    // Where there is no /proc, there is no telling.
    let (Ok(tasks), Ok(processes)) = (tasks.canonicalize(), fs::read_dir("/proc")) else {
        return Ok(());
    };
    for entry in processes {
        let entry = entry?;
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw);
        // Processes of others have a secret working folder, and are none of ours.
        let (Some(pid), Ok(folder)) = (pid, fs::read_link(entry.path().join("cwd"))) else {
            continue;
        };
        if folder.starts_with(&tasks) {
            tracing::info!(pid = %pid.as_raw_nonzero(), "ending what a killed encoder has left running");
            match kill_process(pid, Signal::KILL) {
                Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

fn name(root: &Path) -> io::Result<String> {
    let path = root.join(NAME_FILE);
    match fs::read_to_string(&path) {
        Ok(text) if Uuid::try_parse(text.trim()).is_ok() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let name = Uuid::now_v7().to_string();
    let mut file = File::create(&path)?;
    file.write_all(name.as_bytes())?;
    file.sync_all()?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_encoder_keeps_its_name_and_loses_its_leftovers() {
        let root = tempfile::tempdir().unwrap();
        let first = WorkFolder::open(root.path()).unwrap();
        let name = first.name().to_owned();
        fs::write(root.path().join(TASKS).join("left-over"), "x").unwrap();
        drop(first);
        let second = WorkFolder::open(root.path()).unwrap();
        assert_eq!(second.name(), name);
        assert_eq!(fs::read_dir(root.path().join(TASKS)).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_encoder_left_running_is_ended() {
        let root = tempfile::tempdir().unwrap();
        let work = WorkFolder::open(root.path()).unwrap();
        let task = work.task_folder().unwrap();
        let mut orphan = std::process::Command::new("sleep")
            .arg("600")
            .current_dir(task.path())
            .spawn()
            .unwrap();
        drop(work);
        let _again = WorkFolder::open(root.path()).unwrap();
        let status = orphan.wait().unwrap();
        assert!(!status.success());
    }

    #[test]
    fn two_encoders_do_not_share_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let _first = WorkFolder::open(root.path()).unwrap();
        let refusal = WorkFolder::open(root.path()).unwrap_err();
        let who = format!("another Amphi (process {}) uses", std::process::id());
        assert!(refusal.to_string().starts_with(&who), "{refusal}");
    }

    #[test]
    fn a_task_folder_goes_with_its_guard() {
        let root = tempfile::tempdir().unwrap();
        let work = WorkFolder::open(root.path()).unwrap();
        let folder = work.task_folder().unwrap();
        let path = folder.path().to_owned();
        assert!(path.is_dir());
        drop(folder);
        assert!(!path.exists());
    }
}
