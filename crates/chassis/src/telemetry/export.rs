//! Sends finished spans to the observatory when it is another process: OTLP over gRPC, in batches, off the request path.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::feed::{SpanFeed, SpanSubscription};
use super::otlp::to_request;
use super::span::FinishedSpan;
use crate::Role;
use crate::config::{Config, TelemetryConfig};
use crate::rpc::connect_lazy;
use crate::tls::InternalTls;

/// Below what a gRPC server takes by default.
const REQUEST_BYTES_MAX: usize = 3 * 1024 * 1024;

/// Waits between tries. While one waits, new spans gather in the feed's bounded queue.
const RETRY_WAITS: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// Sends spans from a feed to the observatory until it is cancelled.
#[derive(Debug)]
pub struct SpanExporter {
    subscription: SpanSubscription,
    target: Target,
    settings: TelemetryConfig,
    is_failing: bool,
}

/// Where the spans go.
enum Target {
    Fixed(TraceServiceClient<Channel>),
    /// Wherever the observatory is known to be at the time.
    Found {
        find: Box<dyn Fn() -> Option<String> + Send + Sync>,
        connect_timeout: Duration,
        tls: Option<InternalTls>,
        connected: Option<(String, TraceServiceClient<Channel>)>,
    },
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Found { .. } => "Found",
        })
    }
}

impl Target {
    fn client(
        &mut self,
        timeout: Duration,
    ) -> Result<&mut TraceServiceClient<Channel>, tonic::Status> {
        let (find, connect_timeout, tls, connected) = match self {
            Self::Fixed(client) => return Ok(client),
            Self::Found {
                find,
                connect_timeout,
                tls,
                connected,
            } => (find, *connect_timeout, tls.as_ref(), connected),
        };
        let address = find()
            .ok_or_else(|| tonic::Status::unavailable("no process of observatory is known yet"))?;
        if connected
            .as_ref()
            .is_none_or(|(known, _)| *known != address)
        {
            let client = connect(address.clone(), connect_timeout, timeout, tls)
                .map_err(|error| tonic::Status::unavailable(error.to_string()))?;
            *connected = Some((address, client));
        }
        connected
            .as_mut()
            .map(|(_, client)| client)
            .ok_or_else(|| tonic::Status::internal("not connected"))
    }
}

fn connect(
    url: String,
    connect_timeout: Duration,
    timeout: Duration,
    tls: Option<&InternalTls>,
) -> Result<TraceServiceClient<Channel>, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url)?
        .connect_timeout(connect_timeout)
        .timeout(timeout)
        .tcp_nodelay(true);
    let channel = connect_lazy(&endpoint, connect_timeout, tls);
    Ok(TraceServiceClient::new(channel))
}

impl SpanExporter {
    /// An exporter to the observatory's configured address; `None` when no address is configured. All spans go to the first
    /// address, since a trace can only be read where all its spans are; `find` tells it when a registry is asked for it.
    ///
    /// # Errors
    /// The address is no URL.
    pub fn from_config(
        config: &Config,
        tls: Option<&InternalTls>,
        feed: &SpanFeed,
        find: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Result<Option<Self>, tonic::transport::Error> {
        let addresses = config.cluster.services.addresses(Role::Observatory);
        let Some(address) = addresses.first() else {
            return Ok(None);
        };
        let connect_timeout = config.rpc.connect_timeout;
        let target = match address.url() {
            Some(url) => Target::Fixed(connect(
                url,
                connect_timeout,
                config.telemetry.export_timeout,
                tls,
            )?),
            None => Target::Found {
                find: Box::new(find),
                connect_timeout,
                tls: tls.cloned(),
                connected: None,
            },
        };
        Ok(Some(Self {
            subscription: feed.subscribe(),
            target,
            settings: config.telemetry.clone(),
            is_failing: false,
        }))
    }

    /// Sends batches as they fill or their time is up; when cancelled, what is left, within one request's time limit.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let spans_max = self.settings.export_batch_spans_max as usize;
        let interval = self.settings.export_interval;
        loop {
            let batch = self.subscription.next_batch(spans_max, interval);
            let Some(batch) = shutdown.run_until_cancelled(batch).await else {
                break;
            };
            self.send_with_retries(&batch, &shutdown).await;
        }
        let timeout = self.settings.export_timeout;
        if tokio::time::timeout(timeout, self.flush(spans_max))
            .await
            .is_err()
        {
            tracing::warn!("the last spans were not sent in time");
        }
    }

    async fn flush(&mut self, spans_max: usize) {
        loop {
            let batch = self.subscription.take(spans_max);
            if batch.is_empty() {
                return;
            }
            for request in requests(&batch) {
                if self.send(request).await.is_err() {
                    count_unsent(batch.len());
                    return;
                }
            }
        }
    }

    /// When cancelled, the request that is under way is the last try.
    async fn send_with_retries(
        &mut self,
        batch: &[Arc<FinishedSpan>],
        shutdown: &CancellationToken,
    ) {
        for request in requests(batch) {
            let mut waits = RETRY_WAITS.iter();
            while let Err(status) = self.send(request.clone()).await {
                self.report(Some(&status));
                let wait = waits.next().filter(|_| is_worth_retrying(status.code()));
                let is_time_left = match wait {
                    Some(wait) => shutdown
                        .run_until_cancelled(tokio::time::sleep(*wait))
                        .await
                        .is_some(),
                    None => false,
                };
                if !is_time_left {
                    count_unsent(span_count(&request));
                    break;
                }
            }
        }
    }

    async fn send(&mut self, request: ExportTraceServiceRequest) -> Result<(), tonic::Status> {
        let client = self.target.client(self.settings.export_timeout)?;
        let response = client.export(request).await?;
        let rejected = response
            .into_inner()
            .partial_success
            .map_or(0, |partial| partial.rejected_spans);
        count_unsent(usize::try_from(rejected).unwrap_or(0));
        self.report(None);
        Ok(())
    }

    /// Says once that sending fails, and once that it works again.
    fn report(&mut self, failure: Option<&tonic::Status>) {
        match failure {
            Some(status) if !self.is_failing => tracing::warn!(
                code = ?status.code(),
                error = status.message(),
                "the observatory does not take spans; trying on"
            ),
            None if self.is_failing => tracing::info!("the observatory takes spans again"),
            _ => {}
        }
        self.is_failing = failure.is_some();
    }
}

/// By the OTLP specification, other codes say that the same request would be refused again.
const fn is_worth_retrying(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(
        code,
        Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::ResourceExhausted
            | Code::DataLoss
            | Code::Unknown
    )
}

fn count_unsent(spans: usize) {
    metrics::counter!("amphi.telemetry.spans.unsent").increment(spans as u64);
}

fn span_count(request: &ExportTraceServiceRequest) -> usize {
    request
        .resource_spans
        .iter()
        .flat_map(|group| &group.scope_spans)
        .map(|scope| scope.spans.len())
        .sum()
}

/// The batch as requests that are small enough to be taken.
fn requests(batch: &[Arc<FinishedSpan>]) -> Vec<ExportTraceServiceRequest> {
    let request = to_request(batch.iter().map(Arc::as_ref));
    // One span is within the limits of attributes and events, far below a request's.
    if batch.len() <= 1 || request.encoded_len() <= REQUEST_BYTES_MAX {
        return vec![request];
    }
    let (first, second) = batch.split_at(batch.len() / 2);
    let mut parts = requests(first);
    parts.extend(requests(second));
    parts
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
