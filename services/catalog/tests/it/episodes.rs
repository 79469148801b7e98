use amphi_chassis::Kind;
use amphi_contracts::SeriesId;
use amphi_contracts::proto::catalog::v1::{
    CreateSeriesRequest, ListSeriesRequest, SeriesKind, Visibility,
};

use crate::support::{House, Who, on_each_engine};

#[tokio::test]
async fn episodes_are_numbered_one_after_the_other() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let series = house.series(&ada, SeriesKind::Drama).await;
        let mut numbers = Vec::new();
        for requested in [0, 0, 7, 0, 3] {
            let video = house.video(&ada, Visibility::Public).await;
            let added = house
                .add_episode(&ada, &series, &video, requested)
                .await
                .unwrap();
            assert_eq!(added.video.unwrap().id, video.id);
            numbers.push(added.number);
        }
        assert_eq!(numbers, [1, 2, 7, 8, 3]);
        let read = house.get_series(Who::Anonymous, &series.id).await.unwrap();
        let listed: Vec<_> = read.episodes.iter().map(|episode| episode.number).collect();
        assert_eq!(listed, [1, 2, 3, 7, 8]);
    })
    .await;
}

#[tokio::test]
async fn episodes_added_at_once_get_numbers_of_their_own() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let series = house.series(&ada, SeriesKind::Drama).await;
        let mut videos = Vec::new();
        for _ in 0..8 {
            videos.push(house.video(&ada, Visibility::Public).await);
        }
        let additions = videos
            .iter()
            .map(|video| house.add_episode(&ada, &series, video, 0));
        let mut numbers: Vec<_> = futures::future::join_all(additions)
            .await
            .into_iter()
            .map(|added| added.unwrap().number)
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    })
    .await;
}

#[tokio::test]
async fn a_number_and_a_video_stand_once_in_a_series() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let series = house.series(&ada, SeriesKind::Drama).await;
        let first = house.video(&ada, Visibility::Public).await;
        let second = house.video(&ada, Visibility::Public).await;
        house.add_episode(&ada, &series, &first, 1).await.unwrap();
        let refusal = house
            .add_episode(&ada, &series, &second, 1)
            .await
            .unwrap_err();
        assert_eq!(
            (refusal.kind, refusal.code.as_ref()),
            (Kind::Conflict, "episode_number_taken")
        );
        assert_eq!(refusal.fields[0].pointer, "/number");
        let refusal = house
            .add_episode(&ada, &series, &first, 2)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "video_in_series_already");
        let elsewhere = house.series(&ada, SeriesKind::Course).await;
        house
            .add_episode(&ada, &elsewhere, &first, 0)
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_series_ends_where_the_setting_says() {
    let settings = [("catalog.episodes_per_series_max", "2")];
    crate::support::on_each_engine_with(&settings, async |house: &mut House| {
        let ada = house.creator();
        let series = house.series(&ada, SeriesKind::Drama).await;
        for n in 0..3 {
            let video = house.video(&ada, Visibility::Public).await;
            let added = house.add_episode(&ada, &series, &video, 0).await;
            if n < 2 {
                added.unwrap();
            } else {
                assert_eq!(added.unwrap_err().code, "series_full");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_episode_needs_a_series_and_a_video_of_ones_own() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let series = house.series(&ada, SeriesKind::Drama).await;
        let adas = house.video(&ada, Visibility::Public).await;
        let bobs = house.video(&bob, Visibility::Public).await;
        let bobs_secret = house.video(&bob, Visibility::Private).await;
        for (who, video, code) in [
            (&ada, &bobs, "not_your_video"),
            (&ada, &bobs_secret, "video_not_found"),
            (&bob, &bobs, "not_your_series"),
        ] {
            let refusal = house.add_episode(who, &series, video, 0).await.unwrap_err();
            assert_eq!(refusal.code, code);
        }
        house.add_episode(&admin, &series, &bobs, 0).await.unwrap();
        let mut unknown = series.clone();
        unknown.id = SeriesId::generate().to_string();
        let refusal = house
            .add_episode(&ada, &unknown, &adas, 0)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "series_not_found");
    })
    .await;
}

#[tokio::test]
async fn episodes_that_are_private_or_unlisted_are_left_out_for_others() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob, admin) = (house.creator(), house.creator(), house.admin());
        let series = house.series(&ada, SeriesKind::Drama).await;
        for visibility in [
            Visibility::Public,
            Visibility::Private,
            Visibility::Unlisted,
        ] {
            let video = house.video(&ada, visibility).await;
            house.add_episode(&ada, &series, &video, 0).await.unwrap();
        }
        for (who, expected) in [
            (Who::Account(&ada), vec![1, 2, 3]),
            (Who::Account(&admin), vec![1, 2, 3]),
            (Who::Service, vec![1, 2, 3]),
            (Who::Account(&bob), vec![1]),
            (Who::Anonymous, vec![1]),
        ] {
            let read = house.get_series(who, &series.id).await.unwrap();
            let listed = house.list_series(who, ListSeriesRequest::default()).await;
            for seen in [&read, &listed[0]] {
                let numbers: Vec<_> = seen.episodes.iter().map(|episode| episode.number).collect();
                assert_eq!(numbers, expected, "{who:?}");
            }
        }
        let unlisted = house
            .get_series(Who::Account(&ada), &series.id)
            .await
            .unwrap()
            .episodes
            .swap_remove(2);
        let by_its_address = house
            .get_video(Who::Anonymous, &unlisted.video.unwrap().id)
            .await;
        assert!(by_its_address.is_ok());
    })
    .await;
}

#[tokio::test]
async fn series_are_listed_by_kind_from_the_newest_in_pages() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let mut dramas = Vec::new();
        let mut all = Vec::new();
        for n in 0..5 {
            let kind = if n % 2 == 0 {
                SeriesKind::Drama
            } else {
                SeriesKind::Course
            };
            let series = house.series(&ada, kind).await;
            if kind == SeriesKind::Drama {
                dramas.insert(0, series.id.clone());
            }
            all.insert(0, series.id);
        }
        for (kind, expected) in [(SeriesKind::Drama, dramas), (SeriesKind::Unspecified, all)] {
            let request = ListSeriesRequest {
                kind: kind.into(),
                limit: 2,
                ..Default::default()
            };
            let listed = house.list_series(Who::Anonymous, request).await;
            let ids: Vec<_> = listed.into_iter().map(|series| series.id).collect();
            assert_eq!(ids, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn a_series_needs_a_kind_a_title_and_a_creator() {
    on_each_engine(async |house: &mut House| {
        let (ada, viewer) = (house.creator(), house.viewer());
        let request = |kind: SeriesKind, title: &str| CreateSeriesRequest {
            kind: kind.into(),
            title: title.to_owned(),
            ..Default::default()
        };
        for (who, kind, title, problem) in [
            (&ada, SeriesKind::Unspecified, "Untold", Kind::Invalid),
            (&ada, SeriesKind::Drama, " ", Kind::Unprocessable),
            (&viewer, SeriesKind::Drama, "Untold", Kind::Forbidden),
        ] {
            let refusal = house
                .create_series(who, request(kind, title))
                .await
                .unwrap_err();
            assert_eq!(refusal.kind, problem);
        }
        let unknown = SeriesId::generate().to_string();
        let refusal = house
            .get_series(Who::Anonymous, &unknown)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "series_not_found");
    })
    .await;
}
