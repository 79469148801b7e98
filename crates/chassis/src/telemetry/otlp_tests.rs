#![allow(clippy::unwrap_used)]
use super::super::testing::span;
use super::*;

fn full_span() -> FinishedSpan {
    FinishedSpan {
        parent_span_id: Some(SpanId::generate()),
        service: "catalog".into(),
        kind: SpanKind::Server,
        status: SpanStatus::Error,
        status_message: "it broke".to_owned(),
        attributes: vec![("rpc.method".into(), "Get".to_owned())],
        events: vec![SpanEvent {
            name: "retried".into(),
            unix_ns: 1_700_000_000_000_000_007,
            attributes: vec![("level".into(), "WARN".to_owned())],
        }],
        ..span("full")
    }
}

#[test]
fn a_span_survives_otlp_in_both_encodings() {
    let sent = [full_span(), span("bare")];
    let request = to_request(&sent);
    let json = serde_json::to_vec(&request).unwrap();
    let protobuf = prost::Message::encode_to_vec(&request);
    let decoded: [ExportTraceServiceRequest; 2] = [
        serde_json::from_slice(&json).unwrap(),
        prost::Message::decode(protobuf.as_slice()).unwrap(),
    ];
    for request in decoded {
        let received = from_request(request);
        assert_eq!(received.rejected, 0);
        assert_eq!(received.spans, sent);
    }
}

#[test]
fn every_kind_survives() {
    use SpanKind::{Client, Consumer, Internal, Producer, Server};
    for kind in [Internal, Server, Client, Producer, Consumer] {
        let sent = FinishedSpan {
            kind,
            ..span("any")
        };
        assert_eq!(from_request(to_request([&sent])).spans[0].kind, kind);
    }
}

#[test]
fn json_as_browsers_send_it_is_understood() {
    let json = r#"{"resourceSpans":[{
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"browser"}}],"droppedAttributesCount":0},
        "scopeSpans":[{"scope":{"name":"web","attributes":[]},"spans":[{
            "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"play","kind":1,
            "startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661500000000",
            "attributes":[{"key":"segment","value":{"intValue":"3"}},{"key":"hd","value":{"boolValue":true}},
                          {"key":"tags","value":{"arrayValue":{"values":[{"stringValue":"a"},{"doubleValue":1.5}]}}}],
            "events":[{"timeUnixNano":"1544712660500000000","name":"first frame"}],
            "status":{"code":2}}]}]}]}"#;
    let received = from_request(serde_json::from_str(json).unwrap());
    let span = &received.spans[0];
    assert_eq!(&*span.service, "browser");
    assert_eq!(
        span.trace_id.to_string(),
        "5b8efff798038103d269b633813fc60c"
    );
    assert_eq!(
        (span.parent_span_id, span.duration_ns),
        (None, 1_500_000_000)
    );
    assert_eq!(span.status, SpanStatus::Error);
    assert_eq!(span.attribute("segment"), Some("3"));
    assert_eq!(span.attribute("hd"), Some("true"));
    assert_eq!(span.attribute("tags"), Some("a, 1.5"));
    assert_eq!(span.events[0].name, "first frame");
}

#[test]
fn spans_without_valid_ids_are_counted_and_left_out() {
    let mut request = to_request(&[span("a"), span("b"), span("c")]);
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    spans[0].trace_id = vec![0; 16];
    spans[1].span_id = vec![1; 3];
    let received = from_request(request);
    assert_eq!((received.spans.len(), received.rejected), (1, 2));
}

#[test]
fn what_comes_in_is_cut_to_our_limits() {
    let mut request = to_request(&[span("a")]);
    let sent = &mut request.resource_spans[0].scope_spans[0].spans[0];
    sent.name = "é".repeat(1000);
    sent.attributes = (0..1000)
        .map(|n| text_attribute(&format!("{n}"), &"x".repeat(5000)))
        .collect();
    sent.events = vec![Event::default(); 1000];
    sent.end_time_unix_nano = 0;
    let span = from_request(request).spans.remove(0);
    assert_eq!(span.name.len(), ATTRIBUTE_BYTES_MAX);
    assert_eq!(span.attributes.len(), ATTRIBUTES_PER_SPAN_MAX);
    assert!(
        span.attributes
            .iter()
            .all(|(_, value)| value.len() == ATTRIBUTE_BYTES_MAX)
    );
    assert_eq!(span.events.len(), EVENTS_PER_SPAN_MAX);
    assert_eq!(span.duration_ns, 0);
}

#[test]
fn a_span_without_a_service_is_of_an_unknown_one() {
    let mut request = to_request(&[span("a")]);
    request.resource_spans[0].resource = None;
    assert_eq!(&*from_request(request).spans[0].service, UNKNOWN_SERVICE);
}
