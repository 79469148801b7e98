//! Looks into a source that has arrived whole, and plans what to make of it.

use amphi_chassis::blob::BlobError;
use amphi_chassis::jobs::{self, Job, JobError, NewJob};
use amphi_chassis::{Problem, telemetry};
use amphi_contracts::events::AssetState;
use amphi_contracts::{UploadId, VideoId};
use amphi_media_kit::plan::plan;
use amphi_media_kit::run::inspect;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use crate::domain::Error;
use crate::keys;
use crate::media::Media;

pub const KIND: &str = "media.inspect";
const ATTEMPTS_MAX: u32 = 30;

const LOST: &str = "The file was lost on the server. Upload it again.";
const NOT_INSPECTED: &str =
    "The server could not look into the file. Tell the operator, and upload it again.";

/// Which source to look into.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Inspect {
    video_id: VideoId,
    upload_id: UploadId,
}

/// Queues the inspection with the transaction that completes the upload.
pub async fn enqueue<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
    upload_id: UploadId,
) -> Result<(), Error> {
    let payload = Inspect {
        video_id,
        upload_id,
    };
    let job = NewJob::new(KIND, payload)
        .dedup(upload_id)
        .max_attempts(ATTEMPTS_MAX);
    jobs::enqueue(txn, job).await?;
    Ok(())
}

/// Runs one inspection. Safe to repeat: everything before the plan is, and the plan is recorded once.
pub async fn run(media: Media, job: Job<Inspect>) -> Result<(), JobError> {
    let Inspect {
        video_id,
        upload_id,
    } = job.payload;
    let asset = media.store.asset(video_id).await.map_err(Problem::from)?;
    let source_key = keys::source(video_id, upload_id);
    let is_waiting = asset.as_ref().is_some_and(|asset| {
        asset.state == AssetState::Inspecting && asset.source_key.as_deref() == Some(&source_key)
    });
    if !is_waiting {
        return Ok(());
    }
    let length = asset.map_or(0, |asset| asset.upload_bytes);
    match look(&media, (video_id, &source_key), length).await {
        Ok(()) => Ok(()),
        Err(Failure::OfSource(reason)) => give_up(&media, video_id, &source_key, &reason).await,
        Err(Failure::OfServer(problem)) if job.attempt >= ATTEMPTS_MAX => {
            give_up(&media, video_id, &source_key, NOT_INSPECTED).await?;
            Err(JobError::hopeless(problem))
        }
        Err(Failure::OfServer(problem)) => Err(problem.into()),
    }
}

async fn give_up(
    media: &Media,
    video_id: VideoId,
    source_key: &str,
    reason: &str,
) -> Result<(), JobError> {
    media
        .store
        .fail_inspection(video_id, source_key, reason)
        .await
        .map_err(Problem::from)?;
    Ok(())
}

enum Failure {
    /// With a sentence for the person who uploaded.
    OfSource(String),
    OfServer(Problem),
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::OfServer(error.into())
    }
}

/// `length` is what the record says, bytes; 0 where it says nothing.
async fn look(
    media: &Media,
    (video_id, source_key): (VideoId, &str),
    length: u64,
) -> Result<(), Failure> {
    match media.blobs.partial(source_key)?.commit().await {
        Ok(found) if length > 0 && found != length => {
            tracing::error!(%video_id, length, found, "a source is not as long as its record says");
            return Err(Failure::OfSource(LOST.to_owned()));
        }
        Ok(_) => {}
        Err(BlobError::NotFound { .. }) => return Err(Failure::OfSource(LOST.to_owned())),
        Err(error) => return Err(error.into()),
    }
    let file = media
        .blobs
        .as_file(source_key, &media.fetched_folder)
        .await?;
    let tools = media.tools().await.map_err(Problem::internal)?;
    let source = match inspect(tools, file.path(), &media.settings.limits).await {
        Ok(source) => source,
        Err(error) => {
            return Err(match error.human_reason() {
                Some(reason) => Failure::OfSource(reason),
                None => Failure::OfServer(Problem::internal(error)),
            });
        }
    };
    let plan = plan(&source, &media.settings.encode);
    let traceparent = telemetry::current_traceparent();
    media
        .store
        .record_plan(
            (video_id, source_key),
            &source,
            &plan,
            traceparent.as_deref(),
        )
        .await?;
    Ok(())
}
