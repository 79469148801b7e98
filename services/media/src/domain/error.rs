//! Everything the service refuses, and how it is told.

use amphi_chassis::Problem;
use sea_orm::DbErr;

use super::asset::IllegalStep;
use super::checksum::ChecksumError;
use super::metadata::MetadataError;

/// What can go wrong in the media service.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("There is no such upload, or it is not yours.")]
    UploadNotFound,
    #[error("This upload was not finished in time and is gone. Start again.")]
    UploadExpired,
    #[error(
        "The offset is {got}, but {expected} bytes are here. Ask with HEAD and go on from there."
    )]
    OffsetMismatch { expected: u64, got: u64 },
    #[error("Another request is writing to this upload. Wait until it is done.")]
    UploadLocked,
    #[error("The upload is {length} bytes long; these bytes go beyond it.")]
    BeyondLength { length: u64 },
    #[error("The upload was created with a length of {known} bytes, and a length does not change.")]
    LengthChanged { known: u64 },
    #[error("An upload may have at most {bytes_max} bytes.")]
    UploadTooLarge { bytes_max: u64 },
    #[error(
        "The bytes do not have the checksum that was sent with them; none of them were kept. Send them again."
    )]
    ChecksumMismatch,
    #[error(transparent)]
    Checksum(#[from] ChecksumError),
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error("{0}")]
    SourceRefused(String),
    #[error("All the bytes of this upload are here and being worked on. Delete the video instead.")]
    UploadFinished,
    #[error(
        "You have {open} unfinished uploads, and {open_max} are allowed. Finish or cancel one first."
    )]
    TooManyUploads { open: u64, open_max: u64 },
    #[error(
        "There is not enough room on the server for this upload. Tell the operator, and try again later."
    )]
    StorageFull,
    #[error("This video has a source already. Make a new video for this file.")]
    VideoHasSource,
    #[error("There is no such video, or it is not yours.")]
    VideoNotFound,
    #[error("There is no such task.")]
    TaskNotFound,
    #[error(
        "The task is no longer yours: its lease ran out, it was given to another encoder, or its video is gone."
    )]
    LeaseLost,
    #[error(
        "The task cannot be completed: {missing} of its {expected} segments have not been handed in."
    )]
    SegmentsMissing { missing: u64, expected: u64 },
    #[error("What was handed in is not part of this task: {0}")]
    NotOfThisTask(String),
    #[error("What was handed in is not what the plan asks for: {0}")]
    BadSegment(String),
    #[error("A file may have at most {bytes_max} bytes here.")]
    OutputTooLarge { bytes_max: u64 },
    #[error("the stored {what} cannot be read: {detail}")]
    Corrupt { what: &'static str, detail: String },
    #[error(transparent)]
    IllegalStep(#[from] IllegalStep),
    #[error(transparent)]
    Database(#[from] DbErr),
    #[error(transparent)]
    Problem(#[from] Problem),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::UploadNotFound => Self::not_found("upload_not_found", detail),
            Error::UploadExpired => Self::gone("upload_expired", detail),
            Error::OffsetMismatch { .. } => Self::conflict("offset_mismatch", detail),
            Error::UploadLocked => Self::conflict("upload_locked", detail),
            Error::BeyondLength { .. } => Self::too_large("beyond_upload_length", detail),
            Error::LengthChanged { .. } => Self::invalid("upload_length_changed", detail),
            Error::UploadTooLarge { .. } => Self::too_large("upload_too_large", detail),
            Error::ChecksumMismatch => Self::invalid("checksum_mismatch", detail),
            Error::Checksum(_) => Self::invalid("invalid_checksum", detail),
            Error::Metadata(_) => Self::invalid("invalid_upload_metadata", detail),
            Error::SourceRefused(_) => Self::unprocessable("source_refused", detail),
            Error::UploadFinished => Self::conflict("upload_finished", detail),
            Error::TooManyUploads { .. } => Self::rate_limited("too_many_uploads", detail),
            Error::StorageFull => Self::unavailable("storage_full", detail),
            Error::VideoHasSource => Self::conflict("video_has_source", detail),
            Error::VideoNotFound => Self::not_found("video_not_found", detail),
            Error::TaskNotFound => Self::not_found("task_not_found", detail),
            Error::LeaseLost => Self::conflict("lease_lost", detail),
            Error::SegmentsMissing { .. } => Self::conflict("segments_missing", detail),
            Error::NotOfThisTask(_) => Self::invalid("not_of_this_task", detail),
            Error::BadSegment(_) => Self::unprocessable("bad_segment", detail),
            Error::OutputTooLarge { .. } => Self::too_large("output_too_large", detail),
            Error::Problem(problem) => problem,
            Error::Database(error) => error.into(),
            error @ (Error::Corrupt { .. } | Error::IllegalStep(_)) => Self::internal(error),
        }
    }
}
