//! `amphi upload` over lines, platforms and sign-ins that do not last as long as the upload.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use amphi_chassis::testing::{Line, Proxy, free_address};
use serde_json::Value;

use crate::harness::{Actor, Errand, Node, amphi, clips, eventually};

/// So slow that there is time to do something in the middle of a file: 16 KiB at a time.
const SLOW: Line = Line::Delayed(Duration::from_millis(40));

/// A platform that always comes back to the same address, a line to it, and somebody who uploads over that line.
struct Scene {
    data: tempfile::TempDir,
    address: SocketAddr,
    env: Vec<(String, String)>,
    line: Proxy,
    ann: Actor,
    node: Option<Node>,
}

impl Scene {
    async fn set(settings: &[(&str, &str)]) -> Self {
        Self::set_with_roles(&[], settings).await
    }

    async fn set_with_roles(args: &[&str], settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let address = free_address();
        let mut env = vec![
            // What has arrived shows at once.
            setting("MEDIA__UPLOAD_CHECKPOINT_BYTES", "65536"),
        ];
        env.extend(settings.iter().map(|(key, value)| setting(key, value)));
        let node = serve(data.path(), address, args, &env);
        let ann = Actor::anonymous(&format!("http://{address}"))
            .register()
            .await;
        Self {
            line: Proxy::before(address).await,
            data,
            address,
            env,
            ann,
            node: Some(node),
        }
    }

    fn kill(&mut self) {
        self.node.take().unwrap().kill();
    }

