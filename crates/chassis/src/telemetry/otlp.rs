//! Spans from and to OTLP, the protocol by which processes, browsers and foreign services send them.
//!
//! <https://opentelemetry.io/docs/specs/otlp/>. What comes in is not trusted: ids are checked, names, values and counts are
//! cut to the same limits as our own spans have. The JSON encoding with its ids in hex is serde's of the same messages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind as OtlpKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::span::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_PER_SPAN_MAX, Attributes, EVENTS_PER_SPAN_MAX, FinishedSpan,
    SpanEvent, SpanKind, SpanStatus, cut,
};
use super::trace_context::{SpanId, TraceId};

const SERVICE_NAME: &str = "service.name";

/// The service of spans that do not say theirs, as the semantic conventions have it.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// A list within a list within a value is flattened no deeper.
const VALUE_DEPTH_MAX: usize = 4;

/// What came in by one request.
#[derive(Debug, Default)]
pub struct Received {
    pub spans: Vec<FinishedSpan>,
    /// Spans without a valid trace or span id.
    pub rejected: u64,
}

/// The spans as one request, grouped by service.
#[must_use]
pub fn to_request<'a>(
    spans: impl IntoIterator<Item = &'a FinishedSpan>,
) -> ExportTraceServiceRequest {
    let mut by_service: BTreeMap<&str, Vec<Span>> = BTreeMap::new();
    for span in spans {
        by_service
            .entry(&span.service)
            .or_default()
            .push(to_otlp(span));
    }
    let resource_spans = by_service
        .into_iter()
        .map(|(service, spans)| ResourceSpans {
            resource: Some(Resource {
                attributes: vec![text_attribute(SERVICE_NAME, service)],
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                scope: Some(InstrumentationScope {
                    name: env!("CARGO_PKG_NAME").to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ..InstrumentationScope::default()
                }),
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        })
        .collect();
    ExportTraceServiceRequest { resource_spans }
}

/// The spans of a request, within our limits.
#[must_use]
pub fn from_request(request: ExportTraceServiceRequest) -> Received {
    let mut received = Received::default();
    for group in request.resource_spans {
        let service = service_name(group.resource.as_ref());
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match from_otlp(span, &service) {
                Some(span) => received.spans.push(span),
                None => received.rejected += 1,
            }
        }
    }
    received
}

fn to_otlp(span: &FinishedSpan) -> Span {
    Span {
        trace_id: span.trace_id.0.to_vec(),
        span_id: span.span_id.0.to_vec(),
        parent_span_id: span
            .parent_span_id
            .map_or_else(Vec::new, |id| id.0.to_vec()),
        name: span.name.to_string(),
        kind: match span.kind {
            SpanKind::Internal => OtlpKind::Internal,
            SpanKind::Server => OtlpKind::Server,
            SpanKind::Client => OtlpKind::Client,
            SpanKind::Producer => OtlpKind::Producer,
            SpanKind::Consumer => OtlpKind::Consumer,
        }
        .into(),
        start_time_unix_nano: span.start_unix_ns,
        end_time_unix_nano: span.end_unix_ns(),
        attributes: to_otlp_attributes(&span.attributes),
        events: span.events.iter().map(to_otlp_event).collect(),
        status: Some(Status {
            message: span.status_message.clone(),
            code: match span.status {
                SpanStatus::Unset => StatusCode::Unset,
                SpanStatus::Ok => StatusCode::Ok,
                SpanStatus::Error => StatusCode::Error,
            }
            .into(),
        }),
        flags: 1,
        ..Span::default()
    }
}

fn to_otlp_event(event: &SpanEvent) -> Event {
    Event {
        time_unix_nano: event.unix_ns,
        name: event.name.to_string(),
        attributes: to_otlp_attributes(&event.attributes),
        dropped_attributes_count: 0,
    }
}

fn to_otlp_attributes(attributes: &Attributes) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|(name, value)| text_attribute(name, value))
        .collect()
}

