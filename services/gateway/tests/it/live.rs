//! Live updates.

use std::time::Duration;

use amphi_chassis::auth::AccountRole;
use amphi_chassis::testing::eventually;
use amphi_contracts::proto::catalog::v1 as catalog;
use amphi_contracts::proto::media::v1 as media;
use futures::StreamExt;
use reqwest::Method;
use serde_json::Value;

use crate::site::Site;
use crate::stand_ins::video;

const ID: &str = "0190a5d0-0000-7000-8000-000000000001";

fn events_path() -> String {
    format!("/api/v1/videos/{ID}/events")
}

fn asset(state: media::AssetState, progress: f64) -> media::Asset {
    media::Asset {
        video_id: ID.to_owned(),
        state: state.into(),
        progress,
        ..media::Asset::default()
    }
}

fn events(text: &str) -> Vec<Value> {
    text.lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data.trim()).unwrap())
        .collect()
}

#[tokio::test]
async fn progress_is_told_until_the_video_is_ready() {
    let site = Site::new().await;
    site.world.add_video(video(ID, "First"));
    site.world
        .asset
        .send_replace(asset(media::AssetState::Encoding, 0.25));
    let response = site
        .request(Method::GET, &events_path())
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut body = response.bytes_stream();
    let mut text = String::new();
    for (state, progress) in [
        (media::AssetState::Viewable, 0.5),
        (media::AssetState::Ready, 1.0),
    ] {
        text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        site.world.asset.send_replace(asset(state, progress));
    }
    while let Some(bytes) = body.next().await {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
    }
    assert!(text.starts_with("event: video\n"), "{text}");
    let told: Vec<(String, f64)> = events(&text)
        .iter()
        .map(|video| {
            let state = video["state"].as_str().unwrap().to_owned();
            (state, video["progress"].as_f64().unwrap())
        })
        .collect();
    assert_eq!(told.first().unwrap(), &("encoding".to_owned(), 0.25));
    assert_eq!(told.last().unwrap(), &("ready".to_owned(), 1.0));
    assert!(
        told.is_sorted_by(|a, b| a.1 < b.1),
        "each change once: {told:?}"
    );
}

#[tokio::test]
async fn a_video_that_is_ready_is_told_once() {
    let site = Site::new().await;
    site.world.add_video(video(ID, "First"));
    let answer = site.get(&events_path()).await.expect(200);
    assert_eq!(events(&answer.text()).len(), 1);
}

#[tokio::test]
async fn a_refusal_is_a_proper_answer() {
    let site = Site::new().await;
    let refused = site.get(&events_path()).await.expect(404);
    assert_eq!(refused.code(), "video_not_found");
}

/// The events of a stream to its end, by name, after `change` once the first is here.
async fn told_after(site: &Site, change: impl FnOnce()) -> Vec<String> {
    let response = site.request(Method::GET, &events_path()).send();
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.bytes_stream();
    let mut text = Vec::new();
    text.extend(body.next().await.unwrap().unwrap());
    change();
    let rest = async {
        while let Some(bytes) = body.next().await {
            text.extend(bytes.unwrap());
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), rest).await;
    assert!(ended.is_ok(), "the stream goes on");
    let text = String::from_utf8(text).unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("event: "));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn updates_of_a_draft_end_when_it_is_deleted() {
    let site = Site::new().await;
    let mut draft = video(ID, "First");
    draft.state = catalog::VideoState::Draft.into();
    site.world.add_video(draft);
    let told = told_after(&site, || site.world.forget_videos()).await;
    assert_eq!(told, ["video", "gone"]);
}

#[tokio::test]
async fn updates_of_a_video_end_when_it_is_deleted() {
    let site = Site::new().await;
    site.world.add_video(video(ID, "First"));
    let encoding = asset(media::AssetState::Encoding, 0.25);
    site.world.asset.send_replace(encoding.clone());
    let told = told_after(&site, || {
        site.world.forget_videos();
        site.world.asset.send_replace(encoding);
    })
    .await;
    assert_eq!(told, ["video", "gone"]);
}

#[tokio::test]
async fn one_caller_does_not_take_the_places_of_others() {
    let site = Site::with_settings(&[("gateway.event_streams_per_caller_max", "1")]).await;
    site.world.add_video(video(ID, "First"));
    site.world
        .asset
        .send_replace(asset(media::AssetState::Encoding, 0.25));
    let tokens = [(); 2].map(|()| site.token(AccountRole::Viewer));
    let open = |token: Option<&String>| {
        let request = site.request(Method::GET, &events_path());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    };
    let first = open(Some(&tokens[0])).send().await.unwrap();
    assert_eq!(first.status(), 200);
    let refused = site.send(open(Some(&tokens[0]))).await.expect(429);
    assert_eq!(refused.code(), "too_many_own_streams");
    for other in [Some(&tokens[1]), None] {
        assert_eq!(open(other).send().await.unwrap().status(), 200, "{other:?}");
    }
    drop(first);
    eventually("the place to be given back", || async {
        let response = open(Some(&tokens[0])).send().await.unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn open_updates_are_bounded_and_their_places_given_back() {
    let settings = [
        ("gateway.event_streams_max", "1"),
        ("gateway.event_heartbeat_ms", "1000"),
    ];
    let site = Site::with_settings(&settings).await;
    site.world.add_video(video(ID, "First"));
    site.world
        .asset
        .send_replace(asset(media::AssetState::Encoding, 0.25));
    let first = site
        .request(Method::GET, &events_path())
        .send()
        .await
        .unwrap();
    assert_eq!(first.status(), 200);
    let refused = site.get(&events_path()).await.expect(503);
    assert_eq!(refused.code(), "too_many_streams");
    drop(first);
    eventually("the place to be given back", || async {
        let response = site
            .request(Method::GET, &events_path())
            .send()
            .await
            .unwrap();
        (response.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn updates_end_when_the_process_stops() {
    let site = Site::new().await;
    site.world.add_video(video(ID, "First"));
    site.world
        .asset
        .send_replace(asset(media::AssetState::Encoding, 0.25));
    let response = site
        .request(Method::GET, &events_path())
        .send()
        .await
        .unwrap();
    let (text, _) = tokio::join!(response.text(), site.process.stop());
    assert_eq!(events(&text.unwrap()).len(), 1);
}

#[tokio::test]
async fn the_service_map_is_told_live_to_administrators() {
    let site = Site::new().await;
    let path = "/api/v1/observatory/service-map/live?window_s=60";
    let by = |role| {
        site.request(Method::GET, path)
            .bearer_auth(site.token(role))
    };
    site.send(by(AccountRole::Creator)).await.expect(403);
    let answer = site.send(by(AccountRole::Admin)).await.expect(200);
    assert!(
        answer.text().starts_with("event: service-map\n"),
        "{}",
        answer.text()
    );
    let maps = events(&answer.text());
    assert_eq!(maps.len(), 2);
    assert_eq!(maps[0]["window_s"], 60);
    assert_eq!(maps[0]["edges"][0]["error_share"], 0.25);
}
