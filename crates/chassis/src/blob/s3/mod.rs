//! Blobs in a bucket of any store that speaks S3.
//!
//! Below the prefix there are three areas: `blobs/` holds the blobs under their keys, `partials/` one small object per blob
//! that still grows, and `parts/` the bytes of those. Each object is written whole or not at all, by the store's own promise.

mod connect;
mod errors;
mod head;
mod partials;
mod presign;
mod probe;
mod reader;
mod remains;
mod unfinished;
mod upload;

use std::collections::HashSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutOptions};
use tokio_util::io::ReaderStream;
use uuid::Uuid;

use super::local::{blocking, open_regular};
use super::{Appended, Blob, BlobEntry, BlobError, BlobKey, BlobStore, ByteStream, Remains};
pub use presign::S3Presigner;

use errors::told;
use partials::ignore_absent;
use reader::{ObjectsReader, Stretch};

const PAGE_KEYS: usize = 1_000;
/// Requests made at the same time for one operation.
const REQUESTS_AT_ONCE: usize = 16;
const FILE_PIECE_BYTES: usize = 256 * 1024;

/// A [`BlobStore`] in a bucket. Cheap to clone. Any number of processes may share the bucket.
#[derive(Debug, Clone)]
pub struct S3Blobs {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<AmazonS3>,
    /// Empty, or with a slash at its end.
    prefix: String,
    /// Where it is, for people.
    place: String,
    /// Whose leases are ours.
    instance: Uuid,
    /// The partials that are being written in this process.
    taken: Mutex<HashSet<BlobKey>>,
}

#[derive(Debug, Clone, Copy)]
enum Area {
    Blobs,
    Partials,
    Parts,
}

impl Area {
    const fn folder(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Partials => "partials",
            Self::Parts => "parts",
        }
    }
}

/// A partial that is being written in this process, until it is dropped.
struct Taken {
    blobs: S3Blobs,
    key: BlobKey,
}

impl Taken {
    /// None if somebody else in this process has it.
    fn take(blobs: &S3Blobs, key: &BlobKey) -> Option<Self> {
        blobs.taken().insert(key.clone()).then(|| Self {
            blobs: blobs.clone(),
            key: key.clone(),
        })
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.blobs.taken().remove(&self.key);
    }
}

impl S3Blobs {
    fn store(&self) -> &Arc<AmazonS3> {
        &self.inner.store
    }

