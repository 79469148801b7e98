//! Accounts and sessions.

use serde_json::json;

use super::in_every_cell;
use crate::harness::{Ground, Platform, eventually};

in_every_cell!(
    a_session_lasts_until_logout_and_no_longer,
    a_refresh_token_used_twice_ends_its_session,
    a_refusal_says_which_field_is_wrong,
);

async fn a_session_lasts_until_logout_and_no_longer(ground: Ground) {
    let platform = Platform::start(ground);
    let ann = platform.creator().await;
    let me = ann.get("/api/v1/me").await.expect(200).json();
    assert_eq!(me["email"].as_str(), ann.email.as_deref());

    let body = json!({ "refresh_token": ann.refresh_token });
    ann.post("/api/v1/auth/logout", &body).await.expect(204);

    // Every service forgets the session within the time that its revocation takes to spread.
    eventually("the access token to be refused", || async {
        (ann.get("/api/v1/me").await.status == 401).then_some(())
    })
    .await;
    eventually("uploads to be refused", || async {
        let answer = ann.create_upload(10, &[("filename", "a.mp4")]).await;
        (answer.status == 401).then_some(())
    })
    .await;
    ann.post("/api/v1/auth/refresh", &body).await.expect(401);
}

async fn a_refresh_token_used_twice_ends_its_session(ground: Ground) {
    // No grace for a second tab here: the second use is the thief's.
    let settings = [("IDENTITY__REFRESH_GRACE_S", "0")];
    let platform = Platform::start_with(ground, &settings);
    let ann = platform.creator().await;
    let stolen = json!({ "refresh_token": ann.refresh_token });
    let fresh = platform
        .anonymous()
        .post("/api/v1/auth/refresh", &stolen)
        .await
        .expect(200)
        .json();
    platform
        .anonymous()
        .post("/api/v1/auth/refresh", &stolen)
        .await
        .expect(401);
    let successor = json!({ "refresh_token": fresh["refresh_token"] });
    platform
        .anonymous()
        .post("/api/v1/auth/refresh", &successor)
        .await
        .expect(401);

    let back = platform
        .anonymous()
        .login(ann.email.as_deref().unwrap(), "correct horse battery")
        .await;
    let records = back.get("/api/v1/me/logins").await.expect(200).json();
    let outcomes: Vec<&str> = records["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["outcome"].as_str().unwrap())
        .collect();
    assert!(outcomes.contains(&"refresh_reused"), "{outcomes:?}");
}

async fn a_refusal_says_which_field_is_wrong(ground: Ground) {
    let platform = Platform::start(ground);
    let body = json!({ "email": "not an address", "name": "", "password": "short" });
    let answer = platform
        .anonymous()
        .post("/api/v1/auth/register", &body)
        .await
        .expect(422);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let problem = answer.json();
    let pointers: Vec<&str> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/email", "/name", "/password"]);
    assert_eq!(problem["trace_id"].as_str().unwrap().len(), 32);
    let log = platform.logs();
    assert!(!log.contains("short"), "a password was logged");
}
