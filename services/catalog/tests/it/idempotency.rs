use std::collections::HashSet;

use amphi_contracts::proto::catalog::v1::{
    CreateSeriesRequest, CreateVideoRequest, SeriesKind, UpdateVideoRequest,
};

use crate::support::{House, Who, on_each_engine};

fn video(title: &str, key: &str) -> CreateVideoRequest {
    CreateVideoRequest {
        title: title.to_owned(),
        idempotency_key: key.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_same_key_creates_once_and_answers_what_it_is_by_now() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let first = house
            .create_video(&ada, video("Pilot", "k1"))
            .await
            .unwrap();
        let request = UpdateVideoRequest {
            video_id: first.id.clone(),
            title: Some("Pilot, recut".to_owned()),
            ..Default::default()
        };
        let changed = house
            .update_video(Who::Account(&ada), request)
            .await
            .unwrap();
        let again = house
            .create_video(&ada, video("Pilot", "k1"))
            .await
            .unwrap();
        assert_eq!(again, changed);
        let other = house
            .create_video(&ada, video("Pilot", "K1"))
            .await
            .unwrap();
        assert_ne!(other.id, first.id, "keys are compared exactly");
    })
    .await;
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_creates_once() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let requests = (0..8).map(|_| house.create_video(&ada, video("Pilot", "k1")));
        let answers = futures::future::join_all(requests).await;
        let ids: HashSet<_> = answers
            .into_iter()
            .map(|answer| answer.unwrap().id)
            .collect();
        assert_eq!(ids.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_key_belongs_to_one_account_and_one_request() {
    on_each_engine(async |house: &mut House| {
        let (ada, bob) = (house.creator(), house.creator());
        let adas = house
            .create_video(&ada, video("Pilot", "k1"))
            .await
            .unwrap();
        let bobs = house
            .create_video(&bob, video("Pilot", "k1"))
            .await
            .unwrap();
        assert_ne!(adas.id, bobs.id);
        let refusal = house
            .create_video(&ada, video("Finale", "k1"))
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "idempotency_key_reused");
        let series = CreateSeriesRequest {
            kind: SeriesKind::Drama.into(),
            title: "Pilot".to_owned(),
            idempotency_key: "k1".to_owned(),
            ..Default::default()
        };
        let refusal = house.create_series(&ada, series).await.unwrap_err();
        assert_eq!(refusal.code, "idempotency_key_reused");
    })
    .await;
}

#[tokio::test]
async fn what_was_created_and_deleted_is_not_created_again() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let first = house
            .create_video(&ada, video("Pilot", "k1"))
            .await
            .unwrap();
        house
            .delete_video(Who::Account(&ada), &first.id)
            .await
            .unwrap();
        let refusal = house
            .create_video(&ada, video("Pilot", "k1"))
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "created_and_deleted");
    })
    .await;
}

#[tokio::test]
async fn a_series_is_created_once_too() {
    on_each_engine(async |house: &mut House| {
        let ada = house.creator();
        let request = || CreateSeriesRequest {
            kind: SeriesKind::Course.into(),
            title: "Rust from the ground".to_owned(),
            idempotency_key: "k1".to_owned(),
            ..Default::default()
        };
        let first = house.create_series(&ada, request()).await.unwrap();
        let again = house.create_series(&ada, request()).await.unwrap();
        assert_eq!(again, first);
    })
    .await;
}
