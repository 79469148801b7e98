//! Spans from browsers: OTLP/HTTP JSON, taken apart and put together again, so that only what is known and bounded
//! passes, and all of it as the service `browser`.

use std::collections::BTreeMap;

use amphi_chassis::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Largest body taken.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
const SPANS_MAX: usize = 512;
const ATTRIBUTES_MAX: usize = 32;
const EVENTS_MAX: usize = 32;
const KEY_CHARS_MAX: usize = 64;
const TEXT_CHARS_MAX: usize = 256;

/// `ExportTraceServiceRequest` of opentelemetry-proto, as far as browsers may fill it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BrowserTraces {
    #[serde(default)]
    resource_spans: Vec<ResourceSpans>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans {
    #[serde(default)]
    scope_spans: Vec<ScopeSpans>,
}

#[derive(Debug, Deserialize)]
struct ScopeSpans {
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    trace_id: String,
    span_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    parent_span_id: String,
    name: String,
    #[serde(default)]
    kind: u8,
    start_time_unix_nano: Nanoseconds,
    end_time_unix_nano: Nanoseconds,
    #[serde(default)]
    attributes: Vec<KeyValue>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    time_unix_nano: Nanoseconds,
    name: String,
    #[serde(default)]
    attributes: Vec<KeyValue>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Status {
    #[serde(default)]
    code: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    message: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct KeyValue {
    key: String,
    /// `stringValue`, `boolValue`, `intValue` or `doubleValue`; arrays and maps are left out.
    #[serde(default)]
    value: BTreeMap<String, Value>,
}

/// 64-bit integers are strings in OTLP's JSON, and numbers from some exporters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Nanoseconds(u64);

impl<'de> Deserialize<'de> for Nanoseconds {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(deserializer)? {
            Form::Number(nanoseconds) => Ok(Self(nanoseconds)),
            Form::Text(text) => text.parse().map(Self).map_err(serde::de::Error::custom),
        }
    }
}

impl Serialize for Nanoseconds {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl BrowserTraces {
    /// The request to hand on to the observatory.
    ///
    /// # Errors
    /// There are too many spans, or one is not a span.
    pub fn into_export(self) -> Result<Value, Problem> {
        let mut spans: Vec<Span> = self
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect();
        if spans.len() > SPANS_MAX {
            return Err(Problem::invalid(
                "too_many_spans",
                format!(
                    "At most {SPANS_MAX} spans are taken at once; there were {}.",
                    spans.len()
                ),
            ));
        }
        for span in &mut spans {
            span.check_and_bound()?;
        }
        Ok(json!({
            "resourceSpans": [{
                "resource": {
                    "attributes": [{ "key": "service.name", "value": { "stringValue": "browser" } }],
                },
                "scopeSpans": [{ "scope": { "name": "amphi-web" }, "spans": spans }],
            }],
        }))
    }