    fn instance(&self) -> Uuid {
        self.inner.instance
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, HashSet<BlobKey>> {
        self.inner
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn folder(&self, area: Area) -> String {
        format!("{}{}/", self.inner.prefix, area.folder())
    }

    fn path(&self, area: Area, key: &BlobKey) -> Path {
        Path::from(format!("{}{key}", self.folder(area)))
    }

    async fn size_of(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        match self.find("looking up", key).await {
            Ok(found) => Ok(Some(found.size)),
            Err(BlobError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What the store knows of a blob.
    async fn find(&self, doing: &'static str, key: &BlobKey) -> Result<ObjectMeta, BlobError> {
        let path = self.path(Area::Blobs, key);
        let found = self.store().head(&path).await;
        let error = match found.map_err(|error| told(doing, key.as_str(), error)) {
            Err(error @ BlobError::NotFound { .. }) => error,
            found => return found,
        };
        // The answer to HEAD has no body that says what is missing: it may be the bucket.
        match self.list_one().await {
            Ok(()) => Err(error),
            Err(error) => Err(told(doing, key.as_str(), error)),
        }
    }

    /// Deletes what is below `prefix` in an area. Returns how much there was.
    async fn delete_below(&self, area: Area, prefix: &BlobKey) -> Result<u64, BlobError> {
        let folder = self.path(area, prefix);
        let deleting = self.store().list(Some(&folder)).map_ok(|found| async move {
            ignore_absent(self.store().delete(&found.location).await)?;
            Ok(1)
        });
        deleting
            .try_buffer_unordered(REQUESTS_AT_ONCE)
            .try_fold(0, async |sum, one: u64| Ok(sum + one))
            .await
            .map_err(|error| told("deleting", prefix.as_str(), error))
    }

    async fn list_area(
        &self,
        area: Area,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let shown = prefix.map_or("", BlobKey::as_str);
        let folder = self.folder(area);
        let below = prefix.map_or_else(|| folder.clone(), |prefix| format!("{folder}{prefix}/"));
        let mut found = Vec::new();
        let mut page_token = None;
        while found.len() < limit {
            let options = PaginatedListOptions {
                offset: after.map(|after| format!("{folder}{after}")),
                max_keys: Some((limit - found.len()).min(PAGE_KEYS)),
                page_token: page_token.take(),
                ..PaginatedListOptions::default()
            };
            let page = self.store().list_paginated(Some(&below), options).await;
            let page = page.map_err(|error| told("listing", shown, error))?;
            let entries = page.result.objects.into_iter().filter_map(|object| {
                let key = object.location.as_ref().strip_prefix(folder.as_str())?;
                Some(BlobEntry {
                    key: BlobKey::parse(key).ok()?,
                    size: object.size,
                    modified: object.last_modified.into(),
                })
            });
            found.extend(entries);
            page_token = page.page_token;
            if page_token.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// The entry with the length of the partial; none if it is there no more.
    async fn partial_entry(&self, entry: BlobEntry) -> Result<Option<BlobEntry>, BlobError> {
        match self.growing(&entry.key).await {
            Ok((head, _)) => Ok(Some(BlobEntry {
                size: head.length(),
                ..entry
            })),
            Err(BlobError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// For whoever gets the object from the bucket itself, or by way of a CDN.
fn attributes(key: &BlobKey) -> Attributes {
    let extension = key
        .as_str()
        .rsplit_once('.')
        .map(|(_, extension)| extension);
    let content_type = match extension {
        Some("mp4" | "m4s") => "video/mp4",
        Some("jpg") => "image/jpeg",
        Some("vtt") => "text/vtt; charset=utf-8",
        _ => return Attributes::new(),
    };
    Attributes::from_iter([(Attribute::ContentType, content_type)])
}

#[async_trait::async_trait]
impl BlobStore for S3Blobs {
    async fn put_bytes(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        let path = self.path(Area::Blobs, key);
        let options = PutOptions::from(attributes(key));
        let put = self.store().put_opts(&path, bytes.into(), options).await;
        put.map(|_| ())
            .map_err(|error| told("writing", key.as_str(), error))
    }

    async fn put_file(&self, key: &BlobKey, source: &FilePath) -> Result<u64, BlobError> {
        let opening = source.to_owned();
        let (file, size) = blocking("moving in", key.as_str(), move || {
            let file = open_regular(&opening)?;
            let size = file.metadata()?.len();
            Ok((tokio::fs::File::from_std(file), size))
        })
        .await?;
        let bytes = ReaderStream::with_capacity(file, FILE_PIECE_BYTES).boxed();
        let path = self.path(Area::Blobs, key);
        let part_bytes = upload::part_bytes(size);
        let written =
            upload::write(self.store(), (&path, key), bytes, part_bytes, u64::MAX).await?;
        let source = source.to_owned();
        blocking("moving in", key.as_str(), move || {
            std::fs::remove_file(source)
        })
        .await?;
        Ok(written)
    }

    async fn put_stream(
        &self,
        key: &BlobKey,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<u64, BlobError> {
        let path = self.path(Area::Blobs, key);
        let part_bytes = upload::PART_BYTES;
        upload::write(self.store(), (&path, key), bytes, part_bytes, limit_bytes).await
    }

    async fn open(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        let found = self.find("opening", key).await?;
        let stretch = Stretch {
            path: found.location,
            bytes: found.size,
            e_tag: found.e_tag,
        };
        let reader = ObjectsReader {
            store: Arc::clone(self.store()),
            stretches: Arc::new([stretch]),
        };
        Ok(Blob::new(key.clone(), found.size, Box::new(reader)))
    }

    async fn size(&self, key: &BlobKey) -> Result<Option<u64>, BlobError> {
        self.size_of(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<bool, BlobError> {
        // The answer to a deletion does not say whether there was anything.
        if self.size_of(key).await?.is_none() {
            return Ok(false);
        }
        let path = self.path(Area::Blobs, key);
        ignore_absent(self.store().delete(&path).await)
            .map(|()| true)
            .map_err(|error| told("deleting", key.as_str(), error))
    }

    async fn delete_prefix(&self, prefix: &BlobKey) -> Result<u64, BlobError> {
        let blobs = self.delete_below(Area::Blobs, prefix).await?;
        let partials = self.delete_below(Area::Partials, prefix).await?;
        self.delete_below(Area::Parts, prefix).await?;
        Ok(blobs + partials)
    }

    async fn list(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        self.list_area(Area::Blobs, prefix, after, limit).await
    }

    async fn list_partials(
        &self,
        prefix: Option<&BlobKey>,
        after: Option<&BlobKey>,
        limit: usize,
    ) -> Result<Vec<BlobEntry>, BlobError> {
        let mut after = after.cloned();
        let mut partials = Vec::new();
        while partials.len() < limit {
            let wanted = limit - partials.len();
            let heads = self
                .list_area(Area::Partials, prefix, after.as_ref(), wanted)
                .await?;
            let Some(last) = heads.last() else {
                break;
            };
            after = Some(last.key.clone());
            let page: Vec<_> = stream::iter(heads)
                .map(|head| self.partial_entry(head))
                .buffered(REQUESTS_AT_ONCE)
                .try_collect()
                .await?;
            partials.extend(page.into_iter().flatten());
        }
        Ok(partials)
    }

    fn local_path(&self, _key: &BlobKey) -> Option<PathBuf> {
        None
    }

    async fn create_partial(&self, key: &BlobKey) -> Result<(), BlobError> {
        self.begin_partial(key).await
    }

    async fn partial_length(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let (head, _) = self.growing(key).await?;
        Ok(head.length())
    }

    async fn append_partial(
        &self,
        key: &BlobKey,
        offset: u64,
        bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<Appended, BlobError> {
        self.append(key, offset, bytes, limit_bytes).await
    }

    async fn truncate_partial(&self, key: &BlobKey, length: u64) -> Result<(), BlobError> {
        self.truncate(key, length).await
    }

    async fn open_partial(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        self.read_partial(key).await
    }

    async fn commit_partial(&self, key: &BlobKey) -> Result<u64, BlobError> {
        self.compose(key).await
    }

    async fn delete_partial(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let was_growing = match self.read_head(key).await {
            Ok((head, _)) => !head.is_composed,
            // Parts may be there all the same: whoever deleted the head may not have come to them.
            Err(BlobError::NotFound { .. }) => false,
            Err(error) => return Err(error),
        };
        self.clear_partial(key).await?;
        Ok(was_growing)
    }

    fn partial_local_path(&self, _key: &BlobKey) -> Option<PathBuf> {
        None
    }

    async fn remains(&self, before: SystemTime, is_to_go: bool) -> Result<Remains, BlobError> {
        self.left_behind(before, is_to_go).await
    }
}
