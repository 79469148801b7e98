//! Installs logs, spans and metrics in this process.

use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use super::feed::SpanFeed;
use super::layer::{RecordedSpans, SpanLayer};
use super::log::{LineFormat, LogLayer, LoggedEvents};
use super::metrics::Metrics;
use crate::config::{Config, LogFormat};

/// What this process records; a handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Telemetry {
    pub spans: SpanFeed,
    pub metrics: Metrics,
}

/// Why telemetry could not be installed.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("another tracing subscriber is installed in this process")]
    Subscriber(#[from] tracing::subscriber::SetGlobalDefaultError),
    #[error("the metrics recorder cannot be installed: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
}

/// Installs telemetry in this process, once: a further call gives what the first one installed, whatever its configuration.
/// Logs go to stderr.
///
/// # Errors
/// Other code has installed a subscriber or a recorder before.
pub fn init(config: &Config) -> Result<Telemetry, TelemetryError> {
    static INSTALLED: Mutex<Option<Telemetry>> = Mutex::new(None);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(telemetry) = &*installed {
        return Ok(telemetry.clone());
    }
    let spans = SpanFeed::new(config.telemetry.spans_waiting_max as usize);
    let span_layer = SpanLayer::new(spans.clone(), config.telemetry.sample_ratio);
    let log_layer = LogLayer::new(line_format(config.log.format), std::io::stderr);
    let log_filter = LoggedEvents(config.log.filter.clone());
    let subscriber = Registry::default()
        .with(span_layer.with_filter(RecordedSpans))
        .with(log_layer.with_filter(log_filter));
    tracing::subscriber::set_global_default(subscriber)?;
    let metrics = Metrics::install(spans.clone())?;
    let telemetry = Telemetry { spans, metrics };
    *installed = Some(telemetry.clone());
    Ok(telemetry)
}

fn line_format(format: LogFormat) -> LineFormat {
    let is_terminal = std::io::stderr().is_terminal();
    match format {
        LogFormat::Json => LineFormat::Json,
        LogFormat::Auto if !is_terminal => LineFormat::Json,
        LogFormat::Auto | LogFormat::Pretty => LineFormat::Pretty { color: is_terminal },
    }
}
