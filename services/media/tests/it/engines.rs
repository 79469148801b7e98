//! The same life of a video on every engine that its rows may lie in.

use std::collections::HashSet;

use amphi_chassis::testing::on_each_engine;
use amphi_contracts::events::AssetState;

use crate::support::{House, clips};

#[tokio::test]
async fn a_video_comes_and_goes_on_each_engine() {
    on_each_engine(async |databases| {
        let house = House::with(&[("database.url", databases.url().into())]).await;
        let creator = house.creator();
        let clip = clips::six_seconds();
        let upload = creator.create(clip.len(), &[]).await;
        let (head, tail) = clip.split_at(clip.len() / 2);
        upload.patch(0, head).await;
        assert_eq!(upload.offset().await, head.len());
        upload.patch(head.len(), tail).await;
        creator
            .wait_for(&upload.video_id, AssetState::Encoding)
            .await;
        let encoder = house.encoder("one");
        let failed = encoder.lease().await;
        encoder.release(&failed).await.unwrap();
        while let Some(task) = encoder.try_lease().await {
            encoder.renew(&task).await.unwrap();
            encoder.carry_out(&task).await;
        }
        let asset = creator.wait_for(&upload.video_id, AssetState::Ready).await;
        assert!(asset.poster_path.is_some());
        let presentation = house.presentation(&upload.video_id).await;
        assert!(
            presentation
                .tracks
                .iter()
                .all(|track| track.segments.len() == 2)
        );

        let broken = creator.upload(&clip[..clip.len() / 2]).await;
        creator.wait_for(&broken.video_id, AssetState::Failed).await;
        house.delete_video(&upload.video_id).await;
        house.holds_no_blobs().await;
    })
    .await;
}

#[tokio::test]
async fn encoders_that_ask_at_once_get_different_tasks_on_each_engine() {
    on_each_engine(async |databases| {
        let house = House::with(&[
            ("database.url", databases.url().into()),
            ("media.encode.segments_per_chunk", 2.into()),
        ])
        .await;
        let creator = house.creator();
        let upload = creator.upload(&clips::forty_seconds()).await;
        creator
            .wait_for(&upload.video_id, AssetState::Encoding)
            .await;
        // Five chunks of picture, the sound and the stills.
        let encoders: Vec<_> = (0..12)
            .map(|number| house.encoder(&number.to_string()))
            .collect();
        let asking = encoders.iter().map(|encoder| encoder.try_lease());
        let leased: Vec<_> = futures::future::join_all(asking)
            .await
            .into_iter()
            .flatten()
            .collect();
        let distinct: HashSet<_> = leased.iter().map(|task| task.task_id.clone()).collect();
        assert_eq!(distinct.len(), leased.len());
        assert_eq!(leased.len(), 7);
    })
    .await;
}
