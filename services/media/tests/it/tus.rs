//! What a tus client meets.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use amphi_contracts::events::AssetState;
use http::{Method, StatusCode};

use crate::support::{Actor, Answer, House, Upload, clips, until, until_some};

#[tokio::test]
async fn the_server_tells_what_it_can_do() {
    let house = House::start().await;
    let answer = house
        .anonymous()
        .tus(Method::OPTIONS, "/uploads")
        .send()
        .await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.header("tus-version"), "1.0.0");
    assert_eq!(answer.header("tus-resumable"), "1.0.0");
    for extension in [
        "creation",
        "creation-with-upload",
        "termination",
        "expiration",
        "checksum",
    ] {
        let all = answer.header("tus-extension");
        assert!(all.split(',').any(|known| known == extension), "{all}");
    }
    assert_eq!(answer.header("tus-checksum-algorithm"), "sha1,sha256,crc32");
    assert!(answer.header("tus-max-size").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn an_upload_in_pieces_becomes_one_source() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let upload = creator
        .create(clip.len(), &[("filename", "film.mp4")])
        .await;
    assert_eq!(upload.offset().await, 0);
    let asset = creator.asset(&upload.video_id).await;
    assert_eq!(asset.state, AssetState::Uploading);

    let (head, tail) = clip.split_at(clip.len() / 3);
    assert_eq!(upload.patch(0, head).await.status(), StatusCode::NO_CONTENT);
    let found = creator.tus(Method::HEAD, &upload.path).send().await;
    assert_eq!(found.header("upload-offset"), head.len().to_string());
    assert_eq!(found.header("upload-length"), clip.len().to_string());
    assert_eq!(found.header("cache-control"), "no-store");
    assert!(found.header("upload-expires").ends_with(" GMT"));
    assert!(found.header("upload-metadata").starts_with("filename "));

    let answer = upload.patch(head.len(), tail).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(answer.header("upload-offset"), clip.len().to_string());
    let asset = creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    assert_eq!((asset.width, asset.height), (Some(320), Some(240)));
    assert_eq!(asset.duration_ms, Some(6_000));
    let stored = house.blobs_below("sources").await;
    assert_eq!(stored.len(), 1);
    assert_eq!(house.blob(&stored[0]).await, clip);
}

#[tokio::test]
async fn a_wrong_offset_is_refused_and_the_right_one_asked_for() {
    let house = House::start().await;
    let upload = house.creator().create(100, &[]).await;
    upload.patch(0, &[b'x'; 40]).await;
    for offset in [0, 39, 41, 100] {
        let answer = upload.patch(offset, b"y").await;
        assert_eq!(answer.status(), StatusCode::CONFLICT, "{offset}");
        assert_eq!(answer.code(), "offset_mismatch");
    }
    assert_eq!(upload.offset().await, 40);
}