fn text_attribute(name: &str, value: &str) -> KeyValue {
    KeyValue {
        key: name.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

fn service_name(resource: Option<&Resource>) -> Arc<str> {
    let name = resource
        .and_then(|resource| resource.attributes.iter().find(|a| a.key == SERVICE_NAME))
        .and_then(|attribute| attribute.value.as_ref())
        .map(shown)
        .unwrap_or_default();
    match cut(name.trim(), ATTRIBUTE_BYTES_MAX) {
        "" => UNKNOWN_SERVICE.into(),
        name => name.into(),
    }
}

fn from_otlp(span: Span, service: &Arc<str>) -> Option<FinishedSpan> {
    let (status, status_message) = match span.status {
        Some(status) => (
            match status.code() {
                StatusCode::Unset => SpanStatus::Unset,
                StatusCode::Ok => SpanStatus::Ok,
                StatusCode::Error => SpanStatus::Error,
            },
            cut(&status.message, ATTRIBUTE_BYTES_MAX).to_owned(),
        ),
        None => (SpanStatus::Unset, String::new()),
    };
    Some(FinishedSpan {
        trace_id: TraceId::from_slice(&span.trace_id)?,
        span_id: SpanId::from_slice(&span.span_id)?,
        parent_span_id: SpanId::from_slice(&span.parent_span_id),
        service: Arc::clone(service),
        kind: match OtlpKind::try_from(span.kind).unwrap_or_default() {
            OtlpKind::Unspecified | OtlpKind::Internal => SpanKind::Internal,
            OtlpKind::Server => SpanKind::Server,
            OtlpKind::Client => SpanKind::Client,
            OtlpKind::Producer => SpanKind::Producer,
            OtlpKind::Consumer => SpanKind::Consumer,
        },
        name: owned(&span.name),
        start_unix_ns: span.start_time_unix_nano,
        duration_ns: span
            .end_time_unix_nano
            .saturating_sub(span.start_time_unix_nano),
        status,
        status_message,
        attributes: from_otlp_attributes(&span.attributes),
        events: span
            .events
            .into_iter()
            .take(EVENTS_PER_SPAN_MAX)
            .map(|event| SpanEvent {
                name: owned(&event.name),
                unix_ns: event.time_unix_nano,
                attributes: from_otlp_attributes(&event.attributes),
            })
            .collect(),
    })
}

fn from_otlp_attributes(attributes: &[KeyValue]) -> Attributes {
    attributes
        .iter()
        .take(ATTRIBUTES_PER_SPAN_MAX)
        .map(|attribute| {
            let value = attribute.value.as_ref().map(shown).unwrap_or_default();
            (
                owned(&attribute.key),
                cut(&value, ATTRIBUTE_BYTES_MAX).to_owned(),
            )
        })
        .collect()
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(cut(text, ATTRIBUTE_BYTES_MAX).to_owned())
}

fn shown(value: &AnyValue) -> String {
    let mut text = String::new();
    show(&mut text, value, 0);
    text
}

fn show(text: &mut String, value: &AnyValue, depth: usize) {
    if text.len() > ATTRIBUTE_BYTES_MAX || depth > VALUE_DEPTH_MAX {
        return;
    }
    // Writing to a string does not fail.
    let _ = match &value.value {
        Some(Value::StringValue(value)) => {
            text.push_str(cut(value, ATTRIBUTE_BYTES_MAX));
            Ok(())
        }
        Some(Value::BoolValue(value)) => write!(text, "{value}"),
        Some(Value::IntValue(value)) => write!(text, "{value}"),
        Some(Value::DoubleValue(value)) => write!(text, "{value}"),
        Some(Value::BytesValue(bytes)) => write!(text, "{} bytes", bytes.len()),
        Some(Value::ArrayValue(array)) => {
            for (index, item) in array.values.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                show(text, item, depth + 1);
            }
            Ok(())
        }
        Some(Value::KvlistValue(list)) => {
            for (index, pair) in list.values.iter().enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                let _ = write!(text, "{separator}{}=", cut(&pair.key, ATTRIBUTE_BYTES_MAX));
                if let Some(value) = &pair.value {
                    show(text, value, depth + 1);
                }
            }
            Ok(())
        }
        // An index into a table that only profiles have.
        Some(Value::StringValueStrindex(_)) | None => Ok(()),
    };
}

#[cfg(test)]
#[path = "otlp_tests.rs"]
mod tests;
