//! Segments that players fetch from elsewhere: by presigned addresses from the bucket, and from a CDN.

mod cloudfront;
mod edge;
mod presigned;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use reqwest::header::LOCATION;
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::harness::{Actor, Errand, Platform, amphi, clips};

/// Somebody who follows no redirect.
struct Stubborn(reqwest::Client);

impl Stubborn {
    fn new() -> Self {
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .timeout(Duration::from_secs(60));
        Self(client.build().unwrap())
    }

    async fn get(&self, url: &str) -> reqwest::Response {
        self.0.get(url).send().await.unwrap()
    }

    /// Where a segment is.
    async fn address_of(&self, url: &str) -> String {
        let answer = self.get(url).await;
        assert_eq!(answer.status(), 302, "{url}");
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        answer.headers()[LOCATION].to_str().unwrap().to_owned()
    }
}

/// A video that is ready, and the addresses of one session's segments.
struct Watched {
    ann: Actor,
    id: String,
    /// Where its segments lie among the blobs.
    folder: String,
    session: Value,
    /// Up to the slash before `master.m3u8`.
    base: String,
}

impl Watched {
    async fn ready_on(platform: &Platform) -> Self {
        let ann = platform.creator().await;
        let id = ann.upload("A clip", &clips::small()).await;
        ann.wait_for(&id, &["ready"]).await;
        Self::again(ann, &id, platform).await
    }

    /// In a new session.
    async fn again(ann: Actor, id: &str, platform: &Platform) -> Self {
        let session = ann.play(id).await;
        let hls = session["hls_url"].as_str().unwrap();
        let url = if hls.starts_with("http") {
            hls.to_owned()
        } else {
            format!("{}{hls}", platform.url())
        };
        Self {
            ann,
            id: id.to_owned(),
            folder: platform.media_folder(id),
            base: url.rsplit_once('/').unwrap().0.to_owned(),
            session,
        }
    }

    fn url(&self, rest: &str) -> String {
        format!("{}/{rest}", self.base)
    }

    /// The names of the renditions, as folders below the manifest.
    async fn renditions(&self) -> Vec<String> {
        let master = self.ann.get(&self.url("master.m3u8")).await.expect(200);
        let text = master.text();
        let mut names: Vec<String> = text
            .split(['\n', '"'])
            .filter_map(|part| part.strip_suffix("/index.m3u8"))
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        assert!(names.len() > 1, "{text}");
        names
    }

    async fn end(&self) {
        let session_id = self.session["session_id"].as_str().unwrap();
        let path = format!("/api/v1/playback-sessions/{session_id}");
        self.ann.delete(&path).await.expect(204);
    }
}

/// What the AWS SDK for Python says.
fn sdk(args: &[&str]) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/aws-clients/python/bin/python");
    assert!(
        python.exists(),
        "{} is missing: run scripts/setup test",
        python.display()
    );
    let mut command = Command::new(std::path::absolute(python).unwrap());
    command
        .arg(root.join("tests/clients/aws/client.py"))
        .args(args)
        .env("AWS_ACCESS_KEY_ID", "amphi")
        .env("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-test")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let output = Errand::run(&mut command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_cannot_be_delivered_is_told_before_the_start() {
    let data = tempfile::tempdir().unwrap();
    let mut command = amphi();
    command
        .args(["serve", "--data", data.path().to_str().unwrap()])
        .args(["--listen", "127.0.0.1:0"])
        .args(["--internal-listen", "127.0.0.1:0"])
        .env("AMPHI_DELIVERY__KIND", "presigned");
    let output = Errand::run(&mut command);
    assert!(!output.status.success());
    let error = String::from_utf8_lossy(&output.stderr);
    for part in ["delivery.kind", "AMPHI_DELIVERY__KIND", "`blobs.kind`"] {
        assert!(error.contains(part), "{error}");
    }
}
