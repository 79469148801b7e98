//! Blobs as files in one folder.
//!
//! A blob `a/b` is the file `a/b` below the root; one that still grows is `.partial/a/b`; what is being written is in
//! `.tmp`. No key begins a part with a dot, so the three cannot meet. All three are on one filesystem: moving is atomic.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;

use super::files::{self, TakenFile, TempFile};
use super::store::BlobReader;
use super::writing::{Written, write_pieces};
use super::{
    Appended, Blob, BlobEntry, BlobError, BlobKey, BlobStore, ByteStream, Remains, listing,
};

const TEMP_FOLDER: &str = ".tmp";
const PARTIAL_FOLDER: &str = ".partial";
const READ_PIECE_BYTES: usize = 256 * 1024;

/// A [`BlobStore`] on a local disk. Several processes may share the folder.
#[derive(Debug, Clone)]
pub struct LocalBlobs {
    folders: Arc<Folders>,
}

#[derive(Debug)]
struct Folders {
    root: PathBuf,
    temp: PathBuf,
    partial: PathBuf,
}

impl LocalBlobs {
    /// Opens the store in `root`, making it if it is missing, and removes what killed processes left unfinished.
    pub async fn open(root: &Path) -> Result<Self, BlobError> {
        let place = root.display().to_string();
        let root = root.to_owned();
        let opened = blocking("opening the store", &place, move || {
            fs::create_dir_all(&root)?;
            let root = root.canonicalize()?;
            let (temp, partial) = (root.join(TEMP_FOLDER), root.join(PARTIAL_FOLDER));
            files::make_folders(&root, &temp)?;
            files::make_folders(&root, &partial)?;
            files::sync_folder(&root)?;
            let swept = files::sweep(&temp)?;
            if swept > 0 {
                tracing::info!(
                    swept,
                    "removed files that an earlier process left unfinished"
                );
            }
            let folders = Folders {
                root,
                temp,
                partial,
            };
            Ok(Self {
                folders: Arc::new(folders),
            })
        });
        let store = opened.await.map_err(|error| {
            let reason = match &error {
                BlobError::Io { source, .. } => source.to_string(),
                _ => "no folder can be made there".to_owned(),
            };
            BlobError::Setup {
                reason: format!("{reason}. Let `blobs.dir` name a folder that this user may write"),
                place,
            }
        })?;
        let until_old = files::SWEPT_AGE + Duration::from_secs(1);
        tokio::spawn(sweep_after(until_old, store.folders.temp.clone()));
        Ok(store)
    }

    /// Runs `work` with the folders and the blob's path, away from the async threads.
    async fn with_path<T: Send + 'static>(
        &self,
        operation: &'static str,
        key: &BlobKey,
        work: impl FnOnce(&Folders, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, BlobError> {
        let folders = self.folders.clone();
        let path = folders.root.join(key.as_str());
        blocking(operation, key.as_str(), move || work(&folders, &path)).await
    }

    fn partial_path(&self, key: &BlobKey) -> PathBuf {
        self.folders.partial.join(key.as_str())
    }

    /// Opens a partial for writing and takes it for this handle.
    async fn lock_partial(&self, key: &BlobKey) -> Result<TakenFile, BlobError> {
        let path = self.partial_path(key);
        let file = blocking("opening", key.as_str(), move || {
            let file = files::open_existing(OpenOptions::new().write(true), &path)?;
            let Some(file) = TakenFile::take(file)? else {
                return Ok(None);
            };
            if !files::is_still_at(&file, &path)? {
                return Err(io::Error::from(ErrorKind::NotFound));
            }
            Ok(Some(file))
        })
        .await?;
        file.ok_or_else(|| BlobError::Busy {
            key: key.to_string(),
        })
    }
}

/// What the process before this one was writing when it was killed was too young to be swept when this one began.
async fn sweep_after(pause: Duration, temp: PathBuf) {
    tokio::time::sleep(pause).await;
    let swept = blocking("sweeping", TEMP_FOLDER, move || files::sweep(&temp)).await;
    if let Err(error) = swept {
        tracing::debug!(%error, "the folder of unfinished files could not be swept");
    }
}

async fn list_below(
    root: PathBuf,
    prefix: Option<&BlobKey>,
    after: Option<&BlobKey>,
    limit: usize,
) -> Result<Vec<BlobEntry>, BlobError> {
    let shown = prefix.map_or("", BlobKey::as_str).to_owned();
    let (prefix, after) = (prefix.cloned(), after.cloned());
    blocking("listing", &shown, move || {
        listing::list(&root, prefix.as_ref(), after.as_ref(), limit)
    })
    .await
}

#[async_trait::async_trait]
impl BlobStore for LocalBlobs {
    async fn put_bytes(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        self.with_path("writing", key, move |folders, path| {
            let mut temp = TempFile::create(&folders.temp)?;
            temp.file.write_all(&bytes)?;
            temp.place(&folders.root, path)
        })
        .await
    }

