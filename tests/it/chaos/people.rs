//! People who work meanwhile, and remember what they were told.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::harness::{Actor, Answer, Platform, clips, eventually};

/// A client gives up after that, not knowing what became of its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);
const PASSWORD: &str = "correct horse battery";

/// What was answered in time. Whatever fails is nobody's defect, and is not told as one.
pub async fn within(
    limit: Duration,
    asking: impl Future<Output = reqwest::Result<Answer>>,
) -> Option<Answer> {
    let answer = tokio::time::timeout(limit, asking).await.ok()?.ok()?;
    assert_ne!(answer.status, 500, "{}", answer.text());
    Some(answer)
}

/// Everybody at work, and what each was told.
pub struct Crowd {
    pub ann: Actor,
    /// A video that is ready.
    pub watched: String,
    has_ended: Arc<AtomicBool>,
    creating: JoinHandle<Vec<Series>>,
    watching: JoinHandle<Sessions>,
    registering: JoinHandle<Vec<Registered>>,
}

/// A series that was asked for.
struct Series {
    title: String,
    /// Asked for with a key until there was an answer.
    is_insisted_on: bool,
    /// Absent when there was no answer.
    id: Option<String>,
}

#[derive(Default)]
struct Sessions {
    asked: usize,
    /// Addresses of those that were acknowledged.
    manifests: Vec<String>,
}

pub struct Registered {
    email: String,
    pub is_registered: bool,
}

impl Crowd {
    pub async fn begins(platform: &Platform) -> Self {
        let ann = platform.creator().await;
        let watched = ann.upload("Watched all the time", &clips::tiny()).await;
        ann.wait_for(&watched, &["ready"]).await;
        let has_ended = Arc::new(AtomicBool::new(false));
        let ended = || Arc::clone(&has_ended);
        let newcomer = platform.anonymous();
        Self {
            creating: tokio::spawn(keep_creating(ann.clone(), ended())),
            watching: tokio::spawn(keep_watching(ann.clone(), watched.clone(), ended())),
            registering: tokio::spawn(keep_registering(newcomer, ended())),
            ann,
            watched,
            has_ended,
        }
    }

    /// Everybody ends their work; what they were told must be so.
    pub async fn ends(self, videos: &[(String, String)]) {
        self.has_ended.store(true, Ordering::Relaxed);
        let ann = &self.ann;
        let series = self.creating.await.unwrap();
        let sessions = self.watching.await.unwrap();
        let registered = self.registering.await.unwrap();
        each_video_is_ready_once(ann, videos).await;
        each_series_is_there_once(ann, &series).await;
        for manifest in &sessions.manifests {
            ann.get(manifest).await.expect(200);
        }
        let welcome = registered.iter().filter(|it| it.is_registered).count();
        for newcomer in registered.iter().filter(|it| it.is_registered) {
            ann.clone().login(&newcomer.email, PASSWORD).await;
        }
        let told = series.iter().filter(|it| it.id.is_some()).count();
        assert!(
            told > 0 && welcome > 0 && !sessions.manifests.is_empty(),
            "nothing was acknowledged"
        );
        println!(
            "acknowledged, and there once: {told} of {} series, {} of {} playback sessions, {welcome} of {} accounts, {} uploads",
            series.len(),
            sessions.manifests.len(),
            sessions.asked,
            registered.len(),
            videos.len()
        );
    }
}

