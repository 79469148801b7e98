use std::collections::HashSet;

use amphi_chassis::Kind;

use crate::support::{House, PASSWORD, on_each_engine};

const IP: &str = "192.0.2.7";

#[tokio::test]
async fn a_refresh_token_is_exchanged_again_and_again() {
    on_each_engine(&[], async |house: &mut House| {
        let first = house.session("ada@example.org").await;
        let mut seen = HashSet::from([first.refresh_token.clone()]);
        let mut current = first.clone();
        for _ in 0..4 {
            current = house.refresh(&current.refresh_token).await.unwrap();
            assert!(
                seen.insert(current.refresh_token.clone()),
                "each token is new"
            );
            let claims = house.verify(&current.access_token).await.unwrap();
            assert_eq!(
                claims.account_id.to_string(),
                first.account.clone().unwrap().id
            );
        }
    })
    .await;
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_get_the_same_successor() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        let tabs = (0..6).map(|_| house.refresh(&session.refresh_token));
        let answers = futures::future::join_all(tabs).await;
        let successors: HashSet<_> = answers
            .into_iter()
            .map(|answer| answer.unwrap().refresh_token)
            .collect();
        assert_eq!(successors.len(), 1);
        let successor = successors.into_iter().next().unwrap();
        house.refresh(&successor).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_spent_token_ends_the_session_once_its_successor_is_in_use() {
    on_each_engine(&[], async |house: &mut House| {
        let first = house.session("ada@example.org").await;
        let second = house.refresh(&first.refresh_token).await.unwrap();
        let third = house.refresh(&second.refresh_token).await.unwrap();
        let theft = house.refresh(&first.refresh_token).await.unwrap_err();
        assert_eq!(
            (theft.kind, theft.code.as_ref()),
            (Kind::Unauthenticated, "refresh_token_reused")
        );
        let victim = house.refresh(&third.refresh_token).await.unwrap_err();
        assert_eq!(victim.code, "invalid_refresh_token", "it ends for both");
        let account = first.account.clone().unwrap();
        assert_eq!(house.records(&account).await[0].outcome, "refresh_reused");
        let session_id = house.session_id(&third);
        assert!(house.revoked().await.contains(&session_id));
        assert_eq!(
            house.events_of("amphi.identity.session.revoked.v1").await,
            [session_id]
        );
        let refused = house.verify(&third.access_token).await.unwrap_err();
        assert_eq!(refused.code, "session_ended");
    })
    .await;
}

#[tokio::test]
async fn a_spent_token_ends_the_session_after_the_grace() {
    on_each_engine(
        &[("identity.refresh_grace_s", "0")],
        async |house: &mut House| {
            let first = house.session("ada@example.org").await;
            house.refresh(&first.refresh_token).await.unwrap();
            let theft = house.refresh(&first.refresh_token).await.unwrap_err();
            assert_eq!(theft.code, "refresh_token_reused");
        },
    )
    .await;
}

#[tokio::test]
async fn other_sessions_of_the_account_live_on() {
    on_each_engine(
        &[("identity.refresh_grace_s", "0")],
        async |house: &mut House| {
            let stolen = house.session("ada@example.org").await;
            let other = house.login("ada@example.org", PASSWORD, IP).await.unwrap();
            house.refresh(&stolen.refresh_token).await.unwrap();
            house.refresh(&stolen.refresh_token).await.unwrap_err();
            house.refresh(&other.refresh_token).await.unwrap();
        },
    )
    .await;
}

#[tokio::test]
async fn what_was_never_a_token_is_refused() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        let made_up = format!("amphi_rt_{}", "A".repeat(43));
        for token in [
            "",
            "nonsense",
            made_up.as_str(),
            session.access_token.as_str(),
        ] {
            let refusal = house.refresh(token).await.unwrap_err();
            assert_eq!(refusal.code, "invalid_refresh_token", "{token}");
        }
        house.refresh(&session.refresh_token).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_expired_token_is_refused_and_no_proof_of_theft() {
    let settings = [
        ("identity.access_token_lifetime_s", "1"),
        ("identity.refresh_token_lifetime_s", "2"),
        ("identity.session_lifetime_s", "3"),
    ];
    on_each_engine(&settings, async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        let spent = session.refresh_token.clone();
        let mut current = house.refresh(&spent).await.unwrap();
        let refusal = loop {
            match house.refresh(&current.refresh_token).await {
                Ok(next) => current = next,
                Err(refusal) => break refusal,
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert_eq!(
            refusal.code, "invalid_refresh_token",
            "the session has its end"
        );
        let old = house.refresh(&spent).await.unwrap_err();
        assert_eq!(old.code, "invalid_refresh_token");
        assert!(house.revoked().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_database_never_holds_a_token() {
    on_each_engine(&[], async |house: &mut House| {
        let session = house.session("ada@example.org").await;
        let next = house.refresh(&session.refresh_token).await.unwrap();
        let stored = house.stored_of_refresh_tokens().await;
        assert_eq!(stored.len(), 3, "two digests and one nonce");
        for text in stored {
            for token in [&session.refresh_token, &next.refresh_token] {
                let secret = token.strip_prefix("amphi_rt_").unwrap();
                assert!(!text.contains(secret), "{text}");
            }
        }
    })
    .await;
}
