//! `amphi doctor`: what is wrong with this machine and with what the configuration points to, and what to do about it.

use std::path::Path;
use std::process::Command;

use amphi_chassis::testing::{TestAuthority, TestRedis, TestS3, TestTlsFiles, free_address};
use serde_json::Value;

use crate::harness::{Errand, Node, amphi, variable};

fn doctor(data: &Path, args: &[&str]) -> Command {
    let mut command = amphi();
    command
        .args(["doctor", "--json", "--data", data.to_str().unwrap()])
        .args(args)
        .env("AMPHI_SERVER__LISTEN", "127.0.0.1:0")
        .env("AMPHI_SERVER__INTERNAL_LISTEN", "127.0.0.1:0");
    command
}

/// What the doctor has found.
struct Report {
    exit_code: Option<i32>,
    checks: Vec<Value>,
}

impl Report {
    fn of(command: &mut Command) -> Self {
        let output = Errand::run(command);
        let said = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("hunter2"), "{said}");
        let report: Value =
            serde_json::from_str(&said).unwrap_or_else(|wrong| panic!("{wrong}: {error}"));
        Self {
            exit_code: output.status.code(),
            checks: report["checks"].as_array().unwrap().clone(),
        }
    }

    fn names(&self) -> Vec<&str> {
        let names = self.checks.iter().map(|check| check["name"].as_str());
        names.map(Option::unwrap).collect()
    }

    /// Whether a check of this name came to this verdict, and its finding or its cure contains the words.
    fn says(&self, name: &str, verdict: &str, words: &str) -> bool {
        self.checks.iter().any(|check| {
            let holds =
                |key: &str| matches!(check[key].as_str(), Some(text) if text.contains(words));
            check["name"] == name
                && check["verdict"] == verdict
                && (holds("finding") || holds("cure"))
        })
    }

    #[track_caller]
    fn must_say(&self, name: &str, verdict: &str, words: &str) {
        assert!(
            self.says(name, verdict, words),
            "{name}, {verdict}, {words:?} is not in {:#?}",
            self.checks
        );
    }
}

#[test]
fn it_says_what_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let report = Report::of(&mut doctor(folder.path(), &[]));
    assert_eq!(report.exit_code, Some(0), "{:#?}", report.checks);
    for wanted in [
        "ffmpeg", "ports", "disk", "folder", "database", "bus", "blobs", "shared", "mtls", "clock",
    ] {
        assert!(report.names().contains(&wanted), "{:?}", report.names());
    }
    report.must_say("database", "good", "will be made at the first start");
    assert!(!report.names().contains(&"peers"));
}

#[test]
fn people_read_each_finding_with_its_cure_below() {
    let folder = tempfile::tempdir().unwrap();
    let output = amphi()
        .args(["doctor", "--data", folder.path().to_str().unwrap()])
        .env("PATH", "/nonexistent")
        .env("AMPHI_SERVER__LISTEN", "127.0.0.1:0")
        .env("AMPHI_SERVER__INTERNAL_LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stdout).unwrap();
    let at = said.find("✗ ffmpeg").unwrap_or_else(|| panic!("{said}"));
    let cure = said[at..].lines().nth(1).unwrap();
    assert!(cure.contains("→ install ffmpeg 5.1 or newer"), "{said}");
    assert!(cure.contains("apt-get install ffmpeg"), "{said}");
    assert!(said.contains("✓ clock"), "{said}");
}

#[test]
fn it_tries_the_programs_that_the_roles_are_told_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doctor(folder.path(), &[]);
    let report = Report::of(command.env("AMPHI_ENCODER__FFMPEG", "/opt/nowhere/ffmpeg"));
    assert_eq!(report.exit_code, Some(3));
    report.must_say("ffmpeg", "bad", "/opt/nowhere/ffmpeg does not run");
    report.must_say("ffmpeg", "bad", "`encoder.ffmpeg`");
    report.must_say("ffmpeg", "good", "for media");

    let mut command = doctor(folder.path(), &["--roles", "gateway,registry"]);
    let report = Report::of(command.env("PATH", "/nonexistent"));
    assert_eq!(report.exit_code, Some(0), "{:#?}", report.checks);
    for other in ["ffmpeg", "folder", "database"] {
        assert!(!report.names().contains(&other), "{:?}", report.names());
    }
}

#[test]
fn roles_that_are_called_and_nowhere_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = doctor(folder.path(), &["--roles", "gateway,catalog"]);
    let report = Report::of(command.env("AMPHI_CLUSTER__SERVICES__MEDIA", "http://127.0.0.1:9"));
    let finding = "identity, playback, observatory are neither among these roles nor in";
    report.must_say("peers", "warning", finding);
    report.must_say("peers", "warning", "cluster.services.identity = ");
    assert_eq!(report.exit_code, Some(0), "{:#?}", report.checks);
}

