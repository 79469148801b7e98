use amphi_chassis::testing::eventually;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{RegistryUser, builder, hasty, instance, lasting};

#[tokio::test]
async fn an_instance_registers_renews_is_found_and_is_gone() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    assert_eq!(
        guest.renew("/apps/SHOP/shop-1").await,
        StatusCode::NOT_FOUND
    );
    let answer = guest.register(&instance("shop", "shop-1")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    assert_eq!(guest.renew("/apps/SHOP/shop-1").await, StatusCode::OK);
    for path in [
        "/apps",
        "/apps/",
        "/apps/delta",
        "/vips/store",
        "/svips/shop-tls",
        "/v2/apps",
    ] {
        let list = guest.get(path).await.json();
        let list = &list["applications"];
        assert_eq!(list["apps__hashcode"], "UP_1_", "{path}");
        assert!(list["versions__delta"].is_string(), "{path}");
        assert_eq!(list["application"][0]["name"], "SHOP", "{path}");
        let found = &list["application"][0]["instance"][0];
        assert_eq!(found["instanceId"], "shop-1", "{path}");
        assert_eq!(found["port"], json!({ "$": 8080, "@enabled": "true" }));
        assert_eq!(found["actionType"], "ADDED");
    }
    for path in ["/apps/shop/shop-1", "/instances/shop-1"] {
        let found = guest.get(path).await.json();
        assert_eq!(found["instance"]["ipAddr"], "10.0.0.5", "{path}");
    }
    assert_eq!(guest.get("/vips/other").await.status, StatusCode::NOT_FOUND);
    let cancelled = guest.call(Method::DELETE, "/apps/shop/shop-1").await;
    assert_eq!(cancelled, StatusCode::OK);
    assert_eq!(guest.get("/apps/SHOP").await.status, StatusCode::NOT_FOUND);
    let all = guest.get("/apps").await.json();
    assert_eq!(all["applications"]["application"], json!([]));
    let delta = guest.get("/apps/delta").await.json();
    let gone = &delta["applications"]["application"][0]["instance"][0];
    assert_eq!(
        (&gone["actionType"], &gone["instanceId"]),
        (&json!("DELETED"), &json!("shop-1"))
    );
}

#[tokio::test]
async fn xml_is_given_unless_json_is_asked_for_and_taken_as_well() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    let xml = "<?xml version=\"1.0\"?><instance><instanceId>a&amp;b</instanceId><hostName>h</hostName>\
               <app>shop</app><ipAddr>10.0.0.5</ipAddr><port enabled=\"true\">81</port>\
               <metadata><zone>&lt;a&gt;</zone></metadata></instance>";
    let request = guest.request(Method::POST, "/apps/shop");
    let request = request.header("content-type", "application/xml");
    let answer = guest.send(request.body(xml)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    let answer = guest.send(guest.request(Method::GET, "/apps")).await;
    assert_eq!(answer.content_type, "application/xml");
    for part in [
        "<apps__hashcode>UP_1_</apps__hashcode>",
        "<application><instance>",
        "<instanceId>a&amp;b</instanceId>",
        "<port enabled=\"true\">81</port>",
        "<metadata><zone>&lt;a&gt;</zone></metadata>",
        "<name>SHOP</name>",
    ] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    let found = guest.get("/apps/shop/a&b").await;
    assert_eq!(found.content_type, "application/json");
    assert_eq!(found.json()["instance"]["metadata"]["zone"], "<a>");
}

#[tokio::test]
async fn a_status_is_overridden_and_the_override_taken_back() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    guest.register(&instance("SHOP", "shop-1")).await;
    let path = "/apps/SHOP/shop-1/status";
    let refused = guest
        .send(guest.request(Method::PUT, &format!("{path}?value=FINE")))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains("OUT_OF_SERVICE")
    );
    let set = guest
        .call(Method::PUT, &format!("{path}?value=OUT_OF_SERVICE"))
        .await;
    assert_eq!(set, StatusCode::OK);
    // Whatever the instance says of itself.
    guest.register(&instance("SHOP", "shop-1")).await;
    assert_eq!(guest.up("SHOP").await, [""; 0]);
    assert_eq!(guest.renew("/apps/SHOP/shop-1").await, StatusCode::OK);
    assert_eq!(guest.call(Method::DELETE, path).await, StatusCode::OK);
    // Now it has to say itself how it is.
    assert_eq!(
        guest.renew("/apps/SHOP/shop-1").await,
        StatusCode::NOT_FOUND
    );
    guest.register(&instance("SHOP", "shop-1")).await;
    assert_eq!(guest.up("SHOP").await, ["shop-1"]);
}

