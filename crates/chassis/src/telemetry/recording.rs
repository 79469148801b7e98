//! A span while it runs, kept in the tracing registry's extensions, and how tracing's fields become what it holds.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};

use super::database::{self, DatabaseCall};
use super::span::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_PER_SPAN_MAX, Attributes, EVENTS_PER_SPAN_MAX, FinishedSpan,
    SpanEvent, SpanKind, SpanStatus, cut,
};
use super::trace_context::{SpanId, TraceParent};

/// What a new span has been given by its fields besides attributes.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub parent: Option<TraceParent>,
    pub service: Option<Arc<str>>,
}

/// A span that runs.
#[derive(Debug)]
pub(super) struct Recording {
    pub identity: TraceParent,
    pub parent_span_id: Option<SpanId>,
    pub service: Arc<str>,
    pub database: Option<DatabaseCall>,
    started: Instant,
    start_unix_ns: u64,
    /// Set when the work is over though handles to the span are still around.
    pub duration_ns: Option<u64>,
    details: Details,
}

/// What fields say about a span.
#[derive(Debug, Default)]
struct Details {
    name: Option<String>,
    kind: SpanKind,
    status: SpanStatus,
    status_message: String,
    attributes: Attributes,
    events: Vec<SpanEvent>,
}

impl Recording {
    pub fn new(
        identity: TraceParent,
        parent_span_id: Option<SpanId>,
        service: Arc<str>,
        database: Option<DatabaseCall>,
    ) -> Self {
        Self {
            identity,
            parent_span_id,
            service,
            database,
            started: Instant::now(),
            start_unix_ns: unix_ns_now(),
            duration_ns: None,
            details: Details::default(),
        }
    }

    /// Takes the fields that a span was made with, or that were recorded later.
    pub fn visitor(&mut self) -> impl Visit + '_ {
        RecordingVisitor(self)
    }

    pub fn add_event(&mut self, event: SpanEvent) {
        if self.details.events.len() < EVENTS_PER_SPAN_MAX {
            self.details.events.push(event);
        }
    }

    /// Stops the clock, once.
    pub fn stop(&mut self) {
        let elapsed = || u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.duration_ns = Some(self.duration_ns.unwrap_or_else(elapsed));
    }

    pub fn finish(mut self, static_name: &'static str) -> FinishedSpan {
        self.stop();
        let mut details = self.details;
        let mut name = details.name.map_or(Cow::Borrowed(static_name), Cow::Owned);
        if let Some(call) = self.database {
            details.kind = SpanKind::Client;
            name = Cow::Owned(call.summary());
            details.attributes.extend(call.attributes());
        }
        FinishedSpan {
            trace_id: self.identity.trace_id,
            span_id: self.identity.span_id,
            parent_span_id: self.parent_span_id,
            service: self.service,
            name,
            kind: details.kind,
            start_unix_ns: self.start_unix_ns,
            duration_ns: self.duration_ns.unwrap_or(0),
            status: details.status,
            status_message: details.status_message,
            attributes: details.attributes,
            events: details.events,
        }
    }
}

struct RecordingVisitor<'a>(&'a mut Recording);

impl RecordingVisitor<'_> {
    fn take(&mut self, field: &Field, value: &str) {
        let details = &mut self.0.details;
        match field.name() {
            "otel.name" => details.name = Some(cut(value, ATTRIBUTE_BYTES_MAX).to_owned()),
            "otel.kind" => details.kind = kind(value),
            "otel.status_code" => {
                details.status = status(value);
                // The driver's own thread may hold the span a while after the statement has ended.
                if self.0.database.is_some() {
                    self.0.stop();
                }
            }
            "otel.status_message" => {
                cut(value, ATTRIBUTE_BYTES_MAX).clone_into(&mut details.status_message);
            }
            "service" | "traceparent" => {}
            name => match &mut self.0.database {
                Some(call) => call.record(name, value),
                None => push_attribute(&mut details.attributes, name, value),
            },
        }
    }
}

impl Visit for RecordingVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, if value { "true" } else { "false" });
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, &format!("{value:?}"));
    }
}

/// Reads the fields that decide a span's identity, before it is made.
pub(super) struct GivenVisitor<'a, F: Fn(&str) -> Arc<str>> {
    pub given: Given,
    pub intern: &'a F,
}

impl<F: Fn(&str) -> Arc<str>> Visit for GivenVisitor<'_, F> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "traceparent" => self.given.parent = value.parse().ok(),
            "service" => self.given.service = Some((self.intern)(value)),
            _ => {}
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if matches!(field.name(), "traceparent" | "service") {
            self.record_str(field, &format!("{value:?}"));
        }
    }
}

/// Gathers a log event that happened within a span.
#[derive(Debug, Default)]
pub(super) struct EventVisitor {
    message: String,
    attributes: Attributes,
}

impl EventVisitor {
    pub fn finish(mut self, level: tracing::Level) -> SpanEvent {
        push_attribute(&mut self.attributes, "level", level.as_str());
        SpanEvent {
            name: self.message.into(),
            unix_ns: unix_ns_now(),
            attributes: self.attributes,
        }
    }
}

impl Visit for EventVisitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            cut(value, ATTRIBUTE_BYTES_MAX).clone_into(&mut self.message);
            return;
        }
        push_attribute(&mut self.attributes, field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn push_attribute(attributes: &mut Attributes, name: &'static str, value: &str) {
    let value = cut(value, ATTRIBUTE_BYTES_MAX);
    if let Some((_, known)) = attributes.iter_mut().find(|(key, _)| key == name) {
        value.clone_into(known);
    } else if attributes.len() < ATTRIBUTES_PER_SPAN_MAX {
        attributes.push((Cow::Borrowed(name), value.to_owned()));
    }
}

fn kind(text: &str) -> SpanKind {
    match text {
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => SpanKind::Internal,
    }
}

fn status(text: &str) -> SpanStatus {
    if text.eq_ignore_ascii_case("error") {
        return SpanStatus::Error;
    }
    if text.eq_ignore_ascii_case("ok") {
        return SpanStatus::Ok;
    }
    SpanStatus::Unset
}

fn unix_ns_now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        })
}

/// The name of the service that stands for a service's database.
pub(super) fn database_service(service: &str) -> String {
    database::service_name(service)
}
