//! Files that survive a power cut: each helper returns once the disk has it. All of them block.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

/// A temporary file younger than this may just be on its way to being locked.
pub(super) const SWEPT_AGE: Duration = Duration::from_secs(60);
/// How often a folder may vanish between its making and its use.
const FOLDER_ATTEMPTS: u32 = 64;

/// A file being written that is removed unless it is moved to its place. Locked, so that no other process sweeps it.
#[derive(Debug)]
pub(super) struct TempFile {
    path: PathBuf,
    pub file: File,
    is_placed: bool,
}

impl TempFile {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let path = folder.join(Uuid::now_v7().simple().to_string());
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)?;
        let temp = Self {
            path,
            file,
            is_placed: false,
        };
        try_lock(&temp.file)?;
        Ok(temp)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to `target` below `root`, replacing what is there, for good.
    pub(super) fn place(mut self, root: &Path, target: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        move_into_place(root, &self.path, target)?;
        self.is_placed = true;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.is_placed
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::debug!(path = %self.path.display(), %error, "a temporary file is left to the next start");
        }
    }
}

/// Opens a file that should be there; one below another file is as absent as any.
pub(super) fn open_existing(options: &OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::NotADirectory => io::Error::from(ErrorKind::NotFound),
        _ => error,
    })
}

/// Takes the file for this open handle until it is closed. False if another handle has it, here or in another process.
pub(super) fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A file that is taken, and given back when this is dropped.
///
/// Closing it would not do: a process that was being started at that moment has it open, too, until it has become its program.
#[derive(Debug)]
pub(super) struct TakenFile(File);

impl TakenFile {
    /// None if another handle has it, here or in another process.
    pub fn take(file: File) -> io::Result<Option<Self>> {
        Ok(try_lock(&file)?.then_some(Self(file)))
    }
}

impl Deref for TakenFile {
    type Target = File;

    fn deref(&self) -> &File {
        &self.0
    }
}

impl Drop for TakenFile {
    fn drop(&mut self) {
        if let Err(error) = flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "a file could not be given back");
        }
    }
}

/// Whether `path` still names the open `file`: it may have been moved before the lock was taken.
pub(super) fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok(named.ino() == opened.ino() && named.dev() == opened.dev()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames `source`, whose bytes are synced, to `target` below `root`.
pub(super) fn move_into_place(root: &Path, source: &Path, target: &Path) -> io::Result<()> {
    in_folder_of(root, target, || {
        fs::rename(source, target).map_err(|error| match source.exists() {
            true => error,
            // Making the folders of the target again would not help.
            false => io::Error::other(error),
        })
    })
}

/// Runs `make`, which makes an entry at `target`, once the folders above it are there, and syncs them all.
///
/// The folders are synced even if they were there before: whoever made them may not have come to it yet.
pub(super) fn in_folder_of<T>(
    root: &Path,
    target: &Path,
    mut make: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    let folder = parent(target)?;
    let mut attempt = 1;
    loop {
        match make_folders(root, folder).and_then(|()| make()) {
            Ok(made) => {
                sync_up_to(root, folder)?;
                return Ok(made);
            }
            // A neighbour was deleted, and the folder with it, which was empty for a moment.
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < FOLDER_ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Makes `folder`, which is `root` or below it, without syncing.
pub(super) fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    make_folders(root, parent(folder)?)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // Made by somebody else meanwhile, or a file that is in the way.
            let made = fs::symlink_metadata(folder)?;
            if made.is_dir() {
                Ok(())
            } else {
                Err(io::Error::from(ErrorKind::NotADirectory))
            }
        }
        outcome => outcome,
    }
}

/// Removes a file for good, and the folders between it and `root` that are empty then. False if there was none.
pub(super) fn remove_file(root: &Path, path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory
            ) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    sync_nearest(root, parent(path)?)?;
    remove_empty_folders(root, path);
    Ok(true)
}

/// Removes the empty folders between `path` and `root`. Best effort: a folder left over does no harm.
pub(super) fn remove_empty_folders(root: &Path, path: &Path) {
    path.ancestors()
        .skip(1)
        .take_while(|folder| *folder != root && folder.starts_with(root))
        .take_while(|folder| fs::remove_dir(folder).is_ok())
        .for_each(drop);
}

/// Removes a folder and all in it: at once for its readers, then bit by bit. Returns the number of files in it.
pub(super) fn remove_folder(root: &Path, temp_folder: &Path, folder: &Path) -> io::Result<u64> {
    if !folder.is_dir() {
        return Ok(0);
    }
    let doomed = temp_folder.join(Uuid::now_v7().simple().to_string());
    match fs::rename(folder, &doomed) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    }
    sync_nearest(root, parent(folder)?)?;
    remove_empty_folders(root, folder);
    let files = count_files(&doomed)?;
    fs::remove_dir_all(&doomed)?;
    Ok(files)
}

fn count_files(folder: &Path) -> io::Result<u64> {
    let mut files = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files += if entry.file_type()?.is_dir() {
            count_files(&entry.path())?
        } else {
            1
        };
    }
    Ok(files)
}

/// Removes what a process left behind when it was killed: entries that nobody has locked, and that are not brand-new.
pub(super) fn sweep(temp_folder: &Path) -> io::Result<u64> {
    let left = left_behind(temp_folder, SystemTime::now() - SWEPT_AGE, true)?;
    Ok(left.len() as u64)
}

/// What was left there before `before`, by name, with its bytes; removes it if it `is_to_go`.
pub(super) fn left_behind(
    temp_folder: &Path,
    before: SystemTime,
    is_to_go: bool,
) -> io::Result<Vec<(String, u64)>> {
    let mut left = Vec::new();
    for entry in fs::read_dir(temp_folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.modified()? >= before {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if metadata.is_dir() {
            if is_to_go {
                fs::remove_dir_all(entry.path())?;
            }
            left.push((name, 0));
            continue;
        }
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        if try_lock(&file)? {
            if is_to_go {
                fs::remove_file(entry.path())?;
            }
            left.push((name, metadata.len()));
        }
    }
    Ok(left)
}

/// Syncs `folder` and those above it, up to `root`.
fn sync_up_to(root: &Path, folder: &Path) -> io::Result<()> {
    folder
        .ancestors()
        .take_while(|ancestor| ancestor.starts_with(root))
        .try_for_each(sync_folder)
}

/// Syncs `folder`, or the nearest one above it if it was removed meanwhile.
pub(super) fn sync_nearest(root: &Path, folder: &Path) -> io::Result<()> {
    for ancestor in folder
        .ancestors()
        .take_while(|ancestor| ancestor.starts_with(root))
    {
        match sync_folder(ancestor) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            outcome => return outcome,
        }
    }
    Ok(())
}

pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn parent(path: &Path) -> io::Result<&Path> {
    path.parent()
        .ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_that_was_given_back_can_be_taken_though_a_child_still_has_it_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("partial");
        let opened = || {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            file.unwrap()
        };
        let taken = TakenFile::take(opened()).unwrap().unwrap();
        assert!(TakenFile::take(opened()).unwrap().is_none());
        // As fork gives it to a child.
        let inherited = taken.try_clone().unwrap();
        drop(taken);
        assert!(TakenFile::take(opened()).unwrap().is_some());
        drop(inherited);
    }
}
