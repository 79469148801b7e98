//! Takes the bytes of one PATCH.
//!
//! What is acknowledged is durable: every piece is on the disk before the record moves. A broken connection keeps what
//! came; a body with a checksum is kept whole or not at all.

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::blob::{Appended, BlobError, Partial};
use amphi_chassis::db::{micros, now_us};
use amphi_media_kit::sniff::{HEAD_BYTES, sniff};
use axum::body::Body;
use tracing::Instrument;

use super::body_tap::{BodyEnd, BodyTap, PieceBounds};
use super::locks::UploadLock;
use super::uploads::present_bytes;
use crate::domain::Error;
use crate::domain::checksum::Checksum;
use crate::domain::upload::{PatchHead, PatchRoom, Upload, UploadState, durable_offset};
use crate::media::Media;
use crate::store::Arrival;

/// A body with a checksum is one piece, however long it takes.
const NO_TIME_LIMIT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// An upload that is ready to take bytes.
#[derive(Debug)]
pub struct Receiving {
    media: Media,
    upload: Upload,
    room: PatchRoom,
    checksum: Option<Checksum>,
    partial: Partial,
    lock: Arc<UploadLock>,
}

impl Receiving {
    /// Makes row and file agree, then admits the PATCH or refuses it.
    ///
    /// # Errors
    /// The refusals of [`Upload::admit`].
    pub async fn begin(
        media: &Media,
        mut upload: Upload,
        head: PatchHead,
        checksum: Option<Checksum>,
        lock: UploadLock,
    ) -> Result<Self, Error> {
        let partial = media
            .blobs
            .partial(&upload.source_key())
            .map_err(Problem::from)?;
        if upload.state == UploadState::Open {
            reconcile(media, &mut upload, &partial).await?;
        }
        let room = upload.admit(head, media.settings.upload_bytes_max, now_us())?;
        Ok(Self {
            media: media.clone(),
            upload,
            room,
            checksum,
            partial,
            lock: Arc::new(lock),
        })
    }

    /// Takes the body. It is taken to its end even if the caller is dropped with its connection.
    ///
    /// # Errors
    /// [`Error::ChecksumMismatch`], [`Error::BeyondLength`], [`Error::SourceRefused`], or that the body broke off: then what
    /// came is kept.
    pub async fn take(self, body: Body) -> Result<Upload, Error> {
        if self.upload.state == UploadState::Complete {
            return Ok(self.upload);
        }
        let writing = tokio::spawn(self.write(body).in_current_span());
        writing.await.map_err(Problem::internal)?
    }

    async fn write(mut self, body: Body) -> Result<Upload, Error> {
        let settings = Arc::clone(&self.media.settings);
        let idle_max = settings.upload_idle_timeout;
        let is_checked = self.checksum.is_some();
        let lock = Arc::clone(&self.lock);
        let tap = BodyTap::new(
            body,
            self.room.bytes_max,
            idle_max,
            self.checksum.take(),
            lock,
        );
        let mut is_known_to_be_media = self.upload.received >= HEAD_BYTES as u64;
        loop {
            let before = self.upload.received;
            let bounds = self.piece_bounds(is_checked);
            let appended = self.append(&tap, bounds).await?;
            let end = tap.end();
            let is_unwanted = match end {
                Some(BodyEnd::Overflowed) => Some(Error::BeyondLength {
                    length: self.room.length.unwrap_or(settings.upload_bytes_max),
                }),
                Some(BodyEnd::Interrupted) if is_checked => Some(broken_off()),
                Some(BodyEnd::Whole) if !tap.is_as_meant().await => Some(Error::ChecksumMismatch),
                _ => None,
            };
            if let Some(error) = is_unwanted {
                self.partial.truncate(before).await.map_err(Problem::from)?;
                return Err(error);
            }
            let is_full = self.room.length == Some(appended.length);
            if !is_known_to_be_media && (appended.length >= HEAD_BYTES as u64 || is_full) {
                self.refuse_unless_media().await?;
                is_known_to_be_media = true;
            }
            if appended.length > before || is_full || self.upload.length != self.room.length {
                self.record(before, appended.length).await?;
            }
            // Complete, its bytes are the inspection's: whatever the body still holds does not belong to it.
            if self.upload.state == UploadState::Complete {
                return Ok(self.upload);
            }
            match end {
                Some(BodyEnd::Whole) => return Ok(self.upload),
                Some(BodyEnd::Interrupted | BodyEnd::Overflowed) => return Err(broken_off()),
                None => {}
            }
        }
    }

