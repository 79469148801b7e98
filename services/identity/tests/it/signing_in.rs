use amphi_chassis::Kind;

use crate::support::{House, PASSWORD, on_each_engine};

const IP: &str = "192.0.2.7";
const OTHER_IP: &str = "198.51.100.9";

#[tokio::test]
async fn the_right_password_opens_a_session_and_is_recorded() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.account("ada@example.org").await;
        let session = house.login("ADA@example.org", PASSWORD, IP).await.unwrap();
        assert_eq!(session.account.unwrap().id, ada.id);
        let records = house.records(&ada).await;
        assert_eq!(records[0].outcome, "succeeded");
        assert_eq!(
            (records[0].ip.as_str(), records[0].user_agent.as_str()),
            (IP, "test")
        );
    })
    .await;
}

#[tokio::test]
async fn wrong_password_and_unknown_address_are_told_the_same() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.account("ada@example.org").await;
        let wrong = house
            .login("ada@example.org", "not the password", IP)
            .await
            .unwrap_err();
        let unknown = house
            .login("bob@example.org", "not the password", IP)
            .await
            .unwrap_err();
        let malformed = house
            .login("bob", "not the password", IP)
            .await
            .unwrap_err();
        let endless = house
            .login("ada@example.org", &"x".repeat(100_000), IP)
            .await
            .unwrap_err();
        for refusal in [&wrong, &unknown, &malformed, &endless] {
            assert_eq!(refusal.kind, Kind::Unauthenticated);
            assert_eq!(
                (&refusal.code, &refusal.detail),
                (&wrong.code, &wrong.detail)
            );
        }
        assert_eq!(wrong.code, "invalid_credentials");
        assert_eq!(house.records(&ada).await[0].outcome, "wrong_password");
    })
    .await;
}

#[tokio::test]
async fn after_ten_wrong_passwords_even_the_right_one_from_there_must_wait() {
    on_each_engine(&[], async |house: &mut House| {
        let ada = house.account("ada@example.org").await;
        for n in 0..10 {
            let refusal = house
                .login("ada@example.org", "wrong guess", IP)
                .await
                .unwrap_err();
            assert_eq!(refusal.code, "invalid_credentials", "attempt {n}");
        }
        for _ in 0..3 {
            let refusal = house
                .login("ada@example.org", PASSWORD, IP)
                .await
                .unwrap_err();
            assert_eq!(
                (refusal.kind, refusal.code.as_ref()),
                (Kind::RateLimited, "too_many_attempts")
            );
            let wait_s = refusal.retry_after_s.unwrap();
            assert!((1..=900).contains(&wait_s), "{wait_s}");
        }
        let outcomes: Vec<_> = house
            .records(&ada)
            .await
            .into_iter()
            .map(|record| record.outcome)
            .collect();
        let locked = outcomes
            .iter()
            .filter(|outcome| *outcome == "locked")
            .count();
        assert_eq!(
            locked, 1,
            "a window has one such record, however often it is hammered"
        );
        assert_eq!(
            outcomes
                .iter()
                .filter(|outcome| *outcome == "wrong_password")
                .count(),
            10
        );
    })
    .await;
}

