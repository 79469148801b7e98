//! Lines to the engines that fail while people work: nothing is lost, nothing doubled, nothing stuck.
//!
//! `bench/chaos` runs the same for longer, and reports how long it takes until all is well again.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use amphi_chassis::testing::{Engine, Line, Proxy, TestBroker, TestDatabases};
use serde_json::{Value, json};

use crate::harness::{Actor, Answer, Ground, Platform, clips, eventually};

/// How often each fault comes; once unless said.
const ROUNDS: &str = "AMPHI_CHAOS_ROUNDS";
/// How long a line fails. Longer than the platform's patience with a single call to an engine.
const FAULT: Duration = Duration::from_secs(6);
/// A client gives up after that, not knowing what became of its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy)]
enum Fault {
    Cut,
    Delayed,
    Silent,
    Refused,
}

impl Fault {
    const ALL: [Self; 4] = [Self::Cut, Self::Delayed, Self::Silent, Self::Refused];

    fn begin(self, line: &Proxy) {
        match self {
            Self::Cut => line.cut(),
            Self::Delayed => line.set(Line::Delayed(Duration::from_millis(300))),
            Self::Silent => line.set(Line::Silent),
            Self::Refused => line.set(Line::Refused),
        }
    }
}

/// An engine with a line before it that can fail.
async fn line_before(url: &str) -> (Proxy, String) {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap();
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, server)) => (format!("{user}@"), server),
        None => (String::new(), authority),
    };
    let server: SocketAddr = server.parse().unwrap();
    let line = Proxy::before(server).await;
    let url = format!("{scheme}://{user}{}/{path}", line.address());
    (line, url)
}

async fn within(
    limit: Duration,
    asking: impl Future<Output = reqwest::Result<Answer>>,
) -> Option<Answer> {
    tokio::time::timeout(limit, asking).await.ok()?.ok()
}

async fn create_series(actor: &Actor, title: &str, limit: Duration) -> Option<String> {
    let body = json!({ "kind": "drama", "title": title, "description": "" });
    let request = actor
        .request(reqwest::Method::POST, "/api/v1/series")
        .json(&body);
    let answer = within(limit, actor.try_send(request)).await?;
    let is_made = answer.status.as_u16() == 201;
    is_made.then(|| answer.json()["id"].as_str().unwrap().to_owned())
}

/// What a client knows of the series it asked for: the id of those that were acknowledged.
type Asked = BTreeMap<String, Option<String>>;

