//! Traces in and out.

use amphi_chassis::auth::AccountRole;
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::Site;

fn report(name: &str) -> Value {
    json!({ "resourceSpans": [{
        "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "catalog" } }] },
        "scopeSpans": [{ "spans": [{
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "name": name, "kind": 3,
            "startTimeUnixNano": "1", "endTimeUnixNano": "2",
        }] }],
    }] })
}

const OTLP: &str = "/api/v1/observatory/otlp/v1/traces";

#[tokio::test]
async fn a_browsers_spans_reach_the_observatory_as_its_own() {
    let site = Site::new().await;
    // The stand-in takes them only as of the browser, from a service.
    let answer = site.post(OTLP, &report("play")).await.expect(200);
    assert_eq!(answer.json(), json!({}));
    site.post(OTLP, &json!({})).await.expect(200);
}

#[tokio::test]
async fn a_report_is_bounded() {
    let site = Site::with_settings(&[("gateway.browser_spans_per_minute", "2")]).await;
    let large = report(&"x".repeat(300 * 1024));
    assert_eq!(
        site.post(OTLP, &large).await.expect(413).code(),
        "body_too_large"
    );
    site.post(OTLP, &report("play")).await.expect(200);
    site.post(OTLP, &report("play")).await.expect(200);
    assert_eq!(
        site.post(OTLP, &report("play")).await.expect(429).code(),
        "rate_limited"
    );
}

#[tokio::test]
async fn what_counts_of_a_report_is_its_spans() {
    let site = Site::with_settings(&[("gateway.browser_spans_per_minute", "6")]).await;
    let mut ten = report("play");
    let spans = ten["resourceSpans"][0]["scopeSpans"][0]["spans"]
        .as_array_mut()
        .unwrap();
    *spans = vec![spans[0].clone(); 10];
    site.post(OTLP, &ten).await.expect(200);
    let refused = site.post(OTLP, &report("play")).await.expect(429);
    let wait_s: u64 = refused.header("retry-after").parse().unwrap();
    assert!((40..=60).contains(&wait_s), "{wait_s}");
}

#[tokio::test]
async fn what_the_observatory_refuses_is_refused() {
    let site = Site::new().await;
    let traces = "/api/v1/observatory/traces?service=catalog&min_duration_ms=5&error=true&since=2026-01-01T00:00:00Z";
    let by = |role| {
        site.request(Method::GET, traces)
            .bearer_auth(site.token(role))
    };
    assert_eq!(
        site.get(traces).await.expect(401).code(),
        "sign_in_required"
    );
    assert_eq!(
        site.send(by(AccountRole::Creator)).await.expect(403).code(),
        "role_too_low"
    );
    let page = site.send(by(AccountRole::Admin)).await.expect(200).json();
    assert_eq!(page, json!({ "items": [], "next_cursor": null }));
    let wrong = site
        .get("/api/v1/observatory/traces?since=yesterday")
        .await
        .expect(400);
    assert_eq!(wrong.code(), "invalid_query");
}

#[tokio::test]
async fn the_service_map_has_its_shares() {
    let site = Site::new().await;
    let map = site
        .get("/api/v1/observatory/service-map")
        .await
        .expect(200)
        .json();
    assert_eq!(map["window_s"], 300);
    assert_eq!(map["nodes"][0]["kind"], "service");
    assert_eq!(map["edges"][0]["error_share"], 0.25);
}
