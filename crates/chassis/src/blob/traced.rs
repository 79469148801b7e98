//! The handle that services hold: parses keys and records a span for each operation.

use std::future::Future;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use tracing::{Instrument, Span};

use crate::config::{BlobsKind, Config};

use super::{
    Appended, Blob, BlobEntry, BlobError, BlobFile, BlobKey, BlobStore, ByteStream, Examined,
    LocalBlobs, Remains,
};

/// Blobs that are held in memory as a whole are no larger than this, bytes.
const GET_BYTES_MAX: u64 = 64 * 1024 * 1024;

macro_rules! operation_span {
    ($name:literal, $key:expr) => {
        tracing::info_span!(
            "blob",
            otel.kind = "client",
            otel.name = concat!($name, " blob"),
            otel.status_code = tracing::field::Empty,
            otel.status_message = tracing::field::Empty,
            service = "storage",
            amphi.blob.key = %$key,
            amphi.blob.bytes = tracing::field::Empty,
        )
    };
}

/// The blobs of the platform. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn BlobStore>,
}

impl Blobs {
    #[must_use]
    pub fn new(store: Arc<dyn BlobStore>) -> Self {
        Self { store }
    }

    /// Opens the store that the settings name.
    ///
    /// # Errors
    /// What is wrong with a setting, the folder or the store. A store that does not answer is told of within 5 s.
    pub async fn open_configured(config: &Config) -> Result<Self, BlobError> {
        match config.blobs.kind {
            BlobsKind::Local => Self::open_local(&config.blobs_dir()).await,
            #[cfg(feature = "s3")]
            BlobsKind::S3 => {
                let store = super::S3Blobs::open(&config.blobs.s3).await?;
                Ok(Self::new(Arc::new(store)))
            }
            #[cfg(not(feature = "s3"))]
            BlobsKind::S3 => Err(BlobError::NotBuilt { kind: "s3" }),
        }
    }

    /// Writes to the store that the settings name, reads and deletes it again; None for a folder, which is the disk's matter.
    ///
    /// # Errors
    /// What is wrong, with the setting to mend.
    pub async fn examine(config: &Config) -> Result<Option<Examined>, BlobError> {
        match config.blobs.kind {
            BlobsKind::Local => Ok(None),
            #[cfg(feature = "s3")]
            BlobsKind::S3 => super::S3Blobs::examine(&config.blobs.s3).await.map(Some),
            #[cfg(not(feature = "s3"))]
            BlobsKind::S3 => Err(BlobError::NotBuilt { kind: "s3" }),
        }
    }

    /// Opens the store in the folder `root`, which is made if it is missing.
    pub async fn open_local(root: &Path) -> Result<Self, BlobError> {
        Ok(Self::new(Arc::new(LocalBlobs::open(root).await?)))
    }

    pub async fn put_bytes(&self, key: &str, bytes: Bytes) -> Result<(), BlobError> {
        let key = BlobKey::parse(key)?;
        let span = operation_span!("PUT", key);
        span.record("amphi.blob.bytes", bytes.len());
        traced(span, self.store.put_bytes(&key, bytes)).await
    }

    /// Takes the file at `path` over; it is gone from there afterwards. Returns its size in bytes.
    pub async fn put_file(&self, key: &str, path: &Path) -> Result<u64, BlobError> {
        let key = BlobKey::parse(key)?;
        let span = operation_span!("PUT", key);
        sized(span, self.store.put_file(&key, path)).await
    }

