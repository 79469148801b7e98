//! Events as CloudEvents 1.0 in JSON, structured mode: what anybody who listens to the broker reads.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>, with the extension for distributed
//! tracing (`traceparent`).

use amphi_contracts::proto::events::v1::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub(super) const CONTENT_TYPE: &str = "application/cloudevents+json";
const SPEC_VERSION: &str = "1.0";

#[derive(Serialize, Deserialize)]
struct Envelope {
    specversion: String,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    subject: String,
    time: Timestamp,
    #[serde(default)]
    datacontenttype: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    traceparent: String,
    data: Box<RawValue>,
}

/// The event as a CloudEvent in JSON.
///
/// # Errors
/// When the event's data is not JSON or its time is out of range, which no outbox writes.
pub fn to_json(event: &Event) -> Result<Box<RawValue>, String> {
    serde_json::value::to_raw_value(&envelope(event)?).map_err(|error| error.to_string())
}

/// # Errors
/// Those of [`to_json`].
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub(super) fn encode(event: &Event) -> Result<Vec<u8>, String> {
    serde_json::to_vec(&envelope(event)?).map_err(|error| error.to_string())
}

fn envelope(event: &Event) -> Result<Envelope, String> {
    Ok(Envelope {
        specversion: SPEC_VERSION.to_owned(),
        id: event.id.clone(),
        source: event.source.clone(),
        event_type: event.r#type.clone(),
        subject: event.subject.clone(),
        time: Timestamp::from_microsecond(event.time_us).map_err(|error| error.to_string())?,
        datacontenttype: Some("application/json".to_owned()),
        traceparent: event.traceparent.clone(),
        data: RawValue::from_string(event.data.clone()).map_err(|error| error.to_string())?,
    })
}

/// # Errors
/// What is wrong with the bytes, without quoting them.
#[cfg(any(feature = "kafka", feature = "rabbitmq"))]
pub(super) fn decode(bytes: &[u8]) -> Result<Event, String> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(|error| {
        format!(
            "it is no CloudEvent in JSON (line {}, column {})",
            error.line(),
            error.column()
        )
    })?;
    if envelope.specversion != SPEC_VERSION {
        return Err(format!(
            "it is of version {:.16} of CloudEvents; {SPEC_VERSION} is understood",
            envelope.specversion
        ));
    }
    Ok(Event {
        id: envelope.id,
        source: envelope.source,
        r#type: envelope.event_type,
        subject: envelope.subject,
        time_us: envelope.time.as_microsecond(),
        traceparent: envelope.traceparent,
        data: String::from(Box::<str>::from(envelope.data)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn event() -> Event {
        Event {
            id: "0190a5d0-ac96-774b-bcce-b302099a8057".to_owned(),
            source: "/amphi/media".to_owned(),
            r#type: "amphi.media.asset.changed.v1".to_owned(),
            subject: "0190a5d0-0000-774b-bcce-b302099a8057".to_owned(),
            time_us: 1_700_000_000_123_456,
            traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
            data: r#"{"state":"ready","version":9007199254740993}"#.to_owned(),
        }
    }

    #[test]
    fn an_event_survives_its_envelope_to_the_last_digit() {
        let event = event();
        assert_eq!(decode(&encode(&event).unwrap()).unwrap(), event);
    }

    #[test]
    fn the_envelope_is_what_the_format_asks_for() {
        let json: serde_json::Value = serde_json::from_slice(&encode(&event()).unwrap()).unwrap();
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["time"], "2023-11-14T22:13:20.123456Z");
        assert_eq!(json["datacontenttype"], "application/json");
        assert_eq!(json["data"]["state"], "ready");
    }

    #[test]
    fn what_is_no_event_is_refused_without_being_quoted() {
        for bytes in [&b""[..], b"hunter2", b"[]", br#"{"specversion":"0.3"}"#] {
            let error = decode(bytes).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let old = String::from_utf8(encode(&event()).unwrap())
            .unwrap()
            .replace(r#""specversion":"1.0""#, r#""specversion":"0.3""#);
        assert!(decode(old.as_bytes()).unwrap_err().contains("0.3"));
    }
}
