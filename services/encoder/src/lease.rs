//! Keeps a lease while its task runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_chassis::Problem;
use amphi_chassis::rpc::Clients;
use amphi_chassis::telemetry;
use amphi_contracts::proto::media::v1 as proto;
use tokio::sync::watch;
use tracing::Instrument;

use crate::error::TaskError;

/// The lease of one task.
#[derive(Debug, Clone)]
pub struct Lease {
    clients: Clients,
    task: Arc<proto::LeasedTask>,
    encoder_id: Arc<str>,
}

impl Lease {
    /// `clients` call as the service.
    #[must_use]
    pub const fn new(clients: Clients, task: Arc<proto::LeasedTask>, encoder_id: Arc<str>) -> Self {
        Self {
            clients,
            task,
            encoder_id,
        }
    }

    /// Renews the lease and reports progress, until the lease is lost; only then it returns.
    pub async fn keep(
        &self,
        progress: watch::Receiver<f64>,
        report_interval: Duration,
    ) -> TaskError {
        let mut length = Duration::from_millis(self.task.lease_ms.into());
        let mut safe_until = Instant::now() + length;
        loop {
            tokio::time::sleep(report_interval.min(length / 3)).await;
            let asked_at = Instant::now();
            let share = *progress.borrow();
            match self.renew(share).await {
                Ok(lease_ms) => {
                    length = Duration::from_millis(lease_ms.into());
                    safe_until = asked_at + length;
                }
                Err(problem) if problem.code == "lease_lost" => return TaskError::LeaseLost,
                Err(problem) => {
                    tracing::warn!(%problem, "the lease could not be renewed");
                    if Instant::now() >= safe_until {
                        return TaskError::LeaseLost;
                    }
                }
            }
        }
    }

    async fn renew(&self, progress: f64) -> Result<u32, Problem> {
        let request = proto::RenewLeaseRequest {
            task_id: self.task.task_id.clone(),
            encoder_id: self.encoder_id.to_string(),
            fence: self.task.fence,
            progress,
        };
        let mut media = self.clients.media();
        // Every two seconds of every task: it would drown what traces are for.
        let renewed = media
            .renew_lease(request)
            .instrument(telemetry::unrecorded())
            .await;
        Ok(renewed.map_err(Problem::from)?.into_inner().lease_ms)
    }

    /// Says that the task is done.
    ///
    /// # Errors
    /// `lease_lost`, `segments_missing`, or that media is away.
    pub async fn complete(
        &self,
        outputs: Vec<proto::TaskOutput>,
        files: Vec<String>,
    ) -> Result<(), Problem> {
        let request = proto::CompleteTaskRequest {
            task_id: self.task.task_id.clone(),
            encoder_id: self.encoder_id.to_string(),
            fence: self.task.fence,
            outputs,
            files,
        };
        self.clients.media().complete_task(request).await?;
        Ok(())
    }

    /// Says why the task failed.
    ///
    /// # Errors
    /// `lease_lost`, or that media is away; then the lease runs out.
    pub async fn fail(&self, reason: String, retryable: bool) -> Result<(), Problem> {
        let request = proto::FailTaskRequest {
            task_id: self.task.task_id.clone(),
            encoder_id: self.encoder_id.to_string(),
            fence: self.task.fence,
            reason,
            retryable,
        };
        self.clients.media().fail_task(request).await?;
        Ok(())
    }

    /// Gives the task back.
    ///
    /// # Errors
    /// As [`Self::fail`].
    pub async fn release(&self) -> Result<(), Problem> {
        let request = proto::ReleaseTaskRequest {
            task_id: self.task.task_id.clone(),
            encoder_id: self.encoder_id.to_string(),
            fence: self.task.fence,
        };
        self.clients.media().release_task(request).await?;
        Ok(())
    }
}
