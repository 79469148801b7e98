//! Leases, fences and what encoders hand in. The test is the encoder here.

use std::time::Duration;

use amphi_contracts::events::AssetState;
use amphi_media_kit::EncodeTask;
use http::StatusCode;

use crate::support::{House, Leased, clips, until_some};

#[tokio::test]
async fn a_video_is_viewable_before_it_is_ready_and_each_segment_is_there_once() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");

    let sound = encoder.lease().await;
    assert!(matches!(sound.spec, EncodeTask::Audio(_)));
    encoder.carry_out(&sound).await;
    assert_eq!(
        creator.asset(&upload.video_id).await.state,
        AssetState::Encoding
    );

    let picture = encoder.lease().await;
    assert!(matches!(&picture.spec, EncodeTask::VideoChunk(chunk) if chunk.first_segment == 0));
    let outputs = encoder.make(&picture).await;
    for output in outputs
        .iter()
        .filter(|output| !output.path.ends_with("/1.m4s"))
    {
        assert_eq!(encoder.hand_in(&picture, output).await, StatusCode::CREATED);
    }
    let asset = creator.asset(&upload.video_id).await;
    assert_eq!(asset.state, AssetState::Viewable);
    let presentation = house.presentation(&upload.video_id).await;
    assert!(!presentation.complete);
    let picture_track = presentation
        .tracks
        .iter()
        .find(|track| track.timescale != 48_000)
        .unwrap();
    assert_eq!(picture_track.segments.len(), 1);

    let refused = encoder.complete(&picture, &outputs).await.unwrap_err();
    assert_eq!(refused.code, "segments_missing");
    for output in &outputs {
        let status = encoder.hand_in(&picture, output).await;
        let is_last = output.path.ends_with("/1.m4s");
        assert_eq!(
            status,
            if is_last {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            }
        );
    }
    encoder.complete(&picture, &outputs).await.unwrap();
    encoder
        .complete(&picture, &outputs)
        .await
        .expect("saying it twice is the same");

    let stills = encoder.lease().await;
    assert!(matches!(stills.spec, EncodeTask::Stills(_)));
    encoder.carry_out(&stills).await;
    let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
    assert!((asset.progress - 1.0).abs() < f64::EPSILON);
    let presentation = house.presentation(&upload.video_id).await;
    assert!(presentation.complete);
    assert_eq!(presentation.tracks.len(), 2);
    for track in &presentation.tracks {
        let rendition = track.rendition.as_ref().unwrap();
        assert!(rendition.complete);
        assert_eq!(
            track
                .segments
                .iter()
                .map(|segment| segment.number)
                .collect::<Vec<_>>(),
            [0, 1]
        );
        for pair in track.segments.windows(2) {
            assert_eq!(
                pair[0].start_ticks + pair[0].duration_ticks,
                pair[1].start_ticks
            );
        }
        for segment in &track.segments {
            let key = format!(
                "{}/{}/{}.m4s",
                presentation.blob_prefix, rendition.id, segment.number
            );
            assert_eq!(house.blob(&key).await.len() as u64, segment.bytes);
        }
    }
    assert!(encoder.try_lease().await.is_none());
}

