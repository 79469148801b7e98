//! From a stream of pieces to one object: in one request if it is small, else in parts of equal size.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions};
use tokio::task::JoinHandle;

use super::errors::told;
use crate::blob::{BlobError, BlobKey, ByteStream};

/// Stores refuse smaller parts than 5 MiB; some want all but the last to be of one size.
pub(super) const PART_BYTES: u64 = 8 * 1024 * 1024;
const PARTS_MAX: u64 = 10_000;

/// The size of parts for an object of `bytes`.
pub(super) fn part_bytes(bytes: u64) -> u64 {
    bytes
        .div_ceil(PARTS_MAX)
        .next_multiple_of(1024 * 1024)
        .max(PART_BYTES)
}

/// Stores what `bytes` yields, all of it or nothing, holding at most three parts in memory.
pub(super) async fn write(
    store: &AmazonS3,
    (path, key): (&Path, &BlobKey),
    mut bytes: ByteStream,
    part_bytes: u64,
    limit_bytes: u64,
) -> Result<u64, BlobError> {
    let limit_bytes = limit_bytes.min(part_bytes.saturating_mul(PARTS_MAX));
    let part_bytes = usize::try_from(part_bytes).unwrap_or(usize::MAX);
    let mut gathered = BytesMut::new();
    let mut length = 0;
    let mut parts = None;
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|source| BlobError::Interrupted {
            key: key.to_string(),
            source,
        })?;
        length += piece.len() as u64;
        if length > limit_bytes {
            return Err(BlobError::TooLarge {
                key: key.to_string(),
                limit_bytes,
            });
        }
        gathered.extend_from_slice(&piece);
        while gathered.len() > part_bytes {
            let part = gathered.split_to(part_bytes).freeze();
            let mut upload = match parts.take() {
                Some(upload) => upload,
                None => Parts::begin(store, path, key).await?,
            };
            upload.put(part).await?;
            parts = Some(upload);
        }
    }
    let rest = gathered.freeze();
    match parts {
        None => {
            let put = store.put(path, rest.into()).await;
            put.map_err(|error| told("writing", key.as_str(), error))?;
        }
        Some(mut upload) => {
            upload.put(rest).await?;
            upload.complete().await?;
        }
    }
    Ok(length)
}

/// An upload in parts that is given up unless it is completed.
struct Parts {
    key: String,
    upload: Option<Box<dyn MultipartUpload>>,
    on_its_way: Option<JoinHandle<object_store::Result<()>>>,
}

impl Parts {
    async fn begin(store: &AmazonS3, path: &Path, key: &BlobKey) -> Result<Self, BlobError> {
        let upload = store
            .put_multipart_opts(path, PutMultipartOptions::default())
            .await
            .map_err(|error| told("writing", key.as_str(), error))?;
        Ok(Self {
            key: key.to_string(),
            upload: Some(upload),
            on_its_way: None,
        })
    }

    /// Sends a part while the next one is gathered.
    async fn put(&mut self, part: Bytes) -> Result<(), BlobError> {
        self.arrive().await?;
        if let Some(upload) = &mut self.upload {
            self.on_its_way = Some(tokio::spawn(upload.put_part(part.into())));
        }
        Ok(())
    }

    async fn arrive(&mut self) -> Result<(), BlobError> {
        let Some(sending) = self.on_its_way.take() else {
            return Ok(());
        };
        let sent = sending.await.unwrap_or_else(|panicked| {
            Err(object_store::Error::Generic {
                store: "S3",
                source: panicked.into(),
            })
        });
        sent.map_err(|error| told("writing", &self.key, error))
    }

    async fn complete(mut self) -> Result<(), BlobError> {
        self.arrive().await?;
        let Some(upload) = &mut self.upload else {
            return Ok(());
        };
        let completed = upload.complete().await;
        completed.map_err(|error| told("completing", &self.key, error))?;
        self.upload = None;
        Ok(())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        let (Some(mut upload), Ok(runtime)) =
            (self.upload.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (key, sending) = (std::mem::take(&mut self.key), self.on_its_way.take());
        runtime.spawn(async move {
            if let Some(sending) = sending {
                sending.await.ok();
            }
            if let Err(error) = upload.abort().await {
                tracing::warn!(key, %error, "the parts of an upload that failed stay at the store");
            }
        });
    }
}
