//! The database held against the blobs, as an operator does it.

use std::path::Path;
use std::time::{Duration, SystemTime};

use amphi_chassis::testing::{Line, Proxy, TestS3};
use serde_json::Value;

use crate::harness::{Actor, Ground, Platform, clips};

const DAY: Duration = Duration::from_secs(86_400);

/// A platform with a video that is ready, and an upload that goes on.
struct Stocked {
    platform: Platform,
    ann: Actor,
    id: String,
    /// Where the upload goes on, and the bytes that have come.
    location: String,
    received: usize,
}

impl Stocked {
    async fn on(ground: Ground) -> Self {
        // The sweep would be faster.
        let platform = Platform::start_with(ground, &[("MEDIA__SWEEP_INTERVAL_S", "86400")]);
        let ann = platform.creator().await;
        let id = ann.upload("A clip", &clips::small()).await;
        ann.wait_for(&id, &["ready"]).await;
        let clip = clips::small();
        let metadata = [("filename", "clip.mp4")];
        let created = ann.create_upload(clip.len() as u64, &metadata).await;
        let location = created.expect(201).header("location").to_owned();
        // And one that was begun, and has brought nothing.
        ann.create_upload(1_000, &metadata).await.expect(201);
        let received = clip.len() / 2;
        ann.patch_upload(&location, 0, &clip[..received])
            .await
            .expect(204);
        Self {
            platform,
            ann,
            id,
            location,
            received,
        }
    }

    /// The report, and the exit code.
    fn blobs(&self, args: &[&str]) -> (Value, i32) {
        let output = self
            .platform
            .command(&[&["blobs"], args, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout);
        let report = report.unwrap_or_else(|wrong| panic!("{args:?}: {wrong}: {error}"));
        (report, output.status.code().unwrap())
    }

    fn segment(&self) -> String {
        let name = |key: String| key.strip_prefix("it/blobs/").unwrap_or(&key).to_owned();
        let mut keys = self.platform.blobs().into_iter().map(name);
        keys.find(|key| key.starts_with("media/") && key.ends_with("/0.m4s"))
            .unwrap()
    }

    /// The upload ends as if nothing had been looked at.
    async fn finish_upload(&self) {
        let clip = clips::small();
        let rest = &clip[self.received..];
        let sent = self
            .ann
            .patch_upload(&self.location, self.received as u64, rest);
        sent.await.expect(204);
    }
}

fn make_old(file: &Path, by: Duration) {
    let file = std::fs::File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::now() - by).unwrap();
}

async fn what_is_missing_or_cut_short_is_found(ground: Ground) {
    let stocked = Stocked::on(ground).await;
    let (sound, code) = stocked.blobs(&["verify"]);
    assert_eq!((code, &sound["faults_count"]), (0, &0.into()), "{sound:#}");
    assert!(sound["blobs"].as_u64().unwrap() > 5, "{sound:#}");

    let segment = stocked.segment();
    let file = stocked.platform.blob_file(&segment);
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..100]).unwrap();
    let (short, code) = stocked.blobs(&["verify"]);
    assert_eq!(code, 3);
    let expected = serde_json::json!([{
        "video_id": stocked.id,
        "key": segment,
        "wrong": "length",
        "expected_bytes": whole.len(),
        "found_bytes": 100,
    }]);
    assert_eq!(short["faults"], expected);

    std::fs::remove_file(&file).unwrap();
    let (gone, code) = stocked.blobs(&["verify"]);
    assert_eq!(code, 3);
    let expected = serde_json::json!([{
        "video_id": stocked.id,
        "key": segment,
        "wrong": "missing",
    }]);
    assert_eq!(gone["faults"], expected);
    let said = stocked.platform.command(&["blobs", "verify"]);
    let said = String::from_utf8(said.stdout).unwrap();
    let line = format!("{}  {segment}: missing", stocked.id);
    assert!(said.contains(&line) && said.contains("1 wrong"), "{said}");
    std::fs::write(&file, whole).unwrap();
    stocked.finish_upload().await;
}

