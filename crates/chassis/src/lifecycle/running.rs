//! A process that serves, until it is asked to stop or one of its parts fails.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::close_databases;
use super::health::Health;
use super::internal::GrpcHealth;
use super::listener::Listener;
use crate::rpc::{Clients, Wiring};
use crate::service::{Context, Worker};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How often gRPC health is brought up to date with readiness; `/readyz` asks anew each time.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

/// Why a process stopped by itself.
#[derive(Debug, thiserror::Error)]
#[error("{part} failed")]
pub struct RunError {
    part: Cow<'static, str>,
    #[source]
    source: BoxError,
}

/// A running process.
#[derive(Debug)]
pub struct Running {
    /// The public address; none when the gateway is not here.
    pub http: Option<SocketAddr>,
    pub internal: SocketAddr,
    context: Context,
    stop: CancellationToken,
    supervisor: JoinHandle<Result<(), RunError>>,
}

pub(super) struct Parts {
    pub context: Context,
    pub wiring: Arc<Wiring>,
    pub health: Health,
    pub health_reporter: GrpcHealth,
    pub internal: Listener,
    pub public: Option<Listener>,
    pub workers: Vec<Worker>,
}

impl Running {
    pub(super) async fn launch(parts: Parts) -> Self {
        let http = parts.public.as_ref().map(|listener| listener.address);
        let internal = parts.internal.address;
        let context = parts.context.clone();
        let stop = CancellationToken::new();
        let supervisor = Supervisor::launch(parts).await;
        Self {
            http,
            internal,
            context,
            stop: stop.clone(),
            supervisor: tokio::spawn(supervisor.run(stop)),
        }
    }

    /// Clients of the services that this process holds or knows.
    #[must_use]
    pub const fn clients(&self) -> &Clients {
        &self.context.clients
    }

    /// What the services of this process were given.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Asks the process to stop; [`Running::wait`] tells when it has.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// A handle by which others may ask the process to stop.
    #[must_use]
    pub fn stop_handle(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Waits until the process has stopped.
    ///
    /// # Errors
    /// When it stopped because a part of it failed.
    pub async fn wait(self) -> Result<(), RunError> {
        self.supervisor.await.unwrap_or_else(|error| {
            Err(RunError {
                part: "the supervisor".into(),
                source: Box::new(error),
            })
        })
    }
}

struct Task {
    name: Cow<'static, str>,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

struct Supervisor {
    context: Context,
    wiring: Arc<Wiring>,
    health: Health,
    health_reporter: GrpcHealth,
    listeners: Vec<Task>,
    workers: Vec<Task>,
    failures: mpsc::Receiver<RunError>,
}

impl Supervisor {
    async fn launch(parts: Parts) -> Self {
        let (report, failures) = mpsc::channel(1);
        let workers = parts
            .workers
            .into_iter()
            .map(|worker| spawn_worker(worker, report.clone()))
            .collect();
        let listeners = std::iter::once(parts.internal)
            .chain(parts.public)
            .map(spawn_listener)
            .collect();
        parts.health.set_serving(true);
        let is_ready = parts.health.report().await.ready;
        parts.health_reporter.set_serving(is_ready).await;
        Self {
            context: parts.context,
            wiring: parts.wiring,
            health: parts.health,
            health_reporter: parts.health_reporter,
            listeners,
            workers,
            failures,
        }
    }

    async fn run(mut self, stop: CancellationToken) -> Result<(), RunError> {
        let failure = loop {
            tokio::select! {
                () = stop.cancelled() => break None,
                failure = self.failures.recv() => break failure,
                () = tokio::time::sleep(HEALTH_INTERVAL) => {
                    let is_ready = self.health.report().await.ready;
                    self.health_reporter.set_serving(is_ready).await;
                }
            }
        };
        if let Some(failure) = &failure {
            tracing::error!(part = %failure.part, error = %failure.source, "stopping: a part of the process failed");
        }
        self.stop().await;
        failure.map_or(Ok(()), Err)
    }

    /// Not ready, gone from the registries, drain, no new connections, live updates end, workers in reverse, databases.
    async fn stop(self) {
        let settings = &self.context.config.server;
        self.health.set_serving(false);
        self.health_reporter.set_serving(false).await;
        self.context.leaving.cancel();
        tokio::time::sleep(settings.drain).await;

        let deadline = Instant::now() + settings.shutdown_timeout;
        self.context.shutdown.cancel();
        for listener in &self.listeners {
            listener.stop.cancel();
        }
        for listener in self.listeners.into_iter().rev() {
            end(listener, deadline).await;
        }
        for worker in self.workers.into_iter().rev() {
            worker.stop.cancel();
            end(worker, deadline).await;
        }
        self.wiring.cut();
        close_databases(&self.context).await;
    }
}

/// Waits for a task to end; cuts it off at the deadline.
async fn end(task: Task, deadline: Instant) {
    let abort: AbortHandle = task.handle.abort_handle();
    // Even when the time is up, a task that has nothing left to do may end.
    let deadline = deadline.max(Instant::now() + Duration::from_millis(50));
    if tokio::time::timeout_at(deadline, task.handle)
        .await
        .is_err()
    {
        tracing::warn!(part = %task.name, "did not stop in time and was cut off");
        abort.abort();
    }
}

fn spawn_listener(listener: Listener) -> Task {
    let stop = CancellationToken::new();
    Task {
        name: "a listener".into(),
        handle: tokio::spawn(listener.serve(stop.clone())),
        stop,
    }
}

fn spawn_worker(worker: Worker, failures: mpsc::Sender<RunError>) -> Task {
    let stop = CancellationToken::new();
    let name = worker.name.clone();
    let work = tokio::spawn((worker.run)(stop.clone()));
    let abort = AbortOnDrop(work.abort_handle());
    let handle = tokio::spawn(async move {
        let _abort = abort;
        let source = match work.await {
            Ok(Ok(())) => return,
            Ok(Err(source)) => source,
            Err(panic) => Box::new(panic),
        };
        let failure = RunError {
            part: worker.name,
            source,
        };
        // When one failure waits already, the process is stopping for it.
        failures.try_send(failure).ok();
    });
    Task { name, stop, handle }
}

/// A worker that is cut off must not go on without its watcher.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
