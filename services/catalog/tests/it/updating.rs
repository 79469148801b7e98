use amphi_chassis::Kind;
use amphi_contracts::events::AssetState;
use amphi_contracts::proto::catalog::v1::{ListVideosRequest, UpdateVideoRequest, Visibility};

use crate::support::{House, Who, on_each_engine};

const VISIBILITY_CHANGED: &str = "amphi.catalog.visibility.changed.v1";

fn update(video_id: &str) -> UpdateVideoRequest {
    UpdateVideoRequest {
        video_id: video_id.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn only_what_is_given_changes_and_the_version_rises() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let changed = house
            .update_video(
                Who::Account(&ada),
                UpdateVideoRequest {
                    description: Some("Now with words".to_owned()),
                    ..update(&video.id)
                },
            )
            .await
            .unwrap();
        assert_eq!(changed.description, "Now with words");
        assert_eq!(
            (&changed.title, changed.visibility),
            (&video.title, video.visibility)
        );
        assert_eq!(changed.version, video.version + 1);
        assert!(changed.updated_at_us >= video.updated_at_us);
        assert_eq!(
            house.get_video(Who::Anonymous, &video.id).await.unwrap(),
            changed
        );
        assert!(house.events_of(VISIBILITY_CHANGED).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_change_that_changes_nothing_keeps_the_version() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let request = UpdateVideoRequest {
            title: Some(video.title.clone()),
            visibility: Some(Visibility::Public.into()),
            ..update(&video.id)
        };
        let same = house
            .update_video(Who::Account(&ada), request)
            .await
            .unwrap();
        assert_eq!(same, video);
    })
    .await;
}

#[tokio::test]
async fn of_two_who_read_the_same_version_the_second_is_refused() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let titled = |title: &str| UpdateVideoRequest {
            title: Some(title.to_owned()),
            expected_version: video.version,
            ..update(&video.id)
        };
        let both = futures::future::join(
            house.update_video(Who::Account(&ada), titled("One")),
            house.update_video(Who::Account(&ada), titled("Two")),
        )
        .await;
        let (kept, refusal) = match both {
            (Ok(kept), Err(refusal)) | (Err(refusal), Ok(kept)) => (kept, refusal),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (refusal.kind, refusal.code.as_ref()),
            (Kind::PreconditionFailed, "precondition_failed")
        );
        assert_eq!(
            house.get_video(Who::Anonymous, &video.id).await.unwrap(),
            kept
        );
    })
    .await;
}

#[tokio::test]
async fn a_video_that_becomes_private_leaves_the_list_and_is_told_of() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        house.asset(&video, AssetState::Ready, 1).await;
        let list = async || {
            let mut client = house.client(Who::Anonymous);
            let listed = client.list_videos(ListVideosRequest::default()).await;
            listed.unwrap().into_inner().videos.len()
        };
        assert_eq!(list().await, 1);
        let request = |visibility: Visibility| UpdateVideoRequest {
            visibility: Some(visibility.into()),
            ..update(&video.id)
        };
        house
            .update_video(Who::Account(&ada), request(Visibility::Private))
            .await
            .unwrap();
        assert_eq!(list().await, 0);
        assert_eq!(
            house.events_of(VISIBILITY_CHANGED).await,
            std::slice::from_ref(&video.id)
        );
        house
            .update_video(Who::Account(&ada), request(Visibility::Public))
            .await
            .unwrap();
        assert_eq!(list().await, 1);
    })
    .await;
}

#[tokio::test]
async fn strangers_change_nothing() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let public = house.video(&ada, Visibility::Public).await;
        let private = house.video(&ada, Visibility::Private).await;
        let titled = |id: &str| UpdateVideoRequest {
            title: Some("Mine now".to_owned()),
            ..update(id)
        };
        for (who, id, code) in [
            (Who::Account(&bob), &public.id, "not_your_video"),
            (Who::Anonymous, &public.id, "sign_in_required"),
            (Who::Account(&bob), &private.id, "video_not_found"),
        ] {
            let refusal = house.update_video(who, titled(id)).await.unwrap_err();
            assert_eq!(refusal.code, code, "{who:?}");
        }
        house
            .update_video(Who::Account(&admin), titled(&public.id))
            .await
            .unwrap();
    })
    .await;
}