async fn what_nobody_needs_is_shown_and_goes_when_told_to(ground: Ground) {
    let stocked = Stocked::on(ground).await;
    let segment = stocked.segment();
    let orphan = segment.replace("/0.m4s", "/9000.m4s");
    let of_nobody = segment.replace(&stocked.id, &uuid::Uuid::now_v7().to_string());
    let upload_id = segment.split('/').nth(2).unwrap();
    let of_another_upload = segment.replace(upload_id, &uuid::Uuid::now_v7().to_string());
    let long_ago = "0190f0f0-0000-7000-8000-000000000000";
    let of_another_database = segment
        .replace(&stocked.id, long_ago)
        .replace(upload_id, long_ago);
    let young = segment.replace("/0.m4s", "/9001.m4s");
    for key in [
        &orphan,
        &of_nobody,
        &of_another_upload,
        &of_another_database,
        &young,
    ] {
        let file = stocked.platform.blob_file(key);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, b"orphan").unwrap();
        make_old(&file, if *key == young { Duration::ZERO } else { DAY });
    }
    // As old as the orphans, and needed.
    make_old(&stocked.platform.blob_file(&segment), DAY);
    let before = stocked.platform.blobs();

    let (dry, code) = stocked.blobs(&["gc"]);
    assert_eq!(code, 0);
    let listed = |report: &Value| -> Vec<String> {
        let orphans = report["orphans"].as_array().unwrap().iter();
        let mut keys: Vec<String> = orphans
            .map(|it| it["key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    let mut expected = vec![orphan.clone(), of_nobody.clone(), of_another_upload.clone()];
    expected.sort();
    assert_eq!(listed(&dry), expected, "{dry:#}");
    assert_eq!(
        (&dry["orphans_bytes"], &dry["deleted"]),
        (&18.into(), &false.into())
    );
    assert_eq!(dry["older_than_database"], 1, "{dry:#}");
    assert_eq!(stocked.platform.blobs(), before, "a dry run took something");

    let (wet, code) = stocked.blobs(&["gc", "--delete"]);
    assert_eq!(code, 0);
    assert_eq!(listed(&wet), expected, "{wet:#}");
    for (key, is_there) in [
        (&orphan, false),
        (&of_nobody, false),
        (&of_another_upload, false),
        (&of_another_database, true),
        (&young, true),
        (&segment, true),
    ] {
        assert_eq!(stocked.platform.blob_file(key).exists(), is_there, "{key}");
    }
    let (again, _) = stocked.blobs(&["gc", "--delete"]);
    assert_eq!(again["orphans_count"], 0, "{again:#}");
    assert_eq!(stocked.blobs(&["verify"]).1, 0);
    stocked.finish_upload().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_on_disk_is_found() {
    what_is_missing_or_cut_short_is_found(Ground::one_process()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_in_a_bucket_is_found() {
    what_is_missing_or_cut_short_is_found(Ground::one_process().with_s3()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_on_disk_are_collected() {
    what_nobody_needs_is_shown_and_goes_when_told_to(Ground::one_process()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orphans_in_a_bucket_are_collected() {
    what_nobody_needs_is_shown_and_goes_when_told_to(Ground::one_process().with_s3()).await;
}

#[test]
fn nothing_is_looked_for_where_there_is_no_platform() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("elsewhere");
    let mut command = crate::harness::amphi();
    let output = command
        .args(["blobs", "gc", "--data", data.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("there is no platform here"), "{error}");
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_begun_while_the_store_is_away_is_begun_once_and_goes_on_when_it_is_back() {
    let s3 = TestS3::start();
    let line = Proxy::before(s3.address()).await;
    let variables = s3.variables_by(line.address());
    let settings: Vec<(&str, &str)> = variables
        .iter()
        .map(|(key, value)| (key.trim_start_matches("AMPHI_"), value.as_str()))
        .collect();
    let platform = Platform::start_with(Ground::one_process(), &settings);
    let ann = platform.creator().await;
    let clip = clips::tiny();
    let metadata = [("filename", "clip.mp4")];

    line.set(Line::Refused);
    let created = ann.create_upload(clip.len() as u64, &metadata).await;
    let created = created.expect(201);
    let with_bytes = ann.create_upload_with(&clip, &metadata).await.expect(201);
    assert_eq!(with_bytes.header("upload-offset"), "0");
    let location = created.header("location");
    ann.patch_upload(location, 0, &clip).await.expect(503);

    line.set(Line::Open);
    for created in [created, with_bytes] {
        let location = created.header("location");
        ann.patch_upload(location, 0, &clip).await.expect(204);
        ann.wait_for(created.header("amphi-video-id"), &["ready"])
            .await;
    }
    drop(platform);
}
