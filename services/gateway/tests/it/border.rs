//! What holds for every request.

use std::sync::atomic::Ordering;

use amphi_chassis::auth::AccountRole;
use reqwest::Method;
use serde_json::json;

use crate::site::Site;
use crate::stand_ins::video;

#[tokio::test]
async fn every_answer_says_who_it_is_and_what_it_cost() {
    let site = Site::new().await;
    let request = site
        .request(Method::GET, "/api/v1/videos")
        .header("x-request-id", "mine-1");
    let answer = site.send(request).await.expect(200);
    assert_eq!(answer.header("x-request-id"), "mine-1");
    let timing = answer.header("server-timing");
    assert!(
        timing.contains("gateway;dur=") && timing.contains("catalog;dur="),
        "{timing}"
    );
    let traceparent = answer.header("traceparent");
    assert_eq!(traceparent.len(), 55, "{traceparent}");
}

#[tokio::test]
async fn a_trace_is_carried_on() {
    let site = Site::new().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = site
        .request(Method::GET, "/api/v1/about")
        .header("traceparent", parent);
    let answer = site.send(request).await.expect(200);
    assert!(
        answer
            .header("traceparent")
            .contains("0af7651916cd43dd8448eb211c80319c")
    );
}

#[tokio::test]
async fn pages_may_load_from_here_alone() {
    let site = Site::new().await;
    for path in ["/", "/api/v1/about", "/nothing.js", "/docs/problems"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'self'; script-src 'self';"),
            "{path}: {policy}"
        );
        assert!(policy.contains("object-src 'none'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert!(!answer.header("referrer-policy").is_empty());
    }
}

#[tokio::test]
async fn a_token_is_optional_on_public_reads_but_a_bad_one_is_refused() {
    let site = Site::new().await;
    site.get("/api/v1/videos").await.expect(200);
    let bad = site
        .request(Method::GET, "/api/v1/videos")
        .bearer_auth("a.b.c");
    let refused = site.send(bad).await.expect(401);
    assert_eq!(refused.code(), "token_invalid");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    let good = site.request(Method::GET, "/api/v1/videos?owner=me");
    let good = site
        .send(good.bearer_auth(site.token(AccountRole::Viewer)))
        .await;
    good.expect(200);
    assert_eq!(
        site.get("/api/v1/videos?owner=me").await.expect(401).code(),
        "sign_in_required"
    );
}

#[tokio::test]
async fn wrong_addresses_and_methods_of_the_api_are_problems() {
    let site = Site::new().await;
    let html = site
        .request(Method::GET, "/api/v1/nothing")
        .header("accept", "text/html");
    assert_eq!(site.send(html).await.expect(404).code(), "no_such_route");
    // Not the web app's page: whoever asks there looks at the status alone.
    for probe in ["/healthz", "/livez", "/readyz", "/metrics"] {
        assert_eq!(site.get(probe).await.expect(404).code(), "no_such_route");
    }
    let wrong = site
        .send(site.request(Method::PUT, "/api/v1/videos"))
        .await
        .expect(405);
    assert_eq!(wrong.code(), "method_not_allowed");
    assert!(
        wrong.header("allow").contains("POST"),
        "{}",
        wrong.header("allow")
    );
    let post = site
        .send(site.request(Method::POST, "/nothing"))
        .await
        .expect(404);
    assert_eq!(post.code(), "not_found");
}

#[tokio::test]
async fn a_problem_names_its_own_occurrence() {
    let site = Site::new().await;
    let problem = |path: &'static str| async { site.get(path).await.expect(404).json() };
    let first = problem("/api/v1/nothing").await;
    let second = problem("/api/v1/nothing").await;
    let trace_id = first["trace_id"].as_str().unwrap();
    assert_eq!(
        first["instance"].as_str().unwrap(),
        format!("/observatory/traces/{trace_id}")
    );
    assert_ne!(first["instance"], second["instance"]);
}

#[tokio::test]
async fn a_query_that_is_not_understood_says_which_parameter_and_what_it_takes() {
    let site = Site::new().await;
    for (path, hint) in [
        (
            "/api/v1/videos?limit=0",
            "`limit` takes a whole number from 1 to 200",
        ),
        ("/api/v1/videos?owner=you", "`owner` takes `me`"),
        ("/api/v1/videos?sort=title", "no parameter `sort`"),
        (
            "/api/v1/series?kind=film",
            "`kind` takes `drama` or `course`",
        ),
        ("/dramas?limit=0", "`limit` takes"),
        ("/videos?page=2", "no parameter `page`"),
        ("/api/v1/me/logins?limit=-1", "`limit` takes"),
        (
            "/api/v1/observatory/traces?since=yesterday",
            "`since` takes a moment",
        ),
        (
            "/api/v1/observatory/service-map?window_s=x",
            "`window_s` takes",
        ),
    ] {
        let refused = site.get(path).await.expect(400);
        assert_eq!(refused.code(), "invalid_query", "{path}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(hint), "{path}: {detail}");
    }
    let page = site.request(Method::GET, "/dramas?utm_source=mail");
    let page = site.send(page.header("accept", "text/html")).await;
    page.expect(200);
}

#[tokio::test]
async fn a_json_body_is_bounded() {
    let site = Site::with_settings(&[("gateway.body_bytes_max", "1000")]).await;
    let body = json!({ "title": "x".repeat(2000) });
    let request = site.request(Method::POST, "/api/v1/videos").json(&body);
    let refused = site
        .send(request.bearer_auth(site.token(AccountRole::Creator)))
        .await;
    assert_eq!(refused.expect(413).code(), "body_too_large");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let settings = [
        ("gateway.request_timeout_ms", "50"),
        ("fault.delay_ms.catalog", "60000"),
    ];
    let site = Site::with_settings(&settings).await;
    let refused = site.get("/api/v1/videos").await.expect(504);
    assert_eq!(refused.code(), "deadline_exceeded");
}

#[tokio::test]
async fn more_requests_than_there_are_places_are_refused() {
    let settings = [
        ("gateway.concurrency_max", "1"),
        ("gateway.request_timeout_ms", "60000"),
        ("fault.delay_ms.catalog", "60000"),
    ];
    let site = Site::with_settings(&settings).await;
    let slow = site.get("/api/v1/videos");
    let refused = amphi_chassis::testing::eventually("the one place to be taken", || async {
        let answer = site.get("/api/v1/about").await;
        (answer.status == 503).then_some(answer)
    });
    tokio::select! {
        _ = slow => panic!("the slow request should still be waiting"),
        refused = refused => {
            assert_eq!(refused.code(), "too_busy");
            assert_eq!(refused.header("retry-after"), "1");
        }
    }
}

#[tokio::test]
async fn other_origins_are_allowed_when_they_are_named() {
    let closed = Site::new().await;
    let from = |site: &Site, method: Method| {
        site.request(method, "/api/v1/about")
            .header("origin", "https://app.example")
            .header("access-control-request-method", "GET")
    };
    let answer = closed.send(from(&closed, Method::GET)).await.expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "");

    let settings = [(
        "gateway.cors_origins",
        "https://app.example,https://b.example",
    )];
    let open = Site::with_settings(&settings).await;
    let answer = open.send(from(&open, Method::GET)).await.expect(200);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        "https://app.example"
    );
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("vary").contains("Origin"));
    let preflight = open.send(from(&open, Method::OPTIONS)).await.expect(204);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .contains("Authorization")
    );
}