#[tokio::test]
async fn a_stranger_who_guesses_locks_out_nobody_but_his_own_network() {
    on_each_engine(&[], async |house: &mut House| {
        house.account("ada@example.org").await;
        for _ in 0..12 {
            house
                .login("ada@example.org", "wrong guess", "2001:db8:1:2::1")
                .await
                .unwrap_err();
        }
        let refusal = house
            .login("ada@example.org", PASSWORD, "2001:db8:1:2:ffff::9")
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "too_many_attempts", "the same /64");
        for elsewhere in [IP, "2001:db8:1:3::1"] {
            house
                .login("ada@example.org", PASSWORD, elsewhere)
                .await
                .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn guesses_from_many_networks_end_and_the_owner_still_gets_in_where_she_has_been() {
    let settings = [
        (
            "identity.throttle.failures_per_account_and_network_max",
            "2",
        ),
        ("identity.throttle.failures_per_account_max", "6"),
    ];
    on_each_engine(&settings, async |house: &mut House| {
        let ada = house.account("ada@example.org").await;
        house.login("ada@example.org", PASSWORD, IP).await.unwrap();
        let guess = async |n: usize| {
            let ip = format!("203.0.113.{n}");
            let refusal = house.login("ada@example.org", "wrong guess", &ip).await;
            refusal.unwrap_err().code
        };
        for n in 0..6 {
            assert_eq!(guess(n).await, "invalid_credentials", "network {n}");
        }
        for n in 6..9 {
            assert_eq!(guess(n).await, "too_many_attempts", "network {n}");
        }
        let new_place = house.login("ada@example.org", PASSWORD, OTHER_IP).await;
        assert_eq!(new_place.unwrap_err().code, "too_many_attempts");
        for _ in 0..2 {
            house.login("ada@example.org", PASSWORD, IP).await.unwrap();
        }
        assert_eq!(
            guess(9).await,
            "too_many_attempts",
            "the owner's sign-in forgives no stranger"
        );
        let records = house.records(&ada).await;
        let locked = records.iter().filter(|record| record.outcome == "locked");
        assert_eq!(locked.count(), 1, "{records:?}");
    })
    .await;
}

#[tokio::test]
async fn an_unknown_address_is_locked_like_a_known_one() {
    on_each_engine(&[], async |house: &mut House| {
        for _ in 0..10 {
            house
                .login("nobody@example.org", "wrong guess", IP)
                .await
                .unwrap_err();
        }
        let refusal = house
            .login("nobody@example.org", "wrong guess", IP)
            .await
            .unwrap_err();
        assert_eq!(refusal.code, "too_many_attempts");
    })
    .await;
}

#[tokio::test]
async fn guesses_sent_at_once_are_counted_one_by_one() {
    on_each_engine(&[], async |house: &mut House| {
        house.account("ada@example.org").await;
        let guesses = (0..30).map(|_| house.login("ada@example.org", "wrong guess", IP));
        let outcomes = futures::future::join_all(guesses).await;
        let looked_at = outcomes
            .iter()
            .filter(|outcome| outcome.as_ref().unwrap_err().code == "invalid_credentials")
            .count();
        assert_eq!(looked_at, 10);
    })
    .await;
}

#[tokio::test]
async fn a_right_password_forgives_the_wrong_ones_before_it() {
    on_each_engine(&[], async |house: &mut House| {
        house.account("ada@example.org").await;
        for _ in 0..3 {
            for _ in 0..9 {
                house
                    .login("ada@example.org", "wrong guess", IP)
                    .await
                    .unwrap_err();
            }
            house.login("ada@example.org", PASSWORD, IP).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn one_network_is_bounded_over_all_accounts() {
    let settings = [("identity.throttle.failures_per_network_max", "5")];
    on_each_engine(&settings, async |house: &mut House| {
        house.account("ada@example.org").await;
        for n in 0..5 {
            let email = format!("guess{n}@example.org");
            house
                .login(&email, "wrong guess", "2001:db8:1:2::1")
                .await
                .unwrap_err();
        }
        let neighbour = house
            .login("ada@example.org", PASSWORD, "2001:db8:1:2:ffff::9")
            .await;
        assert_eq!(neighbour.unwrap_err().code, "too_many_attempts");
        house
            .login("ada@example.org", PASSWORD, "2001:db8:1:3::1")
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_window_ends_and_the_right_password_is_welcome_again() {
    let settings = [
        (
            "identity.throttle.failures_per_account_and_network_max",
            "2",
        ),
        ("identity.throttle.window_s", "1"),
    ];
    on_each_engine(&settings, async |house: &mut House| {
        house.account("ada@example.org").await;
        let locked = async || {
            let refusal = house
                .login("ada@example.org", "wrong guess", IP)
                .await
                .unwrap_err();
            refusal.code == "too_many_attempts"
        };
        while !locked().await {}
        while let Err(refusal) = house.login("ada@example.org", PASSWORD, IP).await {
            assert_eq!(refusal.code, "too_many_attempts");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_password_is_hashed_anew_when_the_parameters_have_changed() {
    on_each_engine(&[], async |house: &mut House| {
        house.account("ada@example.org").await;
        let before = house.stored_hash("ada@example.org").await;
        assert!(before.contains("m=64,"), "{before}");
        house
            .restart(&[("identity.argon2.memory_kib", "128")])
            .await;
        house.login("ada@example.org", PASSWORD, IP).await.unwrap();
        let after = house.stored_hash("ada@example.org").await;
        assert!(after.contains("m=128,"), "{after}");
        house.login("ada@example.org", PASSWORD, IP).await.unwrap();
        assert_eq!(house.stored_hash("ada@example.org").await, after);
    })
    .await;
}
