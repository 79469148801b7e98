//! From a file to a picture.

use serde_json::json;

use super::in_every_cell;
use crate::harness::{Ground, Platform, clips, eventually, stream};

in_every_cell!(
    an_uploaded_file_becomes_a_sound_adaptive_stream,
    a_video_plays_while_it_is_still_encoding,
    a_revoked_session_is_refused_at_once,
    a_private_video_is_not_there_for_others,
    progress_is_told_live_until_the_video_is_ready,
);

async fn an_uploaded_file_becomes_a_sound_adaptive_stream(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("A clip", &clips::small()).await;
    let video = ann.wait_for(&id, &["ready"]).await;
    assert_eq!(video["title"], "A clip");
    assert_eq!(video["progress"], 1.0);
    let duration = video["duration_ms"].as_u64().unwrap();
    assert!((5_900..=6_100).contains(&duration), "{duration} ms");

    let viewer = platform.creator().await;
    let session = viewer.play(&id).await;
    let folder = tempfile::tempdir().unwrap();
    let hls = session["hls_url"].as_str().unwrap();
    let renditions = stream::fetch_hls(&viewer, hls, folder.path()).await;
    stream::assert_sound_media(&renditions);
    assert!(renditions.iter().any(|it| it.is_video));
    assert!(renditions.iter().any(|it| !it.is_video));

    let dash = session["dash_url"].as_str().unwrap();
    let manifest = viewer.get(dash).await.expect(200);
    assert_eq!(manifest.header("content-type"), "application/dash+xml");
    assert!(manifest.text().contains("type=\"static\""));

    let poster = video["poster_url"].as_str().unwrap();
    let picture = platform.anonymous().get(poster).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");
    let storyboard = video["storyboard_url"].as_str().unwrap();
    let track = platform.anonymous().get(storyboard).await.expect(200);
    assert!(track.text().starts_with("WEBVTT"));
}

async fn a_video_plays_while_it_is_still_encoding(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Long", &clips::long()).await;
    ann.wait_for(&id, &["viewable", "ready"]).await;
    let session = ann.play(&id).await;
    let hls = session["hls_url"].as_str().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let early = stream::fetch_hls(&ann, hls, folder.path()).await;
    for rendition in &early {
        assert!(!rendition.segment_seconds.is_empty());
        stream::assert_decodes_without_errors(&rendition.file);
    }

    ann.wait_for(&id, &["ready"]).await;
    // The same session sees the end appear.
    eventually("the playlists to end", || async {
        let renditions = stream::fetch_hls(&ann, hls, folder.path()).await;
        renditions.iter().all(|it| it.complete).then_some(())
    })
    .await;
    let whole = stream::fetch_hls(&ann, hls, folder.path()).await;
    stream::assert_sound_media(&whole);
    let seconds: f64 = whole[0].segment_seconds.iter().sum();
    assert!((63.9..=64.2).contains(&seconds), "{seconds} s");
}

async fn a_revoked_session_is_refused_at_once(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Clip", &clips::small()).await;
    ann.wait_for(&id, &["viewable", "ready"]).await;
    let session = ann.play(&id).await;
    let hls = session["hls_url"].as_str().unwrap();
    ann.get(hls).await.expect(200);
    let path = format!(
        "/api/v1/playback-sessions/{}",
        session["session_id"].as_str().unwrap()
    );
    platform.creator().await.delete(&path).await.expect(404);
    ann.delete(&path).await.expect(204);
    let refused = ann.get(hls).await.expect(403);
    assert_eq!(refused.code(), "playback_session_revoked");

    // A path made up from another is refused too.
    let other = ann.play(&id).await;
    let tampered = other["hls_url"]
        .as_str()
        .unwrap()
        .replacen("/play/", "/play/A", 1);
    assert_eq!(
        ann.get(&tampered).await.expect(403).code(),
        "playback_token_invalid"
    );
}

async fn a_private_video_is_not_there_for_others(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Secret", &clips::small()).await;
    let path = format!("/api/v1/videos/{id}");
    ann.patch(&path, &json!({ "visibility": "private" }))
        .await
        .expect(200);
    ann.wait_for(&id, &["viewable", "ready"]).await;
    let session = ann.play(&id).await;
    ann.get(session["hls_url"].as_str().unwrap())
        .await
        .expect(200);

    let bob = platform.creator().await;
    bob.get(&path).await.expect(404);
    bob.patch(&path, &json!({ "title": "Mine" }))
        .await
        .expect(404);
    bob.delete(&path).await.expect(404);
    bob.post(&format!("{path}/playback"), &json!({}))
        .await
        .expect(404);
    platform.anonymous().get(&path).await.expect(404);
    let listed = bob.get("/api/v1/videos").await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 0);
}

async fn progress_is_told_live_until_the_video_is_ready(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let id = ann.upload("Live", &clips::small()).await;
    // The stream ends by itself once the video is ready.
    let events = ann
        .get(&format!("/api/v1/videos/{id}/events"))
        .await
        .expect(200);
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = events.text();
    let mut last = -1.0;
    let mut states = Vec::new();
    for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let video: serde_json::Value = serde_json::from_str(data.trim()).unwrap();
        let progress = video["progress"].as_f64().unwrap();
        assert!(
            progress >= last,
            "progress went back from {last} to {progress}"
        );
        last = progress;
        states.push(video["state"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        states.last().map(String::as_str),
        Some("ready"),
        "{states:?}"
    );
    assert!((last - 1.0).abs() < f64::EPSILON);
}
