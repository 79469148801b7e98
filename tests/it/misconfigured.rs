//! What a process is pointed at and cannot use: it says what is wrong at once, and `amphi doctor` finds it beforehand.

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use amphi_chassis::testing::{Engine, TestBroker, TestDatabases};

use crate::harness::{amphi, bounded};

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

    /// Runs a command that must find it.
    fn run(&self, args: &[&str]) -> Output {
        let folder = tempfile::tempdir().unwrap();
        let mut command: Command = amphi();
        command
            .args(args)
            .args(["--data", folder.path().to_str().unwrap()])
            .env("AMPHI_SERVER__LISTEN", "127.0.0.1:0")
            .env("AMPHI_SERVER__INTERNAL_LISTEN", "127.0.0.1:0")
            .env(self.setting, &self.value);
        if self.setting.starts_with("AMPHI_BUS") {
            command.env("AMPHI_BUS__KIND", "rabbitmq");
        }
        // One that starts in spite of it is ended, and fails the test by what it has not said.
        bounded(&mut command)
    }

    fn is_told(&self, output: &Output) {
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said);
        let what = format!("{}={}: {said}", self.setting, self.value);
        assert!(!output.status.success(), "{what}");
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
    ]
}

#[test]
fn a_process_that_cannot_use_its_engines_says_why_at_once() {
    for wrong in wrong_configurations() {
        let started = Instant::now();
        let output = wrong.run(&["serve"]);
        let took = started.elapsed();
        println!("{} told after {} ms", wrong.setting, took.as_millis());
        wrong.is_told(&output);
        assert!(took < SAID_WITHIN, "{} said after {took:?}", wrong.value);
    }
}

#[test]
fn the_doctor_finds_engines_that_cannot_be_used() {
    for wrong in wrong_configurations() {
        let output = wrong.run(&["doctor"]);
        wrong.is_told(&output);
    }
}
