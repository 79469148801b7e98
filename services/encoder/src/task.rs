//! One task from lease to completion.

use std::sync::Arc;

use amphi_chassis::{Kind, Problem, Role};
use amphi_contracts::proto::media::v1 as proto;
use amphi_media_kit::EncodeTask;
use amphi_media_kit::run::run_task;
use tokio::sync::{mpsc, watch};

use crate::encoder::Encoder;
use crate::error::TaskError;
use crate::hand_in::{HandIn, HandedIn};
use crate::lease::Lease;
use crate::progress::Scale;
use crate::retry::Backoff;

/// How far ffmpeg may run ahead of the files being handed in.
const EVENTS_WAITING_MAX: usize = 8;
const COMPLETION_TRIES: u32 = 10;

/// Runs the task and completes it.
///
/// # Cancellation
/// Drop the future: ffmpeg is killed at once and the task's folder goes.
pub async fn run(
    encoder: &Encoder,
    task: &Arc<proto::LeasedTask>,
    lease: &Lease,
    progress: &watch::Sender<f64>,
) -> Result<(), TaskError> {
    let whole: EncodeTask = serde_json::from_str(&task.spec)?;
    let handed_in = match whole.resume_at(task.first_missing_segment) {
        Some(rest) => encode(encoder, task, &whole, &rest, progress).await?,
        // Everything was handed in before, by an encoder that did not live to say so.
        None => HandedIn::default(),
    };
    let outputs = whole
        .renditions()
        .into_iter()
        .map(|rendition_id| {
            let made = handed_in.segments_end.get(rendition_id).copied();
            proto::TaskOutput {
                rendition_id: rendition_id.to_owned(),
                segments_end: made.unwrap_or(0).max(task.first_missing_segment),
            }
        })
        .collect();
    complete(lease, outputs, handed_in.files).await
}

async fn encode(
    encoder: &Encoder,
    task: &Arc<proto::LeasedTask>,
    whole: &EncodeTask,
    rest: &EncodeTask,
    progress: &watch::Sender<f64>,
) -> Result<HandedIn, TaskError> {
    let tools = encoder.tools().await?;
    let source = encoder.sources.of(task).await?;
    let folder = encoder.work_folder.task_folder()?;
    let limits = encoder.settings.run_limits();
    let (sender, events) = mpsc::channel(EVENTS_WAITING_MAX);
    let running = run_task(tools, rest, source.path(), folder.path(), &limits, sender);
    let media = encoder.clients.http(Role::Media);
    let at_once = usize::try_from(encoder.settings.handins_at_once).unwrap_or(1);
    let hand_in = HandIn::new(media, Arc::clone(task), at_once);
    let scale = Scale::new(whole, rest, task.source_duration_ms);
    let handing_in = hand_in.all(events, scale, progress);
    tokio::pin!(running, handing_in);
    tokio::select! {
        ran = &mut running => {
            // What a failed run has handed out is good: the next one goes on behind it.
            let handed_in = handing_in.await?;
            ran?;
            Ok(handed_in)
        }
        stopped = &mut handing_in => match stopped {
            Err(error) => Err(error),
            // The events end with the run.
            Ok(handed_in) => {
                running.await?;
                Ok(handed_in)
            }
        },
    }
}

async fn complete(
    lease: &Lease,
    outputs: Vec<proto::TaskOutput>,
    files: Vec<String>,
) -> Result<(), TaskError> {
    let mut backoff = Backoff::new();
    loop {
        let problem = match lease.complete(outputs.clone(), files.clone()).await {
            Ok(()) => return Ok(()),
            Err(problem) => problem,
        };
        if problem.code == "lease_lost" {
            return Err(TaskError::LeaseLost);
        }
        if !may_pass(&problem) || backoff.failures() >= COMPLETION_TRIES {
            return Err(TaskError::Completion(problem));
        }
        backoff.pause().await;
    }
}

fn may_pass(problem: &Problem) -> bool {
    matches!(
        problem.kind,
        Kind::Unavailable | Kind::DeadlineExceeded | Kind::RateLimited | Kind::Internal
    )
}