#[tokio::test]
async fn who_lost_the_lease_can_hand_in_nothing() {
    let house = House::with(&[("media.lease_ms", 300.into())]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let slow = house.encoder("slow");
    let lost = slow.lease().await;
    let outputs = slow.make(&lost).await;
    // The lease runs out unrenewed.
    let (_, taken) = house
        .lease_where("quick", |task| task.task_id == lost.task_id)
        .await;
    assert!(taken.fence > lost.fence);
    assert_eq!(slow.hand_in(&lost, &outputs[0]).await, StatusCode::CONFLICT);
    assert_eq!(slow.renew(&lost).await.unwrap_err().code, "lease_lost");
    assert_eq!(
        slow.complete(&lost, &outputs).await.unwrap_err().code,
        "lease_lost"
    );
    assert_eq!(slow.fail(&lost, true).await.unwrap_err().code, "lease_lost");
    assert!(house.blobs_below("media").await.is_empty());
}

#[tokio::test]
async fn a_hand_in_that_falls_silent_leaves_nothing_and_gives_its_place_to_the_next() {
    let house = House::with(&[
        ("media.outputs_at_once", 1.into()),
        ("media.upload_idle_timeout_ms", 300.into()),
    ])
    .await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    let task = encoder.lease().await;
    let outputs = encoder.make(&task).await;
    let files = house.files();
    let silent = encoder.hand_in_half(&task, &outputs[0]);
    let refused = tokio::time::timeout(Duration::from_secs(60), silent).await;
    let refused = refused.expect("a silent body is not waited for");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(refused.code(), "output_interrupted");
    assert_eq!(house.files(), files);
    assert_eq!(
        encoder.hand_in(&task, &outputs[0]).await,
        StatusCode::CREATED
    );
}

#[tokio::test]
async fn a_second_encoder_goes_on_where_the_first_was_stopped() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::forty_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let is_picture = |task: &Leased| matches!(task.spec, EncodeTask::VideoChunk(_));
    let (first, task) = house.lease_where("first", is_picture).await;
    let outputs = first.make(&task).await;
    let is_early = |path: &str| {
        ["/init.mp4", "/0.m4s", "/1.m4s", "/2.m4s"]
            .iter()
            .any(|end| path.ends_with(end))
    };
    for output in outputs.iter().filter(|output| is_early(&output.path)) {
        first.hand_in(&task, output).await;
    }
    first.release(&task).await.unwrap();
    let (_, again) = house
        .lease_where("second", |next| next.task_id == task.task_id)
        .await;
    assert_eq!(again.first_missing_segment, 3);
}

#[tokio::test]
async fn an_encoder_that_comes_back_under_its_name_gets_its_task_again_at_once() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let before = house.encoder("one").lease().await;
    let after = house.encoder("one").lease().await;
    assert_eq!(after.task_id, before.task_id);
    assert!(after.fence > before.fence);
}

