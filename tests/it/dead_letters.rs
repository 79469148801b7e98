//! Events that wait or were given up, as an operator sees and replays them.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Output};

use amphi_chassis::bus;
use amphi_chassis::config::{Config, Sources};
use amphi_chassis::db::{self, Db};
use amphi_chassis::testing::{TestBroker, free_address};
use amphi_chassis::{Role, events};
use amphi_contracts::events::VideoDeleted;
use amphi_contracts::proto::events::v1::Event;
use amphi_contracts::{EventId, VideoId};
use sea_orm::ConnectionTrait as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Node, amphi, eventually, service};

const PORTS: [&str; 4] = [
    "--listen",
    "127.0.0.1:0",
    "--internal-listen",
    "127.0.0.1:0",
];

fn run(data: &Path, env: &[(String, String)], args: &[&str]) -> Output {
    amphi()
        .args(args)
        .args(["--data", data.to_str().unwrap()])
        .envs(env.iter().cloned())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn listed(data: &Path, env: &[(String, String)], more: &[&str]) -> Vec<Value> {
    let args = [&["events", "dead-letters", "--json"], more].concat();
    let report: Value = serde_json::from_str(&said(&run(data, env, &args))).unwrap();
    report["dead_letters"].as_array().unwrap().clone()
}

async fn catalog(data: &Path) -> Db {
    let sources = Sources::default().with_flag("server.data_dir", data.to_str().unwrap());
    let config = Config::load(sources).unwrap();
    let settings: db::Settings = config.section("database").unwrap();
    Db::connect(&settings, Role::Catalog, data).await.unwrap()
}

/// Publishes the deletion of a video, whose two deliveries have been given up.
async fn give_up_a_deletion(db: &Db, video_id: VideoId) {
    let give_up =
        "UPDATE outbox SET attempts = 12, dead_at_us = 1, last_error = 'media: it is on fire'";
    db.write(|txn| {
        Box::pin(async move {
            events::publish(txn, Role::Catalog, &VideoDeleted { video_id }).await?;
            txn.execute_unprepared(give_up).await.map(drop)
        })
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_events_have_waited_for_a_consumer_that_is_away_is_a_metric() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    said(&run(data, &[], &["migrate"]));
    let db = catalog(data).await;
    let video_id = VideoId::generate();
    db.write(|txn| {
        Box::pin(
            async move { events::publish(txn, Role::Catalog, &VideoDeleted { video_id }).await },
        )
    })
    .await
    .unwrap();
    let nowhere = format!("http://{}", free_address());
    let away: Vec<_> = ["media", "playback", "identity"]
        .iter()
        .filter_map(|role| service(role, &nowhere))
        .collect();
    let args = [&["--roles", "catalog"], &PORTS[..]].concat();
    let node = Node::serve(data, &args, &away);
    eventually("the metric", || async {
        let metrics = reqwest::get(format!("{}/metrics", node.internal))
            .await
            .ok()?;
        let metrics = metrics.text().await.ok()?;
        let line = metrics.lines().find(|line| {
            line.starts_with("amphi_events_oldest_wait_seconds{")
                && line.contains("publisher=\"catalog\"")
                && line.contains("consumer=\"media\"")
        })?;
        let seconds: f64 = line.rsplit(' ').next()?.parse().unwrap();
        (seconds > 0.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outbox_has_given_up_is_shown_and_delivered_again() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    assert!(listed(data, &[], &[]).is_empty());
    assert!(!data.join("db").exists(), "looking has made a database");

    said(&run(data, &[], &["migrate"]));
    let db = catalog(data).await;
    let video_id = VideoId::generate();
    give_up_a_deletion(&db, video_id).await;

    let rows = listed(data, &[], &[]);
    let consumers: Vec<&str> = rows
        .iter()
        .map(|it| it["consumer"].as_str().unwrap())
        .collect();
    assert_eq!(consumers, ["media", "playback"]);
    assert_eq!(rows[0]["where"], "catalog outbox");
    assert_eq!(rows[0]["type"], "amphi.catalog.video.deleted.v1");
    assert_eq!(rows[0]["subject"], video_id.to_string());
    assert_eq!(rows[0]["refusals"], 12);
    assert_eq!(rows[0]["error"], "media: it is on fire");
    assert!(listed(data, &[], &["--roles", "media,identity"]).is_empty());
    let table = said(&run(data, &[], &["events", "dead-letters"]));
    for part in [
        "WHERE",
        "catalog outbox",
        "playback",
        "it is on fire",
        "replay --all",
    ] {
        assert!(table.contains(part), "{table}");
    }

    let refused = run(data, &[], &["events", "replay"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(
        error.contains("2 events") && error.contains("--all"),
        "{error}"
    );
    assert_eq!(listed(data, &[], &[]).len(), 2);

    let report = said(&run(data, &[], &["events", "replay", "--all"]));
    assert!(report.contains("catalog outbox: 2 put back"), "{report}");
    assert!(listed(data, &[], &[]).is_empty());
    let _node = Node::serve(data, &PORTS, &[]);
    eventually("both deliveries", || async {
        (events::undelivered(&db).await.unwrap() == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rabbitmq_keeps_of_the_given_up_is_shown_and_put_back() {
    is_shown_and_put_back(TestBroker::rabbitmq()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_keeps_of_the_given_up_is_shown_and_put_back() {
    is_shown_and_put_back(TestBroker::kafka()).await;
}

#[test]
fn without_a_broker_there_is_no_place_to_listen_in() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &[], &["events", "tail"]);
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(error.contains("no place to listen in"), "{error}");
}

/// `amphi events tail` for one event; ended with the value.
struct Tail {
    child: Child,
    folder: TempDir,
}

impl Tail {
    fn start(data: &Path, env: &[(String, String)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name| File::create(folder.path().join(name)).unwrap();
        let child = amphi()
            .args(["events", "tail", "--json", "--count", "1"])
            .args(["--data", data.to_str().unwrap()])
            .envs(env.iter().cloned())
            .stdout(file("out"))
            .stderr(file("err"))
            .spawn()
            .unwrap();
        Self { child, folder }
    }

    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn is_shown_and_put_back(queues: TestBroker) {
    let env: Vec<(String, String)> = [
        ("AMPHI_BUS__KIND", queues.kind()),
        ("AMPHI_BUS__URL", &queues.url()),
        ("AMPHI_BUS__PREFIX", queues.prefix()),
        ("AMPHI_BUS__ATTEMPTS_MAX", "1"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let node = Node::serve(data, &PORTS, &env);
    let poison = Event {
        id: EventId::generate().to_string(),
        source: "/amphi/media".to_owned(),
        r#type: "amphi.media.asset.changed.v1".to_owned(),
        subject: VideoId::generate().to_string(),
        time_us: db::now_us(),
        data: "{}".to_owned(),
        ..Event::default()
    };
    let broker = bus::open(&queues.settings()).await.unwrap().unwrap();
    let subject = poison.subject.clone();
    // tansu, which stands for Kafka, tells a reader without a group of leaders in a form on which librdkafka 2.12 crashes.
    let tail = (queues.kind() != "kafka").then(|| Tail::start(data, &env));
    if let Some(tail) = &tail {
        eventually("the tail to listen", || async {
            tail.said("err").contains("Showing events").then_some(())
        })
        .await;
    }
    broker
        .publisher()
        .deliver(Role::Catalog, vec![poison])
        .await
        .unwrap();
    if let Some(tail) = &tail {
        let tailed = eventually("what the tail shows", || async {
            serde_json::from_str::<Value>(&tail.said("out")).ok()
        })
        .await;
        assert_eq!(tailed["consumer"], "catalog");
        assert_eq!(tailed["event"]["subject"], subject);
    }
    eventually("the dead letter", || async {
        let rows = listed(data, &env, &[]);
        let row = rows.first()?;
        assert_eq!(row["where"], "catalog queue");
        assert_eq!(row["consumer"], "catalog");
        assert_eq!(row["subject"], subject);
        Some(())
    })
    .await;
    assert!(listed(data, &env, &["--roles", "playback"]).is_empty());
    // Nobody consumes it meanwhile.
    node.kill();
    let report = said(&run(data, &env, &["events", "replay", "--all", "--json"]));
    assert!(
        report.contains(r#"{"replayed":1,"where":"catalog queue"}"#),
        "{report}"
    );
    assert!(listed(data, &env, &[]).is_empty());
}
