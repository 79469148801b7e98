//! Byte planes pass through.

use std::time::Duration;

use amphi_chassis::auth::{AccountRole, Caller};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::routing::{any, get};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::StatusCode;
use http_body_util::BodyExt;
use reqwest::Method;
use tokio::sync::mpsc;

use crate::site::Site;

/// Media's byte plane: counts what is uploaded, and says who uploads; has a picture without end.
pub fn media() -> Router {
    let tell = |Path(id): Path<String>| async move { id };
    let endless = || async {
        let pieces = stream::iter([Ok::<_, std::io::Error>("first")]).chain(stream::pending());
        Body::from_stream(pieces)
    };
    Router::new()
        .route("/uploads", any(count))
        .route("/uploads/{id}", any(tell))
        .route("/images/endless", get(endless))
}

async fn count(caller: Caller, request: Request) -> String {
    let method = request.method().clone();
    let mut bytes = 0;
    let mut body = request.into_body();
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    let who = if caller.account_id().is_some() {
        "account"
    } else {
        "nobody"
    };
    format!("{method} {bytes} {who}")
}

/// Playback's byte plane: its route has other parameters than the gateway's.
pub fn playback() -> Router {
    let play = |Path((token, path)): Path<(String, String)>, request: Request| async move {
        let range = request.headers().get("range").cloned();
        let range = range.map_or_else(String::new, |range| range.to_str().unwrap().to_owned());
        (
            [
                ("access-control-allow-origin", "*"),
                ("cache-control", "private, max-age=9"),
            ],
            format!("{token} {path} {range}"),
        )
    };
    Router::new().route("/play/{token}/{*path}", get(play))
}

/// The observatory's: tells back what it was sent.
pub fn observatory() -> Router {
    let echo = |caller: Caller, body: Bytes| async move {
        if !caller.is_service() || !String::from_utf8_lossy(&body).contains("\"browser\"") {
            return StatusCode::FORBIDDEN;
        }
        StatusCode::OK
    };
    Router::new().route("/v1/traces", any(echo))
}

#[tokio::test]
async fn an_upload_larger_than_a_json_body_streams_through() {
    let site = Site::new().await;
    let token = site.token(AccountRole::Creator);
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = reqwest::Body::wrap_stream(tokio_stream::wrappers::ReceiverStream::new(receiver));
    let request = site
        .request(Method::PATCH, "/uploads")
        .bearer_auth(token)
        .body(body);
    let piece = Bytes::from(vec![7; 512 * 1024]);
    let send = async {
        for _ in 0..8 {
            sender.send(Ok(piece.clone())).await.unwrap();
        }
        drop(sender);
    };
    let (answer, ()) = tokio::join!(site.send(request), send);
    assert_eq!(answer.expect(200).text(), "PATCH 4194304 account");
}

#[tokio::test]
async fn an_upload_that_falls_silent_is_ended() {
    let site = Site::with_settings(&[("gateway.stream_idle_timeout_ms", "50")]).await;
    let stalled = stream::iter([Ok::<_, std::io::Error>("some")]).chain(stream::pending());
    let request = site
        .request(Method::POST, "/uploads")
        .body(reqwest::Body::wrap_stream(stalled));
    // The stand-in panics over the broken body; what matters is that it ends.
    site.send(request).await.expect(500);
}

#[tokio::test]
async fn options_of_uploads_reach_media_unless_they_are_a_preflight() {
    let site = Site::with_settings(&[("gateway.cors_origins", "https://app.example")]).await;
    let plain = site
        .request(Method::OPTIONS, "/uploads")
        .header("origin", "https://app.example");
    let plain = site.send(plain).await.expect(200);
    assert_eq!(plain.text(), "OPTIONS 0 nobody");
    assert_eq!(
        plain.header("access-control-allow-origin"),
        "https://app.example"
    );
    let preflight = site
        .request(Method::OPTIONS, "/uploads")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST");
    let preflight = site.send(preflight).await.expect(204);
    assert!(
        preflight
            .header("access-control-allow-headers")
            .contains("Tus-Resumable")
    );
}

#[tokio::test]
async fn a_stream_passes_with_its_own_headers_and_parameters() {
    let site = Site::new().await;
    let request = site
        .request(Method::GET, "/play/abc/v360/7.m4s")
        .header("range", "bytes=0-1")
        .header("accept-encoding", "br, gzip");
    let answer = site.send(request).await.expect(200);
    assert_eq!(answer.text(), "abc v360/7.m4s bytes=0-1");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("cache-control"), "private, max-age=9");
    assert_eq!(answer.header("content-encoding"), "");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.header("server-timing").contains("playback;dur="));
    assert_eq!(site.get("/uploads/x1").await.expect(200).text(), "x1");
}

#[tokio::test]
async fn an_answer_arrives_piece_by_piece() {
    // Were it gathered, the first piece would wait for the last, which never comes.
    let site = Site::new().await;
    let response = site
        .request(Method::GET, "/images/endless")
        .send()
        .await
        .unwrap();
    let mut pieces = response.bytes_stream();
    let first = tokio::time::timeout(Duration::from_secs(60), pieces.next()).await;
    assert_eq!(first.unwrap().unwrap().unwrap(), "first");
}
