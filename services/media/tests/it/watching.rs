//! Live updates of an asset.

use amphi_contracts::events::AssetState;

use crate::support::{House, clips};

#[tokio::test]
async fn several_watchers_see_the_whole_way_to_its_end() {
    let house = House::start().await;
    let creator = house.creator();
    let clip = clips::sound_alone();
    let upload = creator.create(clip.len(), &[]).await;
    let watchers = [
        creator.watch(&upload.video_id).await.unwrap(),
        creator.watch(&upload.video_id).await.unwrap(),
        house.admin().watch(&upload.video_id).await.unwrap(),
    ];
    upload.patch(0, &clip).await;
    let encoder = house.encoder("one");
    let task = encoder.lease().await;
    encoder.carry_out(&task).await;
    for watcher in watchers {
        // The stream ends by itself.
        let seen = watcher.until_end().await;
        assert_eq!(seen.first().unwrap().state, AssetState::Uploading);
        assert_eq!(seen.last().unwrap().state, AssetState::Ready);
        assert!(
            seen.windows(2)
                .all(|pair| pair[0].version < pair[1].version),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_watcher_must_be_the_owner() {
    let house = House::start().await;
    let upload = house.creator().create(100, &[]).await;
    let refused = house.creator().watch(&upload.video_id).await;
    assert_eq!(refused.err().unwrap().code, "asset_not_found");
    let refused = house.anonymous().watch(&upload.video_id).await;
    assert_eq!(refused.err().unwrap().code, "asset_not_found");
}

#[tokio::test]
async fn a_watch_ends_with_its_video() {
    let house = House::start().await;
    let creator = house.creator();
    let upload = creator.create(100, &[]).await;
    let watcher = creator.watch(&upload.video_id).await.unwrap();
    house.delete_video(&upload.video_id).await;
    assert_eq!(watcher.until_end().await.len(), 1);
}
