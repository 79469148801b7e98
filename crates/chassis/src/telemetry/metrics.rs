//! Counters, gauges and histograms of this process, rendered for Prometheus.
//!
//! Code records through the `metrics` facade under OpenTelemetry names (`rpc.client.call.duration`). Prometheus sees them
//! with underscores, the unit that they are described with, and `_total` for counters. Durations are in seconds in metrics
//! named `*duration` or `*_seconds`, sizes in bytes in `*_bytes` or `*size`.

use std::time::Duration;

use metrics::Unit;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::feed::SpanFeed;

/// Calls in one process take microseconds, uploads minutes.
const SECONDS_BUCKETS: [f64; 18] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 60.0,
];

const BYTES_BUCKETS: [f64; 9] = [
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// Samples gather between two rounds of upkeep, so they are frequent enough to keep that little.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The metrics of this process; a handle, cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
    spans: SpanFeed,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Installs the recorder of this process and starts its upkeep.
    pub(super) fn install(spans: SpanFeed) -> Result<Self, BuildError> {
        let handle = builder()?.install_recorder()?;
        let upkept = handle.clone();
        // A thread, not a task: the recorder lives as long as the process and serves every runtime in it.
        let upkeep = move || {
            loop {
                std::thread::sleep(UPKEEP_INTERVAL);
                upkept.run_upkeep();
            }
        };
        if let Err(error) = std::thread::Builder::new()
            .name("metrics-upkeep".to_owned())
            .spawn(upkeep)
        {
            tracing::warn!(%error, "metrics are only kept up when they are read");
        }
        describe();
        Ok(Self { handle, spans })
    }

    /// The metrics in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        metrics::counter!("amphi.telemetry.spans.recorded").absolute(self.spans.recorded());
        metrics::counter!("amphi.telemetry.spans.dropped").absolute(self.spans.dropped());
        if let Some(bytes) = resident_bytes() {
            #[allow(clippy::cast_precision_loss)]
            metrics::gauge!("process.resident.memory").set(bytes as f64);
        }
        self.handle.render()
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let seconds = |suffix: &str| (Matcher::Suffix(suffix.to_owned()), &SECONDS_BUCKETS[..]);
    let bytes = |suffix: &str| (Matcher::Suffix(suffix.to_owned()), &BYTES_BUCKETS[..]);
    let new = PrometheusBuilder::new().with_recommended_naming(true);
    [
        seconds("duration"),
        seconds("_seconds"),
        bytes("_bytes"),
        bytes("size"),
    ]
    .into_iter()
    .try_fold(new, |builder, (matcher, buckets)| {
        builder.set_buckets_for_metric(matcher, buckets)
    })
}

/// What the chassis itself records; services describe their own.
fn describe() {
    const DURATIONS: [(&str, &str); 3] = [
        (
            "rpc.client.call.duration",
            "Time that callers waited for calls between services",
        ),
        (
            "rpc.server.call.duration",
            "Time that services worked on calls",
        ),
        (
            "http.server.request.duration",
            "Time until the head of an HTTP response was ready",
        ),
    ];
    const COUNTERS: [(&str, &str); 6] = [
        (
            "amphi.telemetry.spans.recorded",
            "Spans that ended in this process and were recorded",
        ),
        (
            "amphi.telemetry.spans.dropped",
            "Spans that gave way to newer ones before they were stored or sent",
        ),
        (
            "amphi.telemetry.spans.unsent",
            "Spans given up because the observatory did not take them",
        ),
        (
            "rpc.client.retries",
            "Calls between services that were made again",
        ),
        (
            "rpc.client.peer.ejections",
            "Times that a process was left out because it failed again and again",
        ),
        (
            "rpc.client.breaker.refusals",
            "Calls refused because most others to their role had failed",
        ),
    ];
    for (name, help) in DURATIONS {
        metrics::describe_histogram!(name, Unit::Seconds, help);
    }
    for (name, help) in COUNTERS {
        metrics::describe_counter!(name, help);
    }
    metrics::describe_gauge!(
        "rpc.client.breaker.state",
        "Circuit breaker before a role: 0 closed, 1 half open, 2 open"
    );
    metrics::describe_gauge!(
        "amphi.shared_state.up",
        "Whether limits and ended sign-ins are shared with the other processes: 1 yes, 0 not at the moment"
    );
    metrics::describe_gauge!(
        "process.resident.memory",
        Unit::Bytes,
        "Memory of this process that is in RAM"
    );
}

/// From `/proc/self/status`, in kibibytes there; `None` where there is none.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn metrics_are_rendered_with_units_and_buckets_as_prometheus_wants_them() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!("rpc.client.call.duration", "rpc.method" => "Get").record(0.000_2);
            metrics::histogram!("http.server.request.body.size").record(2000.0);
            metrics::counter!("amphi.telemetry.spans.unsent").increment(2);
            metrics::counter!("amphi_jobs_total").increment(1);
        });
        let text = handle.render();
        for line in [
            r#"rpc_client_call_duration_seconds_bucket{rpc_method="Get",le="0.00025"} 1"#,
            r#"http_server_request_body_size_bucket{le="4096"} 1"#,
            "# HELP amphi_telemetry_spans_unsent_total Spans given up",
            "amphi_telemetry_spans_unsent_total 2",
            "amphi_jobs_total 1",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }

    #[test]
    fn the_memory_of_this_process_is_known() {
        assert!(resident_bytes().unwrap() > 1 << 20);
    }
}
