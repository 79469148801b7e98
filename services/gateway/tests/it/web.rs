//! The web app. Which files there are depends on whether it was built; a page there is in any case.

use reqwest::Method;

use crate::site::{Answer, Site};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn navigate(site: &Site, path: &str) -> Answer {
    site.send(site.request(Method::GET, path).header("accept", BROWSER))
        .await
}

#[tokio::test]
async fn every_route_of_the_app_is_its_page() {
    let site = Site::new().await;
    for path in [
        "/",
        "/watch/x",
        "/dramas",
        "/dramas/x",
        "/videos",
        "/observatory/traces/abc",
    ] {
        let page = navigate(&site, path).await.expect(200);
        assert_eq!(
            page.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert!(page.text().starts_with("<!doctype html>"), "{path}");
        assert_eq!(page.header("cache-control"), "no-cache");
        assert!(page.header("vary").contains("Accept"));
    }
}

#[tokio::test]
async fn a_page_is_there_for_who_takes_anything_and_not_for_who_wants_json() {
    let site = Site::new().await;
    for accept in [None, Some("*/*"), Some("text/*")] {
        let request = site.request(Method::GET, "/watch/x");
        let request = match accept {
            Some(accept) => request.header("accept", accept),
            None => request,
        };
        let page = site.send(request).await.expect(200);
        let content_type = page.header("content-type");
        assert_eq!(content_type, "text/html; charset=utf-8", "{accept:?}");
    }
    let json = site.request(Method::GET, "/watch/x");
    let json = site.send(json.header("accept", "application/json")).await;
    assert_eq!(json.expect(404).code(), "not_found");
}

#[tokio::test]
async fn who_asks_for_an_icon_by_its_old_name_gets_the_icon() {
    let site = Site::new().await;
    let icon = site.get("/favicon.ico").await;
    // Without a built web app there is none, and the problem says how to build it.
    if icon.status == 200 {
        assert_eq!(icon.header("content-type"), "image/svg+xml");
        assert_eq!(icon.body, site.get("/favicon.svg").await.expect(200).body);
    } else {
        assert_eq!(icon.expect(404).code(), "web_app_not_built");
    }
}

#[tokio::test]
async fn a_page_that_is_known_is_not_sent_again() {
    let site = Site::new().await;
    let tag = navigate(&site, "/")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let again = site.request(Method::GET, "/").header("accept", BROWSER);
    let again = site
        .send(again.header("if-none-match", &tag))
        .await
        .expect(304);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn a_missing_file_is_not_answered_with_the_page() {
    let site = Site::new().await;
    site.get("/assets/gone-1234.js").await.expect(404);
    navigate(&site, "/assets/gone-1234.js").await.expect(404);
    site.get("/watch/gone.js").await.expect(404);
    for hidden in [
        "/.vite/manifest.json",
        "/../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/index.html",
    ] {
        assert_ne!(site.get(hidden).await.status, 200, "{hidden}");
    }
}

#[tokio::test]
async fn each_problem_code_has_its_place() {
    let site = Site::new().await;
    let page = site.get("/docs/problems").await.expect(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text().contains("id=\"video_not_viewable\""));
    let refused = site.get("/api/v1/nothing").await.expect(404).json();
    assert_eq!(refused["type"], "/docs/problems#no_such_route");
    assert!(page.text().contains("id=\"no_such_route\""));
}

#[tokio::test]
async fn the_document_is_served() {
    let site = Site::new().await;
    let document = site.get("/api/openapi.json").await.expect(200).json();
    assert_eq!(document["openapi"], "3.1.0");
}