#[tokio::test]
async fn the_protocol_is_kept() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.create(100, &[]).await;

    let other_type = creator
        .tus(Method::PATCH, &upload.path)
        .header("upload-offset", 0)
        .header("content-type", "application/octet-stream")
        .body(b"x")
        .send()
        .await;
    assert_eq!(other_type.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let other_version = creator
        .request(Method::HEAD, &upload.path)
        .header("tus-resumable", "0.2.2")
        .send()
        .await;
    assert_eq!(other_version.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(other_version.header("tus-version"), "1.0.0");

    let beyond = upload.patch(0, &[b'x'; 101]).await;
    assert_eq!(beyond.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(upload.offset().await, 0);

    let overridden = creator
        .tus(Method::POST, &upload.path)
        .header("x-http-method-override", "PATCH")
        .header("upload-offset", 0)
        .header("content-type", "application/offset+octet-stream")
        .body([b'x'; 10])
        .send()
        .await;
    assert_eq!(overridden.status(), StatusCode::NO_CONTENT);
    assert_eq!(upload.offset().await, 10);

    let wrong_method = creator.tus(Method::PUT, &upload.path).send().await;
    assert_eq!(wrong_method.status(), StatusCode::METHOD_NOT_ALLOWED);
    let unknown = creator.tus(Method::HEAD, "/uploads/nothing").send().await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bytes_beyond_the_length_are_refused_also_when_they_are_not_announced() {
    let house = House::start().await;
    let upload = house.creator().create(100, &[]).await;
    upload.patch(0, &[b'x'; 60]).await;
    let answer = upload
        .patch_in_pieces(60, vec![Ok(vec![b'y'; 30]), Ok(vec![b'y'; 30])])
        .await;
    assert_eq!(answer.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(upload.offset().await, 60);
}

#[tokio::test]
async fn a_wrong_checksum_keeps_nothing_and_a_right_one_all() {
    let house = House::start().await;
    let upload = house.creator().create(22, &[]).await;
    for (checksum, status) in [
        ("sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=", 460),
        ("crc32 AAAAAA==", 460),
        ("md99 AAAAAA==", 400),
        ("sha1 nonsense", 400),
    ] {
        let answer = upload
            .patch_with_checksum(0, b"hello world", checksum)
            .await;
        assert_eq!(answer.status().as_u16(), status, "{checksum}");
        assert_eq!(upload.offset().await, 0, "{checksum}");
    }
    let first = upload.patch_with_checksum(0, b"hello world", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=");
    assert_eq!(first.await.status(), StatusCode::NO_CONTENT);
    assert_eq!(upload.offset().await, 11);
}

#[tokio::test]
async fn an_upload_exists_for_its_owner_alone() {
    let house = House::start().await;
    let upload = house.creator().create(100, &[]).await;
    let other = house.creator();
    for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
        let answer = other
            .tus(method.clone(), &upload.path)
            .header("upload-offset", 0)
            .header("content-type", "application/offset+octet-stream")
            .send()
            .await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method}");
        let nobody = house
            .anonymous()
            .tus(method.clone(), &upload.path)
            .send()
            .await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{method}");
    }
    let foreign = other.try_asset(&upload.video_id).await;
    assert_eq!(foreign.unwrap_err().code, "asset_not_found");
    let by_admin = house.admin().tus(Method::HEAD, &upload.path).send().await;
    assert_eq!(by_admin.status(), StatusCode::OK);
}

#[tokio::test]
async fn creating_takes_a_creator_and_sane_headers() {
    let house = House::start().await;
    let post = |actor: &crate::support::Actor| actor.tus(Method::POST, "/uploads");
    let cases = [
        (post(&house.anonymous()).header("upload-length", 1), 401),
        (post(&house.viewer()).header("upload-length", 1), 403),
        (post(&house.creator()), 400),
        (post(&house.creator()).header("upload-length", "one"), 400),
        (
            post(&house.creator()).header("upload-length", 1_u64 << 60),
            413,
        ),
        (
            post(&house.creator())
                .header("upload-length", 1)
                .header("upload-metadata", "filename !!"),
            400,
        ),
        (
            post(&house.creator())
                .header("upload-length", 1)
                .header("upload-metadata", "video_id Li4vMQ=="),
            400,
        ),
    ];
    for (request, status) in cases {
        let answer = request.send().await;
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.header("tus-resumable"), "1.0.0");
    }
    assert_eq!(house.catalog.video_count(), 0);
}

#[tokio::test]
async fn an_account_may_leave_only_so_many_uploads_open() {
    let house = House::with(&[("media.uploads_open_max", 2.into())]).await;
    let creator = house.creator();
    let first = creator.create(100, &[]).await;
    creator.create(100, &[]).await;
    let third = creator
        .tus(Method::POST, "/uploads")
        .header("upload-length", 100)
        .send()
        .await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(house.catalog.video_count(), 2, "no draft is left behind");
    house.creator().create(100, &[]).await;
    assert_eq!(first.delete().await.status(), StatusCode::NO_CONTENT);
    creator.create(100, &[]).await;
}

#[tokio::test]
async fn an_upload_that_would_fill_the_disk_is_refused() {
    let house = House::with(&[("media.disk_reserve_bytes", (1_i64 << 62).into())]).await;
    let answer = house
        .creator()
        .tus(Method::POST, "/uploads")
        .header("upload-length", 1)
        .send()
        .await;
    assert_eq!(answer.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert_eq!(answer.code(), "storage_full");
}

#[tokio::test]
async fn the_length_may_be_told_later() {
    let house = House::start().await;
    let creator = house.creator();
    let created = creator
        .tus(Method::POST, "/uploads")
        .header("upload-defer-length", 1)
        .send()
        .await;
    let upload = Upload::of(&creator, &created);
    let found = creator.tus(Method::HEAD, &upload.path).send().await;
    assert_eq!(found.header("upload-defer-length"), "1");
    upload.patch(0, &[b'x'; 10]).await;
    let declared = creator
        .tus(Method::PATCH, &upload.path)
        .header("upload-offset", 10)
        .header("upload-length", 30)
        .header("content-type", "application/offset+octet-stream")
        .body([b'x'; 10])
        .send()
        .await;
    assert_eq!(declared.status(), StatusCode::NO_CONTENT);
    let found = creator.tus(Method::HEAD, &upload.path).send().await;
    assert_eq!(found.header("upload-length"), "30");
    assert_eq!(
        upload.patch(20, &[b'x'; 11]).await.status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
}

#[tokio::test]
async fn the_first_bytes_may_come_with_the_creation() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let created = creator
        .tus(Method::POST, "/uploads")
        .header("upload-length", clip.len())
        .header("content-type", "application/offset+octet-stream")
        .body(&clip)
        .send()
        .await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(created.header("upload-offset"), clip.len().to_string());
    let upload = Upload::of(&creator, &created);
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
}

#[tokio::test]
async fn a_repeated_creation_with_one_key_is_one_upload() {
    let house = House::start().await;
    let creator = house.creator();
    let create = || {
        creator
            .tus(Method::POST, "/uploads")
            .header("upload-length", 100)
            .header("idempotency-key", "once")
            .send()
    };
    let first = Upload::of(&creator, &create().await);
    first.patch(0, &[b'x'; 7]).await;
    let second = Upload::of(&creator, &create().await);
    assert_eq!(
        (first.path, first.video_id),
        (second.path.clone(), second.video_id.clone())
    );
    assert_eq!(second.offset().await, 7);
    assert_eq!(house.catalog.video_count(), 1);
}

/// A creation that brings the whole file, under a key.
async fn create_whole(creator: &Actor, key: &str, bytes: &[u8]) -> Answer {
    creator
        .tus(Method::POST, "/uploads")
        .header("upload-length", bytes.len())
        .header("idempotency-key", key)
        .header("content-type", "application/offset+octet-stream")
        .body(bytes)
        .send()
        .await
}

#[tokio::test]
async fn a_repeated_creation_finds_the_bytes_that_the_first_one_brought() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let first = create_whole(&creator, "once", &clip).await;
    let second = create_whole(&creator, "once", &clip).await;
    assert_eq!(second.status(), StatusCode::CREATED, "{}", second.text());
    for name in ["location", "amphi-video-id", "upload-offset"] {
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
    assert_eq!(second.header("upload-offset"), clip.len().to_string());
    assert_eq!(house.catalog.video_count(), 1);
}

#[tokio::test]
async fn creations_with_one_key_at_once_are_one_upload_or_wait_for_each_other() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    for round in 0..8 {
        let key = format!("round {round}");
        let creations = (0..4).map(|_| create_whole(&creator, &key, &clip));
        let answers = futures::future::join_all(creations).await;
        let (created, refused): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| answer.status() == StatusCode::CREATED);
        let is_one = created
            .windows(2)
            .all(|pair| pair[0].header("location") == pair[1].header("location"));
        assert!(is_one && !created.is_empty(), "{answers:?}");
        let must_wait = refused
            .iter()
            .all(|answer| answer.code() == "upload_locked");
        assert!(must_wait, "{refused:?}");
    }
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_possible() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.create(100, &[]).await;
    for (path, allowed) in [
        ("/uploads", "OPTIONS, POST"),
        (upload.path.as_str(), "OPTIONS, HEAD, PATCH, DELETE"),
    ] {
        let refused = creator.tus(Method::PUT, path).send().await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(refused.header("allow"), allowed);
        assert_eq!(refused.header("content-type"), "application/problem+json");
        assert_eq!(refused.code(), "method_not_allowed");
    }
}

#[tokio::test]
async fn an_upload_for_a_draft_keeps_to_it() {
    let house = House::start().await;
    let creator = house.creator();
    let video_id = house.catalog.add_draft(creator.account_id());
    let upload = creator.create(100, &[("video_id", &video_id)]).await;
    assert_eq!(upload.video_id, video_id);
    let again = creator.try_create(100, &[("video_id", &video_id)]).await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    assert_eq!(again.code(), "video_has_source");
    let foreign = house
        .creator()
        .try_create(100, &[("video_id", &video_id)])
        .await;
    assert_eq!(foreign.status(), StatusCode::NOT_FOUND);

    upload.delete().await;
    let anew = creator.create(100, &[("video_id", &video_id)]).await;
    assert_eq!(anew.video_id, video_id);
    assert_eq!(creator.asset(&video_id).await.state, AssetState::Uploading);
}

#[tokio::test]
async fn weird_names_reach_the_title_clean_and_no_path_at_all() {
    let house = House::start().await;
    let creator = house.creator();
    let name = "../../\u{202e}\"quo'ted\"\nname.mp4";
    let upload = creator.create(10, &[("filename", name)]).await;
    assert_eq!(house.catalog.title_of(&upload.video_id), "\"quo'ted\" name");
    upload.patch(0, b"x").await;
    let files = house.files();
    assert!(files.iter().all(|file| !file.contains("quo")), "{files:?}");
}

#[tokio::test]
async fn a_broken_connection_keeps_what_arrived() {
    let house = House::start().await;
    let upload = house.creator().create(100, &[]).await;
    let broken = vec![Ok(vec![b'x'; 30]), Err(std::io::ErrorKind::ConnectionReset)];
    assert!(
        upload
            .patch_in_pieces(0, broken)
            .await
            .is_none_or(|answer| !answer.status().is_success())
    );
    until("the bytes before the break are kept", async || {
        upload.offset().await == 30
    })
    .await;
    assert_eq!(
        upload.patch(30, &[b'x'; 5]).await.status(),
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn two_requests_do_not_write_to_one_upload() {
    let house = House::with(&[("media.upload_checkpoint_ms", 20.into())]).await;
    let upload = house.creator().create(1_000, &[]).await;
    let (feed, first) = upload.open_patch(0);
    feed.send(vec![b'x'; 10]).await;
    until("the first one writes", async || upload.offset().await == 10).await;
    // Kept fed, the first one holds its place.
    let second = upload.patch(10, b"y");
    let feeding = async {
        loop {
            feed.send(vec![b'x'; 1]).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let second = tokio::select! {
        second = second => second,
        () = feeding => unreachable!(),
    };
    assert_eq!(second.status(), StatusCode::LOCKED);
    assert_eq!(second.code(), "upload_locked");
    drop(feed);
    assert!(first.await.unwrap().unwrap().status().is_success());
}

#[tokio::test]
async fn a_new_request_takes_over_from_one_whose_connection_is_silent() {
    let house = House::with(&[("media.upload_checkpoint_ms", 20.into())]).await;
    let upload = house.creator().create(1_000, &[]).await;
    let (feed, first) = upload.open_patch(0);
    feed.send(vec![b'x'; 10]).await;
    until("the first one writes", async || upload.offset().await == 10).await;
    until_some("the silent one gives way", async || {
        let offset = upload.offset().await;
        let answer = upload.patch(offset, &[b'y'; 20]).await;
        answer.status().is_success().then_some(())
    })
    .await;
    assert_eq!(upload.offset().await, 30);
    drop(feed);
    assert!(
        first
            .await
            .unwrap()
            .is_none_or(|answer| !answer.status().is_success())
    );
}

#[tokio::test]
async fn a_cancelled_upload_leaves_nothing() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let upload = creator.create(clip.len(), &[]).await;
    upload.patch(0, &clip[..5_000]).await;
    assert_eq!(upload.delete().await.status(), StatusCode::NO_CONTENT);
    assert_eq!(
        creator
            .tus(Method::HEAD, &upload.path)
            .send()
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        upload.patch(5_000, b"x").await.status(),
        StatusCode::NOT_FOUND
    );
    let asset = creator.asset(&upload.video_id).await;
    assert_eq!(asset.state, AssetState::Failed);
    assert_eq!(asset.reason, "The upload was cancelled.");
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn an_upload_that_is_not_finished_in_time_goes() {
    let house = House::with(&[
        ("media.upload_expiry_s", 1.into()),
        ("media.sweep_interval_s", 1.into()),
    ])
    .await;
    let creator = house.creator();
    let upload = creator.create(100, &[]).await;
    upload.patch(0, &[b'x'; 10]).await;
    until("it is gone", async || {
        creator
            .tus(Method::HEAD, &upload.path)
            .send()
            .await
            .status()
            == StatusCode::NOT_FOUND
    })
    .await;
    let asset = creator.asset(&upload.video_id).await;
    assert_eq!(asset.state, AssetState::Failed);
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn after_a_crash_the_offset_is_what_is_both_recorded_and_there() {
    let house = House::start().await;
    let creator = house.creator();
    let (longer, shorter) = (
        creator.create(100, &[]).await,
        creator.create(100, &[]).await,
    );
    longer.patch(0, &[b'x'; 40]).await;
    shorter.patch(0, &[b'x'; 40]).await;
    let (longer_path, shorter_path) = (house.partial_path(&longer), house.partial_path(&shorter));
    let house = house
        .restart_after(|| {
            // One file got bytes that nobody was told of, the other lost some that were acknowledged.
            let mut longer = OpenOptions::new().append(true).open(&longer_path).unwrap();
            longer.write_all(b"?????????").unwrap();
            OpenOptions::new()
                .write(true)
                .open(&shorter_path)
                .unwrap()
                .set_len(25)
                .unwrap();
        })
        .await;
    let creator = house.same(&creator);
    let (longer, shorter) = (longer.seen_by(&creator), shorter.seen_by(&creator));
    assert_eq!(longer.offset().await, 40);
    assert_eq!(shorter.offset().await, 25);
    assert_eq!(
        longer.patch(40, &[b'z'; 10]).await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        shorter.patch(25, &[b'z'; 10]).await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        std::fs::read(&longer_path).unwrap(),
        [vec![b'x'; 40], vec![b'z'; 10]].concat()
    );
    assert_eq!(
        std::fs::read(&shorter_path).unwrap(),
        [vec![b'x'; 25], vec![b'z'; 10]].concat()
    );
}