    #[must_use]
    pub fn span_count(&self) -> usize {
        self.resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans)
            .map(|scope| scope.spans.len())
            .sum()
    }
}

impl Span {
    fn check_and_bound(&mut self) -> Result<(), Problem> {
        let has_ids = is_id(&self.trace_id, 32)
            && is_id(&self.span_id, 16)
            && (self.parent_span_id.is_empty() || is_id(&self.parent_span_id, 16));
        if !has_ids {
            return Err(invalid_span("its ids must be lower-case hex, not all zero"));
        }
        if self.end_time_unix_nano < self.start_time_unix_nano {
            return Err(invalid_span("it ends before it starts"));
        }
        if self.kind > 5 || self.status.code > 2 {
            return Err(invalid_span("its kind or its status code is unknown"));
        }
        cut(&mut self.name, TEXT_CHARS_MAX);
        cut(&mut self.status.message, TEXT_CHARS_MAX);
        bound(&mut self.attributes);
        self.events.truncate(EVENTS_MAX);
        for event in &mut self.events {
            cut(&mut event.name, TEXT_CHARS_MAX);
            bound(&mut event.attributes);
        }
        Ok(())
    }
}

fn bound(attributes: &mut Vec<KeyValue>) {
    for attribute in attributes.iter_mut() {
        cut(&mut attribute.key, KEY_CHARS_MAX);
        attribute.value.retain(|form, value| match form.as_str() {
            "stringValue" => value.is_string(),
            "boolValue" => value.is_boolean(),
            "intValue" => is_integer(value),
            "doubleValue" => value.is_number(),
            _ => false,
        });
        if let Some(Value::String(text)) = attribute.value.get_mut("stringValue") {
            cut(text, TEXT_CHARS_MAX);
        }
    }
    attributes.retain(|attribute| attribute.value.len() == 1 && !attribute.key.is_empty());
    attributes.truncate(ATTRIBUTES_MAX);
}

fn is_integer(value: &Value) -> bool {
    match value {
        Value::String(text) => text.parse::<i64>().is_ok(),
        value => value.is_i64(),
    }
}

fn is_id(text: &str, digits: usize) -> bool {
    text.len() == digits
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|byte| byte != b'0')
}

fn cut(text: &mut String, chars_max: usize) {
    if let Some((end, _)) = text.char_indices().nth(chars_max) {
        text.truncate(end);
    }
}

fn invalid_span(why: &str) -> Problem {
    Problem::invalid("invalid_span", format!("A span is not one: {why}."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn span() -> Value {
        json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "b7ad6b7169203331",
            "name": "play",
            "kind": 1,
            "startTimeUnixNano": "1700000000000000000",
            "endTimeUnixNano": 1_700_000_000_500_000_000_u64,
            "attributes": [
                { "key": "video.id", "value": { "stringValue": "x".repeat(1000) } },
                { "key": "n", "value": { "intValue": "12" } },
                { "key": "list", "value": { "arrayValue": { "values": [] } } },
                { "key": "lie", "value": { "intValue": { "deep": [1] } } },
            ],
            "status": { "code": 1 },
        })
    }

    fn request(span: &Value) -> Value {
        json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "identity" } }] },
            "scopeSpans": [{ "spans": [span] }],
        }]})
    }

    fn export(request: Value) -> Result<Value, Problem> {
        serde_json::from_value::<BrowserTraces>(request)
            .unwrap()
            .into_export()
    }

    #[test]
    fn a_browser_is_a_browser_whatever_it_says() {
        let exported = export(request(&span())).unwrap();
        let resource = &exported["resourceSpans"][0]["resource"]["attributes"];
        assert_eq!(resource[0]["value"]["stringValue"], "browser");
        assert!(!exported.to_string().contains("identity"));
    }

    #[test]
    fn attributes_are_bounded_and_plain() {
        let exported = export(request(&span())).unwrap();
        let span = &exported["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        let attributes = span["attributes"].as_array().unwrap();
        assert_eq!(attributes.len(), 2);
        let text = attributes[0]["value"]["stringValue"].as_str().unwrap();
        assert_eq!(text.len(), TEXT_CHARS_MAX);
        assert_eq!(span["startTimeUnixNano"], "1700000000000000000");
        assert_eq!(span["endTimeUnixNano"], "1700000000500000000");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for (field, value) in [
            ("traceId", json!("00000000000000000000000000000000")),
            ("spanId", json!("B7AD6B7169203331")),
            ("parentSpanId", json!("1")),
            ("endTimeUnixNano", json!("1")),
            ("kind", json!(6)),
        ] {
            let mut broken = span();
            broken[field] = value;
            assert_eq!(
                export(request(&broken)).unwrap_err().code,
                "invalid_span",
                "{field}"
            );
        }
    }

    #[test]
    fn too_many_spans_are_refused() {
        let spans = vec![span(); SPANS_MAX + 1];
        let request = json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": spans }] }] });
        assert_eq!(export(request).unwrap_err().code, "too_many_spans");
    }
}
