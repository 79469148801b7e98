//! The workers: each asks for a task, runs it, and asks again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_chassis::Problem;
use amphi_chassis::rpc::Clients;
use amphi_chassis::telemetry;
use amphi_contracts::proto::media::v1 as proto;
use amphi_media_kit::run::{Tools, ToolsError};
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field};

use crate::error::TaskError;
use crate::lease::Lease;
use crate::retry::Backoff;
use crate::settings::Settings;
use crate::source::Sources;
use crate::task;
use crate::work_folder::WorkFolder;

/// How long saying goodbye to a task may take when the process stops.
const FAREWELL_TIME: Duration = Duration::from_secs(3);
/// For saying that a task failed, while nobody waits for this process to end.
const REPORT_TIME: Duration = Duration::from_secs(10);

/// What the workers of this process share.
#[derive(Debug)]
pub struct Encoder {
    pub settings: Settings,
    /// Calling as the service.
    pub clients: Clients,
    pub sources: Sources,
    pub work_folder: WorkFolder,
    tools: OnceCell<Tools>,
}

impl Encoder {
    #[must_use]
    pub fn new(
        settings: Settings,
        clients: Clients,
        sources: Sources,
        work_folder: WorkFolder,
    ) -> Self {
        Self {
            settings,
            clients,
            sources,
            work_folder,
            tools: OnceCell::new(),
        }
    }

    /// The installed ffmpeg.
    ///
    /// # Errors
    /// [`ToolsError`] when it is missing or lacks an encoder; it is looked for again the next time.
    pub async fn tools(&self) -> Result<&Tools, ToolsError> {
        let settings = &self.settings;
        let threads = settings.threads_per_task();
        self.tools
            .get_or_try_init(|| Tools::detect(&settings.ffmpeg, &settings.ffprobe, threads))
            .await
    }

    /// Works until `shutdown` is cancelled. `number` tells the workers of a process apart.
    pub async fn work(&self, number: u32, shutdown: CancellationToken) {
        let encoder_id: Arc<str> = format!("{}/{number}", self.work_folder.name()).into();
        let mut backoff = Backoff::new();
        while !shutdown.is_cancelled() {
            let leased = tokio::select! {
                () = shutdown.cancelled() => return,
                leased = self.lease(&encoder_id) => leased,
            };
            match leased {
                Ok(Some(task)) => {
                    backoff.reset();
                    self.carry_out(task, &encoder_id, &shutdown).await;
                }
                Ok(None) => backoff.reset(),
                Err(error) => {
                    if backoff.failures() == 0 {
                        tracing::warn!(%error, "no task could be asked for; asking goes on");
                    }
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = backoff.pause() => {}
                    }
                }
            }
        }
    }

    /// Asks for a task. Without an ffmpeg that can do it none is asked for.
    async fn lease(&self, encoder_id: &Arc<str>) -> Result<Option<proto::LeasedTask>, LeaseError> {
        self.tools().await?;
        let asked_at = Instant::now();
        let request = proto::LeaseTaskRequest {
            encoder_id: encoder_id.to_string(),
            wait_ms: u32::try_from(self.settings.wait.as_millis()).unwrap_or(u32::MAX),
        };
        let mut media = self.clients.media();
        let asking = media
            .lease_task(request)
            .instrument(telemetry::unrecorded());
        let task = asking.await.map_err(Problem::from)?.into_inner().task;
        if task.is_none() && asked_at.elapsed() < Duration::from_millis(50) {
            // Media answers at once while it stops.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(task)
    }

    async fn carry_out(
        &self,
        leased: proto::LeasedTask,
        encoder_id: &Arc<str>,
        shutdown: &CancellationToken,
    ) {
        let span = task_span(&leased);
        let task = Arc::new(leased);
        let lease = Lease::new(
            self.clients.clone(),
            Arc::clone(&task),
            Arc::clone(encoder_id),
        );
        async {
            let started = Instant::now();
            let (progress, seen) = watch::channel(0.0);
            let outcome = tokio::select! {
                done = task::run(self, &task, &lease, &progress) => done,
                lost = lease.keep(seen, self.settings.report_interval) => Err(lost),
                () = shutdown.cancelled() => Err(TaskError::Stopping),
            };
            self.settle(&task, &lease, outcome, started).await;
        }
        .instrument(span)
        .await;
    }

    async fn settle(
        &self,
        task: &proto::LeasedTask,
        lease: &Lease,
        outcome: Result<(), TaskError>,
        started: Instant,
    ) {
        let (task_id, video_id) = (&task.task_id, &task.video_id);
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let error = match outcome {
            Ok(()) => {
                metrics::counter!("media_encode_tasks_total", "outcome" => "done").increment(1);
                metrics::histogram!("media_encode_task_duration_seconds")
                    .record(started.elapsed().as_secs_f64());
                tracing::info!(task_id, video_id, took_ms, "encoded");
                return;
            }
            Err(error) => error,
        };
        let said = match &error {
            TaskError::LeaseLost => {
                metrics::counter!("media_encode_tasks_total", "outcome" => "lost").increment(1);
                tracing::info!(task_id, video_id, took_ms, "the task is no longer ours");
                return;
            }
            TaskError::Stopping => tokio::time::timeout(FAREWELL_TIME, lease.release()).await,
            error => {
                metrics::counter!("media_encode_tasks_total", "outcome" => "failed").increment(1);
                let span = Span::current();
                span.record("otel.status_code", "error");
                span.record("otel.status_message", field::display(error));
                let detail = detail_of(error);
                let retryable = error.is_retryable();
                tracing::warn!(task_id, video_id, took_ms, %error, detail, retryable, "encoding failed");
                let reason = error.human_reason();
                tokio::time::timeout(REPORT_TIME, lease.fail(reason, retryable)).await
            }
        };
        // Unsaid, the lease runs out and says it.
        if let Ok(Err(problem)) = said {
            tracing::warn!(task_id, %problem, "media was not told how the task ended");
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error(transparent)]
    Tools(#[from] ToolsError),
    #[error(transparent)]
    Media(#[from] Problem),
}

/// One trace per task: an upload has too many of them for one waterfall. The upload's trace is named as a link.
fn task_span(task: &proto::LeasedTask) -> Span {
    tracing::info_span!(
        parent: None,
        "encode task",
        service = "encoder",
        otel.kind = "consumer",
        otel.status_code = field::Empty,
        otel.status_message = field::Empty,
        amphi.task.id = %task.task_id,
        amphi.video.id = %task.video_id,
        amphi.link.traceparent = %task.traceparent,
        media.task.first_missing_segment = task.first_missing_segment,
    )
}

/// The last words of ffmpeg, and the causes that an error does not say itself.
fn detail_of(error: &TaskError) -> String {
    use std::error::Error as _;
    if let TaskError::Run(amphi_media_kit::run::RunError::Failed { detail, .. }) = error {
        return detail.clone();
    }
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.join(": ")
}
