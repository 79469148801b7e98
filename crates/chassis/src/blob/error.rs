//! What can go wrong with bytes in the store.

use std::io;

use crate::Problem;

/// Why an operation on blobs failed.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("`{key}` is not a blob key: {reason}")]
    Key { key: String, reason: &'static str },
    #[error("there is no blob `{key}`")]
    NotFound { key: String },
    #[error("the blob `{key}` cannot be made: `{key}`, or a part of it, is taken by another one")]
    Occupied { key: String },
    #[error("bytes were to be appended at {offset}, but `{key}` ends at {length}")]
    WrongOffset {
        key: String,
        offset: u64,
        length: u64,
    },
    #[error("`{key}` is being written by somebody else")]
    Busy { key: String },
    #[error("`{key}` would become larger than the {limit_bytes} bytes that it may have")]
    TooLarge { key: String, limit_bytes: u64 },
    #[error("bytes {start}..{end} were asked of `{key}`, which has {size}")]
    Range {
        key: String,
        start: u64,
        end: u64,
        size: u64,
    },
    /// The sender stopped; nothing is wrong with the store.
    #[error("the bytes for `{key}` ended before their time: {source}")]
    Interrupted { key: String, source: io::Error },
    /// The store was asked in vain; most such failures pass.
    #[error("{operation} `{key}`: {reason}")]
    Away {
        operation: &'static str,
        key: String,
        reason: String,
    },
    /// For operators: what to mend before it can be worked with.
    #[error("{place}: {reason}")]
    Setup { place: String, reason: String },
    #[error("this amphi was built without `{kind}`; take a full build, or another `blobs.kind`")]
    NotBuilt { kind: &'static str },
    #[error("the storage is full")]
    StorageFull,
    #[error("{operation} `{key}`: {source}")]
    Io {
        operation: &'static str,
        key: String,
        source: io::Error,
    },
}

impl BlobError {
    pub(super) fn io(operation: &'static str, key: &str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull,
            io::ErrorKind::NotFound => Self::NotFound {
                key: key.to_owned(),
            },
            io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::DirectoryNotEmpty => Self::Occupied {
                key: key.to_owned(),
            },
            _ => Self::Io {
                operation,
                key: key.to_owned(),
                source,
            },
        }
    }
}

impl From<BlobError> for Problem {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::NotFound { .. } => Self::not_found(
                "blob_not_found",
                "These bytes are not, or no longer, stored.",
            ),
            BlobError::StorageFull => Self::unavailable(
                "storage_full",
                "The storage of this server is full. What was received is kept; try again once the operator made room.",
            ),
            BlobError::Away { .. } => {
                tracing::warn!(%error, "the blob store does not answer");
                Self::unavailable(
                    "storage_away",
                    "The storage does not answer at the moment. What was received is kept; try again in a while.",
                )
            }
            BlobError::WrongOffset { length, .. } => Self::conflict(
                "wrong_offset",
                format!("The bytes stored end at {length}; continue from there."),
            ),
            BlobError::Busy { .. } => Self::conflict(
                "blob_busy",
                "Somebody else is writing here at the moment. Try again in a while.",
            ),
            BlobError::TooLarge { limit_bytes, .. } => Self::too_large(
                "blob_too_large",
                format!("At most {limit_bytes} bytes are taken here."),
            ),
            BlobError::Interrupted { .. } => Self::invalid(
                "body_interrupted",
                "The body ended before its time. What was received is kept; continue from there.",
            ),
            BlobError::Key { .. }
            | BlobError::Occupied { .. }
            | BlobError::Range { .. }
            | BlobError::Setup { .. }
            | BlobError::NotBuilt { .. }
            | BlobError::Io { .. } => Self::internal(error),
        }
    }
}
