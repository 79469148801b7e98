use amphi_contracts::VideoId;
use amphi_contracts::events::{AssetState, AssetStateChanged};
use amphi_contracts::proto::catalog::v1::{VideoState, Visibility};

use crate::support::{House, Who, news, on_each_engine};

#[tokio::test]
async fn a_video_shows_what_becomes_of_its_asset() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let change = AssetStateChanged {
            duration_ms: Some(61_500),
            width: Some(1920),
            height: Some(1080),
            poster_path: Some("/images/t/poster.jpg".to_owned()),
            ..news(&video, AssetState::Viewable, 4)
        };
        house.deliver(&change).await.unwrap();
        let seen = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        assert_eq!(seen.state(), VideoState::Viewable);
        assert_eq!(
            (seen.duration_ms, seen.width, seen.height),
            (Some(61_500), Some(1920), Some(1080))
        );
        assert_eq!(seen.poster_path.as_deref(), Some("/images/t/poster.jpg"));
        assert_eq!(seen.version, video.version + 1);
        assert_eq!(seen.title, video.title);
    })
    .await;
}

#[tokio::test]
async fn stale_news_changes_nothing() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        house.asset(&video, AssetState::Ready, 5).await;
        let ready = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        house.asset(&video, AssetState::Encoding, 4).await;
        house.asset(&video, AssetState::Failed, 5).await;
        assert_eq!(
            house.get_video(Who::Anonymous, &video.id).await.unwrap(),
            ready
        );
    })
    .await;
}

#[tokio::test]
async fn an_event_delivered_twice_counts_once() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let event = house.event(&news(&video, AssetState::Uploading, 1));
        house.deliver_event(event.clone()).await.unwrap();
        let once = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        house.deliver_event(event).await.unwrap();
        assert_eq!(
            house.get_video(Who::Anonymous, &video.id).await.unwrap(),
            once
        );
    })
    .await;
}

#[tokio::test]
async fn a_failure_has_its_reason_and_a_later_success_has_none() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let failed = AssetStateChanged {
            reason: Some("The file ends in the middle.".to_owned()),
            ..news(&video, AssetState::Failed, 1)
        };
        house.deliver(&failed).await.unwrap();
        let seen = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        assert_eq!(
            (seen.state(), seen.state_reason.as_str()),
            (VideoState::Failed, "The file ends in the middle.")
        );
        house.asset(&video, AssetState::Inspecting, 2).await;
        let seen = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        assert_eq!(
            (seen.state(), seen.state_reason.as_str()),
            (VideoState::Inspecting, "")
        );
    })
    .await;
}

#[tokio::test]
async fn news_of_a_deleted_video_is_taken_and_passed_over() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let mut video = house.video(&ada, Visibility::Public).await;
        video.id = VideoId::generate().to_string();
        house
            .deliver(&news(&video, AssetState::Ready, 1))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn events_it_does_not_understand_are_refused() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let good = house.event(&news(&video, AssetState::Ready, 1));
        for (r#type, data) in [
            ("amphi.media.asset.vanished.v1", good.data.clone()),
            (good.r#type.as_str(), "{}".to_owned()),
            (good.r#type.as_str(), good.data.replace("ready", "cooking")),
        ] {
            let mut event = good.clone();
            event.r#type = r#type.to_owned();
            event.data = data;
            assert!(house.deliver_event(event).await.is_err(), "{}", r#type);
        }
        let seen = house.get_video(Who::Anonymous, &video.id).await.unwrap();
        assert_eq!(seen.state(), VideoState::Draft);
    })
    .await;
}
