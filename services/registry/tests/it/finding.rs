//! Roles of ours that find each other through a registry.

use amphi_chassis::Role;
use amphi_chassis::service::Service;
use amphi_chassis::testing::{TestProcess, TestProcessBuilder, eventually, free_address};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::Request;
use reqwest::StatusCode;

use crate::support::{Guest, builder, hasty, url_of};

/// A playback that answers with its name, found through the registry.
fn playback(registry: &str, name: &'static str) -> TestProcessBuilder {
    member(registry).stand_in(move || {
        Service::new(Role::Playback)
            .http(Router::new().route("/name", get(move || async move { name })))
    })
}

fn member(registry: &str) -> TestProcessBuilder {
    TestProcess::builder()
        .setting("cluster.services.playback", registry.to_owned())
        .setting("rpc.discovery_interval_ms", 100)
        .setting("rpc.lease_s", 3)
}

/// A process that holds only a gateway without routes, and calls others.
async fn caller(registry: &str) -> TestProcess {
    let caller = member(registry).stand_in(|| Service::new(Role::Gateway));
    caller.start().await
}

fn eureka(process: &TestProcess) -> String {
    format!("eureka+{}", url_of(process))
}

/// Who answers a call to playback; `None` when nobody does.
async fn asked(caller: &TestProcess) -> Option<String> {
    let request = Request::get("/name").body(Body::empty()).unwrap();
    let response = caller
        .service(Role::Gateway)
        .http(Role::Playback)
        .call(request)
        .await;
    if response.status() != StatusCode::OK {
        return None;
    }
    let body = to_bytes(response.into_body(), 100).await.unwrap();
    Some(String::from_utf8(body.to_vec()).unwrap())
}

async fn is_asked(caller: &TestProcess, name: &str) {
    eventually(&format!("{name} to be asked"), || async {
        (asked(caller).await.as_deref() == Some(name)).then_some(())
    })
    .await;
}

async fn know(guest: &Guest, count: usize) {
    eventually(&format!("{count} registered"), || async {
        (guest.up("AMPHI-PLAYBACK").await.len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn roles_find_each_other_and_are_forgotten_when_they_stop() {
    let registry = builder().start().await;
    let address = eureka(&registry);
    let guest = Guest::of(&registry);
    let caller = caller(&address).await;
    let one = playback(&address, "one").start().await;
    is_asked(&caller, "one").await;
    let two = playback(&address, "two").start().await;
    is_asked(&caller, "two").await;
    know(&guest, 2).await;
    one.stop().await;
    // Given back, not run out: it is gone as soon as the process is.
    assert_eq!(guest.up("AMPHI-PLAYBACK").await.len(), 1);
    for _ in 0..20 {
        assert_eq!(asked(&caller).await.as_deref(), Some("two"));
    }
    let found = guest.get("/apps/AMPHI-PLAYBACK").await.json();
    let found = &found["application"]["instance"][0];
    assert_eq!(found["port"]["$"], two.internal().port());
    assert_eq!(found["ipAddr"], "127.0.0.1");
}

#[tokio::test]
async fn who_dies_without_a_word_is_routed_around_and_dropped() {
    let registry = hasty().start().await;
    let address = eureka(&registry);
    let guest = Guest::of(&registry);
    let caller = caller(&address).await;
    let lively = playback(&address, "lively").start().await;
    // A lease that nobody renews, as a dead process leaves it.
    let token = registry.service_token(Role::Playback);
    let ours = Guest::of(&registry).with_token(token);
    let mut dead = crate::support::lasting("AMPHI-PLAYBACK", "dead", 3);
    dead["ipAddr"] = "127.0.0.1".into();
    dead["port"]["$"] = free_address().port().into();
    assert_eq!(ours.register(&dead).await.status, StatusCode::NO_CONTENT);
    know(&guest, 2).await;
    is_asked(&caller, "lively").await;
    eventually("the dead one to be dropped", || async {
        assert_eq!(asked(&caller).await.as_deref(), Some("lively"));
        (guest.up("AMPHI-PLAYBACK").await.len() == 1).then_some(())
    })
    .await;
    drop(lively);
}

#[tokio::test]
async fn a_registry_that_forgets_is_told_again_and_calls_go_on_meanwhile() {
    let at = free_address().to_string();
    let place = || builder().setting("server.internal_listen", at.clone());
    let registry = place().start().await;
    let address = eureka(&registry);
    let caller = caller(&address).await;
    let _one = playback(&address, "one").start().await;
    is_asked(&caller, "one").await;
    registry.ask_to_stop();
    registry.wait().await.unwrap();
    assert_eq!(asked(&caller).await.as_deref(), Some("one"));
    let registry = place().start().await;
    let guest = Guest::of(&registry);
    eventually("it to be registered anew", || async {
        assert_eq!(asked(&caller).await.as_deref(), Some("one"));
        (guest.up("AMPHI-PLAYBACK").await.len() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_several_registries_one_is_enough() {
    let registry = builder().start().await;
    let address = format!(
        "eureka+http://{}/eureka,{}",
        free_address(),
        eureka(&registry)
    );
    let caller = caller(&address).await;
    let _one = playback(&address, "one").start().await;
    is_asked(&caller, "one").await;
}
