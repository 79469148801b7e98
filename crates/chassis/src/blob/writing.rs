//! From a stream of pieces to a file, with few and large writes.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use super::local::blocking;
use super::{BlobError, BlobKey, ByteStream};

const WRITE_BYTES: usize = 1024 * 1024;

pub(super) struct Written {
    /// Where the file ends now; on the disk.
    pub length: u64,
    /// The bytes ended before their time; those that came are written.
    pub interrupted: Option<io::Error>,
}

/// Writes `bytes` to `file` from `offset` on and syncs it. Bytes that would go beyond `limit_bytes` are refused.
pub(super) async fn write_pieces(
    key: &BlobKey,
    file: impl Deref<Target = File> + Send + Sync + 'static,
    offset: u64,
    mut bytes: ByteStream,
    limit_bytes: u64,
) -> Result<Written, BlobError> {
    let file = Arc::new(file);
    let mut position = offset;
    let mut gathered = BytesMut::new();
    let interrupted = loop {
        let piece = match bytes.next().await {
            Some(Ok(piece)) => piece,
            Some(Err(error)) => break Some(error),
            None => break None,
        };
        let length = position + gathered.len() as u64 + piece.len() as u64;
        if length > limit_bytes {
            return Err(BlobError::TooLarge {
                key: key.to_string(),
                limit_bytes,
            });
        }
        gathered.extend_from_slice(&piece);
        if gathered.len() >= WRITE_BYTES {
            position = write_at(key, &file, position, gathered.split().freeze()).await?;
        }
    };
    position = write_at(key, &file, position, gathered.freeze()).await?;
    blocking("syncing", key.as_str(), move || file.sync_data()).await?;
    Ok(Written {
        length: position,
        interrupted,
    })
}

async fn write_at(
    key: &BlobKey,
    file: &Arc<impl Deref<Target = File> + Send + Sync + 'static>,
    position: u64,
    bytes: Bytes,
) -> Result<u64, BlobError> {
    if bytes.is_empty() {
        return Ok(position);
    }
    let file = file.clone();
    let end = position + bytes.len() as u64;
    blocking("writing", key.as_str(), move || {
        file.write_all_at(&bytes, position)
    })
    .await?;
    Ok(end)
}
