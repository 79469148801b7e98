//! Public lists that are kept, and what makes them be made anew.

use amphi_chassis::auth::AccountRole;
use amphi_chassis::testing::{Line, Proxy, TestRedis, eventually};
use reqwest::Method;
use serde_json::json;

use crate::site::{Answer, Site};
use crate::stand_ins::{World, video};

const ID: &str = "0190a5d0-0000-7000-8003-000000000001";
/// Long enough that nothing runs out while a test looks.
const KEPT: (&str, &str) = ("gateway.cache_ttl_ms", "60000");

fn world() -> World {
    let world = World::new();
    world.add_video(video(ID, "first"));
    world
}

async fn member(world: &World, redis: &TestRedis, url: &str) -> Site {
    let settings = [
        KEPT,
        ("shared.url", url),
        ("shared.prefix", redis.prefix()),
        ("shared.timeout_ms", "5000"),
        ("shared.retry_ms", "50"),
    ];
    let site = Site::of(world.clone(), &settings).await;
    eventually("Redis", async || {
        site.process.context().shared.is_shared().then_some(())
    })
    .await;
    site
}

async fn rename(site: &Site, title: &str) {
    let token = site.token(AccountRole::Creator);
    let request = site
        .request(Method::PATCH, &format!("/api/v1/videos/{ID}"))
        .bearer_auth(token)
        .json(&json!({ "title": title }));
    site.send(request).await.expect(200);
}

async fn list(site: &Site) -> Answer {
    site.get("/api/v1/videos").await.expect(200)
}

fn title(list: &Answer) -> String {
    list.json()["items"][0]["title"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn lists_asked_for(world: &World) -> usize {
    let calls = world.take_calls();
    calls.iter().filter(|it| it.starts_with("list_")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_who_ask_at_once_one_makes_the_answer() {
    let site = Site::of(world(), &[KEPT]).await;
    let asking = (0..50).map(|_| list(&site));
    let answers = futures::future::join_all(asking).await;
    assert!(answers.iter().all(|answer| title(answer) == "first"));
    assert_eq!(lists_asked_for(&site.world), 1);
    let made = |it: &&Answer| it.header("cache-status").contains("miss");
    assert_eq!(answers.iter().filter(made).count(), 1);
}

#[tokio::test]
async fn who_has_changed_something_sees_it_at_once() {
    let site = Site::of(world(), &[KEPT]).await;
    assert_eq!(title(&list(&site).await), "first");
    site.get("/videos?limit=3").await.expect(200);
    let kept = site.get("/videos?limit=3").await.expect(200);
    assert_eq!(kept.header("cache-status"), "amphi; hit");
    for name in ["second", "third"] {
        rename(&site, name).await;
        assert_eq!(title(&list(&site).await), name);
    }
}

#[tokio::test]
async fn a_list_that_the_client_has_is_not_sent_again() {
    let site = Site::of(world(), &[KEPT]).await;
    let tag = list(&site).await.header("etag").to_owned();
    let ask = || {
        let request = site.request(Method::GET, "/api/v1/videos");
        site.send(request.header("if-none-match", tag.clone()))
    };
    let again = ask().await.expect(304);
    assert!(again.body.is_empty() && again.header("etag") == tag);
    rename(&site, "second").await;
    ask().await.expect(200);
}

#[tokio::test]
async fn nothing_of_one_caller_is_shown_to_another() {
    let site = Site::of(world(), &[KEPT]).await;
    let token = site.token(AccountRole::Creator);
    for path in ["/api/v1/series", "/dramas", "/api/v1/videos?owner=me"] {
        for _ in 0..2 {
            let request = site.request(Method::GET, path).bearer_auth(&token);
            let answer = site.send(request).await.expect(200);
            assert_eq!(answer.header("cache-status"), "", "{path}");
            let calls = site.world.take_calls();
            assert!(
                calls.iter().any(|it| it.ends_with("by account")),
                "{path}: {calls:?}"
            );
        }
    }
    for path in ["/api/v1/series", "/dramas"] {
        let first = site.get(path).await.expect(200);
        assert!(first.header("cache-status").contains("miss"), "{path}");
    }
    // What is the same for all is made for nobody, whoever asks first.
    let request = site
        .request(Method::GET, "/api/v1/videos")
        .bearer_auth(&token);
    site.send(request).await.expect(200);
    let calls = site.world.take_calls();
    assert!(
        !calls.iter().any(|it| it.ends_with("by account")),
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_on_one_redis_keep_lists_together_and_hear_of_changes() {
    let (world, redis) = (world(), TestRedis::create());
    let one = member(&world, &redis, &redis.url()).await;
    let two = member(&world, &redis, &redis.url()).await;
    rename(&one, "second").await;
    eventually("the change at the other gateway", async || {
        (title(&list(&two).await) == "second").then_some(())
    })
    .await;
    // Both are at the same generation now: what one makes, the other need not.
    rename(&two, "third").await;
    eventually("the change at the first gateway", async || {
        (title(&list(&one).await) == "third").then_some(())
    })
    .await;
    world.take_calls();
    let other = list(&two).await;
    assert_eq!(title(&other), "third");
    assert_eq!(other.header("cache-status"), "amphi; hit; detail=shared");
    assert_eq!(lists_asked_for(&world), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_a_gateway_keeps_lists_by_itself_until_it_is_back() {
    let (world, redis) = (world(), TestRedis::create());
    let line = Proxy::before(redis.address()).await;
    let url = redis.settings_by(line.address()).url.expose().clone();
    let one = member(&world, &redis, &redis.url()).await;
    let two = member(&world, &redis, &url).await;
    list(&two).await;
    line.set(Line::Refused);
    eventually("the loss of Redis", async || {
        (!two.process.context().shared.is_shared()).then_some(())
    })
    .await;
    // Its own changes show at once.
    rename(&two, "second").await;
    assert_eq!(title(&list(&two).await), "second");
    assert_eq!(list(&two).await.header("cache-status"), "amphi; hit");
    // Those of others when it is back, though nobody told it in the meantime.
    rename(&one, "third").await;
    line.set(Line::Open);
    eventually("the change that was missed", async || {
        (title(&list(&two).await) == "third").then_some(())
    })
    .await;
}
