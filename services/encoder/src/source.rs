//! Gets the source of a task: from the blob store if this machine shares it, else over media's byte plane.
//!
//! A fetched source is shared by the tasks of its video and kept for the next one; a feature film is many tasks.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::blob::Blobs;
use amphi_chassis::rpc::HttpChannel;
use amphi_contracts::proto::media::v1::LeasedTask;
use axum::body::Body;
use futures::StreamExt;
use http::{Request, StatusCode, header};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::sync::OnceCell;

use crate::error::TaskError;
use crate::retry::Backoff;
use amphi_chassis::rpc::Clients;

/// Failures in a row, without a byte in between, after which fetching is given up.
const FAILURES_MAX: u32 = 8;

/// A source as a file on this machine.
#[derive(Debug, Clone)]
pub struct SourceFile {
    path: PathBuf,
    /// Removes a fetched file once nobody needs it.
    _fetched: Option<Arc<FetchedFile>>,
}

impl SourceFile {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Debug)]
struct FetchedFile(PathBuf);

impl Drop for FetchedFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a fetched source was not removed");
        }
    }
}

type Entry = (String, Arc<OnceCell<SourceFile>>);

/// The sources of this encoder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sources {
    blobs: Blobs,
    media: HttpChannel,
    folder: PathBuf,
    kept_max: usize,
    fetched: Arc<Mutex<VecDeque<Entry>>>,
}

impl Sources {
    /// Sources fetched into `folder`, the last `kept_max` of which are kept.
    #[must_use]
    pub fn new(blobs: Blobs, clients: &Clients, folder: PathBuf, kept_max: usize) -> Self {
        Self {
            blobs,
            media: clients.as_service().http(Role::Media),
            folder,
            kept_max: kept_max.max(1),
            fetched: Arc::default(),
        }
    }

    /// The source of the task.
    ///
    /// # Errors
    /// [`TaskError::Source`] when it cannot be fetched.
    pub async fn of(&self, task: &LeasedTask) -> Result<SourceFile, TaskError> {
        if let Some(path) = self.shared(task).await {
            return Ok(SourceFile {
                path,
                _fetched: None,
            });
        }
        let cell = self.cell(&task.source_blob_key);
        let source = cell.get_or_try_init(|| self.fetch(task)).await?;
        Ok(source.clone())
    }

    /// The file in the blob store, if this machine has that store.
    async fn shared(&self, task: &LeasedTask) -> Option<PathBuf> {
        let key = &task.source_blob_key;
        let path = self.blobs.local_path(key).ok().flatten()?;
        let size = self.blobs.size(key).await.ok().flatten()?;
        (size == task.source_bytes).then_some(path)
    }

    fn cell(&self, key: &str) -> Arc<OnceCell<SourceFile>> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        let known = fetched.iter().position(|(known, _)| known == key);
        let entry = match known.and_then(|position| fetched.remove(position)) {
            Some(entry) => entry,
            None => (key.to_owned(), Arc::default()),
        };
        let cell = Arc::clone(&entry.1);
        fetched.push_back(entry);
        while fetched.len() > self.kept_max {
            fetched.pop_front();
        }
        cell
    }

    async fn fetch(&self, task: &LeasedTask) -> Result<SourceFile, TaskError> {
        let name = tempfile::Builder::new()
            .prefix("source-")
            .tempfile_in(&self.folder)?;
        let (_, path) = name
            .keep()
            .map_err(|error| TaskError::WorkFolder(error.error))?;
        let fetched = Arc::new(FetchedFile(path.clone()));
        let mut file = OpenOptions::new().append(true).open(&path).await?;
        let mut length = 0;
        let mut backoff = Backoff::new();
        while length < task.source_bytes {
            let before = length;
            let outcome = self.fetch_from(task, &mut file, &mut length).await;
            if let Err(TaskError::WorkFolder(error)) = outcome {
                return Err(error.into());
            }
            if length > before {
                backoff.reset();
            }
            if let Err(error) = outcome {
                if backoff.failures() >= FAILURES_MAX {
                    return Err(error);
                }
                tracing::warn!(%error, length, "fetching the source goes on after a pause");
                backoff.pause().await;
            }
        }
        file.sync_all().await?;
        let on_disk = fs::metadata(&path).await?.len();
        if on_disk != task.source_bytes {
            let expected = task.source_bytes;
            return Err(TaskError::Source(format!(
                "{on_disk} bytes came, not {expected}"
            )));
        }
        Ok(SourceFile {
            path,
            _fetched: Some(fetched),
        })
    }

    /// Appends what comes from `length` on, until the end or the next failure.
    async fn fetch_from(
        &self,
        task: &LeasedTask,
        file: &mut File,
        length: &mut u64,
    ) -> Result<(), TaskError> {
        const SILENCE_MAX: Duration = Duration::from_secs(30);
        let source = |what: String| TaskError::Source(what);
        let request = Request::get(&task.source_path)
            .header(header::RANGE, format!("bytes={length}-"))
            .body(Body::empty())
            .map_err(|error| source(error.to_string()))?;
        let response = self.media.call(request).await;
        match response.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::OK if *length == 0 => {}
            StatusCode::NOT_FOUND => return Err(TaskError::LeaseLost),
            status => return Err(source(format!("media answered {status}"))),
        }
        let mut body = response.into_body().into_data_stream();
        loop {
            let piece = tokio::time::timeout(SILENCE_MAX, body.next())
                .await
                .map_err(|_| source("no byte came for too long".to_owned()))?;
            let Some(piece) = piece else {
                break;
            };
            let piece = piece.map_err(|error| source(error.to_string()))?;
            if *length + piece.len() as u64 > task.source_bytes {
                return Err(source("more bytes came than the source has".to_owned()));
            }
            file.write_all(&piece).await?;
            *length += piece.len() as u64;
        }
        file.flush().await?;
        if *length < task.source_bytes {
            return Err(source("the connection broke".to_owned()));
        }
        Ok(())
    }
}
