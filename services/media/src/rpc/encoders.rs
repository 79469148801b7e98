//! What encoders ask and report.

use std::time::{Duration, Instant};

use amphi_chassis::Problem;
use amphi_chassis::rpc::CallContext;
use amphi_contracts::proto::media::v1 as proto;

use super::id;
use crate::domain::Error;
use crate::media::Media;
use crate::store::{LeasedTask, Made, TaskReport};

const WAIT_MAX: Duration = Duration::from_secs(30);
/// A lease may run out, or a pause end, without anybody ringing.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// Left for the answer's way back.
const ANSWER_TIME: Duration = Duration::from_millis(500);
const ENCODER_ID_CHARS_MAX: usize = 100;
const OUTPUTS_MAX: usize = 64;

/// The next task, waiting for one if there is none.
pub async fn lease(
    media: &Media,
    request: &proto::LeaseTaskRequest,
) -> Result<Option<proto::LeasedTask>, Problem> {
    let encoder_id = encoder_id(&request.encoder_id)?;
    let wait = Duration::from_millis(request.wait_ms.into()).min(WAIT_MAX);
    let wait = match CallContext::current().remaining() {
        Some(remaining) => wait.min(remaining.saturating_sub(ANSWER_TIME)),
        None => wait,
    };
    let deadline = Instant::now() + wait;
    loop {
        // Before looking, so that no task falls between looking and waiting.
        let ring = media.bell.next_ring();
        let lease = media.settings.lease;
        let rules = media.settings.retry_rules();
        if let Some(task) = media.store.lease_task(encoder_id, lease, rules).await? {
            return Ok(Some(to_proto(task, lease)));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        tokio::select! {
            () = media.shutdown.cancelled() => return Ok(None),
            () = ring => {}
            () = tokio::time::sleep(left.min(LOOK_AT_LEAST_EVERY)) => {}
        }
    }
}

fn to_proto(task: LeasedTask, lease: Duration) -> proto::LeasedTask {
    proto::LeasedTask {
        task_id: task.id.to_string(),
        video_id: task.video_id.to_string(),
        fence: task.fence,
        lease_ms: u32::try_from(lease.as_millis()).unwrap_or(u32::MAX),
        spec: task.spec,
        source_path: format!("/internal/media/sources/{}", task.video_id),
        source_bytes: task.source_bytes,
        source_blob_key: task.source_key,
        source_duration_ms: task.source_duration_ms.unwrap_or(0),
        output_path: format!("/internal/media/tasks/{}", task.id),
        first_missing_segment: task.first_missing_segment,
        traceparent: task.traceparent.unwrap_or_default(),
    }
}

pub async fn renew(
    media: &Media,
    request: &proto::RenewLeaseRequest,
) -> Result<proto::RenewLeaseResponse, Problem> {
    let report = report(&request.task_id, &request.encoder_id, request.fence)?;
    let lease = media.settings.lease;
    let progress = if request.progress.is_finite() {
        request.progress
    } else {
        0.0
    };
    media.store.renew_lease(&report, progress, lease).await?;
    Ok(proto::RenewLeaseResponse {
        lease_ms: u32::try_from(lease.as_millis()).unwrap_or(u32::MAX),
    })
}

pub async fn complete(media: &Media, request: &proto::CompleteTaskRequest) -> Result<(), Problem> {
    let report = report(&request.task_id, &request.encoder_id, request.fence)?;
    if request.outputs.len() > OUTPUTS_MAX || request.files.len() > crate::domain::images::FILES_MAX
    {
        return Err(Problem::invalid(
            "too_many_outputs",
            "A task has not so many outputs.",
        ));
    }
    check_files(media, &report, &request.files).await?;
    let made = Made {
        segments_end: request
            .outputs
            .iter()
            .map(|output| (output.rendition_id.clone(), output.segments_end))
            .collect(),
    };
    media.store.complete_task(&report, &made).await?;
    Ok(())
}

/// Pictures have no rows of their own; that they are there is seen in the blob store.
async fn check_files(media: &Media, report: &TaskReport, files: &[String]) -> Result<(), Problem> {
    if files.is_empty() {
        return Ok(());
    }
    let Ok(task) = media
        .store
        .task_under_work(report.task_id, report.fence)
        .await
    else {
        // Completed before or lost: the transaction tells which.
        return Ok(());
    };
    let asset = media.store.asset(task.video_id).await?;
    let place = asset.ok_or(Error::LeaseLost)?.place;
    let mut missing = 0;
    for file in files {
        if crate::domain::images::content_type(file).is_none() {
            return Err(Error::NotOfThisTask(file.chars().take(40).collect()).into());
        }
        if !media.blobs.exists(&place.image(file)).await? {
            missing += 1;
        }
    }
    if missing > 0 {
        let expected = files.len() as u64;
        return Err(Error::SegmentsMissing { missing, expected }.into());
    }
    Ok(())
}

pub async fn fail(media: &Media, request: &proto::FailTaskRequest) -> Result<(), Problem> {
    let report = report(&request.task_id, &request.encoder_id, request.fence)?;
    let rules = media.settings.retry_rules();
    media
        .store
        .fail_task(&report, &request.reason, request.retryable, rules)
        .await?;
    Ok(())
}

pub async fn release(media: &Media, request: &proto::ReleaseTaskRequest) -> Result<(), Problem> {
    let report = report(&request.task_id, &request.encoder_id, request.fence)?;
    media.store.release_task(&report).await?;
    Ok(())
}

fn report(task_id: &str, encoder: &str, fence: u64) -> Result<TaskReport, Problem> {
    Ok(TaskReport {
        task_id: id(task_id)?,
        encoder_id: encoder_id(encoder)?.to_owned(),
        fence,
    })
}

fn encoder_id(text: &str) -> Result<&str, Problem> {
    if text.is_empty() || text.chars().count() > ENCODER_ID_CHARS_MAX {
        let detail = format!("An encoder is named with 1 to {ENCODER_ID_CHARS_MAX} characters.");
        return Err(Problem::invalid("invalid_encoder_id", detail));
    }
    Ok(text)
}
