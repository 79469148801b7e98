//! Blobs that grow: bytes are objects of their own, and count once the partial's head names them.
//!
//! Writers are fenced by the head: each change of it is conditional on the last one, so a writer that was taken over, or was
//! away for too long, cannot add a byte. The lease in it only tells others to wait.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, UpdateVersion};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::errors::told;
use super::head::Head;
use super::reader::{ObjectsReader, Stretch};
use super::upload::{self, PART_BYTES};
use super::{Area, S3Blobs, Taken};
use crate::blob::store::BlobReader;
use crate::blob::{Appended, Blob, BlobError, BlobKey, BlobStore, ByteStream};

/// A third of a lease: bytes that have come are kept at least so often.
const KEEP_INTERVAL: Duration = Duration::from_secs(3);
/// Times in a row that a part may be gone when its turn to be read comes.
const LOST_PARTS_MAX: u32 = 8;
/// A writer that was just dropped may still be letting go.
const TAKE_ATTEMPTS: u32 = 4;

impl S3Blobs {
    pub(super) async fn begin_partial(&self, key: &BlobKey) -> Result<(), BlobError> {
        if self.create_head(key).await? {
            return Ok(());
        }
        match self.read_head(key).await {
            Ok((head, _)) if !head.is_composed => return Ok(()),
            Ok(_) => self.clear_partial(key).await?,
            Err(BlobError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
        self.create_head(key).await.map(|_| ())
    }

    /// The state of a partial that is not a blob yet.
    pub(super) async fn growing(&self, key: &BlobKey) -> Result<(Head, UpdateVersion), BlobError> {
        let (head, version) = self.read_head(key).await?;
        if head.is_composed {
            return Err(BlobError::NotFound {
                key: key.to_string(),
            });
        }
        Ok((head, version))
    }

    /// Takes it for one writer, if its state is as `check` wants it.
    async fn take(
        &self,
        key: &BlobKey,
        check: impl Fn(&Head) -> Result<(), BlobError>,
    ) -> Result<Writer, BlobError> {
        let busy = || BlobError::Busy {
            key: key.to_string(),
        };
        let taken = Taken::take(self, key).ok_or_else(busy)?;
        let mut attempt = 1;
        loop {
            let (mut head, seen) = self.growing(key).await?;
            if head.is_leased_to_other_than(self.instance()) {
                return Err(busy());
            }
            check(&head)?;
            head.lease_to(self.instance());
            match self.write_head(key, &mut head, seen).await {
                Err(BlobError::Busy { .. }) if attempt < TAKE_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
                Ok(version) => {
                    return Ok(Writer {
                        blobs: self.clone(),
                        key: key.clone(),
                        head,
                        version: Some(version),
                        _taken: taken,
                    });
                }
            }
        }
    }

    pub(super) async fn append(
        &self,
        key: &BlobKey,
        offset: u64,
        mut bytes: ByteStream,
        limit_bytes: u64,
    ) -> Result<Appended, BlobError> {
        let ends_there = |head: &Head| match head.length() {
            length if length == offset => Ok(()),
            length => Err(BlobError::WrongOffset {
                key: key.to_string(),
                offset,
                length,
            }),
        };
        let mut writer = self.take(key, ends_there).await?;
        let part_bytes = usize::try_from(PART_BYTES).unwrap_or(usize::MAX);
        let mut gathered = BytesMut::new();
        let mut ticks = ticks();
        let interrupted = loop {
            let piece = tokio::select! {
                piece = bytes.next() => piece,
                _ = ticks.tick() => {
                    writer.keep(gathered.split().freeze()).await?;
                    continue;
                }
            };
            let piece = match piece {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => break Some(error),
                None => break None,
            };
            let length = writer.head.length() + (gathered.len() + piece.len()) as u64;
            if length > limit_bytes {
                writer.let_go().await?;
                return Err(BlobError::TooLarge {
                    key: key.to_string(),
                    limit_bytes,
                });
            }
            gathered.extend_from_slice(&piece);
            while gathered.len() >= part_bytes {
                writer.keep(gathered.split_to(part_bytes).freeze()).await?;
            }
        };
        writer.head.end_lease();
        let length = writer.keep_last(gathered.freeze()).await?;
        Ok(Appended {
            length,
            interrupted,
        })
    }

    pub(super) async fn truncate(&self, key: &BlobKey, length: u64) -> Result<(), BlobError> {
        let is_long_enough = |head: &Head| match head.length() {
            present if present >= length => Ok(()),
            _ => {
                let source = io::Error::from(io::ErrorKind::InvalidInput);
                Err(BlobError::io("cutting", key.as_str(), source))
            }
        };
        let mut writer = self.take(key, is_long_enough).await?;
        writer.cut(length).await?;
        writer.let_go().await
    }

    pub(super) async fn read_partial(&self, key: &BlobKey) -> Result<Blob, BlobError> {
        let (head, _) = self.growing(key).await?;
        let reader = GrowingReader {
            blobs: self.clone(),
            key: key.clone(),
            head: head.clone(),
        };
        Ok(Blob::new(key.clone(), head.length(), Box::new(reader)))
    }

    fn reader_of(&self, key: &BlobKey, head: &Head) -> ObjectsReader {
        let stretches = head.parts.iter().map(|(name, bytes)| Stretch {
            path: self.part_path(key, name),
            bytes: *bytes,
            e_tag: None,
        });
        ObjectsReader {
            store: Arc::clone(self.store()),
            stretches: stretches.collect(),
        }
    }

    /// Writes the blob from the parts, which stay until it is there.
    pub(super) async fn compose(&self, key: &BlobKey) -> Result<u64, BlobError> {
        let mut writer = match self.take(key, |_| Ok(())).await {
            Ok(writer) => writer,
            Err(error @ BlobError::NotFound { .. }) => {
                let size = self.size_of(key).await?;
                return size.ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let length = writer.head.length();
        let parts = self.reader_of(key, &writer.head).read(0..length);
        let path = self.path(Area::Blobs, key);
        let part_bytes = upload::part_bytes(length);
        let writing = upload::write(self.store(), (&path, key), parts, part_bytes, u64::MAX);
        let mut writing = std::pin::pin!(writing);
        let mut ticks = ticks();
        let written = loop {
            tokio::select! {
                written = &mut writing => break written,
                _ = ticks.tick() => writer.keep(Bytes::new()).await?,
            }
        };
        written.map_err(|error| match error {
            BlobError::Interrupted { key, source } => BlobError::io("committing", &key, source),
            error => error,
        })?;
        writer.head.is_composed = true;
        writer.let_go().await?;
        if let Err(error) = self.clear_partial(key).await {
            tracing::warn!(%key, %error, "what a blob was composed of stays at the store");
        }
        Ok(length)
    }

    /// Removes all there is of a partial. The head goes first: what it does not name is nobody's.
    pub(super) async fn clear_partial(&self, key: &BlobKey) -> Result<(), BlobError> {
        let head = self.path(Area::Partials, key);
        let deleted = self.store().delete(&head).await;
        ignore_absent(deleted).map_err(|error| told("deleting", key.as_str(), error))?;
        self.delete_below(Area::Parts, key).await.map(|_| ())
    }

    fn part_path(&self, key: &BlobKey, name: &str) -> Path {
        self.path(Area::Parts, key).join(name)
    }
}

/// A partial as it was when it was opened. Its bytes stay what they are while more come, but its parts do not: a writer puts small
/// ones together, and a commit makes one object of all.
#[derive(Debug, Clone)]
struct GrowingReader {
    blobs: S3Blobs,
    key: BlobKey,
    head: Head,
}

impl BlobReader for GrowingReader {
    fn read(&self, range: Range<u64>) -> ByteStream {
        let (reader, until) = (self.clone(), range.end);
        let pieces = reader.blobs.reader_of(&reader.key, &reader.head);
        let state = (reader, pieces.read(range.clone()), range.start, 0);
        stream::try_unfold(
            state,
            move |(reader, mut pieces, mut at, mut lost)| async move {
                loop {
                    match pieces.next().await {
                        None => return Ok(None),
                        Some(Ok(piece)) => {
                            at += piece.len() as u64;
                            return Ok(Some((piece, (reader, pieces, at, 0))));
                        }
                        Some(Err(error))
                            if error.kind() == io::ErrorKind::NotFound && lost < LOST_PARTS_MAX =>
                        {
                            lost += 1;
                            pieces = reader.where_they_are_now(at..until).await?;
                        }
                        Some(Err(error)) => return Err(error),
                    }
                }
            },
        )
        .boxed()
    }
}

impl GrowingReader {
    /// The same bytes, from where they have gone.
    async fn where_they_are_now(&self, range: Range<u64>) -> io::Result<ByteStream> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        match self.blobs.growing(&self.key).await {
            Ok((head, _)) if head.length() >= range.end => {
                Ok(self.blobs.reader_of(&self.key, &head).read(range))
            }
            // Cut back: what was there is there no more.
            Ok(_) => Err(gone()),
            Err(BlobError::NotFound { .. }) => match self.blobs.open(&self.key).await {
                Ok(blob) => blob.read_range(range).map_err(io::Error::other),
                Err(BlobError::NotFound { .. }) => Err(gone()),
                Err(error) => Err(io::Error::other(error)),
            },
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

/// Some stores say so when there was nothing to delete.
pub(super) fn ignore_absent(deleted: object_store::Result<()>) -> object_store::Result<()> {
    match deleted {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        outcome => outcome,
    }
}

fn ticks() -> Interval {
    let mut ticks = tokio::time::interval_at(Instant::now() + KEEP_INTERVAL, KEEP_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Holds a partial until it is dropped.
struct Writer {
    blobs: S3Blobs,
    key: BlobKey,
    head: Head,
    /// None once it has let go.
    version: Option<UpdateVersion>,
    _taken: Taken,
}

impl Writer {
    /// Adds `bytes`, for good, and holds on.
    async fn keep(&mut self, bytes: Bytes) -> Result<(), BlobError> {
        self.head.lease_to(self.blobs.instance());
        self.add(bytes).await
    }

    /// Adds `bytes` and lets go. Returns the length.
    async fn keep_last(mut self, bytes: Bytes) -> Result<u64, BlobError> {
        self.add(bytes).await?;
        self.version = None;
        Ok(self.head.length())
    }

    async fn let_go(mut self) -> Result<(), BlobError> {
        self.head.end_lease();
        self.save().await?;
        self.version = None;
        Ok(())
    }

    async fn add(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if bytes.is_empty() {
            return self.save().await;
        }
        let mut parts = self.head.parts.clone();
        let mut merged = Vec::new();
        // Small parts are put together as carries are in counting: many small appends make few parts, and each byte is
        // written a few times at most.
        while let Some((name, size)) = parts.pop_if(|(_, size)| {
            *size <= bytes.len() as u64 && *size + bytes.len() as u64 <= PART_BYTES
        }) {
            let before = self.read_part(&name, 0..size).await?;
            bytes = [before, bytes].concat().into();
            merged.push(name);
        }
        let size = bytes.len() as u64;
        let name = self.put_part(bytes).await?;
        parts.push((name.clone(), size));
        self.replace(parts, &name, &merged).await
    }

    async fn cut(&mut self, length: u64) -> Result<(), BlobError> {
        let mut parts = self.head.parts.clone();
        let mut dropped = Vec::new();
        let mut excess = self.head.length() - length;
        let mut rest = None;
        while excess > 0 {
            let Some((name, size)) = parts.pop() else {
                break;
            };
            if size > excess {
                rest = Some((name.clone(), size - excess));
            }
            excess = excess.saturating_sub(size);
            dropped.push(name);
        }
        let mut added = String::new();
        if let Some((name, size)) = rest {
            let bytes = self.read_part(&name, 0..size).await?;
            added = self.put_part(bytes).await?;
            parts.push((added.clone(), size));
        }
        self.replace(parts, &added, &dropped).await
    }

    /// Makes `parts` what there is, `added` among them; then removes those that are not there any more.
    async fn replace(
        &mut self,
        parts: Vec<(String, u64)>,
        added: &str,
        dropped: &[String],
    ) -> Result<(), BlobError> {
        self.head.parts = parts;
        if let Err(error) = self.save().await {
            // Of any other failure it is not certain that nobody counts on the part.
            if matches!(error, BlobError::Busy { .. }) && !added.is_empty() {
                self.remove_part(added).await;
            }
            return Err(error);
        }
        for name in dropped {
            self.remove_part(name).await;
        }
        Ok(())
    }

    async fn save(&mut self) -> Result<(), BlobError> {
        let Some(seen) = self.version.take() else {
            return Err(BlobError::Busy {
                key: self.key.to_string(),
            });
        };
        let version = self
            .blobs
            .write_head(&self.key, &mut self.head, seen)
            .await?;
        self.version = Some(version);
        Ok(())
    }

    async fn put_part(&self, bytes: Bytes) -> Result<String, BlobError> {
        let name = format!("{:016x}", rand::random::<u64>());
        let path = self.blobs.part_path(&self.key, &name);
        let put = self.blobs.store().put(&path, bytes.into()).await;
        put.map_err(|error| told("writing", self.key.as_str(), error))?;
        Ok(name)
    }

    async fn read_part(&self, name: &str, range: Range<u64>) -> Result<Bytes, BlobError> {
        let path = self.blobs.part_path(&self.key, name);
        let read = self.blobs.store().get_range(&path, range).await;
        read.map_err(|error| told("reading", self.key.as_str(), error))
    }

    async fn remove_part(&self, name: &str) {
        let path = self.blobs.part_path(&self.key, name);
        if let Err(error) = ignore_absent(self.blobs.store().delete(&path).await) {
            tracing::warn!(key = %self.key, %error, "a part that nobody needs stays until its partial goes");
        }
    }
}

impl Drop for Writer {
    /// Whoever goes on need not wait for the lease to end.
    fn drop(&mut self) {
        let (Some(seen), Ok(runtime)) =
            (self.version.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (blobs, key, mut head) = (self.blobs.clone(), self.key.clone(), self.head.clone());
        head.end_lease();
        runtime.spawn(async move {
            if let Err(error) = blobs.write_head(&key, &mut head, seen).await {
                tracing::debug!(%key, %error, "a writer that was dropped leaves its lease to end by itself");
            }
        });
    }
}
