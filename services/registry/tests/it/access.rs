use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use reqwest::StatusCode;

use crate::support::{Guest, builder, instance, url_of};

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn with_a_password_only_those_who_give_it_are_let_in() {
    let process = builder()
        .setting("registry.password", PASSWORD)
        .start()
        .await;
    let plain = Guest::of(&process).get("/apps").await;
    assert_eq!(plain.status, StatusCode::UNAUTHORIZED);
    assert!(!plain.body.contains(PASSWORD));
    let url = url_of(&process);
    for (password, status) in [
        ("wrong", StatusCode::UNAUTHORIZED),
        ("correct%20horse%20battery", StatusCode::OK),
    ] {
        let guest = Guest::at(&url.replace("http://", &format!("http://anybody:{password}@")));
        assert_eq!(guest.get("/apps").await.status, status, "{password}");
    }
}

#[tokio::test]
async fn processes_of_the_installation_need_no_password_and_accounts_are_not_let_in() {
    let process = builder()
        .setting("registry.password", PASSWORD)
        .start()
        .await;
    let ours = Guest::of(&process).with_token(process.service_token(Role::Catalog));
    assert_eq!(ours.get("/apps").await.status, StatusCode::OK);
    let account = process.token(amphi_contracts::AccountId::generate(), AccountRole::Admin);
    for token in [
        account,
        "amphi-service.catalog.99999999999.forged".to_owned(),
    ] {
        let other = Guest::of(&process).with_token(token);
        assert_eq!(other.get("/apps").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn nobody_else_can_pose_as_one_of_our_roles() {
    let process = builder().start().await;
    let foreign = Guest::of(&process);
    let ours = Guest::of(&process).with_token(process.service_token(Role::Catalog));
    let catalog = instance("amphi-catalog", "catalog-1");
    let refused = foreign.register(&catalog).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::FORBIDDEN, &"app_reserved".into())
    );
    assert_eq!(ours.register(&catalog).await.status, StatusCode::NO_CONTENT);
    let path = "/apps/AMPHI-CATALOG/catalog-1";
    assert_eq!(foreign.renew(path).await, StatusCode::FORBIDDEN);
    assert_eq!(
        foreign.call(reqwest::Method::DELETE, path).await,
        StatusCode::FORBIDDEN
    );
    let status = format!("{path}/status?value=DOWN");
    assert_eq!(foreign.renew(&status).await, StatusCode::FORBIDDEN);
    assert_eq!(foreign.up("AMPHI-CATALOG").await, ["catalog-1"]);
    assert_eq!(ours.renew(path).await, StatusCode::OK);
}
