//! A blob as a file, for tools that read files.

use std::path::{Path, PathBuf};

use super::files::{self, TempFile};
use super::local::blocking;
use super::writing::write_pieces;
use super::{Blob, BlobError};

/// A file with the bytes of a blob, to be read while this is held.
#[derive(Debug)]
pub struct BlobFile {
    path: PathBuf,
    /// Removes a copy.
    _copy: Option<TempFile>,
}

impl BlobFile {
    pub(super) fn in_place(path: PathBuf) -> Self {
        Self { path, _copy: None }
    }

    /// Copies the blob into `folder`, which is made if it is missing and freed of what killed processes left there.
    pub(super) async fn fetched(blob: &Blob, folder: &Path) -> Result<Self, BlobError> {
        let key = blob.key();
        let folder = folder.to_owned();
        let copy = blocking("fetching", key.as_str(), move || {
            std::fs::create_dir_all(&folder)?;
            files::sweep(&folder)?;
            TempFile::create(&folder)
        })
        .await?;
        let file = copy.file.try_clone();
        let file = file.map_err(|error| BlobError::io("fetching", key.as_str(), error))?;
        let bytes = blob.read_range(0..blob.size())?;
        let written = write_pieces(key, std::sync::Arc::new(file), 0, bytes, blob.size()).await?;
        if let Some(error) = written.interrupted {
            return Err(BlobError::io("fetching", key.as_str(), error));
        }
        Ok(Self {
            path: copy.path().to_owned(),
            _copy: Some(copy),
        })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
