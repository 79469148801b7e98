//! Signing in and out at the border.

use amphi_chassis::auth::AccountRole;
use amphi_chassis::testing::TestRedis;
use reqwest::Method;
use serde_json::json;

use crate::site::Site;

#[tokio::test]
async fn signing_in_sets_a_cookie_that_scripts_cannot_read() {
    let site = Site::new().await;
    let body = json!({ "email": "ann@example.org", "password": "right" });
    let answer = site.post("/api/v1/auth/login", &body).await.expect(200);
    let cookie = answer.header("set-cookie");
    assert_eq!(
        cookie,
        "amphi_refresh=first; Path=/api/v1/auth; Max-Age=86400; HttpOnly; SameSite=Strict"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = answer.json();
    assert_eq!(session["token_type"], "Bearer");
    assert_eq!(session["expires_in_s"], 900);
    assert_eq!(session["account"]["role"], "creator");
    assert_eq!(session["account"]["created_at"], "2023-11-14T22:13:20Z");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_secure() {
    let site = Site::with_settings(&[("server.public_url", "https://media.example")]).await;
    let body = json!({ "email": "ann@example.org", "password": "right" });
    let answer = site.post("/api/v1/auth/login", &body).await.expect(200);
    assert!(answer.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn a_refresh_token_comes_from_the_body_or_the_cookie() {
    let site = Site::new().await;
    let path = "/api/v1/auth/refresh";
    let by_body = site
        .post(path, &json!({ "refresh_token": "first" }))
        .await
        .expect(200);
    assert_eq!(by_body.json()["refresh_token"], "second");
    let by_cookie = site
        .request(Method::POST, path)
        .header("cookie", "amphi_refresh=first");
    let by_cookie = site.send(by_cookie).await.expect(200);
    assert!(
        by_cookie
            .header("set-cookie")
            .starts_with("amphi_refresh=second;")
    );
    let neither = site
        .send(site.request(Method::POST, path))
        .await
        .expect(401);
    assert_eq!(neither.code(), "refresh_token_missing");
}

#[tokio::test]
async fn a_spent_cookie_is_taken_away() {
    let site = Site::new().await;
    let request = site
        .request(Method::POST, "/api/v1/auth/refresh")
        .header("cookie", "amphi_refresh=spent");
    let answer = site.send(request).await.expect(401);
    assert_eq!(answer.code(), "invalid_refresh_token");
    assert!(
        answer
            .header("set-cookie")
            .contains("amphi_refresh=; Path=/api/v1/auth; Max-Age=0")
    );
}

#[tokio::test]
async fn after_signing_out_the_access_token_is_refused_at_once() {
    let site = Site::new().await;
    let token = site.token(AccountRole::Viewer);
    let me = || site.request(Method::GET, "/api/v1/me").bearer_auth(&token);
    assert_eq!(site.send(me()).await.expect(200).json()["name"], "Ann");
    let logout = site
        .request(Method::POST, "/api/v1/auth/logout")
        .bearer_auth(&token);
    let answer = site.send(logout).await.expect(204);
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(site.send(me()).await.expect(401).code(), "session_ended");
}

#[tokio::test]
async fn attempts_to_sign_in_are_bounded_by_address() {
    let settings = [
        ("gateway.auth_attempts_per_minute", "3"),
        ("gateway.trusted_proxies", "127.0.0.1"),
    ];
    let site = Site::with_settings(&settings).await;
    let body = json!({ "email": "ann@example.org", "password": "wrong" });
    let attempt = |address: &'static str| {
        let request = site.request(Method::POST, "/api/v1/auth/login");
        site.send(request.header("x-forwarded-for", address).json(&body))
    };
    for _ in 0..3 {
        let refused = attempt("203.0.113.1").await.expect(401);
        assert_eq!(refused.code(), "invalid_credentials");
    }
    let refused = attempt("203.0.113.1").await.expect(429);
    assert_eq!(refused.code(), "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait));
    attempt("203.0.113.2").await.expect(401);
}

#[tokio::test]
async fn a_school_behind_one_address_stays_signed_in() {
    let settings = [
        ("gateway.auth_attempts_per_minute", "3"),
        ("gateway.refreshes_per_minute", "3"),
    ];
    let site = Site::with_settings(&settings).await;
    let refresh = |token: String| {
        let body = json!({ "refresh_token": token });
        let request = site.request(Method::POST, "/api/v1/auth/refresh");
        site.send(request.json(&body))
    };
    for person in 0..20 {
        // The stand-in knows none of them; what matters is that it was asked.
        let asked = refresh(format!("of person {person}")).await.expect(401);
        assert_eq!(asked.code(), "invalid_refresh_token", "{person}");
    }
    for _ in 0..3 {
        refresh("first".to_owned()).await.expect(200);
    }
    let refused = refresh("first".to_owned()).await.expect(429);
    assert_eq!(refused.code(), "rate_limited");
    let sign_in = json!({ "email": "ann@example.org", "password": "right" });
    site.post("/api/v1/auth/login", &sign_in).await.expect(200);
}

#[tokio::test]
async fn made_up_refresh_tokens_are_bounded_by_address() {
    let settings = [("gateway.refreshes_per_address_per_minute", "5")];
    let site = Site::with_settings(&settings).await;
    let refresh = |n: u32| {
        let body = json!({ "refresh_token": format!("made up {n}") });
        let request = site.request(Method::POST, "/api/v1/auth/refresh");
        site.send(request.json(&body))
    };
    for n in 0..5 {
        refresh(n).await.expect(401);
    }
    assert_eq!(refresh(5).await.expect(429).code(), "rate_limited");
}

#[tokio::test]
async fn a_network_of_proxies_is_believed() {
    let settings = [
        ("gateway.auth_attempts_per_minute", "1"),
        ("gateway.trusted_proxies", "10.0.0.0/8,127.0.0.0/8"),
    ];
    let site = Site::with_settings(&settings).await;
    let body = json!({ "email": "ann@example.org", "password": "right" });
    for client in ["203.0.113.1, 10.1.2.3", "203.0.113.2, 10.1.2.3"] {
        let request = site.request(Method::POST, "/api/v1/auth/login");
        let request = request.header("x-forwarded-for", client).json(&body);
        site.send(request).await.expect(200);
    }
}

#[tokio::test]
async fn a_body_that_is_not_understood_says_where() {
    let site = Site::new().await;
    let body = json!({ "email": "a@example.org", "passwort": "x" });
    let refused = site.post("/api/v1/auth/login", &body).await.expect(422);
    assert_eq!(refused.code(), "invalid_body");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("passwort")
    );
    assert!(!refused.text().contains("a@example.org"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_that_share_a_redis_have_one_limit() {
    let redis = TestRedis::create();
    let url = redis.url();
    let settings = [
        ("shared.url", url.as_str()),
        ("shared.prefix", redis.prefix()),
        ("shared.timeout_ms", "5000"),
        ("gateway.auth_attempts_per_minute", "4"),
    ];
    let sites = [
        Site::with_settings(&settings).await,
        Site::with_settings(&settings).await,
    ];
    let body = json!({ "email": "ann@example.org", "password": "wrong" });
    for attempt in 0..4 {
        let answer = sites[attempt % 2].post("/api/v1/auth/login", &body).await;
        assert_eq!(answer.expect(401).code(), "invalid_credentials");
    }
    for site in &sites {
        let refused = site.post("/api/v1/auth/login", &body).await.expect(429);
        assert_eq!(refused.code(), "rate_limited");
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=15).contains(&wait), "{wait} s");
    }
}