    async fn put_file(&self, key: &BlobKey, source: &Path) -> Result<u64, BlobError> {
        let source = source.to_owned();
        self.with_path("moving in", key, move |folders, path| {
            let mut file = open_regular(&source)?;
            file.sync_all()?;
            let size = file.metadata()?.len();
            match files::move_into_place(&folders.root, &source, path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::CrossesDevices => {
                    let mut temp = TempFile::create(&folders.temp)?;
                    io::copy(&mut file, &mut temp.file)?;
                    temp.place(&folders.root, path)?;
                    fs::remove_file(&source)?;
                }
                Err(error) => return Err(error),
            }
            Ok(size)
        })
        .await
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<u64, BlobError> {
        let temp = self
            .with_path("writing", key, |folders, _| TempFile::create(&folders.temp))
            .await?;
        let file = temp
            .file
            .try_clone()
            .map_err(|error| BlobError::io("writing", key.as_str(), error))?;
        let Written {
            length,
            interrupted,
        } = write_pieces(key, Arc::new(file), 0, bytes, limit_bytes).await?;
        if let Some(source) = interrupted {
            return Err(BlobError::Interrupted {
                key: key.to_string(),
                source,
            });
        }
        self.with_path("writing", key, move |folders, path| {
            temp.place(&folders.root, path)
        })
        .await?;
        Ok(length)
    }

    async fn open(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        let (file, size) = self
            .with_path("opening", key, |_, path| open_for_reading(path))
            .await?;
        Ok(Blob::new(key.clone(), size, Box::new(FileReader(file))))
    }

    async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        self.with_path("looking up", key, |_, path| {
            match fs::symlink_metadata(path) {
                Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
                Err(error) if is_absent(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn delete(&self, key: &BlobKey) -> Result<bool, BlobError> {
        self.with_path("deleting", key, |folders, path| {
            files::remove_file(&folders.root, path)
        })
        .await
    }

    async fn delete_prefix(&self, prefix: &BlobKey) -> Result<u64, BlobError> {
        let partial = self.partial_path(prefix);
        self.with_path("deleting", prefix, move |folders, path| {
            let blobs = files::remove_folder(&folders.root, &folders.temp, path)?;
            let partials = files::remove_folder(&folders.partial, &folders.temp, &partial)?;
            Ok(blobs + partials)
        })
        .await
    }

    async fn list(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        list_below(self.folders.root.clone(), prefix, after, limit).await
    }

    async fn list_partials(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        list_below(self.folders.partial.clone(), prefix, after, limit).await
    }

    fn local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        Some(self.folders.root.join(key.as_str()))
    }

    async fn create_partial(&self, key: &BlobKey) -> Result<(), BlobError> {
        let path = self.partial_path(key);
        self.with_path("creating", key, move |folders, _| {
            files::in_folder_of(&folders.partial, &path, || {
                match OpenOptions::new().write(true).create_new(true).open(&path) {
                    Ok(file) => file.sync_all(),
                    Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
                        Err(io::Error::from(ErrorKind::IsADirectory))
                    }
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                    Err(error) => Err(error),
                }
            })
        })
        .await
    }

    async fn partial_length(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let path = self.partial_path(key);
        blocking("looking up", key.as_str(), move || {
            let file = files::open_existing(OpenOptions::new().read(true), &path)?;
            // Looked up before the sync: what is appended meanwhile may not be on the disk yet.
            let length = file.metadata()?.len();
            file.sync_data()?;
            Ok(length)
        })
        .await
    }

    async fn append_partial(
        &self,
        key: &BlobKey,
        offset: u64,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<Appended, BlobError> {
        let file = self.lock_partial(key).await?;
        let length = file
            .metadata()
            .map_err(|error| BlobError::io("looking up", key.as_str(), error))?
            .len();
        if length != offset {
            return Err(BlobError::WrongOffset {
                key: key.to_string(),
                offset,
                length,
            });
        }
        let Written {
            length,
            interrupted,
        } = write_pieces(key, file, offset, bytes, limit_bytes).await?;
        Ok(Appended {
            length,
            interrupted,
        })
    }

    async fn truncate_partial(&self, key: &BlobKey, length: u64) -> Result<(), BlobError> {
        let file = self.lock_partial(key).await?;
        blocking("cutting", key.as_str(), move || {
            if file.metadata()?.len() < length {
                return Err(io::Error::from(ErrorKind::InvalidInput));
            }
            file.set_len(length)?;
            file.sync_all()
        })
        .await
    }

    async fn open_partial(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        let path = self.partial_path(key);
        let (file, size) =
            blocking("opening", key.as_str(), move || open_for_reading(&path)).await?;
        Ok(Blob::new(key.clone(), size, Box::new(FileReader(file))))
    }

    async fn commit_partial(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let file = match self.lock_partial(key).await {
            Ok(file) => file,
            Err(error @ BlobError::NotFound { .. }) => {
                return self.size(key).await?.ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let partial = self.partial_path(key);
        self.with_path("committing", key, move |folders, path| {
            file.sync_all()?;
            let size = file.metadata()?.len();
            files::move_into_place(&folders.root, &partial, path)?;
            files::sync_nearest(&folders.partial, files::parent(&partial)?)?;
            files::remove_empty_folders(&folders.partial, &partial);
            Ok(size)
        })
        .await
    }

    async fn delete_partial(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let path = self.partial_path(key);
        self.with_path("deleting", key, move |folders, _| {
            files::remove_file(&folders.partial, &path)
        })
        .await
    }

    fn partial_local_path(&self, key: &BlobKey) -> Option<PathBuf> {
        Some(self.partial_path(key))
    }

    async fn remains(&self, before: SystemTime, is_to_go: bool) -> Result<Remains, BlobError> {
        let folders = self.folders.clone();
        let found = blocking("sweeping", TEMP_FOLDER, move || {
            files::left_behind(&folders.temp, before, is_to_go)
        });
        Ok(Remains {
            found: found.await?,
            may_be_more: false,
        })
    }
}

/// Runs file operations away from the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    operation: &'static str,
    key: &str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, BlobError> {
    let span = tracing::Span::current();
    let outcome = tokio::task::spawn_blocking(move || span.in_scope(work)).await;
    outcome
        .unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
        .map_err(|error| BlobError::io(operation, key, error))
}

/// Opens a file that a tool has written; a link, a pipe or a folder is refused.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(no_follow)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::from(ErrorKind::IsADirectory));
    }
    Ok(file)
}

fn open_for_reading(path: &Path) -> io::Result<(Arc<File>, u64)> {
    let file = files::open_existing(OpenOptions::new().read(true), path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::from(ErrorKind::NotFound));
    }
    Ok((Arc::new(file), metadata.len()))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

#[derive(Debug)]
struct FileReader(Arc<File>);

impl BlobReader for FileReader {
    fn read(&self, range: Range<u64>) -> ByteStream {
        let file = self.0.clone();
        let pieces = stream::try_unfold(range, move |rest| {
            let file = file.clone();
            async move {
                if rest.is_empty() {
                    return Ok(None);
                }
                let wanted = usize::try_from(rest.end - rest.start)
                    .map_or(READ_PIECE_BYTES, |wanted| wanted.min(READ_PIECE_BYTES));
                let piece = tokio::task::spawn_blocking(move || {
                    let mut piece = vec![0; wanted];
                    file.read_exact_at(&mut piece, rest.start)?;
                    Ok::<_, io::Error>(Bytes::from(piece))
                })
                .await
                .map_err(io::Error::other)??;
                Ok(Some((piece, rest.start + wanted as u64..rest.end)))
            }
        });
        pieces.boxed()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn what_was_too_young_to_be_swept_at_the_start_goes_later() {
        let folder = tempfile::tempdir().unwrap();
        let temp = folder.path().join(TEMP_FOLDER);
        fs::create_dir(&temp).unwrap();
        let left = temp.join("left");
        fs::write(&left, "x").unwrap();
        LocalBlobs::open(folder.path()).await.unwrap();
        assert!(left.exists());
        let grown = SystemTime::now() - files::SWEPT_AGE - Duration::from_secs(1);
        File::open(&left).unwrap().set_modified(grown).unwrap();
        sweep_after(Duration::ZERO, temp).await;
        assert!(!left.exists());
    }
}
