//! Where what is made of an upload lies, and that nothing of two uploads mixes.

use amphi_chassis::Role;
use amphi_contracts::events::AssetState;
use amphi_media_kit::EncodeTask;
use bytes::Bytes;
use http::StatusCode;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait as _, DbErr};

use crate::support::{House, Leased, clips, until};

/// The sound of a video: one task, with segments.
async fn lease_sound(house: &House, encoder: &str) -> Leased {
    let task = house.encoder(encoder).lease().await;
    assert!(matches!(task.spec, EncodeTask::Audio(_)));
    task
}

#[tokio::test]
async fn a_new_upload_for_a_failed_video_meets_nothing_of_the_old_one() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::six_seconds();
    let first = creator.upload(&clip).await;
    let video_id = &first.video_id;
    creator.wait_for(video_id, AssetState::Encoding).await;
    let (encoder, failing) = (house.encoder("one"), house.encoder("two"));
    let old_sound = lease_sound(&house, "one").await;
    let outputs = encoder.make(&old_sound).await;
    let (last, others) = outputs.split_last().unwrap();
    for output in others {
        let status = encoder.hand_in(&old_sound, output).await;
        assert_eq!(status, StatusCode::CREATED);
    }
    let old_place = house.presentation(video_id).await.blob_prefix;
    assert!(!house.blobs_below(&old_place).await.is_empty());
    let picture = failing.lease().await;
    failing.fail(&picture, false).await.unwrap();
    creator.wait_for(video_id, AssetState::Failed).await;

    let second = creator.create(clip.len(), &[("video_id", video_id)]).await;
    second.patch(0, &clip).await;
    creator.wait_for(video_id, AssetState::Encoding).await;
    let new_place = house.presentation(video_id).await.blob_prefix;
    assert_ne!(new_place, old_place);
    house.holds_no_blobs_below(&old_place).await;

    let too_late = encoder.hand_in(&old_sound, last).await;
    assert_eq!(too_late, StatusCode::CONFLICT);
    let sound = lease_sound(&house, "one").await;
    encoder.carry_out(&sound).await;
    assert!(house.blobs_below(&old_place).await.is_empty());
    assert!(!house.blobs_below(&new_place).await.is_empty());
}

#[tokio::test]
async fn a_video_from_before_uploads_had_places_keeps_its_own() {
    let house = House::with(&[
        ("media.sweep_interval_s", 1.into()),
        ("media.orphan_age_s", 0.into()),
    ])
    .await;
    let creator = house.creator();
    let upload = creator.upload(&clips::six_seconds()).await;
    let video_id = &upload.video_id;
    creator.wait_for(video_id, AssetState::Encoding).await;
    let before = Query::update()
        .table("assets")
        .value("upload_id", Expr::value(None::<uuid::Uuid>))
        .take();
    let db = house.process().database(Role::Media);
    let written = db.write::<_, DbErr, _>(|txn| Box::pin(async { txn.execute(&before).await }));
    written.await.unwrap();

    let encoder = house.encoder("one");
    while let Some(task) = encoder.try_lease().await {
        encoder.carry_out(&task).await;
    }
    let asset = creator.wait_for(video_id, AssetState::Ready).await;
    let stray = format!("media/{video_id}/{}/v240/0.m4s", uuid::Uuid::now_v7());
    let blobs = house.process().context().blobs.clone();
    let put = blobs.put_bytes(&stray, Bytes::from_static(b"x")).await;
    put.unwrap();
    until("the stray one to be swept", async || {
        !blobs.exists(&stray).await.unwrap()
    })
    .await;
    let place = house.presentation(video_id).await.blob_prefix;
    assert_eq!(place, format!("media/{video_id}"));
    assert!(asset.poster_path.is_some());
    let blobs = house.blobs_below("").await;
    assert!(
        blobs.contains(&format!("images/{video_id}/poster.jpg")),
        "{blobs:#?}"
    );
}
