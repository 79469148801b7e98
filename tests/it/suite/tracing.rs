//! One click, one trace.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::in_every_cell;
use crate::harness::{Actor, Ground, Platform, clips, eventually};

in_every_cell!(
    one_trace_shows_every_hop_of_a_click,
    a_delay_in_one_service_shows_on_that_hop_and_no_other,
);

/// Presses play as the web app does: with a trace of its own.
async fn press_play(actor: &Actor, video_id: &str) -> String {
    let trace_id = uuid::Uuid::new_v4().simple().to_string();
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    let started = now_ns();
    let request = actor
        .request(
            reqwest::Method::POST,
            &format!("/api/v1/videos/{video_id}/playback"),
        )
        .header("traceparent", &traceparent)
        .json(&json!({}));
    let session = actor.send(request).await.expect(201).json();
    let request = actor
        .request(reqwest::Method::GET, session["hls_url"].as_str().unwrap())
        .header("traceparent", &traceparent);
    actor.send(request).await.expect(200);
    let span = json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "browser" } }] },
        "scopeSpans": [{ "scope": { "name": "test" }, "spans": [{
            "traceId": trace_id, "spanId": "00f067aa0ba902b7", "name": "play", "kind": 3,
            "startTimeUnixNano": started.to_string(), "endTimeUnixNano": now_ns().to_string()
        }] }]
    }] });
    actor
        .post("/api/v1/observatory/otlp/v1/traces", &span)
        .await
        .expect(200);
    trace_id
}

fn now_ns() -> u128 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

/// The trace once the spans of all `services` are in.
async fn trace_with(actor: &Actor, trace_id: &str, services: &[&str]) -> Value {
    eventually(&format!("spans of {services:?}"), || async {
        let answer = actor
            .get(&format!("/api/v1/observatory/traces/{trace_id}"))
            .await;
        if answer.status != 200 {
            return None;
        }
        let trace = answer.json();
        let seen: BTreeSet<&str> = trace["spans"]
            .as_array()
            .unwrap()
            .iter()
            .map(|span| span["service"].as_str().unwrap())
            .collect();
        let is_whole = services.iter().all(|service| seen.contains(service)) && is_complete(&trace);
        is_whole.then_some(trace)
    })
    .await
}

/// Spans of other processes come in their own time: every call between services must have its other side, every span the one
/// that it was made in.
fn is_complete(trace: &Value) -> bool {
    let spans = trace["spans"].as_array().unwrap();
    let calls = spans
        .iter()
        .filter(|span| span["attributes"]["server.service"].is_string());
    let has_other_side = |call: &Value| {
        spans
            .iter()
            .any(|span| span["parent_span_id"] == call["span_id"])
    };
    let has_parent = |span: &Value| {
        span["parent_span_id"].is_null()
            || spans
                .iter()
                .any(|parent| parent["span_id"] == span["parent_span_id"])
    };
    calls.into_iter().all(has_other_side) && spans.iter().all(has_parent)
}

const HOPS: [&str; 8] = [
    "browser",
    "gateway",
    "playback",
    "catalog",
    "media",
    "playback-db",
    "catalog-db",
    "media-db",
];

async fn one_trace_shows_every_hop_of_a_click(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Clip", &clips::small()).await;
    ann.wait_for(&id, &["viewable", "ready"]).await;
    let trace_id = press_play(&ann, &id).await;
    let trace = trace_with(&ann, &trace_id, &HOPS).await;

    let spans = trace["spans"].as_array().unwrap();
    let ids: BTreeSet<&str> = spans
        .iter()
        .map(|it| it["span_id"].as_str().unwrap())
        .collect();
    for span in spans {
        if let Some(parent) = span["parent_span_id"].as_str() {
            assert!(
                ids.contains(parent),
                "{} hangs in the air",
                span["operation"]
            );
        }
    }
    let text = trace.to_string();
    assert!(
        !text.contains(ann.token.as_deref().unwrap()),
        "a token was traced"
    );
    assert!(!text.contains("correct horse"), "a password was traced");

    // An administrator finds it by what it was.
    let admin = platform.admin().await;
    let found = admin
        .get("/api/v1/observatory/traces?service=playback&limit=50")
        .await
        .expect(200)
        .json();
    let ids: Vec<&str> = found["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["trace_id"].as_str().unwrap())
        .collect();
    assert!(ids.contains(&trace_id.as_str()));
    ann.get("/api/v1/observatory/traces").await.expect(403);

    let map = eventually("the map to show the click", || async {
        let map = admin
            .get("/api/v1/observatory/service-map?window_s=300")
            .await
            .expect(200)
            .json();
        let edge = |from: &str, to: &str| {
            map["edges"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it["from"] == from && it["to"] == to)
        };
        (edge("gateway", "playback") && edge("playback", "catalog")).then_some(map)
    })
    .await;
    for edge in map["edges"].as_array().unwrap() {
        assert!(edge["p50_us"].as_u64() <= edge["p99_us"].as_u64(), "{edge}");
    }
}

/// What a hop may have of its own where nothing is delayed.
const OWN_US_MAX: u64 = 200_000;
/// A busy machine can hold any hop up for once; a delay that is booked on the wrong one shows each time.
const CLICKS_MAX: usize = 5;

async fn a_delay_in_one_service_shows_on_that_hop_and_no_other(ground: Ground) {
    let settings = [("FAULT__DELAY_MS__CATALOG", "300")];
    let platform = Platform::start_with(ground, &settings);
    let ann = platform.creator().await;
    let id = ann.upload("Clip", &clips::small()).await;
    ann.wait_for(&id, &["ready"]).await;
    let mut elsewhere = Vec::new();
    for _ in 0..CLICKS_MAX {
        let trace_id = press_play(&ann, &id).await;
        let trace = trace_with(&ann, &trace_id, &HOPS).await;
        let spans = trace["spans"].as_array().unwrap();
        let own_us = |span: &Value| span["self_us"].as_u64().unwrap();
        let (delayed, others): (Vec<&Value>, Vec<&Value>) = spans
            .iter()
            .filter(|span| span["service"] != "browser")
            .partition(|span| span["service"] == "catalog" && span["kind"] == "server");
        assert!(!delayed.is_empty());
        assert!(
            delayed.iter().all(|span| own_us(span) >= 300_000),
            "{delayed:#?}"
        );
        let slow = others.into_iter().filter(|span| own_us(span) >= OWN_US_MAX);
        elsewhere = slow.cloned().collect();
        if elsewhere.is_empty() {
            return;
        }
    }
    panic!("the delay shows elsewhere, too: {elsewhere:#?}");
}