    /// Stores what `bytes` yields, all of it or nothing: more than `limit_bytes` is refused. Returns the size in bytes.
    pub async fn put_stream(
        &self,
        key: &str,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<u64, BlobError> {
        let key = BlobKey::parse(key)?;
        let span = operation_span!("PUT", key);
        sized(span, self.store.put_stream(&key, bytes, limit_bytes)).await
    }

    pub async fn open(&self, key: &str) -> Result<Blob, BlobError> {
        let key = BlobKey::parse(key)?;
        let span = operation_span!("OPEN", key);
        traced(span, self.store.open(&key)).await
    }

    /// The whole blob, which must not be larger than 64 MiB.
    pub async fn get(&self, key: &str) -> Result<Bytes, BlobError> {
        let key = BlobKey::parse(key)?;
        let span = operation_span!("GET", key);
        let read = async {
            let blob = self.store.open(&key).await?;
            if blob.size > GET_BYTES_MAX {
                return Err(BlobError::TooLarge {
                    key: key.to_string(),
                    limit_bytes: GET_BYTES_MAX,
                });
            }
            let bytes = blob.read_all().await?;
            Span::current().record("amphi.blob.bytes", bytes.len());
            Ok(bytes)
        };
        traced(span, read).await
    }

    /// Bytes; None if there is no such blob.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, BlobError> {
        let key = BlobKey::parse(key)?;
        traced(operation_span!("HEAD", key), self.store.size(&key)).await
    }

    pub async fn exists(&self, key: &str) -> Result<bool, BlobError> {
        Ok(self.size(key).await?.is_some())
    }

    /// False if there was none.
    pub async fn delete(&self, key: &str) -> Result<bool, BlobError> {
        let key = BlobKey::parse(key)?;
        traced(operation_span!("DELETE", key), self.store.delete(&key)).await
    }

    /// Deletes each blob and each partial below `prefix`, a key without a final slash. Returns how many there were.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<u64, BlobError> {
        let prefix = BlobKey::parse(prefix.trim_end_matches('/'))?;
        let span = operation_span!("DELETE", prefix);
        traced(span, self.store.delete_prefix(&prefix)).await
    }

    /// The blobs below `prefix` (all, if it is empty) in the order of their keys: at most `limit`, after the key `after`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let prefix = folder(prefix)?;
        let span = operation_span!("LIST", prefix.as_ref().map_or("", BlobKey::as_str));
        traced(span, self.store.list(prefix.as_ref(), after, limit)).await
    }

    /// The partials below `prefix`, like [`Self::list`].
    pub async fn list_partials(
        &self,
        prefix: &str,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let prefix = folder(prefix)?;
        let span = operation_span!("LIST", prefix.as_ref().map_or("", BlobKey::as_str));
        let listing = self.store.list_partials(prefix.as_ref(), after, limit);
        traced(span, listing).await
    }

    /// What writers that died or were refused have left at the store before `before`; removes it if it `is_to_go`.
    pub async fn remains(&self, before: SystemTime, is_to_go: bool) -> Result<Remains, BlobError> {
        let span = operation_span!("SWEEP", "");
        traced(span, self.store.remains(before, is_to_go)).await
    }

    /// Where the blob lies as a file, for tools that read files; None if the store is not a folder.
    pub fn local_path(&self, key: &str) -> Result<Option<PathBuf>, BlobError> {
        Ok(self.store.local_path(&BlobKey::parse(key)?))
    }

    /// The blob as a file for tools that read files: itself, or a copy in `folder` for as long as it is held.
    pub async fn as_file(&self, key: &str, folder: &Path) -> Result<BlobFile, BlobError> {
        let key = BlobKey::parse(key)?;
        if let Some(path) = self.store.local_path(&key) {
            return Ok(BlobFile::in_place(path));
        }
        let span = operation_span!("GET", key);
        let fetching = async {
            let blob = self.store.open(&key).await?;
            Span::current().record("amphi.blob.bytes", blob.size);
            BlobFile::fetched(&blob, folder).await
        };
        traced(span, fetching).await
    }

    /// Begins a blob that grows by appending and can be continued after a restart. One begun before is kept as it is.
    pub async fn create_partial(&self, key: &str) -> Result<Partial, BlobError> {
        let key = BlobKey::parse(key)?;
        traced(
            operation_span!("CREATE", key),
            self.store.create_partial(&key),
        )
        .await?;
        Ok(Partial {
            store: self.store.clone(),
            key,
        })
    }

    /// The partial of that key, whether it was begun or not.
    pub fn partial(&self, key: &str) -> Result<Partial, BlobError> {
        Ok(Partial {
            store: self.store.clone(),
            key: BlobKey::parse(key)?,
        })
    }
}

/// A blob that is still growing. It is not among the blobs before it is committed.
#[derive(Debug, Clone)]
pub struct Partial {
    store: Arc<dyn BlobStore>,
    key: BlobKey,
}

