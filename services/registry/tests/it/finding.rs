//! Roles of ours that find each other through a registry.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use amphi_chassis::Role;
use amphi_chassis::service::Service;
use amphi_chassis::testing::{
    TestProcess, TestProcessBuilder, TestTlsFiles, eventually, free_address,
};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use http::Request;
use reqwest::StatusCode;

use crate::support::{RegistryUser, builder, hasty, url_of, with_tls};

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
        .setting("rpc.lease_s", 15)
}

/// A process that holds only a gateway without routes, and calls others.
async fn caller(registry: &str) -> TestProcess {
    calling(registry).start().await
}

fn calling(registry: &str) -> TestProcessBuilder {
    member(registry).stand_in(|| Service::new(Role::Gateway))
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

async fn know(guest: &RegistryUser, count: usize) {
    eventually(&format!("{count} registered"), || async {
        (guest.up("AMPHI-PLAYBACK").await.len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn roles_find_each_other_and_are_forgotten_when_they_stop() {
    let registry = builder().start().await;
    let address = eureka(&registry);
    let guest = RegistryUser::of(&registry);
    let caller = caller(&address).await;
    let one = playback(&address, "one").start().await;
    is_asked(&caller, "one").await;
    let two = playback(&address, "two").start().await;
    is_asked(&caller, "two").await;
    know(&guest, 2).await;
    one.stop().await;
    // Given back, and the caller knows.
    know(&guest, 1).await;
    for _ in 0..20 {
        assert_eq!(asked(&caller).await.as_deref(), Some("two"));
    }
    let found = guest.get("/apps/AMPHI-PLAYBACK").await.json();
    let found = &found["application"]["instance"][0];
    assert_eq!(found["port"]["$"], two.internal().port());
    assert_eq!(found["ipAddr"], "127.0.0.1");
}

#[tokio::test]
async fn roles_find_each_other_and_call_over_mutual_tls() {
    let files = TestTlsFiles::any();
    let registry = with_tls(builder(), &files).start().await;
    let address = eureka(&registry);
    assert!(address.starts_with("eureka+https://"), "{address}");
    let caller = with_tls(calling(&address), &files).start().await;
    let one = with_tls(playback(&address, "one"), &files).start().await;
    is_asked(&caller, "one").await;
    let found = RegistryUser::of(&registry)
        .get("/apps/AMPHI-PLAYBACK")
        .await;
    let found = &found.json()["application"]["instance"][0];
    assert_eq!(found["securePort"]["$"], one.internal().port());
    assert_eq!(found["securePort"]["@enabled"], "true");
    assert_eq!(found["port"]["@enabled"], "false");
}

#[tokio::test]
async fn who_dies_without_a_word_is_routed_around_and_dropped() {
    let registry = hasty().start().await;
    let address = eureka(&registry);
    let guest = RegistryUser::of(&registry);
    let caller = caller(&address).await;
    let lively = playback(&address, "lively").start().await;
    // A lease that nobody renews, as a dead process leaves it.
    let token = registry.registry_token(Role::Playback);
    let ours = RegistryUser::of(&registry).with_token(token);
    let mut dead = crate::support::lasting("AMPHI-PLAYBACK", "dead", 6);
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
    let guest = RegistryUser::of(&registry);
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

/// A registry that takes every role but one.
async fn registry_that_refuses(app: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    use axum::extract::Path;
    let renewals = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&renewals);
    let register = move |Path(registered): Path<String>| async move {
        if registered == app {
            http::StatusCode::BAD_REQUEST
        } else {
            http::StatusCode::NO_CONTENT
        }
    };
    let renew = move |Path((registered, _)): Path<(String, String)>| {
        let counter = Arc::clone(&counter);
        async move {
            if registered == app {
                return http::StatusCode::NOT_FOUND;
            }
            counter.fetch_add(1, Ordering::SeqCst);
            http::StatusCode::OK
        }
    };
    let router = Router::new()
        .route("/eureka/apps/{app}", axum::routing::post(register))
        .route("/eureka/apps/{app}/{id}", axum::routing::put(renew));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, renewals)
}

#[tokio::test]
async fn a_role_that_is_refused_costs_no_other_its_lease() {
    let (address, renewals) = registry_that_refuses("AMPHI-CATALOG").await;
    let _process = member(&format!("eureka+http://{address}/eureka"))
        .stand_in(|| Service::new(Role::Catalog))
        .stand_in(|| Service::new(Role::Media))
        .start()
        .await;
    eventually("the other role to renew its lease", || async {
        (renewals.load(Ordering::SeqCst) > 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_has_not_told_a_new_registry_of_itself_yet_is_called_all_the_same() {
    let at = free_address().to_string();
    let place = || {
        builder()
            .setting("server.internal_listen", at.clone())
            .setting("registry.empty_start_wait_ms", 60_000)
    };
    let registry = place().start().await;
    let caller = member(&eureka(&registry))
        .setting("rpc.lease_s", 60)
        .stand_in(|| Service::new(Role::Gateway))
        .start()
        .await;
    // Two that keep no lease by themselves.
    let alone = |name: &'static str| {
        TestProcess::builder().stand_in(move || {
            Service::new(Role::Playback)
                .http(Router::new().route("/name", get(move || async move { name })))
        })
    };
    let (one, two) = (alone("one").start().await, alone("two").start().await);
    let register = async |registry: &TestProcess, process: &TestProcess| {
        let token = registry.registry_token(Role::Playback);
        let ours = RegistryUser::of(registry).with_token(token);
        let port = process.internal().port();
        let mut playback = crate::support::instance("AMPHI-PLAYBACK", &port.to_string());
        playback["ipAddr"] = "127.0.0.1".into();
        playback["port"]["$"] = port.into();
        let answer = ours.register(&playback).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    };
    register(&registry, &one).await;
    register(&registry, &two).await;
    is_asked(&caller, "one").await;
    is_asked(&caller, "two").await;
    registry.ask_to_stop();
    registry.wait().await.unwrap();
    let registry = place().start().await;
    register(&registry, &two).await;
    let third = alone("three").start().await;
    register(&registry, &third).await;
    // Now the caller has read the new list.
    is_asked(&caller, "three").await;
    is_asked(&caller, "one").await;
}
