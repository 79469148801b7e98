use amphi_chassis::Kind;
use amphi_chassis::testing::TestRedis;

use crate::support::{House, on_each_engine};

#[tokio::test]
async fn signing_out_by_refresh_token_ends_the_session_everywhere() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        house.logout(None, &session.refresh_token).await.unwrap();
        let refusal = house.refresh(&session.refresh_token).await.unwrap_err();
        assert_eq!(refusal.code, "invalid_refresh_token");
        let refusal = house.verify(&session.access_token).await.unwrap_err();
        assert_eq!(refusal.code, "session_ended");
        let session_id = house.session_id(&session);
        assert_eq!(house.revoked().await, std::slice::from_ref(&session_id));
        assert_eq!(
            house.events_of("amphi.identity.session.revoked.v1").await,
            [session_id]
        );
    })
    .await;
}

#[tokio::test]
async fn signing_out_by_access_token_ends_its_session() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        house.logout(Some(&session.access_token), "").await.unwrap();
        assert_eq!(house.revoked().await, [house.session_id(&session)]);
    })
    .await;
}

#[tokio::test]
async fn signing_out_twice_is_fine_and_told_once() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        house.logout(None, &session.refresh_token).await.unwrap();
        house.logout(None, &session.refresh_token).await.unwrap();
        house.logout(None, "amphi_rt_unknown").await.unwrap();
        assert_eq!(
            house
                .events_of("amphi.identity.session.revoked.v1")
                .await
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn signing_out_of_nothing_asks_to_sign_in() {
    on_each_engine(&[], async |house: &mut House| {
        let refusal = house.logout(None, "").await.unwrap_err();
        assert_eq!(refusal.kind, Kind::Unauthenticated);
    })
    .await;
}

#[tokio::test]
async fn signing_out_is_told_to_the_processes_that_share_a_redis() {
    let redis = TestRedis::create();
    let url = redis.url();
    let settings = [
        ("shared.url", url.as_str()),
        ("shared.prefix", redis.prefix()),
        ("shared.timeout_ms", "5000"),
    ];
    on_each_engine(&settings, async |house: &mut House| {
        for by_access_token in [true, false] {
            let email = format!("{by_access_token}@example.org");
            let session = house.session(&email).await;
            if by_access_token {
                house.logout(Some(&session.access_token), "").await.unwrap();
            } else {
                house.logout(None, &session.refresh_token).await.unwrap();
            }
            let told = redis.revoked();
            let session_id = house.session_id(&session);
            assert!(told.contains(&session_id), "{told:?}");
        }
    })
    .await;
}
