use amphi_chassis::Kind;
use amphi_contracts::proto::identity::v1::{GetKeySetRequest, ListRevokedSessionsRequest};
use serde_json::Value;

use crate::support::{House, Who, on_each_engine};

async fn key_ids(house: &House) -> Vec<String> {
    let answer = house
        .client(Who::Anonymous)
        .get_key_set(GetKeySetRequest {})
        .await
        .unwrap();
    let set: Value = serde_json::from_str(&answer.into_inner().jwks).unwrap();
    set["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| {
            assert_eq!(
                (&key["kty"], &key["crv"], &key["alg"]),
                (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into())
            );
            key["kid"].as_str().unwrap().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_restart_keeps_the_key_and_the_tokens_it_signed() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        let before = key_ids(house).await;
        assert_eq!(before.len(), 1);
        house.restart(&[]).await;
        assert_eq!(key_ids(house).await, before);
        house.verify(&session.access_token).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn revoked_sessions_are_told_to_services_alone() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        for (who, kind) in [
            (Who::Anonymous, Kind::Unauthenticated),
            (Who::Bearer(&session.access_token), Kind::Forbidden),
        ] {
            let request = ListRevokedSessionsRequest { since_us: 0 };
            let refusal = house
                .client(who)
                .list_revoked_sessions(request)
                .await
                .unwrap_err();
            assert_eq!(amphi_chassis::Problem::from(refusal).kind, kind, "{who:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_revocation_made_while_the_list_is_read_is_in_the_next_one() {
    on_each_engine(&[], async |house: &mut House| {
        let early = house.session("ada@example.org").await;
        let late = house.session("bob@example.org").await;
        house.logout(None, &early.refresh_token).await.unwrap();
        let request = ListRevokedSessionsRequest { since_us: 0 };
        let first = house
            .client(Who::Service)
            .list_revoked_sessions(request)
            .await
            .unwrap();
        let first = first.into_inner();
        assert_eq!(first.session_ids, [house.session_id(&early)]);
        house.logout(None, &late.refresh_token).await.unwrap();
        let request = ListRevokedSessionsRequest {
            since_us: first.as_of_us,
        };
        let next = house
            .client(Who::Service)
            .list_revoked_sessions(request)
            .await
            .unwrap();
        assert!(
            next.into_inner()
                .session_ids
                .contains(&house.session_id(&late))
        );
    })
    .await;
}