/// Asks for one series after the other until told to stop.
async fn keep_creating(actor: Actor, has_ended: Arc<AtomicBool>) -> Asked {
    let mut asked = Asked::new();
    while !has_ended.load(Ordering::Relaxed) {
        let title = format!("Drama {}", asked.len());
        let made = create_series(&actor, &title, REQUEST_TIMEOUT).await;
        asked.insert(title, made);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    asked
}

/// Uploads as the web app does: tries again, and resumes where the server says.
async fn upload_stubbornly(actor: &Actor, title: &str, bytes: &[u8]) -> String {
    let metadata = [
        ("filename", "clip.mp4"),
        ("title", title),
        ("visibility", "public"),
    ];
    let created = eventually("the upload to be created", || async {
        let creating = async { Ok(actor.create_upload(bytes.len() as u64, &metadata).await) };
        let answer = within(REQUEST_TIMEOUT, creating).await?;
        (answer.status.as_u16() == 201).then_some(answer)
    })
    .await;
    let location = created.header("location").to_owned();
    eventually("the upload to arrive", || async {
        let asking = async { Ok(actor.upload_head(&location).await) };
        let head = within(REQUEST_TIMEOUT, asking).await?;
        let offset: usize = head
            .headers
            .get("upload-offset")?
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        if offset < bytes.len() {
            let sending = async {
                let rest = &bytes[offset..];
                Ok(actor.patch_upload(&location, offset as u64, rest).await)
            };
            within(REQUEST_TIMEOUT, sending).await;
            return None;
        }
        Some(())
    })
    .await;
    created.header("amphi-video-id").to_owned()
}

async fn all_of(actor: &Actor, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next = path.to_owned();
    loop {
        let page = actor.get(&next).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else {
            return found;
        };
        next = format!("{path}&cursor={cursor}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_to_the_engines_fail_and_nothing_is_lost_doubled_or_stuck() {
    let rounds: usize = std::env::var(ROUNDS).map_or(1, |rounds| rounds.parse().unwrap());
    let databases = TestDatabases::create(Engine::Postgres);
    let queues = TestBroker::rabbitmq();
    let (database_line, database_url) = line_before(&databases.url()).await;
    let (broker_line, broker_url) = line_before(&queues.url()).await;
    let mut platform = Platform::start_with(
        Ground::roles_apart(),
        &[
            ("DATABASE__URL", &database_url),
            ("DATABASE__STATEMENT_TIMEOUT_MS", "3000"),
            ("BUS__KIND", "rabbitmq"),
            ("BUS__URL", &broker_url),
            ("BUS__PREFIX", queues.prefix()),
        ],
    );
    let ann = platform.creator().await;
    let has_ended = Arc::new(AtomicBool::new(false));
    let creating = tokio::spawn(keep_creating(ann.clone(), Arc::clone(&has_ended)));
    let mut videos = Vec::new();

    for round in 0..rounds {
        for fault in Fault::ALL {
            for (engine, line) in [("database", &database_line), ("broker", &broker_line)] {
                fault.begin(line);
                let began = Instant::now();
                let title = format!("{fault:?} {engine} {round}");
                let uploading = async {
                    let (ann, title) = (ann.clone(), title.clone());
                    let id = upload_stubbornly(&ann, &title, &clips::small()).await;
                    (title, id)
                };
                let mending = async {
                    tokio::time::sleep(FAULT).await;
                    line.set(Line::Open);
                    let mended = Instant::now();
                    let title = format!("After {title}");
                    eventually("the platform to be well again", || async {
                        create_series(&ann, &title, PROBE_TIMEOUT).await
                    })
                    .await;
                    mended.elapsed()
                };
                let (video, until_well) = tokio::join!(uploading, mending);
                videos.push(video);
                println!(
                    "{engine} {fault:?}: well again {} ms after the line, uploaded after {} ms",
                    until_well.as_millis(),
                    began.elapsed().as_millis()
                );
            }
        }
    }

    has_ended.store(true, Ordering::Relaxed);
    let asked = creating.await.unwrap();
    for (title, id) in &videos {
        ann.wait_for(id, &["ready"]).await;
        let video = ann.video(id).await;
        assert_eq!(video["title"], *title);
    }

    let mut stored: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in all_of(&ann, "/api/v1/series?limit=100").await {
        let (title, id) = (&series["title"], &series["id"]);
        let ids = stored
            .entry(title.as_str().unwrap().to_owned())
            .or_default();
        ids.push(id.as_str().unwrap().to_owned());
    }
    let acknowledged = asked
        .iter()
        .filter_map(|(title, id)| Some((title, id.as_ref()?)));
    let mut kept = 0;
    for (title, id) in acknowledged {
        assert_eq!(stored.get(title), Some(&vec![id.clone()]), "{title}");
        kept += 1;
    }
    assert!(kept > 0, "nothing was acknowledged");
    for title in asked.keys() {
        assert!(
            stored.get(title).is_none_or(|ids| ids.len() == 1),
            "{title} twice"
        );
    }
    println!(
        "{kept} of {} series were acknowledged; all of them are there, once",
        asked.len()
    );

    // What was created without an answer is there, too, and goes like the rest.
    for video in all_of(&ann, "/api/v1/videos?owner=me&limit=100").await {
        let path = format!("/api/v1/videos/{}", video["id"].as_str().unwrap());
        ann.delete(&path).await.expect(204);
    }
    eventually("every event to arrive, and the blobs to go", || async {
        platform.blobs().is_empty().then_some(())
    })
    .await;
    assert!(platform.stop(), "every process ends in peace");
}
