//! Segments, whole and in parts.

use http::{Request, StatusCode};

use crate::world::{Answer, World, below, piece, presentation};

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request).await
}

#[tokio::test]
async fn segments_are_served_with_their_types_for_ever() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    for (rest, content_type, bytes) in [
        ("v360/init.mp4", "video/mp4", "init v360".into()),
        ("a0/init.mp4", "audio/mp4", "init a0".into()),
        ("v360/0.m4s", "video/mp4", piece("v360", 0)),
        ("a0/2.m4s", "audio/mp4", piece("a0", 2)),
    ] {
        let answer = world.get(&below(&session, rest)).await;
        assert_eq!(answer.status, StatusCode::OK, "{rest}");
        assert_eq!(answer.header("content-type"), content_type, "{rest}");
        assert_eq!(answer.header("accept-ranges"), "bytes");
        let kept = "private, max-age=31536000, immutable";
        assert_eq!(answer.header("cache-control"), kept);
        assert_eq!(answer.body, bytes, "{rest}");
    }
}

#[tokio::test]
async fn a_part_of_a_segment_is_what_was_asked_for() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let path = below(&session, "v360/1.m4s");
    let whole = piece("v360", 1);
    let tag = world.get(&path).await.header("etag").to_owned();

    for (range, content_range, expected) in [
        ("bytes=0-9", "bytes 0-9/1000", whole.slice(0..10)),
        ("bytes=990-", "bytes 990-999/1000", whole.slice(990..)),
        ("bytes=900-5000", "bytes 900-999/1000", whole.slice(900..)),
        ("bytes=-100", "bytes 900-999/1000", whole.slice(900..)),
    ] {
        let answer = get(&world, &path, &[("range", range)]).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.header("content-range"), content_range);
        assert_eq!(answer.body, expected, "{range}");
    }
    let beyond = get(&world, &path, &[("range", "bytes=1000-")]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), "bytes */1000");
    for ignored in ["bytes=0-1,5-6", "lines=1-2"] {
        assert_eq!(get(&world, &path, &[("range", ignored)]).await.body, whole);
    }
    let same = get(&world, &path, &[("range", "bytes=0-1"), ("if-range", &tag)]).await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
    let changed = get(
        &world,
        &path,
        &[("range", "bytes=0-1"), ("if-range", "\"x\"")],
    )
    .await;
    assert_eq!((changed.status, changed.body), (StatusCode::OK, whole));
    let known = get(&world, &path, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status, StatusCode::NOT_MODIFIED);
    let head = world.send(Request::head(&path)).await;
    assert_eq!(head.header("content-length"), "1000");
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn pieces_have_tags_of_their_own() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let mut tags = Vec::new();
    for rest in ["v360/0.m4s", "v360/1.m4s", "a0/0.m4s", "v360/init.mp4"] {
        tags.push(
            world
                .get(&below(&session, rest))
                .await
                .header("etag")
                .to_owned(),
        );
    }
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 4);
}

#[tokio::test]
async fn a_segment_that_another_replica_has_named_is_looked_for_again() {
    let world = World::with_settings(&[("live_manifest_max_age_ms", 300)]).await;
    world
        .known
        .set_presentation(presentation(world.video_id, 2, false));
    let session = world.start(&world.process.anonymous()).await.unwrap();
    world
        .known
        .set_presentation(presentation(world.video_id, 3, false));
    let answer = world.get(&below(&session, "v360/2.m4s")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let asked = world.known.presentations_asked();
    let missing = world.get(&below(&session, "v360/3.m4s")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(world.known.presentations_asked() <= asked + 2);
}

#[tokio::test]
async fn bytes_that_were_deleted_meanwhile_are_not_found() {
    let world = World::new().await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    let blobs = &world.process.context().blobs;
    blobs
        .delete_prefix(crate::world::BLOB_PREFIX)
        .await
        .unwrap();
    let answer = world.get(&below(&session, "v360/0.m4s")).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(answer.code(), "media_not_found");
}