#[tokio::test]
async fn removing_an_override_that_is_not_there_leaves_an_instance_in_service() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    guest.register(&instance("SHOP", "shop-1")).await;
    let path = "/apps/SHOP/shop-1";
    let status = format!("{path}/status");
    assert_eq!(guest.call(Method::DELETE, &status).await, StatusCode::OK);
    assert_eq!(guest.up("SHOP").await, ["shop-1"]);
    assert_eq!(guest.renew(path).await, StatusCode::OK);
}

#[tokio::test]
async fn no_registration_makes_the_list_unreadable_for_others() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    let mut odd = instance("SHOP", "odd");
    odd["metadata"] = json!({ "@a": "1", "_.0040a": "2", "@a ": "3", "a": "4" });
    odd["dataCenterInfo"]["@b"] = "5".into();
    odd["dataCenterInfo"]["@class"] = "no.such.Class".into();
    let answer = guest.register(&odd).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{answer:?}");
    let list = guest.send(guest.request(Method::GET, "/apps")).await.body;
    for part in [
        "<metadata><_.0040a>1</_.0040a><_.0040a_.0020>3</_.0040a_.0020><__.0040a>2</__.0040a><a>4</a></metadata>",
        "<dataCenterInfo class=\"com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo\"><name>MyOwn</name></dataCenterInfo>",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    odd["dataCenterInfo"] = json!({ "name": "Mars" });
    let refused = guest.register(&odd).await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::BAD_REQUEST, &json!("invalid_instance"))
    );
}

#[tokio::test]
async fn an_instance_that_would_be_too_large_for_another_registry_is_refused() {
    let process = builder()
        .setting("registry.body_bytes_max", 2048)
        .start()
        .await;
    let guest = RegistryUser::of(&process);
    let mut large = instance("SHOP", "shop-1");
    guest.register(&large).await;
    let value = "x".repeat(1500);
    let path = format!("/apps/SHOP/shop-1/metadata?a={value}");
    assert_eq!(guest.renew(&path).await, StatusCode::BAD_REQUEST);
    // Within the limit as it is sent, and not as it is passed on.
    large["metadata"] = json!({ "a": "x".repeat(1450) });
    assert!(large.to_string().len() < 2000);
    let refused = guest.register(&large).await;
    assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_list_of_a_virtual_address_has_the_hash_of_what_is_in_it() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    guest.register(&instance("SHOP", "shop-1")).await;
    let mut other = instance("OTHER", "other-1");
    other["vipAddress"] = "other".into();
    guest.register(&other).await;
    let list = guest.get("/vips/store").await.json();
    assert_eq!(list["applications"]["apps__hashcode"], "UP_1_");
}