#[tokio::test]
async fn only_what_the_plan_asks_for_is_taken() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    let sound = encoder.lease().await;
    let outputs = encoder.make(&sound).await;
    let segment = outputs
        .iter()
        .find(|output| output.path.ends_with("/0.m4s"))
        .unwrap();

    let elsewhere = segment.renamed("a0/1.m4s");
    assert_eq!(
        encoder.hand_in(&sound, &elsewhere).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let garbage = segment.with_bytes(vec![7; 500]);
    assert_eq!(
        encoder.hand_in(&sound, &garbage).await,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    for foreign in [
        "v240/0.m4s",
        "a0/9999999.m4s",
        "a0/x.m4s",
        "images/poster.jpg",
    ] {
        let status = encoder.hand_in(&sound, &segment.renamed(foreign)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{foreign}");
    }
    let too_large = segment.with_bytes(vec![7; 70_000_000]);
    assert_eq!(
        encoder.hand_in(&sound, &too_large).await,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    assert!(house.blobs_below("media").await.is_empty());

    let as_creator = encoder.hand_in_as(&creator, &sound, segment).await;
    assert_eq!(as_creator, StatusCode::FORBIDDEN);
    assert_eq!(
        encoder.lease_as(&creator).await.unwrap_err().code,
        "service_required"
    );
}

#[tokio::test]
async fn a_task_that_fails_too_often_fails_its_video_and_leaves_nothing() {
    let house = House::with(&[
        ("media.task_failures_max", 2.into()),
        ("media.task_retry_pause_ms", 1.into()),
    ])
    .await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    let first = encoder.lease().await;
    encoder.fail(&first, true).await.unwrap();
    let second = until_some("it is tried again", async || {
        encoder
            .try_lease()
            .await
            .filter(|task| task.task_id == first.task_id)
    })
    .await;
    encoder.fail(&second, true).await.unwrap();
    let asset = creator.wait_for(&upload.video_id, AssetState::Failed).await;
    assert_eq!(asset.reason, "It does not work.");
    assert!(encoder.try_lease().await.is_none());
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn a_video_can_do_without_its_pictures() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    while let Some(task) = encoder.try_lease().await {
        match task.spec {
            EncodeTask::Stills(_) => encoder.fail(&task, false).await.unwrap(),
            _ => encoder.carry_out(&task).await,
        }
    }
    let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
    assert_eq!(asset.poster_path, None);
}

#[tokio::test]
async fn videos_take_turns_and_their_beginnings_go_first() {
    let house = House::with(&[("media.encode.segments_per_chunk", 2.into())]).await;
    let creator = house.creator();
    let long = creator.upload(&clips::forty_seconds()).await;
    creator.wait_for(&long.video_id, AssetState::Encoding).await;
    let encoders: Vec<_> = (0..8)
        .map(|number| house.encoder(&number.to_string()))
        .collect();
    let mut leased = Vec::new();
    for encoder in &encoders[..4] {
        leased.push(encoder.lease().await);
    }
    let other = creator.upload(&clips::forty_seconds()).await;
    creator
        .wait_for(&other.video_id, AssetState::Encoding)
        .await;
    for encoder in &encoders[4..] {
        leased.push(encoder.lease().await);
    }
    let order: Vec<(bool, String)> = leased
        .iter()
        .map(|task| (task.video_id == long.video_id, task.label()))
        .collect();
    let expected = [
        (true, "audio"),
        (true, "video 0"),
        (true, "stills"),
        (true, "video 2"),
        (false, "audio"),
        (false, "video 0"),
        (true, "video 4"),
        (false, "stills"),
    ];
    let expected: Vec<(bool, String)> = expected
        .map(|(long, label)| (long, label.to_owned()))
        .into();
    assert_eq!(order, expected);
}

#[tokio::test]
async fn a_deleted_video_leaves_nothing_and_takes_its_tasks_along() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    creator
        .wait_for(&upload.video_id, AssetState::Encoding)
        .await;
    let encoder = house.encoder("one");
    let task = encoder.lease().await;
    let outputs = encoder.make(&task).await;
    encoder.hand_in(&task, &outputs[0]).await;
    house.delete_video(&upload.video_id).await;
    house.delete_video(&upload.video_id).await;
    assert_eq!(
        encoder.hand_in(&task, &outputs[1]).await,
        StatusCode::CONFLICT
    );
    assert_eq!(encoder.renew(&task).await.unwrap_err().code, "lease_lost");
    assert!(creator.try_asset(&upload.video_id).await.is_err());
    assert!(encoder.try_lease().await.is_none());
    house.holds_no_blobs().await;
}

#[tokio::test]
async fn progress_never_falls_and_versions_rise() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let upload = creator.create(clip.len(), &[]).await;
    let mut seen = vec![creator.asset(&upload.video_id).await];
    let (head, tail) = clip.split_at(clip.len() / 2);
    upload.patch(0, head).await;
    seen.push(creator.asset(&upload.video_id).await);
    upload.patch(head.len(), tail).await;
    seen.push(
        creator
            .wait_for(&upload.video_id, AssetState::Encoding)
            .await,
    );
    let encoder = house.encoder("one");
    while let Some(task) = encoder.try_lease().await {
        encoder.renew(&task).await.unwrap();
        seen.push(creator.asset(&upload.video_id).await);
        encoder.carry_out(&task).await;
        seen.push(creator.asset(&upload.video_id).await);
    }
    seen.push(creator.wait_for(&upload.video_id, AssetState::Ready).await);
    for pair in seen.windows(2) {
        assert!(pair[0].progress <= pair[1].progress, "{pair:?}");
        assert!(pair[0].version <= pair[1].version, "{pair:?}");
    }
    let told = until_some("the catalog is told of the end", async || {
        let told = house.catalog.told_of(&upload.video_id);
        told.iter()
            .any(|told| told.state == AssetState::Ready)
            .then_some(told)
    })
    .await;
    let mut states: Vec<AssetState> = told.iter().map(|told| told.state).collect();
    states.dedup();
    let way = [
        AssetState::Uploading,
        AssetState::Inspecting,
        AssetState::Encoding,
        AssetState::Viewable,
        AssetState::Ready,
    ];
    assert_eq!(states, way);
    assert!(
        told.windows(2)
            .all(|pair| pair[0].version < pair[1].version)
    );
    assert!(told.last().unwrap().poster_path.is_some());
}
