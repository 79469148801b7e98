//! Traces and the service map.

use std::collections::BTreeMap;

use amphi_chassis::Problem;
use amphi_contracts::proto::observatory::v1 as observatory;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{page, time, unknown_value};

/// How many spans of a trace a service has.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceService {
    pub name: String,
    pub span_count: u32,
}

fn trace_services(services: Vec<observatory::ServiceSpans>) -> Vec<TraceService> {
    services
        .into_iter()
        .map(|service| TraceService {
            name: service.name,
            span_count: service.span_count,
        })
        .collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct TraceSummary {
    /// 32 lower-case hex digits.
    pub trace_id: String,
    pub root_service: String,
    pub root_operation: String,
    pub started_at: Timestamp,
    pub duration_us: u64,
    pub span_count: u32,
    pub error_count: u32,
    pub services: Vec<TraceService>,
}

impl TryFrom<observatory::TraceSummary> for TraceSummary {
    type Error = Problem;

    fn try_from(summary: observatory::TraceSummary) -> Result<Self, Problem> {
        Ok(Self {
            trace_id: summary.trace_id,
            root_service: summary.root_service,
            root_operation: summary.root_operation,
            started_at: time(summary.started_at_us)?,
            duration_us: summary.duration_us,
            span_count: summary.span_count,
            error_count: summary.error_count,
            services: trace_services(summary.services),
        })
    }
}

page! {
    /// One page of traces, the newest first.
    TraceSummaryPage of TraceSummary
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    Server,
    Client,
    Internal,
    Producer,
    Consumer,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpanStatus {
    Ok,
    Error,
    Unset,
}

/// Something that happened within a span.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpanEvent {
    pub name: String,
    /// From the start of the trace.
    pub offset_us: u64,
    pub attributes: BTreeMap<String, String>,
}

/// A piece of work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Span {
    /// 16 lower-case hex digits.
    pub span_id: String,
    /// Null for a root.
    #[schema(required)]
    pub parent_span_id: Option<String>,
    pub service: String,
    pub operation: String,
    pub kind: SpanKind,
    /// From the start of the trace.
    pub start_us: u64,
    pub duration_us: u64,
    /// Time in which no child ran.
    pub self_us: u64,
    pub on_critical_path: bool,
    pub status: SpanStatus,
    #[schema(required)]
    pub status_message: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub events: Vec<SpanEvent>,
}

impl TryFrom<observatory::Span> for Span {
    type Error = Problem;

    fn try_from(span: observatory::Span) -> Result<Self, Problem> {
        let kind = match span.kind() {
            observatory::SpanKind::Server => SpanKind::Server,
            observatory::SpanKind::Client => SpanKind::Client,
            observatory::SpanKind::Internal => SpanKind::Internal,
            observatory::SpanKind::Producer => SpanKind::Producer,
            observatory::SpanKind::Consumer => SpanKind::Consumer,
            observatory::SpanKind::Unspecified => {
                return Err(unknown_value("span kind", span.kind));
            }
        };
        let status = match span.status() {
            observatory::SpanStatus::Ok => SpanStatus::Ok,
            observatory::SpanStatus::Error => SpanStatus::Error,
            observatory::SpanStatus::Unset => SpanStatus::Unset,
        };
        Ok(Self {
            span_id: span.span_id,
            parent_span_id: Some(span.parent_span_id).filter(|id| !id.is_empty()),
            service: span.service,
            operation: span.operation,
            kind,
            start_us: span.start_us,
            duration_us: span.duration_us,
            self_us: span.self_us,
            on_critical_path: span.on_critical_path,
            status,
            status_message: Some(span.status_message).filter(|message| !message.is_empty()),
            attributes: span.attributes.into_iter().collect(),
            events: span
                .events
                .into_iter()
                .map(|event| SpanEvent {
                    name: event.name,
                    offset_us: event.offset_us,
                    attributes: event.attributes.into_iter().collect(),
                })
                .collect(),
        })
    }
}

