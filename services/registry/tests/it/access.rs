use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use reqwest::StatusCode;

use crate::support::{RegistryUser, builder, instance, url_of};

const PASSWORD: &str = "correct horse battery";

#[tokio::test]
async fn with_a_password_only_those_who_give_it_are_let_in() {
    let process = builder()
        .setting("registry.password", PASSWORD)
        .start()
        .await;
    let plain = RegistryUser::of(&process).get("/apps").await;
    assert_eq!(plain.status, StatusCode::UNAUTHORIZED);
    assert!(!plain.body.contains(PASSWORD));
    let url = url_of(&process);
    for (password, status) in [
        ("wrong", StatusCode::UNAUTHORIZED),
        ("correct%20horse%20battery", StatusCode::OK),
    ] {
        let guest =
            RegistryUser::at(&url.replace("http://", &format!("http://anybody:{password}@")));
        assert_eq!(guest.get("/apps").await.status, status, "{password}");
    }
}

#[tokio::test]
async fn processes_of_the_installation_need_no_password_and_accounts_are_not_let_in() {
    let process = builder()
        .setting("registry.password", PASSWORD)
        .start()
        .await;
    let ours = RegistryUser::of(&process).with_token(process.registry_token(Role::Catalog));
    assert_eq!(ours.get("/apps").await.status, StatusCode::OK);
    let account = process.token(amphi_contracts::AccountId::generate(), AccountRole::Admin);
    for token in [
        account,
        // Good at services, and so not here.
        process.service_token(Role::Catalog),
        "amphi-service.catalog.99999999999.forged".to_owned(),
    ] {
        let other = RegistryUser::of(&process).with_token(token);
        assert_eq!(other.get("/apps").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn nobody_else_can_pose_as_one_of_our_roles() {
    let process = builder().start().await;
    let foreign = RegistryUser::of(&process);
    let ours = RegistryUser::of(&process).with_token(process.registry_token(Role::Catalog));
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

#[tokio::test]
async fn nobody_else_is_found_by_a_name_of_our_roles() {
    let process = builder().start().await;
    let foreign = RegistryUser::of(&process);
    let ours = RegistryUser::of(&process).with_token(process.registry_token(Role::Gateway));
    for (key, names) in [
        ("vipAddress", "amphi-gateway"),
        ("vipAddress", "shop , Amphi-Gateway"),
        ("secureVipAddress", "shop,AMPHI-GATEWAY"),
    ] {
        let mut posing = instance("SHOP", "posing");
        posing[key] = names.into();
        let refused = foreign.register(&posing).await;
        assert_eq!(
            (refused.status, &refused.json()["code"]),
            (StatusCode::FORBIDDEN, &"app_reserved".into()),
            "{names}"
        );
    }
    let found = foreign.get("/vips/amphi-gateway").await;
    assert_eq!(found.status, StatusCode::NOT_FOUND);
    // An id may be anybody's.
    let mut gateway = instance("AMPHI-GATEWAY", "gateway-1");
    gateway["vipAddress"] = "amphi-gateway".into();
    let posing = foreign.register(&instance("AARDVARK", "gateway-1")).await;
    assert_eq!(posing.status, StatusCode::NO_CONTENT);
    assert_eq!(ours.register(&gateway).await.status, StatusCode::NO_CONTENT);
    let found = foreign.get("/instances/gateway-1").await.json();
    assert_eq!(found["instance"]["app"], "AMPHI-GATEWAY");
}

#[tokio::test]
async fn nobody_else_passes_on_what_a_registry_would() {
    let process = builder().start().await;
    let foreign = RegistryUser::of(&process);
    let mut shop = instance("SHOP", "shop-1");
    shop["replication"] = serde_json::json!({ "revisionMs": i64::MAX, "remainingMs": 1 });
    let body = serde_json::json!({ "instance": shop });
    let request = foreign.request(reqwest::Method::POST, "/apps/SHOP");
    let request = request.header("x-netflix-discovery-replication", "true");
    let answer = foreign.send(request.json(&body)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let status = foreign
        .renew("/apps/SHOP/shop-1/status?value=OUT_OF_SERVICE")
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(foreign.up("SHOP").await, [""; 0]);
}
