//! Series, and the interface that the first drama clients know.

use serde_json::json;

use super::in_every_cell;
use crate::harness::{Ground, Platform, clips, eventually, stream};

in_every_cell!(a_drama_is_listed_with_stream_urls_that_play);

async fn a_drama_is_listed_with_stream_urls_that_play(ground: Ground) {
    let platform = Platform::start(ground);
    let nobody = platform.anonymous();
    assert_eq!(
        nobody.get("/health").await.expect(200).json(),
        json!({ "status": "healthy" })
    );
    assert_eq!(nobody.get("/videos").await.expect(200).json(), json!([]));
    assert_eq!(nobody.get("/dramas").await.expect(200).json(), json!([]));

    let ann = platform.creator().await;
    let id = ann.upload("First", &clips::small()).await;
    ann.wait_for(&id, &["ready"]).await;
    let body = json!({ "kind": "drama", "title": "Night Shift", "description": "Three operators" });
    let series = ann.post("/api/v1/series", &body).await.expect(201).json();
    let series_id = series["id"].as_str().unwrap();
    let body = json!({ "title": "Paged", "video_id": id });
    let episodes = format!("/api/v1/series/{series_id}/episodes");
    let episode = ann.post(&episodes, &body).await.expect(201).json();
    assert_eq!(episode["number"], 1);
    platform
        .creator()
        .await
        .post(&episodes, &body)
        .await
        .expect(403);

    let dramas = nobody.get("/dramas").await.expect(200).json();
    assert_eq!(dramas[0]["title"], "Night Shift");
    // That the video plays is heard by event.
    let path = format!("/dramas/{series_id}");
    let stream_url = eventually("the episode to play", || async {
        let drama = nobody.get(&path).await.expect(200).json();
        assert_eq!(drama["episodes"][0]["title"], "Paged");
        Some(drama["episodes"][0]["stream_url"].as_str()?.to_owned())
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let renditions = stream::fetch_hls(&nobody, &stream_url, folder.path()).await;
    stream::assert_sound_media(&renditions);

    let videos = nobody.get("/videos").await.expect(200).json();
    assert_eq!(videos[0]["id"], id);
    // A course is not a drama.
    let body = json!({ "kind": "course", "title": "Rust", "description": "" });
    ann.post("/api/v1/series", &body).await.expect(201);
    let dramas = nobody.get("/dramas").await.expect(200).json();
    assert_eq!(dramas.as_array().unwrap().len(), 1);
    nobody
        .get("/dramas/0190a5d0-0000-7000-8000-000000000000")
        .await
        .expect(404);
}
