use amphi_chassis::Kind;
use amphi_contracts::events::AssetState;
use amphi_contracts::proto::catalog::v1::{ListVideosRequest, Visibility};

use crate::support::{House, Who, on_each_engine};

async fn ids(house: &House, who: Who<'_>, owner_id: Option<String>, limit: u32) -> Vec<String> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = ListVideosRequest {
            owner_id: owner_id.clone(),
            limit,
            cursor,
        };
        let page = house
            .client(who)
            .list_videos(request)
            .await
            .unwrap()
            .into_inner();
        assert!(limit == 0 || page.videos.len() <= limit as usize);
        ids.extend(page.videos.into_iter().map(|video| video.id));
        cursor = page.next_cursor;
        if cursor.is_empty() {
            return ids;
        }
    }
}

#[tokio::test]
async fn the_public_list_has_what_is_public_and_plays() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let mut listed = Vec::new();
        for visibility in [
            Visibility::Public,
            Visibility::Unlisted,
            Visibility::Private,
        ] {
            for state in [
                AssetState::Uploading,
                AssetState::Encoding,
                AssetState::Viewable,
                AssetState::Ready,
                AssetState::Failed,
            ] {
                let video = house.video(&ada, visibility).await;
                house.asset(&video, state, 1).await;
                let plays = matches!(state, AssetState::Viewable | AssetState::Ready);
                if visibility == Visibility::Public && plays {
                    listed.insert(0, video.id);
                }
            }
        }
        for who in [Who::Anonymous, Who::Account(&ada), Who::Service] {
            assert_eq!(ids(house, who, None, 0).await, listed, "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let mut made = Vec::new();
        for _ in 0..7 {
            made.insert(0, house.video(&ada, Visibility::Private).await.id);
        }
        let owner_id = Some(ada.account_id.to_string());
        for limit in [1, 2, 3, 6, 7, 8] {
            let listed = ids(house, Who::Account(&ada), owner_id.clone(), limit).await;
            assert_eq!(listed, made, "by {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_video_made_meanwhile_shifts_no_page() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let first = house.video(&ada, Visibility::Private).await.id;
        let second = house.video(&ada, Visibility::Private).await.id;
        let request = |cursor: String| ListVideosRequest {
            owner_id: Some(ada.account_id.to_string()),
            limit: 1,
            cursor,
        };
        let client = || house.client(Who::Account(&ada));
        let page = client()
            .list_videos(request(String::new()))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(page.videos[0].id, second);
        house.video(&ada, Visibility::Private).await;
        let next = client()
            .list_videos(request(page.next_cursor))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(next.videos[0].id, first);
        assert_eq!(next.next_cursor, "");
    })
    .await;
}

#[tokio::test]
async fn all_of_an_accounts_videos_are_for_it_and_for_administrators() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let video = house.video(&ada, Visibility::Private).await;
        let owner_id = Some(ada.account_id.to_string());
        for who in [Who::Account(&ada), Who::Account(&admin), Who::Service] {
            assert_eq!(
                ids(house, who, owner_id.clone(), 0).await,
                std::slice::from_ref(&video.id),
                "{who:?}"
            );
        }
        for (who, kind, code) in [
            (Who::Account(&bob), Kind::Forbidden, "not_your_videos"),
            (Who::Anonymous, Kind::Unauthenticated, "sign_in_required"),
        ] {
            let request = ListVideosRequest {
                owner_id: owner_id.clone(),
                ..Default::default()
            };
            let refusal = house.client(who).list_videos(request).await.unwrap_err();
            let refusal = amphi_chassis::Problem::from(refusal);
            assert_eq!((refusal.kind, refusal.code.as_ref()), (kind, code));
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_of_long_descriptions_fits_into_a_message() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        for n in 0..150 {
            house
                .create_video(
                    &ada,
                    amphi_contracts::proto::catalog::v1::CreateVideoRequest {
                        title: format!("Long {n}"),
                        description: "🎬".repeat(10_000),
                        ..Default::default()
                    },
                )
                .await
                .unwrap();
        }
        let owner_id = Some(ada.account_id.to_string());
        assert_eq!(
            ids(house, Who::Account(&ada), owner_id, 200).await.len(),
            150
        );
    })
    .await;
}

#[tokio::test]
async fn limits_and_cursors_that_make_no_sense_are_refused() {
    on_each_engine(async |house: &mut House| {
        for (limit, cursor, code) in [(201, "", "invalid_limit"), (0, "abc", "invalid_cursor")] {
            let request = ListVideosRequest {
                owner_id: None,
                limit,
                cursor: cursor.to_owned(),
            };
            let refusal = house
                .client(Who::Anonymous)
                .list_videos(request)
                .await
                .unwrap_err();
            assert_eq!(amphi_chassis::Problem::from(refusal).code, code);
        }
    })
    .await;
}