    fn piece_bounds(&self, is_checked: bool) -> PieceBounds {
        if is_checked {
            return PieceBounds {
                bytes_max: u64::MAX,
                time_max: NO_TIME_LIMIT,
            };
        }
        let settings = &self.media.settings;
        let checkpoint = settings.upload_checkpoint_bytes.max(1);
        PieceBounds {
            // The last piece goes to the end of the body, so that bytes beyond the length are seen.
            bytes_max: if self.room.bytes_max <= checkpoint {
                u64::MAX
            } else {
                checkpoint
            },
            time_max: settings.upload_checkpoint_time,
        }
    }

    async fn append(&self, tap: &BodyTap, bounds: PieceBounds) -> Result<Appended, Error> {
        let from = self.upload.received;
        let limit = from.saturating_add(self.room.bytes_max);
        let appended = self.partial.append(from, tap.piece(bounds), limit).await;
        appended.map_err(|error| match error {
            BlobError::StorageFull => Error::StorageFull,
            BlobError::Busy { .. } => Error::UploadLocked,
            error => Problem::from(error).into(),
        })
    }

    async fn record(&mut self, from: u64, to: u64) -> Result<(), Error> {
        let arrival = Arrival {
            from,
            to,
            length: self.room.length,
            expires_at_us: now_us().saturating_add(micros(self.media.settings.upload_expiry)),
        };
        let recorded = self
            .media
            .store
            .record_received(self.upload.id, arrival)
            .await;
        metrics::counter!("media_upload_bytes_total").increment(to - from);
        if let Err(Error::UploadNotFound) = recorded {
            // The video was deleted meanwhile; its bytes were, too, but for what has come since.
            self.partial.delete().await.map_err(Problem::from)?;
        }
        self.room.bytes_max = self.room.bytes_max.saturating_sub(to - from);
        self.upload = recorded?;
        Ok(())
    }

    /// Looks at the first bytes as soon as they are here: nobody should upload gigabytes of something else.
    async fn refuse_unless_media(&self) -> Result<(), Error> {
        let head = self.partial.open().await.map_err(Problem::from)?;
        let length = head.size().min(HEAD_BYTES as u64);
        let bytes = head.read_range(0..length).map_err(Problem::from)?;
        let bytes: Vec<bytes::Bytes> = futures::TryStreamExt::try_collect(bytes)
            .await
            .map_err(Problem::internal)?;
        let Err(refusal) = sniff(&bytes.concat()) else {
            return Ok(());
        };
        let reason = refusal.to_string();
        self.media
            .store
            .refuse_upload(self.upload.id, &reason)
            .await?;
        Err(Error::SourceRefused(reason))
    }
}

fn broken_off() -> Error {
    Problem::invalid(
        "body_interrupted",
        "The body ended before its time. Ask with HEAD how much of it is here, and go on from there.",
    )
    .into()
}

/// After a crash the file may hold more than the record says, which nobody was told of; or less, if the disk lost it.
async fn reconcile(media: &Media, upload: &mut Upload, partial: &Partial) -> Result<(), Error> {
    media
        .blobs
        .create_partial(&upload.source_key())
        .await
        .map_err(Problem::from)?;
    let present = present_bytes(media, upload).await?;
    let offset = durable_offset(upload.received, present);
    if present > offset {
        // A request that was taken for dead may have recorded them in another process meanwhile.
        let recorded = media.store.upload(upload.id).await?;
        if recorded.is_none_or(|recorded| recorded.received != upload.received) {
            return Err(Error::UploadLocked);
        }
        partial.truncate(offset).await.map_err(Problem::from)?;
    }
    if upload.received > offset {
        media.store.set_back(upload.id, offset).await?;
        upload.received = offset;
    }
    Ok(())
}
