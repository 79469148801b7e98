//! Events by way of a broker: whatever it or the line to it does, each is consumed once and in order.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_chassis::bus::{self, Broker, Kind, Settings};
use amphi_chassis::events::Relay;
use amphi_chassis::testing::{Engine, Line, Proxy, TestBroker, TestDatabases, eventually};
use amphi_chassis::{Role, Secret};
use amphi_contracts::VideoId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::event_harness::{House, quick};

/// A publisher and a consumer with a broker between them, reached over a line that can fail.
struct Route {
    house: House,
    settings: Settings,
    line: Proxy,
    broker: Arc<dyn Broker>,
    shutdown: CancellationToken,
    relay: JoinHandle<()>,
    // Dropped after those who use them.
    _queues: TestBroker,
    _databases: TestDatabases,
}

impl Route {
    async fn open() -> Self {
        let databases = TestDatabases::create(Engine::Sqlite);
        let queues = TestBroker::rabbitmq();
        let mut settings = queues.settings();
        let url = settings.url.expose().clone();
        let (credentials, place) = url.rsplit_once('@').unwrap();
        let (server, vhost) = place.split_once('/').unwrap();
        let line = Proxy::before(server.parse().unwrap()).await;
        settings.url = Secret::new(format!("{credentials}@{}/{vhost}", line.address()));
        let broker = bus::open(&settings).await.unwrap().unwrap();
        let house = House::new(&databases).await;
        let shutdown = CancellationToken::new();
        let relay = Relay::with_options(house.publisher.clone(), broker.publisher(), quick());
        Self {
            relay: tokio::spawn(relay.run(shutdown.clone())),
            house,
            settings,
            line,
            broker,
            shutdown,
            _queues: queues,
            _databases: databases,
        }
    }

    /// A process of the consumer.
    async fn receiver(&self) -> JoinHandle<()> {
        let broker = bus::open(&self.settings).await.unwrap().unwrap();
        let (consumer, shutdown) = (self.house.consumer.clone(), self.shutdown.clone());
        tokio::spawn(async move { broker.receive(Role::Catalog, consumer, shutdown).await })
    }

    async fn close(self, receivers: Vec<JoinHandle<()>>) {
        self.shutdown.cancel();
        self.relay.await.unwrap();
        for receiver in receivers {
            receiver.await.unwrap();
        }
    }
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_once_and_in_the_order_of_their_subject() {
    let route = Route::open().await;
    let receiver = route.receiver().await;
    let sent = numbered(60);
    let reasons: Vec<&str> = sent.iter().map(String::as_str).collect();
    route.house.publish(VideoId::generate(), &reasons).await;
    assert_eq!(route.house.notes(60).await, sent);
    route.house.until_outbox_is_empty().await;
    route.close(vec![receiver]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_sent_before_the_consumers_first_start_wait_for_it() {
    let route = Route::open().await;
    route.house.publish(VideoId::generate(), &["early"]).await;
    route.house.until_outbox_is_empty().await;
    let receiver = route.receiver().await;
    assert_eq!(route.house.notes(1).await, ["early"]);
    route.close(vec![receiver]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_killed_at_any_moment_loses_and_doubles_nothing() {
    let route = Route::open().await;
    let subject = VideoId::generate();
    let sent = numbered(120);
    let mut receiver = route.receiver().await;
    for (round, some) in sent.chunks(20).enumerate() {
        let reasons: Vec<&str> = some.iter().map(String::as_str).collect();
        route.house.publish(subject, &reasons).await;
        // In the midst of this round's events.
        route.house.notes(round * 20 + 3 * round).await;
        receiver.abort();
        assert!(receiver.await.unwrap_err().is_cancelled());
        receiver = route.receiver().await;
    }
    assert_eq!(route.house.notes(120).await, sent);
    route.close(vec![receiver]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_the_line_nothing_is_lost_doubled_or_overtaken() {
    let route = Route::open().await;
    let receiver = route.receiver().await;
    let subject = VideoId::generate();
    let lines = [
        Line::Refused,
        Line::Open,
        Line::Delayed(Duration::from_millis(40)),
        Line::Refused,
        Line::Delayed(Duration::from_millis(5)),
        Line::Open,
    ];
    let mut sent = Vec::new();
    for (round, line) in lines.into_iter().enumerate() {
        route.line.set(line);
        route.line.cut();
        for number in 0..15 {
            let reason = format!("{round}.{number}");
            route.house.publish(subject, &[&reason]).await;
            sent.push(reason);
        }
    }
    assert_eq!(route.house.notes(sent.len()).await, sent);
    route.house.until_outbox_is_empty().await;
    route.close(vec![receiver]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_of_a_consumer_do_not_overtake_each_other() {
    let route = Route::open().await;
    let receivers = vec![route.receiver().await, route.receiver().await];
    let sent = numbered(80);
    let reasons: Vec<&str> = sent.iter().map(String::as_str).collect();
    route.house.publish(VideoId::generate(), &reasons).await;
    assert_eq!(route.house.notes(80).await, sent);
    route.close(receivers).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_event_holds_up_its_own_subject_and_ends_as_a_dead_letter() {
    let route = Route::open().await;
    route.house.consumer.refuse("poison");
    let (bad, good) = (VideoId::generate(), VideoId::generate());
    route.house.publish(bad, &["poison", "after it"]).await;
    route.house.publish(good, &["another subject"]).await;
    let receiver = route.receiver().await;
    assert_eq!(
        route.house.notes(2).await,
        ["another subject", "after it"],
        "what follows the poison waits for it to be given up"
    );
    let dead = eventually("the dead letter", || async {
        let dead = route.broker.dead_letters(Role::Catalog, 10).await.unwrap();
        (!dead.is_empty()).then_some(dead)
    })
    .await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].subject, bad.to_string());

    route.house.consumer.take_everything();
    assert_eq!(
        route
            .broker
            .replay_dead_letters(Role::Catalog)
            .await
            .unwrap(),
        1
    );
    assert_eq!(route.house.notes(3).await[2], "poison");
    eventually("no dead letter", || async {
        let dead = route.broker.dead_letters(Role::Catalog, 10).await.unwrap();
        dead.is_empty().then_some(())
    })
    .await;
    route.close(vec![receiver]).await;
}

async fn refused(url: &str) -> String {
    let settings = Settings {
        kind: Kind::RabbitMq,
        url: Secret::new(url.to_owned()),
        prefix: "x".to_owned(),
        prefetch: 1,
        attempts_max: 1,
    };
    let started = Instant::now();
    let error = bus::open(&settings).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn a_broker_that_cannot_be_used_says_why_within_five_seconds() {
    let url = TestBroker::rabbitmq().url();
    let place = url.rsplit_once('@').unwrap().1;
    let server = place.split_once('/').unwrap().0;
    let error = refused(&format!("amqp://nobody:hunter2@{place}")).await;
    assert!(error.contains("Check user, password"), "{error}");
    let error = refused(&format!("{}/nowhere", url.rsplit_once('/').unwrap().0)).await;
    assert!(error.contains("virtual host"), "{error}");
    assert!(error.contains(server), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = refused(&format!("amqp://u:hunter2@{address}/x")).await;
    assert!(error.contains("longer than 4 s"), "{error}");
    drop(silent);
    let error = refused(&format!("amqp://u:hunter2@{address}/x")).await;
    assert!(error.contains("no answer from the broker"), "{error}");
    assert!(
        refused("http://u:hunter2@h").await.contains("amqp://"),
        "the form is told"
    );
}