    fn start_again(&mut self) {
        self.node = Some(serve(self.data.path(), self.address, &[], &self.env));
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.data.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn upload(&self, file: &Path) -> Command {
        let mut command = amphi();
        command
            .arg("upload")
            .arg(file)
            .args(["--url", &format!("http://{}", self.line.address())])
            .env("AMPHI_EMAIL", self.ann.email.as_ref().unwrap())
            .env("AMPHI_PASSWORD", "correct horse battery")
            .env("XDG_STATE_HOME", self.data.path());
        command
    }

    /// The only video there is, once it is there.
    async fn only_video(&self) -> Option<Value> {
        let page = self.ann.get("/api/v1/videos?owner=me").await.expect(200);
        let page = page.json();
        let videos = page["items"].as_array().unwrap();
        assert!(videos.len() <= 1, "{videos:#?}");
        let id = videos.first()?["id"].as_str().unwrap().to_owned();
        Some(self.ann.video(&id).await)
    }

    /// Waits until a part of the file has arrived.
    async fn is_half_way(&self) {
        eventually("a part of the file", || async {
            let video = self.only_video().await?;
            // It is listed a moment before its upload is.
            if video["state"] == "draft" {
                return None;
            }
            assert_eq!(video["state"], "uploading", "too late: {video:#}");
            (video["upload"]["received_bytes"].as_u64()? > 0).then_some(())
        })
        .await;
    }
}

fn setting(key: &str, value: &str) -> (String, String) {
    (format!("AMPHI_{key}"), value.to_owned())
}

fn serve(data: &Path, address: SocketAddr, args: &[&str], env: &[(String, String)]) -> Node {
    let address = address.to_string();
    let mut all = vec!["--listen", &address, "--internal-listen", "127.0.0.1:0"];
    all.extend(args);
    Node::serve(data, &all, env)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_goes_on_when_the_platform_is_back() {
    let mut scene = Scene::set(&[]).await;
    let file = scene.file("long.mp4", &clips::long());
    scene.line.set(SLOW);
    let mut upload = Errand::start(scene.upload(&file).arg("--no-wait"));
    scene.is_half_way().await;
    scene.kill();
    upload.says("waiting").await;
    scene.line.set(Line::Open);
    scene.start_again();
    let (status, watch_url, stderr) = upload.ended().await;
    assert!(status.success(), "{stderr}");
    assert!(stderr.contains("going on"), "{stderr}");
    let video = scene.only_video().await.unwrap();
    assert!(watch_url.trim().ends_with(video["id"].as_str().unwrap()));
    let size = std::fs::metadata(&file).unwrap().len();
    assert_eq!(video["upload"]["received_bytes"], size);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_is_waited_for_through_a_restart() {
    let without_encoder = "identity,catalog,media,playback,observatory,gateway";
    let mut scene = Scene::set_with_roles(&["--roles", without_encoder], &[]).await;
    let file = scene.file("small.mp4", &clips::small());
    let mut upload = Errand::start(scene.upload(&file).arg("--json"));
    eventually("the file to be there", || async {
        let video = scene.only_video().await?;
        (video["state"] != "uploading").then_some(())
    })
    .await;
    scene.kill();
    scene.start_again();
    let (status, report, stderr) = upload.ended().await;
    assert!(status.success(), "{stderr}");
    assert_eq!(stderr, "", "with --json nothing but errors is said there");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(["viewable", "ready"].contains(&report["state"].as_str().unwrap()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_outlives_its_access_token() {
    let scene = Scene::set(&[
        ("IDENTITY__ACCESS_TOKEN_LIFETIME_S", "1"),
        ("GATEWAY__AUTH_ATTEMPTS_PER_MINUTE", "0"),
        ("MEDIA__UPLOAD_IDLE_TIMEOUT_MS", "120000"),
    ])
    .await;
    let file = scene.file("long.mp4", &clips::long());
    scene.line.set(SLOW);
    let mut upload = Errand::start(scene.upload(&file).arg("--no-wait"));
    let creator = scene.ann.email.clone().unwrap();
    eventually("the upload to begin", || async {
        let fresh = Actor::anonymous(&format!("http://{}", scene.address))
            .login(&creator, "correct horse battery")
            .await;
        let page = fresh.get("/api/v1/videos?owner=me").await.expect(200);
        let page = page.json();
        let id = page["items"][0]["id"].as_str()?.to_owned();
        let video = fresh.video(&id).await;
        (video["upload"]["received_bytes"].as_u64()? > 0).then_some(())
    })
    .await;
    scene.line.set(Line::Silent);
    let younger = Actor::anonymous(&format!("http://{}", scene.address))
        .login(&creator, "correct horse battery")
        .await;
    eventually("a younger token to be refused", || async {
        (younger.get("/api/v1/me").await.status == 401).then_some(())
    })
    .await;
    scene.line.set(Line::Open);
    let (status, _, stderr) = upload.ended().await;
    assert!(status.success(), "{stderr}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_in_is_renewed_when_its_token_is_not_believed_any_more() {
    let mut scene = Scene::set(&[]).await;
    let file = scene.file("long.mp4", &clips::long());
    scene.line.set(SLOW);
    let mut upload = Errand::start(scene.upload(&file).arg("--no-wait"));
    scene.is_half_way().await;
    scene.kill();
    forget_signing_keys(scene.data.path()).await;
    scene.line.set(Line::Open);
    scene.start_again();
    let refused = scene.ann.get("/api/v1/me").await.expect(401);
    assert_eq!(refused.code(), "token_invalid");
    let (status, _, stderr) = upload.ended().await;
    assert!(status.success(), "{stderr}");
}

async fn forget_signing_keys(data: &Path) {
    use sea_orm::ConnectionTrait as _;
    let url = format!("sqlite:{}", data.join("db/identity.sqlite").display());
    let db = sea_orm::Database::connect(url).await.unwrap();
    db.execute_unprepared("DELETE FROM signing_keys")
        .await
        .unwrap();
    db.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_platform_that_stays_away_is_given_up_and_the_next_run_goes_on() {
    let mut scene = Scene::set(&[]).await;
    let file = scene.file("long.mp4", &clips::long());
    scene.line.set(SLOW);
    let mut command = scene.upload(&file);
    let mut upload = Errand::start(command.args(["--no-wait", "--json", "--give-up-after", "1"]));
    scene.is_half_way().await;
    scene.kill();
    let (status, stdout, stderr) = upload.ended().await;
    assert_eq!(status.code(), Some(4), "{stderr}");
    assert_eq!(stdout, "");
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["code"], "unreachable");
    let words = error["error"].as_str().unwrap();
    assert!(words.contains("run the same command again"), "{words}");

    scene.line.set(Line::Open);
    scene.start_again();
    let mut again = Errand::start(scene.upload(&file).arg("--no-wait"));
    let (status, _, stderr) = again.ended().await;
    assert!(status.success(), "{stderr}");
    // One video, not two.
    let video = scene.only_video().await.unwrap();
    assert_ne!(video["state"], "uploading");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_video_is_reported_with_the_reason() {
    let scene = Scene::set(&[]).await;
    let diary = "Dear diary,\ntoday nothing happened.\n".repeat(500_000);
    let mut torn = clips::small();
    let index = torn.windows(4).position(|it| it == b"moov").unwrap();
    torn[index..index + 4].copy_from_slice(b"gone");
    for (name, content) in [("diary.mp4", diary.as_bytes()), ("torn.mp4", &torn)] {
        let file = scene.file(name, content);
        let mut upload = Errand::start(scene.upload(&file).arg("--json"));
        let (status, stdout, stderr) = upload.ended().await;
        assert_eq!(status.code(), Some(3), "{name}: {stderr}");
        assert_eq!(stdout, "");
        let error: Value = serde_json::from_str(&stderr).unwrap();
        assert_eq!(error["code"], "video_failed", "{name}");
        let words = error["error"].as_str().unwrap().to_owned();
        assert!(words.contains("cannot be played: "), "{name}: {words}");
        assert!(!words.contains("again"), "{name}: {words}");

        // Nothing of it is left that a second run could go on with.
        let mut again = Errand::start(&mut scene.upload(&file));
        let (status, _, stderr) = again.ended().await;
        assert_eq!(status.code(), Some(3), "{name}: {stderr}");
        assert!(stderr.starts_with("amphi: "), "{name}: {stderr}");
    }
}

#[tokio::test]
async fn a_platform_that_was_never_there_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("talk.mp4");
    std::fs::write(&file, "x").unwrap();
    let nobody = format!("http://{}", free_address());
    for credentials in [
        [("AMPHI_EMAIL", "ann@example.org"), ("AMPHI_PASSWORD", "x")],
        [("AMPHI_TOKEN", "x"), ("AMPHI_PASSWORD", "x")],
    ] {
        let mut command = amphi();
        command
            .args(["upload", file.to_str().unwrap(), "--url", &nobody])
            .env("XDG_STATE_HOME", folder.path())
            .envs(credentials);
        let (status, _, stderr) = Errand::start(&mut command).ended().await;
        assert_eq!(status.code(), Some(1), "{stderr}");
        let is_explained = stderr.contains("Connection refused") && stderr.contains("running?");
        assert!(is_explained && stderr.contains(&nobody), "{stderr}");
    }
}
