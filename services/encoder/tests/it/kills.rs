//! Encoders that end in the middle of their work.

use amphi_contracts::events::AssetState;

use crate::elsewhere::{Elsewhere, encoding_house};
use crate::support::{House, clips, until};

#[tokio::test]
async fn a_killed_encoders_work_is_finished_by_another_and_none_of_it_is_done_twice() {
    let house = House::with(&[("media.lease_ms", 1_500.into())]).await;
    let creator = house.creator();
    let doomed = Elsewhere::start(&house).await;
    let upload = creator.upload(&clips::forty_seconds()).await;
    until("a few segments of the picture are there", async || {
        house.segment_numbers(&upload.video_id, "v240").await.len() >= 2
    })
    .await;
    doomed.kill().await;
    let before = house.segment_times(&upload.video_id).await;

    let heir = Elsewhere::start(&house).await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    let after = house.segment_times(&upload.video_id).await;
    for (segment, recorded_at) in &before {
        assert_eq!(
            after.get(segment),
            Some(recorded_at),
            "{segment:?} was recorded again"
        );
    }
    for rendition in ["v240", "v360", "a0"] {
        let numbers = house.segment_numbers(&upload.video_id, rendition).await;
        // The sound may end a few milliseconds after the picture, in a segment of its own.
        assert!(
            (10..=11).contains(&numbers.len()),
            "{rendition}: {numbers:?}"
        );
        let recorded = after.keys().filter(|(id, _)| id == rendition).count();
        assert_eq!(
            recorded,
            numbers.len(),
            "{rendition} has segments behind a gap"
        );
    }
    heir.stop().await;
}

#[tokio::test]
async fn an_encoder_that_stops_gives_its_task_back_at_once() {
    // Nobody would wait for this lease to run out.
    let house = House::with(&[("media.lease_ms", 600_000.into())]).await;
    let creator = house.creator();
    let stopped = Elsewhere::start(&house).await;
    let upload = creator.upload(&clips::forty_seconds()).await;
    until("it has begun", async || {
        !house
            .segment_numbers(&upload.video_id, "v240")
            .await
            .is_empty()
    })
    .await;
    stopped.stop().await;
    let next = Elsewhere::start(&house).await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    next.stop().await;
}

#[tokio::test]
async fn an_encoder_killed_and_started_again_goes_on_at_once() {
    let house = House::with(&[("media.lease_ms", 600_000.into())]).await;
    let creator = house.creator();
    let first = Elsewhere::start(&house).await;
    let upload = creator.upload(&clips::forty_seconds()).await;
    until("it has begun", async || {
        !house
            .segment_numbers(&upload.video_id, "v240")
            .await
            .is_empty()
    })
    .await;
    let again = first.kill_and_start_again().await;
    creator.wait_for(&upload.video_id, AssetState::Ready).await;
    again.stop().await;
}

#[tokio::test]
async fn a_video_deleted_while_it_is_encoded_leaves_nothing() {
    let house = encoding_house(&[("encoder.report_ms", 100.into())]).await;
    let creator = house.creator();
    let upload = creator.upload(&clips::forty_seconds()).await;
    until("encoding has begun", async || {
        !house
            .segment_numbers(&upload.video_id, "v240")
            .await
            .is_empty()
    })
    .await;
    house.delete_video(&upload.video_id).await;
    until("the encoder has put its work down", async || {
        house.encoder_leftovers().is_empty()
    })
    .await;
    house.holds_no_blobs().await;

    let next = creator.upload(&clips::sound_alone()).await;
    creator.wait_for(&next.video_id, AssetState::Ready).await;
}
