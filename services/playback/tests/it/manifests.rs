//! Manifests of a video that grows and of one that is complete.

use amphi_contracts::events::{AssetState, AssetStateChanged};
use http::{Request, StatusCode};

use crate::world::{World, below, presentation};

#[tokio::test]
async fn a_complete_video_is_on_demand_in_both_formats() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();

    let master = world.get(&session.hls_path).await;
    assert_eq!(
        master.header("content-type"),
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(master.header("cache-control"), "private, max-age=60");
    insta::assert_snapshot!("master playlist", master.text());

    let playlist = world.get(&below(&session, "v360/index.m3u8")).await;
    insta::assert_snapshot!("complete playlist", playlist.text());

    let manifest = world.get(&session.dash_path).await;
    assert_eq!(manifest.header("content-type"), "application/dash+xml");
    insta::assert_snapshot!("complete manifest", manifest.text());
}

#[tokio::test]
async fn a_growing_video_is_an_event_and_becomes_on_demand() {
    let world = World::with_settings(&[("live_manifest_max_age_ms", 0)]).await;
    world
        .known
        .set_presentation(presentation(world.video_id, 2, false));
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let path = below(&session, "a0/index.m3u8");

    let early = world.get(&path).await;
    assert_eq!(early.header("cache-control"), "private, no-cache");
    assert!(early.text().contains("#EXT-X-PLAYLIST-TYPE:EVENT"));
    assert!(early.text().contains("1.m4s") && !early.text().contains("2.m4s"));
    assert!(!early.text().contains("#EXT-X-ENDLIST"));
    let manifest = world.get(&session.dash_path).await;
    assert!(manifest.text().contains("type=\"dynamic\""));

    world
        .known
        .set_presentation(presentation(world.video_id, 3, false));
    assert!(world.get(&path).await.text().contains("2.m4s"));

    world
        .known
        .set_presentation(presentation(world.video_id, 3, true));
    let late = world.get(&path).await;
    assert!(late.text().contains("#EXT-X-PLAYLIST-TYPE:VOD"));
    assert!(late.text().contains("#EXT-X-ENDLIST"));
    let manifest = world.get(&session.dash_path).await;
    assert!(manifest.text().contains("type=\"static\""));
    let target = |text: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with("#EXT-X-TARGETDURATION"));
        line.unwrap().to_owned()
    };
    assert_eq!(target(early.text()), target(late.text()));
}

#[tokio::test]
async fn media_is_asked_once_however_many_watch_a_growing_video() {
    let world = World::with_settings(&[("live_manifest_max_age_ms", 60_000)]).await;
    world
        .known
        .set_presentation(presentation(world.video_id, 2, false));
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let watch = (0..50).map(|_| world.get(&session.hls_path));
    let answers = futures::future::join_all(watch).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(world.known.presentations_asked(), 1);
}

#[tokio::test]
async fn news_of_the_asset_make_media_be_asked_again() {
    let world = World::with_settings(&[("live_manifest_max_age_ms", 60_000)]).await;
    world
        .known
        .set_presentation(presentation(world.video_id, 2, false));
    let session = world.start(&world.process.anonymous()).await.unwrap();
    world
        .known
        .set_presentation(presentation(world.video_id, 3, true));
    world
        .tell(&AssetStateChanged {
            video_id: world.video_id,
            owner_id: world.owner,
            state: AssetState::Ready,
            reason: None,
            duration_ms: Some(12_000),
            width: None,
            height: None,
            poster_path: None,
            version: 9,
        })
        .await;
    amphi_chassis::testing::eventually("the playlist to end", || async {
        let playlist = world.get(&below(&session, "a0/index.m3u8")).await;
        playlist.text().contains("#EXT-X-ENDLIST").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_is_known_is_not_sent_again() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let first = world.get(&session.hls_path).await;
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"'));
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"x\", {tag}"),
        "*".to_owned(),
    ] {
        let request = Request::get(&session.hls_path).header("if-none-match", &known);
        let again = world.send(request).await;
        assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(again.header("etag"), tag);
        assert!(again.body.is_empty());
    }
    let request = Request::get(&session.hls_path).header("if-none-match", "\"other\"");
    assert_eq!(world.send(request).await.status, StatusCode::OK);
    let head = world.send(Request::head(&session.hls_path)).await;
    assert_eq!(head.status, StatusCode::OK);
    assert_eq!(head.header("etag"), tag);
    assert!(head.body.is_empty());
}
