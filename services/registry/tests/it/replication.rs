use std::net::SocketAddr;

use amphi_chassis::testing::{TestProcess, eventually, free_address};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Guest, builder, instance, lasting};

/// A registry at `address`, with another at `peer`.
async fn registry(address: SocketAddr, peer: SocketAddr) -> TestProcess {
    builder()
        .setting("server.internal_listen", address.to_string())
        .setting("registry.peers", format!("http://{peer}/eureka"))
        .setting("registry.eviction_interval_ms", 50)
        .start()
        .await
}

async fn two() -> (TestProcess, TestProcess) {
    let (one, other) = (free_address(), free_address());
    let first = registry(one, other).await;
    let second = registry(other, one).await;
    for process in [&first, &second] {
        let guest = Guest::of(process);
        eventually("the registry to be filled", || async {
            (guest.get("/apps").await.status == StatusCode::OK).then_some(())
        })
        .await;
    }
    (first, second)
}

async fn knows(guest: &Guest, ids: &[&str]) {
    eventually(&format!("the registry to know {ids:?}"), || async {
        (guest.up("SHOP").await == ids).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_one_registry_is_told_the_other_hears_and_does_not_send_back() {
    let (first, second) = two().await;
    let (here, there) = (Guest::of(&first), Guest::of(&second));
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
    // What was passed on is not passed back: the version stands still once both agree.
    let version =
        async || here.get("/apps").await.json()["applications"]["versions__delta"].clone();
    let before = version().await;
    there.renew(path).await;
    assert_eq!(version().await, before);
    there.call(Method::DELETE, path).await;
    knows(&here, &[]).await;
}

#[tokio::test]
async fn renewals_at_one_registry_keep_the_lease_at_the_other() {
    let (first, second) = two().await;
    let (here, there) = (Guest::of(&first), Guest::of(&second));
    here.register(&lasting("SHOP", "lively", 2)).await;
    here.register(&lasting("SHOP", "silent", 2)).await;
    knows(&there, &["lively", "silent"]).await;
    // The silent one runs out at both; by then the lively one would have, too.
    eventually("the silent one to be dropped", || async {
        here.renew("/apps/SHOP/lively").await;
        (there.up("SHOP").await == ["lively"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_registry_that_starts_learns_what_the_others_know() {
    let (first, second) = two().await;
    let here = Guest::of(&first);
    here.register(&instance("SHOP", "shop-1")).await;
    let (address, peer) = (second.internal(), first.internal());
    second.ask_to_stop();
    second.wait().await.unwrap();
    here.register(&instance("SHOP", "shop-2")).await;
    let again = registry(address, peer).await;
    knows(&Guest::of(&again), &["shop-1", "shop-2"]).await;
}

#[tokio::test]
async fn a_registry_whose_peer_is_away_begins_empty_and_tells_it_all_when_it_is_back() {
    let (one, other) = (free_address(), free_address());
    let first = registry(one, other).await;
    let here = Guest::of(&first);
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
    let there = Guest::of(&second);
    eventually("the other to know it", || async {
        here.renew("/apps/SHOP/shop-1").await;
        (there.up("SHOP").await == ["shop-1"]).then_some(())
    })
    .await;
}