/// A prefix with or without its final slash; None for the whole store.
fn folder(prefix: &str) -> Result<Option<BlobKey>, BlobError> {
    match prefix.trim_end_matches('/') {
        "" => Ok(None),
        prefix => BlobKey::parse(prefix).map(Some),
    }
}

impl Partial {
    #[must_use]
    pub fn key(&self) -> &BlobKey {
        &self.key
    }

    /// How many bytes of it survive a power cut.
    pub async fn length(&self) -> Result<u64, BlobError> {
        let span = operation_span!("HEAD", self.key);
        sized(span, self.store.partial_length(&self.key)).await
    }

    /// Appends at `offset`, which must be where it ends; more than `limit_bytes` in all is refused.
    ///
    /// When this returns, everything up to the returned length is on the disk, whether the sender stopped early or not.
    pub async fn append(
        &self,
        offset: u64,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<Appended, BlobError> {
        let span = operation_span!("APPEND", self.key);
        let appending = async {
            let appended = self
                .store
                .append_partial(&self.key, offset, bytes, limit_bytes)
                .await?;
            Span::current().record("amphi.blob.bytes", appended.length - offset);
            Ok(appended)
        };
        traced(span, appending).await
    }

    /// Cuts it back, for bytes that turned out to be wrong.
    pub async fn truncate(&self, length: u64) -> Result<(), BlobError> {
        let span = operation_span!("TRUNCATE", self.key);
        traced(span, self.store.truncate_partial(&self.key, length)).await
    }

    /// Opens what is there so far.
    pub async fn open(&self) -> Result<Blob, BlobError> {
        let span = operation_span!("OPEN", self.key);
        traced(span, self.store.open_partial(&self.key)).await
    }

    /// Makes it a blob, at once and for good. Returns its size in bytes. Committing again what was committed succeeds.
    pub async fn commit(&self) -> Result<u64, BlobError> {
        let span = operation_span!("COMMIT", self.key);
        sized(span, self.store.commit_partial(&self.key)).await
    }

    /// False if there was none.
    pub async fn delete(&self) -> Result<bool, BlobError> {
        let span = operation_span!("DELETE", self.key);
        traced(span, self.store.delete_partial(&self.key)).await
    }

    /// Where it lies as a file; None if the store is not a folder.
    #[must_use]
    pub fn local_path(&self) -> Option<PathBuf> {
        self.store.partial_local_path(&self.key)
    }
}

impl Blob {
    /// Streams the bytes of `range`, which must lie within the blob, in pieces of bounded size.
    pub fn read_range(&self, range: Range<u64>) -> Result<ByteStream, BlobError> {
        if range.start > range.end || range.end > self.size {
            return Err(BlobError::Range {
                key: self.key.to_string(),
                start: range.start,
                end: range.end,
                size: self.size,
            });
        }
        Ok(self.reader.read(range))
    }

    /// Everything in one piece: for what is known to be small.
    pub async fn read_all(&self) -> Result<Bytes, BlobError> {
        let whole = BytesMut::with_capacity(usize::try_from(self.size).unwrap_or_default());
        let whole = self
            .reader
            .read(0..self.size)
            .try_fold(whole, async |mut whole, piece| {
                whole.extend_from_slice(&piece);
                Ok(whole)
            })
            .await
            .map_err(|error| BlobError::io("reading", self.key.as_str(), error))?;
        Ok(whole.freeze())
    }
}

async fn sized(
    span: Span,
    operation: impl Future<Output = Result<u64, BlobError>>,
) -> Result<u64, BlobError> {
    let sizing = async {
        let bytes = operation.await?;
        Span::current().record("amphi.blob.bytes", bytes);
        Ok(bytes)
    };
    traced(span, sizing).await
}

async fn traced<T>(
    span: Span,
    operation: impl Future<Output = Result<T, BlobError>>,
) -> Result<T, BlobError> {
    let outcome = operation.instrument(span.clone()).await;
    if let Err(error) = &outcome
        && !matches!(error, BlobError::NotFound { .. })
    {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_message", tracing::field::display(error));
    }
    outcome
}