#[tokio::test]
async fn long_json_is_compressed_for_who_takes_it() {
    let site = Site::new().await;
    for number in 0..30 {
        let id = format!("0190a5d0-0000-7000-8000-{number:012}");
        site.world.add_video(video(&id, "A title"));
    }
    let request = site
        .request(Method::GET, "/api/v1/videos")
        .header("accept-encoding", "gzip");
    let answer = site.send(request).await.expect(200);
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
    let plain = site.get("/api/v1/videos").await.expect(200);
    assert_eq!(plain.header("content-encoding"), "");
    assert!(answer.body.len() < plain.body.len() / 4);
}

#[tokio::test]
async fn without_identity_a_list_shows_no_names_but_is_there() {
    let site = Site::new().await;
    site.world
        .add_video(video("0190a5d0-0000-7000-8000-000000000001", "First"));
    site.world.identity_is_away.store(true, Ordering::Relaxed);
    let page = site.get("/api/v1/videos").await.expect(200).json();
    assert_eq!(page["items"][0]["title"], "First");
    assert_eq!(page["items"][0]["owner"]["name"], "");
}

#[tokio::test]
async fn what_the_installation_is_and_how_it_is_can_be_asked() {
    let site = Site::new().await;
    assert_eq!(
        site.get("/health").await.expect(200).json(),
        json!({ "status": "healthy" })
    );
    let about = site.get("/api/v1/about").await.expect(200).json();
    assert_eq!(about["name"], "Amphi");
    assert!(about["registration_open"].is_boolean());
    assert!(about["upload_max_bytes"].as_u64().unwrap() > 0);
}
