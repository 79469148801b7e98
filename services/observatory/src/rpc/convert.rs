//! Between the observatory's types and the contract's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::db::Cursor;
use amphi_chassis::telemetry::{SpanEvent, SpanKind, SpanStatus, TraceId};
use amphi_contracts::proto::observatory::v1 as proto;
use uuid::Uuid;

use crate::domain::service_map::{Latency, ServiceMap};
use crate::domain::trace::{AnalyzedSpan, AnalyzedTrace};
use crate::store::{Position, TraceQuery, TraceSummary};

const NS_PER_US: u64 = 1000;

pub(super) fn query(request: proto::FindTracesRequest) -> Result<TraceQuery, Problem> {
    let moment = |us: i64| u64::try_from(us).ok().filter(|us| *us > 0);
    let given = |text: String| (!text.is_empty()).then_some(text);
    let (since, until) = (moment(request.since_us), moment(request.until_us));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Problem::invalid(
            "invalid_time_range",
            "`since` must be before `until`.",
        ));
    }
    Ok(TraceQuery {
        service: given(request.service),
        operation: given(request.operation),
        duration_ns_min: request.min_duration_us.saturating_mul(NS_PER_US),
        since_unix_ns: since.map(|us| us.saturating_mul(NS_PER_US)),
        until_unix_ns: until.map(|us| us.saturating_mul(NS_PER_US)),
        only_errors: request.only_errors,
    })
}

pub(super) fn position(cursor: Cursor) -> Position {
    Position {
        first_seen: u64::try_from(cursor.time_us).unwrap_or(0),
        trace_id: TraceId(cursor.id.into_bytes()),
    }
}

fn cursor(position: Position) -> Cursor {
    Cursor {
        time_us: i64::try_from(position.first_seen).unwrap_or(i64::MAX),
        id: Uuid::from_bytes(position.trace_id.0),
    }
}

/// A page of `limit` out of what was found, which is one more when there is a next page.
pub(super) fn page(
    mut found: Vec<(Position, TraceSummary)>,
    limit: usize,
) -> proto::FindTracesResponse {
    let has_more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_more);
    proto::FindTracesResponse {
        next_cursor: last.map_or_else(String::new, |(position, _)| cursor(*position).encode()),
        traces: found.into_iter().map(|(_, trace)| summary(trace)).collect(),
    }
}

fn summary(trace: TraceSummary) -> proto::TraceSummary {
    proto::TraceSummary {
        trace_id: trace.trace_id.to_string(),
        root_service: trace.root_service.to_string(),
        root_operation: trace.root_operation,
        started_at_us: unix_us(trace.start_unix_ns),
        duration_us: trace.duration_ns / NS_PER_US,
        span_count: count(trace.span_count),
        error_count: count(trace.error_count),
        services: service_spans(trace.services),
    }
}

pub(super) fn trace(id: TraceId, trace: AnalyzedTrace) -> proto::Trace {
    proto::Trace {
        trace_id: id.to_string(),
        started_at_us: unix_us(trace.started_unix_ns),
        duration_us: trace.duration_ns / NS_PER_US,
        spans: trace.spans.iter().map(span).collect(),
        services: service_spans(trace.services),
    }
}

fn span(analyzed: &AnalyzedSpan) -> proto::Span {
    let span = &analyzed.span;
    let kind = match span.kind {
        SpanKind::Internal => proto::SpanKind::Internal,
        SpanKind::Server => proto::SpanKind::Server,
        SpanKind::Client => proto::SpanKind::Client,
        SpanKind::Producer => proto::SpanKind::Producer,
        SpanKind::Consumer => proto::SpanKind::Consumer,
    };
    let status = match span.status {
        SpanStatus::Unset => proto::SpanStatus::Unset,
        SpanStatus::Ok => proto::SpanStatus::Ok,
        SpanStatus::Error => proto::SpanStatus::Error,
    };
    proto::Span {
        span_id: span.span_id.to_string(),
        parent_span_id: span
            .parent_span_id
            .map_or_else(String::new, |id| id.to_string()),
        service: span.service.to_string(),
        operation: span.name.to_string(),
        kind: kind.into(),
        start_us: analyzed.start_ns / NS_PER_US,
        duration_us: span.duration_ns / NS_PER_US,
        self_us: analyzed.self_ns / NS_PER_US,
        on_critical_path: analyzed.is_on_critical_path,
        status: status.into(),
        status_message: span.status_message.clone(),
        attributes: texts(&span.attributes),
        events: span.events.iter().map(|e| event(analyzed, e)).collect(),
    }
}

fn event(analyzed: &AnalyzedSpan, event: &SpanEvent) -> proto::SpanEvent {
    proto::SpanEvent {
        name: event.name.to_string(),
        offset_us: analyzed.offset_ns(event.unix_ns) / NS_PER_US,
        attributes: texts(&event.attributes),
    }
}

fn texts<C>(attributes: &amphi_chassis::telemetry::Attributes) -> C
where
    C: FromIterator<(String, String)>,
{
    attributes
        .iter()
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect()
}

pub(super) fn services(services: Vec<(Arc<str>, Vec<String>)>) -> proto::ListServicesResponse {
    let services = services
        .into_iter()
        .map(|(name, operations)| proto::ServiceOperations {
            name: name.to_string(),
            operations,
        })
        .collect();
    proto::ListServicesResponse { services }
}

pub(super) fn service_map(window: Duration, map: ServiceMap) -> proto::ServiceMap {
    proto::ServiceMap {
        window_s: u32::try_from(window.as_secs()).unwrap_or(u32::MAX),
        generated_at_us: jiff::Timestamp::now().as_microsecond(),
        nodes: map
            .nodes
            .into_iter()
            .map(|(node, latency)| proto::ServiceMapNode {
                name: node.name.to_string(),
                kind: node.kind.as_str().to_owned(),
                latency: Some(latency_summary(latency)),
            })
            .collect(),
        edges: map
            .edges
            .into_iter()
            .map(|(from, to, latency)| proto::ServiceMapEdge {
                from: from.to_string(),
                to: to.to_string(),
                latency: Some(latency_summary(latency)),
            })
            .collect(),
    }
}

fn latency_summary(latency: Latency) -> proto::LatencySummary {
    proto::LatencySummary {
        calls: latency.calls,
        errors: latency.errors,
        rate_per_s: latency.rate_per_s,
        p50_us: latency.p50_us,
        p95_us: latency.p95_us,
        p99_us: latency.p99_us,
    }
}

fn service_spans(services: BTreeMap<Arc<str>, u32>) -> Vec<proto::ServiceSpans> {
    services
        .into_iter()
        .map(|(name, span_count)| proto::ServiceSpans {
            name: name.to_string(),
            span_count,
        })
        .collect()
}

fn unix_us(unix_ns: u64) -> i64 {
    i64::try_from(unix_ns / NS_PER_US).unwrap_or(i64::MAX)
}

fn count(spans: usize) -> u32 {
    u32::try_from(spans).unwrap_or(u32::MAX)
}
