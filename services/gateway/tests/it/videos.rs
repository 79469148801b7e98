//! One video, put together from three services.

use amphi_chassis::auth::AccountRole;
use amphi_contracts::proto::media::v1 as media;
use reqwest::Method;
use serde_json::json;

use crate::site::Site;
use crate::stand_ins::{OWNER, video};

const ID: &str = "0190a5d0-0000-7000-8000-000000000001";

fn path() -> String {
    format!("/api/v1/videos/{ID}")
}

async fn site() -> Site {
    let site = Site::new().await;
    site.world.add_video(video(ID, "First"));
    site
}

#[tokio::test]
async fn a_video_is_what_catalog_media_and_identity_know_of_it() {
    let site = site().await;
    site.world.asset.send_replace(media::Asset {
        video_id: ID.to_owned(),
        state: media::AssetState::Encoding.into(),
        progress: 0.25,
        width: Some(640),
        height: Some(360),
        storyboard_path: Some("/images/s/storyboard.vtt".to_owned()),
        upload_size_bytes: 10,
        upload_received_bytes: 10,
        renditions: vec![media::Rendition {
            id: "v360".to_owned(),
            kind: media::TrackKind::Video.into(),
            codec: "avc1.64001f".to_owned(),
            width: 640,
            height: 360,
            frame_rate: 25.0,
            bandwidth_bps: 800_000,
            segments_done: 1,
            ..media::Rendition::default()
        }],
        ..media::Asset::default()
    });
    let shown = site.get(&path()).await.expect(200).json();
    assert_eq!(
        shown,
        json!({
            "id": ID,
            "title": "First",
            "description": "",
            "visibility": "public",
            "state": "encoding",
            "state_reason": null,
            "progress": 0.25,
            "duration_ms": 6000,
            "width": 640,
            "height": 360,
            "poster_url": null,
            "storyboard_url": "/images/s/storyboard.vtt",
            "owner": { "id": OWNER, "name": "Ann" },
            "upload": { "size_bytes": 10, "received_bytes": 10 },
            "renditions": [{
                "id": "v360", "kind": "video", "codec": "avc1.64001f", "width": 640, "height": 360, "frame_rate": 25.0,
                "bandwidth_bps": 800_000, "language": null, "channels": null, "segments_done": 1, "segments_total": null,
                "complete": false,
            }],
            "created_at": "2023-11-14T22:13:20Z",
            "updated_at": "2023-11-14T22:13:20Z",
        })
    );
    let calls = site.world.take_calls();
    let expected = [
        "batch_get_accounts by service",
        "get_asset by service",
        "get_video by nobody",
    ];
    assert_eq!(calls, expected);
}

#[tokio::test]
async fn a_video_that_is_known_is_not_sent_again() {
    let site = site().await;
    let tag = site
        .get(&path())
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    assert!(tag.starts_with("W/\"3-"), "{tag}");
    let again = site
        .request(Method::GET, &path())
        .header("if-none-match", &tag);
    let again = site.send(again).await.expect(304);
    assert_eq!(again.header("etag"), tag);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn an_edit_of_another_version_is_refused() {
    let site = site().await;
    let token = site.token(AccountRole::Creator);
    let tag = site.get(&path()).await.header("etag").to_owned();
    let edit = |title: &str, tag: &str| {
        let request = site.request(Method::PATCH, &path()).bearer_auth(&token);
        let request = request.header("if-match", tag);
        site.send(request.json(&json!({ "title": title })))
    };
    let edited = edit("Second", &tag).await.expect(200);
    assert_eq!(edited.json()["title"], "Second");
    assert_ne!(edited.header("etag"), tag);
    assert_eq!(
        edit("Third", &tag).await.expect(412).code(),
        "precondition_failed"
    );
    edit("Third", "\"made up\"").await.expect(412);
    edit("Third", "*").await.expect(200);
}

#[tokio::test]
async fn a_draft_is_created_with_the_idempotency_key_given() {
    let site = site().await;
    let request = site
        .request(Method::POST, "/api/v1/videos")
        .bearer_auth(site.token(AccountRole::Creator))
        .header("idempotency-key", "k1")
        .json(&json!({ "title": "New" }));
    let answer = site.send(request).await.expect(201);
    let draft = answer.json();
    assert_eq!(draft["state"], "draft");
    assert_eq!(draft["progress"], 0.0);
    assert_eq!(draft["description"], "key k1");
    let location = format!("/api/v1/videos/{}", draft["id"].as_str().unwrap());
    assert_eq!(answer.header("location"), location);
}

#[tokio::test]
async fn an_id_that_is_none_is_refused_as_such() {
    let site = site().await;
    let refused = site.get("/api/v1/videos/..%2fsecret").await.expect(400);
    assert_eq!(refused.code(), "invalid_id");
    let missing = site.get(&path().replace("01", "02")).await.expect(404);
    assert_eq!(missing.code(), "video_not_found");
    let query = site.get("/api/v1/videos?limit=many").await.expect(400);
    assert_eq!(query.code(), "invalid_query");
}

#[tokio::test]
async fn playback_starts_resumes_and_ends() {
    let site = site().await;
    let token = site.token(AccountRole::Viewer);
    let session = site
        .post(&format!("{}/playback", path()), &json!({}))
        .await
        .expect(201);
    assert_eq!(session.header("cache-control"), "no-store");
    let session = session.json();
    assert_eq!(session["hls_url"], "/play/token/master.m3u8");
    assert_eq!(session["expires_at"], "2027-01-15T08:00:00Z");
    assert_eq!(session["resume_position_ms"], 1500);

    let resume = format!("{}/resume-position", path());
    let put = site
        .request(Method::PUT, &resume)
        .json(&json!({ "position_ms": 10 }));
    assert_eq!(site.send(put).await.expect(401).code(), "sign_in_required");
    let put = site
        .request(Method::PUT, &resume)
        .json(&json!({ "position_ms": 10 }));
    site.send(put.bearer_auth(&token)).await.expect(204);

    let session = format!(
        "/api/v1/playback-sessions/{}",
        session["session_id"].as_str().unwrap()
    );
    let delete = site.request(Method::DELETE, &session).bearer_auth(&token);
    site.send(delete).await.expect(204);
    assert!(
        site.world
            .take_calls()
            .contains(&"revoke_session by account".to_owned())
    );
}