/// One trace, its spans depth first.
#[derive(Debug, Serialize, ToSchema)]
pub struct Trace {
    pub trace_id: String,
    pub started_at: Timestamp,
    pub duration_us: u64,
    pub span_count: usize,
    pub services: Vec<TraceService>,
    pub spans: Vec<Span>,
}

impl TryFrom<observatory::Trace> for Trace {
    type Error = Problem;

    fn try_from(trace: observatory::Trace) -> Result<Self, Problem> {
        Ok(Self {
            trace_id: trace.trace_id,
            started_at: time(trace.started_at_us)?,
            duration_us: trace.duration_us,
            span_count: trace.spans.len(),
            services: trace_services(trace.services),
            spans: trace
                .spans
                .into_iter()
                .map(Span::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    Browser,
    Service,
    Database,
    Storage,
    External,
}

/// Who answers calls, and how.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceNode {
    pub name: String,
    pub kind: NodeKind,
    pub calls: u64,
    pub errors: u64,
    pub rate_per_s: f64,
    pub p50_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
}

impl TryFrom<observatory::ServiceMapNode> for ServiceNode {
    type Error = Problem;

    fn try_from(node: observatory::ServiceMapNode) -> Result<Self, Problem> {
        let latency = node.latency.unwrap_or_default();
        let kind = match node.kind.as_str() {
            "browser" => NodeKind::Browser,
            "service" => NodeKind::Service,
            "database" => NodeKind::Database,
            "storage" => NodeKind::Storage,
            "external" => NodeKind::External,
            other => {
                return Err(Problem::internal(format!(
                    "unknown kind of a service map node `{other}`"
                )));
            }
        };
        Ok(Self {
            name: node.name,
            kind,
            calls: latency.calls,
            errors: latency.errors,
            rate_per_s: latency.rate_per_s,
            p50_us: latency.p50_us,
            p95_us: latency.p95_us,
            p99_us: latency.p99_us,
        })
    }
}

/// Who calls whom, and what it costs.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceEdge {
    pub from: String,
    pub to: String,
    pub calls: u64,
    /// 0 to 1.
    pub error_share: f64,
    pub rate_per_s: f64,
    pub p50_us: u64,
    pub p95_us: u64,
    pub p99_us: u64,
}

impl From<observatory::ServiceMapEdge> for ServiceEdge {
    fn from(edge: observatory::ServiceMapEdge) -> Self {
        let latency = edge.latency.unwrap_or_default();
        Self {
            from: edge.from,
            to: edge.to,
            calls: latency.calls,
            error_share: share(latency.errors, latency.calls),
            rate_per_s: latency.rate_per_s,
            p50_us: latency.p50_us,
            p95_us: latency.p95_us,
            p99_us: latency.p99_us,
        }
    }
}

#[allow(clippy::cast_precision_loss)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

/// Services, databases and stores, and the calls between them within the window.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceMap {
    pub window_s: u32,
    pub generated_at: Timestamp,
    pub nodes: Vec<ServiceNode>,
    pub edges: Vec<ServiceEdge>,
}

impl TryFrom<observatory::ServiceMap> for ServiceMap {
    type Error = Problem;

    fn try_from(map: observatory::ServiceMap) -> Result<Self, Problem> {
        Ok(Self {
            window_s: map.window_s,
            generated_at: time(map.generated_at_us)?,
            nodes: map
                .nodes
                .into_iter()
                .map(ServiceNode::try_from)
                .collect::<Result<_, _>>()?,
            edges: map.edges.into_iter().map(ServiceEdge::from).collect(),
        })
    }
}

/// A service that spans have come from, and what it does.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObservedService {
    pub name: String,
    pub operations: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ObservedServices {
    pub items: Vec<ObservedService>,
}

impl From<observatory::ListServicesResponse> for ObservedServices {
    fn from(response: observatory::ListServicesResponse) -> Self {
        Self {
            items: response
                .services
                .into_iter()
                .map(|service| ObservedService {
                    name: service.name,
                    operations: service.operations,
                })
                .collect(),
        }
    }
}