#[tokio::test]
async fn a_registry_that_starts_empty_gives_others_no_list_until_all_have_told_of_themselves() {
    let process = builder()
        .setting("registry.empty_start_wait_ms", 8_000)
        .start()
        .await;
    let foreign = RegistryUser::of(&process);
    let refused = foreign.get("/apps").await;
    assert_eq!(
        (refused.status, &refused.json()["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("registry_starting"))
    );
    let token = process.registry_token(amphi_chassis::Role::Media);
    let ours = RegistryUser::of(&process).with_token(token);
    let partial = ours.send(ours.request(Method::GET, "/apps")).await;
    assert_eq!(partial.status, StatusCode::OK);
    assert_eq!(partial.list_state, "partial");
    let registered = foreign.register(&instance("SHOP", "shop-1")).await;
    assert_eq!(registered.status, StatusCode::NO_CONTENT);
    let list = eventually("the list", || async {
        let answer = foreign.get("/apps/SHOP").await;
        (answer.status == StatusCode::OK).then_some(answer)
    })
    .await;
    assert_eq!(list.list_state, "complete");
}

#[tokio::test]
async fn metadata_is_added_to_and_bounded() {
    let process = builder().start().await;
    let guest = RegistryUser::of(&process);
    guest.register(&instance("SHOP", "shop-1")).await;
    let path = "/apps/SHOP/shop-1/metadata";
    assert_eq!(
        guest.call(Method::PUT, &format!("{path}?zone=a")).await,
        StatusCode::OK
    );
    assert_eq!(
        guest.call(Method::PUT, &format!("{path}?rack=7")).await,
        StatusCode::OK
    );
    let found = guest.get("/apps/SHOP/shop-1").await.json();
    assert_eq!(
        found["instance"]["metadata"],
        json!({ "rack": "7", "zone": "a" })
    );
    assert_eq!(guest.call(Method::PUT, path).await, StatusCode::BAD_REQUEST);
    let many: String = (0..300).map(|key| format!("k{key}=v&")).collect();
    let refused = guest.call(Method::PUT, &format!("{path}?{many}")).await;
    assert_eq!(refused, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn bad_registrations_are_refused_with_what_is_wrong() {
    let process = builder()
        .setting("registry.instances_max", 1)
        .setting("registry.body_bytes_max", 2048)
        .start()
        .await;
    let guest = RegistryUser::of(&process);
    let post = |content_type: &'static str, body: String| {
        let request = guest.request(Method::POST, "/apps/SHOP");
        guest.send(request.header("content-type", content_type).body(body))
    };
    let json = "application/json";
    let mut other = instance("OTHER", "o");
    other["metadata"] = Value::Null;
    for (content_type, body, status, code) in [
        (json, "{".to_owned(), 400, "malformed_registration"),
        (
            json,
            "{\"instance\":{}}".to_owned(),
            400,
            "invalid_instance",
        ),
        (json, other.to_string(), 400, "app_mismatch"),
        (json, " ".repeat(4096), 413, "registration_too_large"),
        (
            "text/plain",
            "{}".to_owned(),
            415,
            "unsupported_registration",
        ),
        // What a web page of somebody else may send without being asked.
        (
            "text/plain; x=application/json",
            json!({ "instance": instance("SHOP", "shop-1") }).to_string(),
            415,
            "unsupported_registration",
        ),
        (
            "multipart/form-data; boundary=xml",
            "<instance/>".to_owned(),
            415,
            "unsupported_registration",
        ),
        (
            "application/xml",
            "<instance>".to_owned(),
            400,
            "malformed_registration",
        ),
    ] {
        let answer = post(content_type, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.json()["code"], code);
    }
    guest.register(&instance("SHOP", "shop-1")).await;
    let full = guest.register(&instance("SHOP", "shop-2")).await;
    assert_eq!(
        (full.status, &full.json()["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"registry_full".into())
    );
}

#[tokio::test]
async fn who_does_not_renew_is_dropped_and_who_does_stays() {
    let process = hasty().start().await;
    let guest = RegistryUser::of(&process);
    guest.register(&lasting("SHOP", "silent", 1)).await;
    guest.register(&lasting("SHOP", "lively", 90)).await;
    eventually("the silent one to be dropped", || async {
        (guest.up("SHOP").await == ["lively"]).then_some(())
    })
    .await;
    assert_eq!(
        guest.renew("/apps/SHOP/silent").await,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn when_too_many_fall_silent_at_once_nobody_is_dropped_until_they_are_heard_again() {
    let process = hasty()
        .setting("registry.preservation_instances_min", 4)
        .start()
        .await;
    let guest = RegistryUser::of(&process);
    for id in ["a", "b", "c", "d"] {
        guest.register(&lasting("SHOP", id, 5)).await;
    }
    let preserves = async |expected: bool| {
        let status = guest.get("/status").await.json();
        (status["self_preservation"] == expected).then_some(status["instances"].clone())
    };
    let kept = eventually("self-preservation", || preserves(true)).await;
    assert_eq!(kept, 4);
    for id in ["a", "b", "c", "d"] {
        guest.register(&lasting("SHOP", id, 90)).await;
    }
    eventually("its end", || preserves(false)).await;
    assert_eq!(guest.up("SHOP").await.len(), 4);
}