#[test]
fn processes_of_other_roles_are_asked_where_they_are_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let args = [
        "--roles",
        "observatory,registry",
        "--internal-listen",
        "127.0.0.1:0",
    ];
    let secret = [("AMPHI_CLUSTER__SECRET".to_owned(), "x".repeat(40))];
    let node = Node::serve(&folder.path().join("a"), &args, &secret);
    let (nobody, by_name) = (
        format!("http://{}", free_address()),
        node.internal
            .replace("http://127.0.0.1", "dns+http://localhost"),
    );
    let registry = node.internal.replace("http://", "eureka+http://") + "/eureka";
    let mut command = doctor(&folder.path().join("b"), &["--roles", "gateway"]);
    let report = Report::of(
        command
            .env("AMPHI_CLUSTER__SERVICES__OBSERVATORY", &node.internal)
            .env("AMPHI_CLUSTER__SERVICES__CATALOG", &registry)
            .env("AMPHI_CLUSTER__SERVICES__MEDIA", &registry)
            .env("AMPHI_CLUSTER__SERVICES__PLAYBACK", by_name)
            .env("AMPHI_CLUSTER__SERVICES__IDENTITY", &nobody),
    );
    let answers = format!("observatory: {} answers", node.internal);
    report.must_say("peers", "good", &answers);
    report.must_say("peers", "good", "catalog, media: the registry http://");
    report.must_say("peers", "good", "playback: http://127.0.0.1:");
    report.must_say(
        "peers",
        "warning",
        &format!("identity: {nobody} does not answer"),
    );
    report.must_say("peers", "warning", "`cluster.services.identity`");
    assert_eq!(report.exit_code, Some(0), "{:#?}", report.checks);
}

#[test]
fn a_public_port_is_no_place_of_a_role() {
    let folder = tempfile::tempdir().unwrap();
    let anywhere = "127.0.0.1:0";
    let args = [
        "--roles",
        "gateway",
        "--listen",
        anywhere,
        "--internal-listen",
        anywhere,
    ];
    let node = Node::serve(&folder.path().join("a"), &args, &[]);
    let public = node.http.clone().unwrap();
    let mut command = doctor(&folder.path().join("b"), &["--roles", "gateway"]);
    let report = Report::of(command.env("AMPHI_CLUSTER__SERVICES__CATALOG", &public));
    let finding = format!("catalog: {public} answers");
    report.must_say("peers", "warning", &finding);
    report.must_say("peers", "warning", "not as an internal port of Amphi does");
}

#[test]
fn a_process_that_would_not_believe_our_certificate_is_told() {
    let (ours, theirs) = (TestAuthority::new("ours"), TestAuthority::new("theirs"));
    let folder = tempfile::tempdir().unwrap();
    let settings = |files: &TestTlsFiles| -> Vec<(String, String)> {
        let settings = files.settings().into_iter();
        settings
            .map(|(key, value)| (variable(key), value))
            .collect()
    };
    let of = |authority: &TestAuthority| TestTlsFiles::new(&[authority], &authority.certificate());
    let (at_ours, at_theirs) = (of(&ours), of(&theirs));
    let args = ["--roles", "observatory", "--internal-listen", "127.0.0.1:0"];
    let node = Node::serve(&folder.path().join("a"), &args, &settings(&at_ours));
    let report = |files: &TestTlsFiles| {
        let mut command = doctor(&folder.path().join("b"), &["--roles", "gateway"]);
        command.env("AMPHI_CLUSTER__SERVICES__OBSERVATORY", &node.internal);
        Report::of(command.envs(settings(files)))
    };
    let answers = format!("observatory: {} answers", node.internal);
    report(&at_ours).must_say("peers", "good", &answers);
    let strange = report(&at_theirs);
    strange.must_say("mtls", "good", "the certificate is good until");
    let silent = format!("observatory: {} does not answer", node.internal);
    strange.must_say("peers", "warning", &silent);
}

#[test]
fn it_tries_the_bucket_and_names_the_setting_that_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let s3 = TestS3::start();
    let report = |further: &[(&str, &str)]| {
        let mut command = doctor(folder.path(), &[]);
        Report::of(command.envs(s3.variables()).envs(further.iter().copied()))
    };
    let well = report(&[]);
    assert_eq!(well.exit_code, Some(0), "{:#?}", well.checks);
    well.must_say("blobs", "good", "can be listed, written, read");
    assert!(s3.objects().is_empty());
    let wrong = report(&[("AMPHI_BLOBS__S3__ACCESS_KEY_SECRET", "hunter2")]);
    assert_eq!(wrong.exit_code, Some(3));
    wrong.must_say("blobs", "bad", "`blobs.s3.access_key_secret`");
}

#[test]
fn it_says_why_redis_cannot_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = format!("redis://nobody:hunter2@{}", TestRedis::create().address());
    let nowhere = format!("redis://u:hunter2@{}", free_address());
    for (url, finding) in [
        (nobody, "Check user, password"),
        (nowhere, "no answer from the Redis"),
    ] {
        let report = Report::of(doctor(folder.path(), &[]).env("AMPHI_SHARED__URL", url));
        assert_eq!(report.exit_code, Some(3));
        report.must_say("shared", "bad", finding);
    }
}
