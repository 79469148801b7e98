use amphi_contracts::proto::catalog::v1::{SeriesKind, Visibility};

use crate::support::{House, Who, on_each_engine};

const VIDEO_DELETED: &str = "amphi.catalog.video.deleted.v1";

#[tokio::test]
async fn a_deleted_video_is_gone_with_its_episodes_and_told_of() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let video = house.video(&ada, Visibility::Public).await;
        let other = house.video(&ada, Visibility::Public).await;
        let series = house.series(&ada, SeriesKind::Drama).await;
        house.add_episode(&ada, &series, &video, 0).await.unwrap();
        house.add_episode(&ada, &series, &other, 0).await.unwrap();
        house
            .delete_video(Who::Account(&ada), &video.id)
            .await
            .unwrap();
        let refusal = house
            .get_video(Who::Account(&ada), &video.id)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "video_not_found");
        let left = house
            .get_series(Who::Account(&ada), &series.id)
            .await
            .unwrap()
            .episodes;
        assert_eq!(left.len(), 1);
        assert_eq!(
            (left[0].number, &left[0].video.as_ref().unwrap().id),
            (2, &other.id)
        );
        assert_eq!(
            house.events_of(VIDEO_DELETED).await,
            std::slice::from_ref(&video.id)
        );
        let again = house
            .delete_video(Who::Account(&ada), &video.id)
            .await
            .unwrap_err();
        assert_eq!(again.code, "video_not_found");
    })
    .await;
}

#[tokio::test]
async fn only_owner_and_administrators_delete() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let public = house.video(&ada, Visibility::Public).await;
        let private = house.video(&ada, Visibility::Private).await;
        for (who, id, code) in [
            (Who::Anonymous, &public.id, "sign_in_required"),
            (Who::Account(&bob), &public.id, "not_your_video"),
            (Who::Account(&bob), &private.id, "video_not_found"),
        ] {
            let refusal = house.delete_video(who, id).await.unwrap_err();
            assert_eq!(refusal.code, code, "{who:?}");
        }
        assert!(house.events_of(VIDEO_DELETED).await.is_empty());
        house
            .delete_video(Who::Account(&admin), &public.id)
            .await
            .unwrap();
    })
    .await;
}
