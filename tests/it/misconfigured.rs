//! What a process is pointed at and cannot use: it says what is wrong at once, and `amphi doctor` finds it beforehand.

use std::net::TcpListener;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant, SystemTime};

use amphi_chassis::testing::{Engine, TestAuthority, TestBroker, TestDatabases, TestTlsFiles};

use crate::harness::{Errand, amphi, variable};

/// By then a wrong configuration has been told. Alone on a machine it is told within 5 s; here, others encode meanwhile.
const SAID_WITHIN: Duration = Duration::from_secs(20);

struct Wrong {
    setting: &'static str,
    value: String,
    /// What is said of it.
    words: Vec<String>,
}

impl Wrong {
    fn new(setting: &'static str, value: String, words: &[&str]) -> Self {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        Self {
            setting,
            value,
            words,
        }
    }

    /// Runs a command that must find it; returns how it ended, and what it said.
    async fn run(&self, args: &[&str]) -> (ExitStatus, String) {
        let folder = tempfile::tempdir().unwrap();
        let mut command: Command = amphi();
        command
            .args(args)
            .args(["--data", folder.path().to_str().unwrap()])
            .env("AMPHI_SERVER__LISTEN", "127.0.0.1:0")
            .env("AMPHI_SERVER__INTERNAL_LISTEN", "127.0.0.1:0")
            .env(self.setting, &self.value);
        if self.setting.starts_with("AMPHI_BUS") {
            let kind = match self.value.starts_with("kafka") {
                true => "kafka",
                false => "rabbitmq",
            };
            command.env("AMPHI_BUS__KIND", kind);
        }
        // One that starts in spite of it is ended, and fails the test by what it has not said.
        let (status, stdout, stderr) = Errand::start(&mut command).ended().await;
        (status, stdout + &stderr)
    }

    fn is_told(&self, (status, said): &(ExitStatus, String)) {
        let what = format!("{}={}: {said}", self.setting, self.value);
        assert!(!status.success(), "{what}");
        for word in &self.words {
            assert!(
                said.contains(word.as_str()),
                "`{word}` is not said of {what}"
            );
        }
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// An address where nobody listens.
fn nowhere() -> String {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

fn place_of(url: &str) -> &str {
    url.rsplit_once('@').unwrap().1
}

fn wrong_configurations() -> Vec<Wrong> {
    let postgres = TestDatabases::create(Engine::Postgres).url();
    let mysql = TestDatabases::create(Engine::MySql).url();
    let broker = TestBroker::rabbitmq().url();
    let nowhere = nowhere();
    let database = "AMPHI_DATABASE__URL";
    let bus = "AMPHI_BUS__URL";
    vec![
        Wrong::new(
            database,
            format!("postgres://u:hunter2@{nowhere}/amphi_{{service}}"),
            &["no answer", &nowhere],
        ),
        Wrong::new(
            database,
            format!("mysql://u:hunter2@{nowhere}/amphi_{{service}}"),
            &["no answer", &nowhere],
        ),
        Wrong::new(
            database,
            format!("postgres://nobody_here:hunter2@{}", place_of(&postgres)),
            &["refuses the user `nobody_here`"],
        ),
        Wrong::new(
            database,
            format!("mysql://root:hunter2@{}", place_of(&mysql)),
            &["refuses the user `root`"],
        ),
        Wrong::new(
            "AMPHI_BLOBS__DIR",
            "/proc/amphi/blobs".to_owned(),
            &["/proc", "blobs.dir"],
        ),
        Wrong::new(
            bus,
            format!("amqp://u:hunter2@{nowhere}"),
            &["no answer from the broker", &nowhere],
        ),
        Wrong::new(
            bus,
            format!("amqp://guest:hunter2@{}", place_of(&broker)),
            &["refuses the connection", "Check user, password"],
        ),
        Wrong::new(
            bus,
            format!("{}/nowhere", broker.rsplit_once('/').unwrap().0),
            &["virtual host"],
        ),
        Wrong::new(
            bus,
            format!("kafka://u:hunter2@{nowhere}"),
            &["no answer from the broker", &nowhere],
        ),
    ]
}

#[tokio::test]
async fn a_process_that_cannot_use_its_engines_says_why_at_once() {
    for wrong in wrong_configurations() {
        let started = Instant::now();
        let output = wrong.run(&["serve"]).await;
        let took = started.elapsed();
        println!("{} told after {} ms", wrong.setting, took.as_millis());
        wrong.is_told(&output);
        assert!(took < SAID_WITHIN, "{} said after {took:?}", wrong.value);
    }
}

#[tokio::test]
async fn the_doctor_finds_engines_that_cannot_be_used() {
    for wrong in wrong_configurations() {
        let output = wrong.run(&["doctor"]).await;
        wrong.is_told(&output);
    }
}

/// Files of internal TLS that cannot be used, and what is said of them.
fn wrong_certificates() -> Vec<(TestTlsFiles, &'static str)> {
    let (ours, theirs) = (TestAuthority::new("ours"), TestAuthority::new("theirs"));
    let of = |certificate| TestTlsFiles::new(&[&ours], &certificate);
    let day = Duration::from_secs(86_400);
    let missing = of(ours.certificate());
    std::fs::remove_file(missing.folder().join("certificate.pem")).unwrap();
    let mixed = of(ours.certificate());
    mixed.put("key.pem", &ours.certificate().key);
    let empty = of(ours.certificate());
    empty.put("ca.pem", "hunter2");
    vec![
        (missing, "certificate.pem cannot be read: No such file"),
        (mixed, "put the two in place that were made together"),
        (empty, "ca.pem holds no certificate in PEM form"),
        (
            of(ours.certificate_for("amphi.internal", SystemTime::now() - day)),
            "it expired at 20",
        ),
        (
            of(theirs.certificate()),
            "not signed by an authority in internal_tls.ca",
        ),
        (
            of(ours.certificate_for("shop.example.org", SystemTime::now() + day)),
            "does not bear the name of internal_tls.name",
        ),
    ]
}

#[test]
fn a_certificate_that_others_would_refuse_is_told_before_and_at_the_start() {
    for (files, words) in wrong_certificates() {
        for args in [&["serve"][..], &["doctor"], &["config", "check"]] {
            let folder = tempfile::tempdir().unwrap();
            let mut command: Command = amphi();
            command
                .args(args)
                .args(["--data", folder.path().to_str().unwrap()])
                .env("AMPHI_SERVER__LISTEN", "127.0.0.1:0")
                .env("AMPHI_SERVER__INTERNAL_LISTEN", "127.0.0.1:0");
            for (key, value) in files.settings() {
                command.env(variable(key), value);
            }
            let started = Instant::now();
            let output = Errand::run(&mut command);
            let said = [&output.stdout[..], &output.stderr[..]].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(!output.status.success(), "{args:?}: {said}");
            assert!(
                said.contains(words),
                "{args:?} does not say `{words}`: {said}"
            );
            assert!(said.contains("internal_tls."), "{args:?}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
            assert!(started.elapsed() < SAID_WITHIN, "{args:?}: {words}");
        }
    }
}
