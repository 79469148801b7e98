//! Log lines: JSON for machines, one readable line for people. Both name the trace they belong to.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::ser::{SerializeMap, Serializer as _};
use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Filter, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::layer::{RecordedSpans, context_of};
use super::span::cut;
use super::trace_context::TraceParent;

/// Longer values are cut, so that one line cannot fill a disk.
const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Names a line has itself; a field of the same name is left to it.
const OWN_FIELDS: [&str; 5] = ["timestamp", "level", "target", "trace_id", "span_id"];

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineFormat {
    Json,
    Pretty { color: bool },
}

/// Writes each event as one line. Add it with [`LoggedEvents`] as its filter.
#[derive(Debug)]
pub(super) struct LogLayer<W> {
    format: LineFormat,
    writer: W,
}

impl<W> LogLayer<W> {
    pub const fn new(format: LineFormat, writer: W) -> Self {
        Self { format, writer }
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let trace = context.event_span(event).and_then(context_of);
        let line = match self.format {
            LineFormat::Json => json_line(event, trace),
            LineFormat::Pretty { color } => pretty_line(event, trace, color),
        };
        // Nobody is left to tell when the log itself cannot be written.
        let _ = self.writer.make_writer().write_all(line.as_bytes());
    }
}

/// Lets through the events that the operator asked for, and the spans that say which trace they belong to.
#[derive(Debug)]
pub(super) struct LoggedEvents(pub Targets);

impl LoggedEvents {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.is_span() {
            return RecordedSpans::wants(metadata);
        }
        self.0.would_enable(metadata.target(), metadata.level())
    }
}

impl<S> Filter<S> for LoggedEvents {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        self.wants(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) {
            return Interest::always();
        }
        Interest::never()
    }
}

fn json_line(event: &Event<'_>, trace: Option<TraceParent>) -> String {
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    // Writing to memory does not fail, and every key is a string.
    let _ = write_json(&mut serializer, event, trace);
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}

fn write_json(
    serializer: &mut serde_json::Serializer<&mut Vec<u8>>,
    event: &Event<'_>,
    trace: Option<TraceParent>,
) -> serde_json::Result<()> {
    let metadata = event.metadata();
    let mut map = serializer.serialize_map(None)?;
    map.serialize_entry("timestamp", &jiff::Timestamp::now().to_string())?;
    map.serialize_entry("level", metadata.level().as_str())?;
    map.serialize_entry("target", metadata.target())?;
    if let Some(trace) = trace {
        map.serialize_entry("trace_id", &trace.trace_id.to_string())?;
        map.serialize_entry("span_id", &trace.span_id.to_string())?;
    }
    event.record(&mut JsonFields { map: &mut map });
    map.end()
}

struct JsonFields<'a, M> {
    map: &'a mut M,
}

impl<M: SerializeMap> JsonFields<'_, M> {
    fn put<T: serde::Serialize + ?Sized>(&mut self, field: &Field, value: &T) {
        if !OWN_FIELDS.contains(&field.name()) {
            let _ = self.map.serialize_entry(field.name(), value);
        }
    }
}

impl<M: SerializeMap> Visit for JsonFields<'_, M> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, cut(value, VALUE_BYTES_MAX));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

fn pretty_line(event: &Event<'_>, trace: Option<TraceParent>, color: bool) -> String {
    let metadata = event.metadata();
    let mut fields = PrettyFields::default();
    event.record(&mut fields);

    let now = jiff::Timestamp::now();
    let clock = now.strftime("%H:%M:%S%.3f");
    let level = metadata.level();
    let target = metadata.target();
    let (level_color, dim, reset) = if color {
        (level_color(*level), "\x1b[2m", "\x1b[0m")
    } else {
        ("", "", "")
    };
    let mut line = String::with_capacity(160);
    let _ = write!(
        line,
        "{dim}{clock}{reset} {level_color}{level:>5}{reset} {dim}{target}{reset} {}{}",
        fields.message, fields.others
    );
    if let Some(trace) = trace {
        let _ = write!(line, " {dim}trace_id={}{reset}", trace.trace_id);
    }
    line.push('\n');
    line
}

const fn level_color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG => "\x1b[34m",
        Level::TRACE => "\x1b[35m",
    }
}

#[derive(Debug, Default)]
struct PrettyFields {
    message: String,
    others: String,
}

impl Visit for PrettyFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        let value = without_controls(cut(value, VALUE_BYTES_MAX));
        if field.name() == "message" {
            self.message = value;
        } else {
            let _ = write!(self.others, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// A value from outside must not start a line of its own or steer the terminal.
fn without_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::super::{SpanFeed, SpanLayer};
    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LineFormat, filter: &str, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let targets: Targets = filter.parse().unwrap();
        let subscriber = Registry::default()
            .with(SpanLayer::new(SpanFeed::new(1), 1.0).with_filter(RecordedSpans))
            .with(LogLayer::new(format, move || writer.clone()).with_filter(LoggedEvents(targets)));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_has_its_fields_and_its_trace() {
        let line = logged(LineFormat::Json, "info", || {
            let span = tracing::info_span!("work", service = "catalog");
            let _entered = span.enter();
            tracing::info!(video_id = "v1", bytes = 3_u64, done = true, "stored");
        });
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["message"], "stored");
        assert_eq!(json["level"], "INFO");
        assert_eq!(
            (&json["video_id"], &json["bytes"]),
            (&"v1".into(), &3.into())
        );
        assert_eq!(json["done"], true);
        assert_eq!(json["trace_id"].as_str().unwrap().len(), 32);
        assert_eq!(json["span_id"].as_str().unwrap().len(), 16);
    }

    #[test]
    fn the_trace_is_named_even_when_only_warnings_are_logged() {
        let line = logged(LineFormat::Json, "warn", || {
            let _entered = tracing::info_span!("work").entered();
            tracing::info!("quiet");
            tracing::warn!("loud");
        });
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains("loud") && line.contains("trace_id"));
    }

    #[test]
    fn a_field_cannot_pass_itself_off_as_the_lines_own() {
        let line = logged(LineFormat::Json, "info", || {
            tracing::info!(level = "FAKE", timestamp = "never", "hello");
        });
        assert!(!line.contains("FAKE") && !line.contains("never"));
    }

    #[test]
    fn a_pretty_line_stays_one_line_whatever_its_values_hold() {
        let line = logged(LineFormat::Pretty { color: false }, "info", || {
            tracing::info!(name = "a\nERROR fake\x1b[2J", "hello");
        });
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains(r"name=a\nERROR fake\u{1b}[2J"), "{line}");
    }

    #[test]
    fn the_filter_takes_levels_by_module() {
        let line = logged(LineFormat::Json, "warn,amphi_chassis=debug", || {
            tracing::debug!("ours");
            tracing::info!(target: "other", "theirs");
        });
        assert!(line.contains("ours") && !line.contains("theirs"));
    }
}
