use std::net::SocketAddr;

use amphi_chassis::testing::{
    TestProcess, TestProcessBuilder, TestTlsFiles, eventually, free_address,
};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{RegistryUser, builder, instance, lasting, with_tls};

/// A registry at `address`, with another at `peer`.
async fn registry(address: SocketAddr, peer: SocketAddr) -> TestProcess {
    registry_by("http", address, peer).start().await
}

fn registry_by(scheme: &str, address: SocketAddr, peer: SocketAddr) -> TestProcessBuilder {
    builder()
        .setting("server.internal_listen", address.to_string())
        .setting("registry.peers", format!("{scheme}://{peer}/eureka"))
        .setting("registry.eviction_interval_ms", 50)
}

async fn two() -> (TestProcess, TestProcess) {
    two_of("http", |builder| builder).await
}

async fn two_of(
    scheme: &str,
    with: impl Fn(TestProcessBuilder) -> TestProcessBuilder,
) -> (TestProcess, TestProcess) {
    let (one, other) = (free_address(), free_address());
    let first = with(registry_by(scheme, one, other)).start().await;
    let second = with(registry_by(scheme, other, one)).start().await;
    for process in [&first, &second] {
        let guest = RegistryUser::of(process);
        eventually("the registry to be filled", || async {
            (guest.get("/apps").await.status == StatusCode::OK).then_some(())
        })
        .await;
    }
    (first, second)
}

async fn knows(guest: &RegistryUser, ids: &[&str]) {
    eventually(&format!("the registry to know {ids:?}"), || async {
        (guest.up("SHOP").await == ids).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_one_registry_is_told_the_other_hears_and_does_not_send_back() {
    let (first, second) = two().await;
    let (here, there) = (RegistryUser::of(&first), RegistryUser::of(&second));
    here.register(&instance("SHOP", "shop-1")).await;
    knows(&there, &["shop-1"]).await;
    let path = "/apps/SHOP/shop-1";
    here.call(Method::PUT, &format!("{path}/status?value=OUT_OF_SERVICE"))
        .await;
    knows(&there, &[]).await;
    here.call(Method::DELETE, &format!("{path}/status?value=UP"))
        .await;
    knows(&there, &["shop-1"]).await;
    there
        .call(Method::PUT, &format!("{path}/metadata?zone=b"))
        .await;
    eventually("the metadata", || async {
        let found = here.get(path).await.json();
        (found["instance"]["metadata"] == json!({ "zone": "b" })).then_some(())
    })
    .await;
    // What was passed on is not passed back, or each would have changed it once more at the other: each registration here and
    // there is one version, once a later one has made its way.
    let version = async |guest: &RegistryUser| -> u64 {
        let list = guest.get("/apps").await.json();
        let version = list["applications"]["versions__delta"].as_str().unwrap();
        version.parse().unwrap()
    };
    let before = (version(&here).await, version(&there).await);
    here.register(&instance("SHOP", "shop-2")).await;
    knows(&there, &["shop-1", "shop-2"]).await;
    there.register(&instance("SHOP", "shop-3")).await;
    knows(&here, &["shop-1", "shop-2", "shop-3"]).await;
    let after = (version(&here).await, version(&there).await);
    assert_eq!(after, (before.0 + 2, before.1 + 2));
    there.call(Method::DELETE, path).await;
    knows(&here, &["shop-2", "shop-3"]).await;
}

#[tokio::test]
async fn registries_tell_each_other_over_mutual_tls() {
    let files = TestTlsFiles::any();
    let (first, second) = two_of("https", |builder| with_tls(builder, &files)).await;
    let (here, there) = (RegistryUser::of(&first), RegistryUser::of(&second));
    here.register(&instance("SHOP", "shop-1")).await;
    knows(&there, &["shop-1"]).await;
    there.call(Method::DELETE, "/apps/SHOP/shop-1").await;
    knows(&here, &[]).await;
}

#[tokio::test]
async fn renewals_at_one_registry_keep_the_lease_at_the_other() {
    let (first, second) = two().await;
    let (here, there) = (RegistryUser::of(&first), RegistryUser::of(&second));
    here.register(&lasting("SHOP", "lively", 10)).await;
    here.register(&lasting("SHOP", "silent", 10)).await;
    knows(&there, &["lively", "silent"]).await;
    let updated = async || {
        let lively = there.get("/apps/SHOP/lively").await.json();
        lively["instance"]["lastUpdatedTimestamp"].clone()
    };
    let before = updated().await;
    // The silent one runs out at both; by then the lively one would have, too.
    eventually("the silent one to be dropped", || async {
        assert_eq!(here.renew("/apps/SHOP/lively").await, StatusCode::OK);
        (there.up("SHOP").await == ["lively"]).then_some(())
    })
    .await;
    // Renewed rather than registered anew, which would keep it as well.
    assert_eq!(updated().await, before);
}

#[tokio::test]
async fn an_instance_that_another_registry_refuses_holds_up_none_of_the_others() {
    let (one, other) = (free_address(), free_address());
    let first = registry(one, other).await;
    let _second = builder()
        .setting("server.internal_listen", other.to_string())
        .setting("registry.body_bytes_max", 1500)
        .start()
        .await;
    let here = RegistryUser::of(&first);
    let there = RegistryUser::at(&format!("http://{other}/eureka"));
    let mut large = instance("SHOP", "large");
    large["metadata"] = json!({ "a": "x".repeat(2000) });
    here.register(&large).await;
    here.register(&instance("SHOP", "shop-1")).await;
    knows(&there, &["shop-1"]).await;
    let status = here.get("/status").await.json();
    assert_eq!(status["peers"][0]["is_away"], false);
    assert_eq!(there.up("SHOP").await, ["shop-1"]);
}

#[tokio::test]
async fn a_registry_that_starts_learns_what_the_others_know() {
    let (first, second) = two().await;
    let here = RegistryUser::of(&first);
    here.register(&instance("SHOP", "shop-1")).await;
    let (address, peer) = (second.internal(), first.internal());
    second.ask_to_stop();
    second.wait().await.unwrap();
    here.register(&instance("SHOP", "shop-2")).await;
    let again = registry(address, peer).await;
    knows(&RegistryUser::of(&again), &["shop-1", "shop-2"]).await;
}

#[tokio::test]
async fn a_registry_whose_peer_is_away_begins_empty_and_tells_it_all_when_it_is_back() {
    let (one, other) = (free_address(), free_address());
    let first = registry(one, other).await;
    let here = RegistryUser::of(&first);
    eventually("the registry to be filled", || async {
        (here.get("/apps").await.status == StatusCode::OK).then_some(())
    })
    .await;
    here.register(&instance("SHOP", "shop-1")).await;
    eventually("the peer to be missed", || async {
        let status = here.get("/status").await.json();
        (status["peers"][0]["is_away"] == true).then_some(())
    })
    .await;
    // It asks a registry that is not there, and so learns nothing by itself.
    let second = registry(other, free_address()).await;
    let there = RegistryUser::of(&second);
    eventually("the other to know it", || async {
        here.renew("/apps/SHOP/shop-1").await;
        (there.up("SHOP").await == ["shop-1"]).then_some(())
    })
    .await;
}