async fn each_video_is_ready_once(ann: &Actor, videos: &[(String, String)]) {
    let all = all_of(ann, "/api/v1/videos?owner=me&limit=100").await;
    for (title, id) in videos {
        ann.wait_for(id, &["ready"]).await;
        let of_title = all.iter().filter(|video| video["title"] == *title);
        let ids: Vec<&str> = of_title
            .map(|video| video["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, [id], "{title}");
    }
}

async fn each_series_is_there_once(ann: &Actor, asked: &[Series]) {
    let mut stored: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in all_of(ann, "/api/v1/series?limit=100").await {
        let text = |key: &str| series[key].as_str().unwrap().to_owned();
        stored.entry(text("title")).or_default().push(text("id"));
    }
    for series in asked {
        let title = &series.title;
        let ids = stored.remove(title).unwrap_or_default();
        match &series.id {
            Some(id) => assert_eq!(ids, std::slice::from_ref(id), "{title}"),
            None if series.is_insisted_on => panic!("{title} was never answered"),
            None => assert!(ids.len() <= 1, "{title} twice"),
        }
    }
}

/// Asks for one series after the other: for every other one until there is an answer.
async fn keep_creating(actor: Actor, has_ended: Arc<AtomicBool>) -> Vec<Series> {
    let mut asked = Vec::new();
    while !has_ended.load(Ordering::Relaxed) {
        let title = format!("Drama {}", asked.len());
        let is_insisted_on = asked.len() % 2 == 0;
        let id = if is_insisted_on {
            let asking = || create_series(&actor, &title, Some(&title), REQUEST_TIMEOUT);
            Some(eventually(&format!("{title} to be created"), asking).await)
        } else {
            create_series(&actor, &title, None, REQUEST_TIMEOUT).await
        };
        asked.push(Series {
            title,
            is_insisted_on,
            id,
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    asked
}

pub async fn create_series(
    actor: &Actor,
    title: &str,
    key: Option<&str>,
    limit: Duration,
) -> Option<String> {
    let body = json!({ "kind": "drama", "title": title, "description": "" });
    let mut request = actor.request(Method::POST, "/api/v1/series").json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = within(limit, actor.try_send(request)).await?;
    (answer.status == 201).then(|| answer.json()["id"].as_str().unwrap().to_owned())
}

/// Opens the same video again and again.
async fn keep_watching(actor: Actor, video: String, has_ended: Arc<AtomicBool>) -> Sessions {
    let path = format!("/api/v1/videos/{video}/playback");
    let mut sessions = Sessions::default();
    while !has_ended.load(Ordering::Relaxed) {
        sessions.asked += 1;
        let request = actor.request(Method::POST, &path).json(&json!({}));
        let answer = within(REQUEST_TIMEOUT, actor.try_send(request)).await;
        if let Some(answer) = answer.filter(|it| it.status == 201) {
            let manifest = answer.json()["hls_url"].as_str().unwrap().to_owned();
            sessions.manifests.push(manifest);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    sessions
}

async fn keep_registering(nobody: Actor, has_ended: Arc<AtomicBool>) -> Vec<Registered> {
    let mut registered = Vec::new();
    while !has_ended.load(Ordering::Relaxed) {
        registered.push(register(&nobody, REQUEST_TIMEOUT).await);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    registered
}

/// Opens an account that nobody has.
pub async fn register(actor: &Actor, limit: Duration) -> Registered {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let email = format!("newcomer-{number}@example.org");
    let body = json!({ "email": email, "name": "Newcomer", "password": PASSWORD });
    let request = actor
        .request(Method::POST, "/api/v1/auth/register")
        .json(&body);
    let answer = within(limit, actor.try_send(request)).await;
    Registered {
        is_registered: answer.is_some_and(|answer| answer.status == 201),
        email,
    }
}

/// Uploads a clip as the web app does: tries again, and resumes where the server says.
pub async fn upload_stubbornly(actor: &Actor, title: &str) -> String {
    let bytes = clips::tiny();
    let metadata = [
        ("filename", "clip.mp4"),
        ("title", title),
        ("visibility", "public"),
    ];
    let created = eventually("the upload to be created", || async {
        let request = actor.request_upload(bytes.len() as u64, &metadata);
        let request = request.header("idempotency-key", title);
        let answer = within(REQUEST_TIMEOUT, actor.try_send(request)).await?;
        // What is refused today is refused tomorrow.
        assert!(!answer.status.is_client_error(), "{}", answer.text());
        (answer.status == 201).then_some(answer)
    })
    .await;
    let location = created.header("location").to_owned();
    eventually("the upload to arrive", || async {
        let asking = async { Ok(actor.upload_head(&location).await) };
        let head = within(REQUEST_TIMEOUT, asking).await?;
        let offset = head.headers.get("upload-offset")?;
        let offset: usize = offset.to_str().unwrap().parse().unwrap();
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

/// Every item of a list that is given page by page.
pub async fn all_of(actor: &Actor, path: &str) -> Vec<Value> {
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
