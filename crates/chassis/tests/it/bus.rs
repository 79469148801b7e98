//! Events by way of a broker: whatever it or the line to it does, each is consumed once and in order.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use amphi_chassis::bus::{self, Broker, Kind, Settings};
use amphi_chassis::events::Relay;
use amphi_chassis::testing::{
    Engine, Line, Proxy, ServerKind, TestBroker, TestDatabases, TestKafka, TestServer, eventually,
};
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
    async fn open(kind: Kind) -> Self {
        let databases = TestDatabases::create(Engine::Sqlite);
        let (queues, line) = TestBroker::behind_line(kind).await;
        let settings = queues.settings();
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

/// Each scenario by way of each broker.
macro_rules! by_each_broker {
    ($($scenario:ident),+ $(,)?) => {
        by_each_broker!(@broker rabbitmq, Kind::RabbitMq, $($scenario),+);
        by_each_broker!(@broker kafka, Kind::Kafka, $($scenario),+);
    };
    (@broker $broker:ident, $kind:expr, $($scenario:ident),+) => {
        mod $broker {
            use amphi_chassis::bus::Kind;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    super::$scenario($kind).await;
                }
            )+
        }
    };
}

by_each_broker!(
    events_arrive_once_and_in_the_order_of_their_subject,
    events_sent_before_the_consumers_first_start_wait_for_it,
    a_consumer_killed_at_any_moment_loses_and_doubles_nothing,
    whatever_happens_to_the_line_nothing_is_lost_doubled_or_overtaken,
    two_processes_of_a_consumer_do_not_overtake_each_other,
    a_poison_event_holds_up_its_own_subject_and_ends_as_a_dead_letter,
    an_event_that_makes_its_consumer_panic_ends_as_a_dead_letter,
);

async fn events_arrive_once_and_in_the_order_of_their_subject(kind: Kind) {
    let route = Route::open(kind).await;
    let receiver = route.receiver().await;
    let sent = numbered(60);
    let reasons: Vec<&str> = sent.iter().map(String::as_str).collect();
    route.house.publish(VideoId::generate(), &reasons).await;
    assert_eq!(route.house.notes(60).await, sent);
    route.house.until_outbox_is_empty().await;
    route.close(vec![receiver]).await;
}

async fn events_sent_before_the_consumers_first_start_wait_for_it(kind: Kind) {
    let route = Route::open(kind).await;
    route.house.publish(VideoId::generate(), &["early"]).await;
    route.house.until_outbox_is_empty().await;
    let receiver = route.receiver().await;
    assert_eq!(route.house.notes(1).await, ["early"]);
    route.close(vec![receiver]).await;
}

async fn a_consumer_killed_at_any_moment_loses_and_doubles_nothing(kind: Kind) {
    let route = Route::open(kind).await;
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

async fn whatever_happens_to_the_line_nothing_is_lost_doubled_or_overtaken(kind: Kind) {
    let route = Route::open(kind).await;
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

async fn two_processes_of_a_consumer_do_not_overtake_each_other(kind: Kind) {
    let route = Route::open(kind).await;
    let receivers = vec![route.receiver().await, route.receiver().await];
    let sent = numbered(80);
    let reasons: Vec<&str> = sent.iter().map(String::as_str).collect();
    route.house.publish(VideoId::generate(), &reasons).await;
    assert_eq!(route.house.notes(80).await, sent);
    route.close(receivers).await;
}

async fn a_poison_event_holds_up_its_own_subject_and_ends_as_a_dead_letter(kind: Kind) {
    let route = Route::open(kind).await;
    route.house.consumer.refuse("poison");
    let (bad, good) = (VideoId::generate(), VideoId::generate());
    route.house.publish(bad, &["poison", "after it"]).await;
    route.house.publish(good, &["another subject"]).await;
    // All are with the broker, so that nothing but the poison is waited for.
    route.house.until_outbox_is_empty().await;
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

async fn an_event_that_makes_its_consumer_panic_ends_as_a_dead_letter(kind: Kind) {
    let route = Route::open(kind).await;
    route.house.consumer.panic_at("poison");
    let bad = VideoId::generate();
    route.house.publish(bad, &["poison", "after it"]).await;
    let receiver = route.receiver().await;
    assert_eq!(route.house.notes(1).await, ["after it"]);
    let dead = eventually("the dead letter", || async {
        let dead = route.broker.dead_letters(Role::Catalog, 10).await.unwrap();
        dead.into_iter().next()
    })
    .await;
    assert_eq!(dead.subject, bad.to_string());
    route.close(vec![receiver]).await;
}

/// Not with tansu: it tells a reader that has no group of leaders in a form on which librdkafka 2.12 crashes.
#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_what_is_published_and_takes_nothing_from_the_consumer() {
    let route = Route::open(Kind::RabbitMq).await;
    let subject = VideoId::generate();
    route.house.publish(subject, &["before"]).await;
    route.house.until_outbox_is_empty().await;
    let mut tail = route.broker.tail(&[Role::Catalog]).await.unwrap();
    let sent = numbered(20);
    let reasons: Vec<&str> = sent.iter().map(String::as_str).collect();
    route.house.publish(subject, &reasons).await;
    for reason in &sent {
        let seen = tokio::time::timeout(Duration::from_secs(60), tail.recv());
        let seen = seen.await.unwrap().unwrap();
        assert_eq!(seen.consumer, Role::Catalog);
        assert_eq!(seen.event.subject, subject.to_string());
        let data: serde_json::Value = serde_json::from_str(&seen.event.data).unwrap();
        assert_eq!(data["reason"], reason.as_str());
    }
    let receiver = route.receiver().await;
    let notes = route.house.notes(21).await;
    assert_eq!((&notes[0][..], &notes[1..]), ("before", &sent[..]));
    route.close(vec![receiver]).await;
}

async fn refused(kind: Kind, url: &str) -> String {
    let settings = Settings {
        kind,
        url: Secret::new(url.to_owned()),
        ..TestBroker::rabbitmq().settings()
    };
    let started = Instant::now();
    let error = bus::open(&settings).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(5));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn a_rabbitmq_that_cannot_be_used_says_why_within_five_seconds() {
    let url = TestBroker::rabbitmq().url();
    let place = url.rsplit_once('@').unwrap().1;
    let server = place.split_once('/').unwrap().0;
    let error = refused(Kind::RabbitMq, &format!("amqp://nobody:hunter2@{place}")).await;
    assert!(error.contains("Check user, password"), "{error}");
    let error = refused(
        Kind::RabbitMq,
        &format!("{}/nowhere", url.rsplit_once('/').unwrap().0),
    )
    .await;
    assert!(error.contains("virtual host"), "{error}");
    assert!(error.contains(server), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = refused(Kind::RabbitMq, &format!("amqp://u:hunter2@{address}/x")).await;
    assert!(error.contains("longer than 4 s"), "{error}");
    drop(silent);
    let error = refused(Kind::RabbitMq, &format!("amqp://u:hunter2@{address}/x")).await;
    assert!(error.contains("no answer from the broker"), "{error}");
    assert!(
        refused(Kind::RabbitMq, "http://u:hunter2@h")
            .await
            .contains("amqp://"),
        "the form is told"
    );
}

#[tokio::test]
async fn a_user_of_rabbitmq_with_too_few_rights_is_told_what_it_needs() {
    let mut server = TestServer::start(ServerKind::RabbitMq);
    server.run(r#""$BIN"/rabbitmqctl add_user amphi hunter2"#);
    let settings = Settings {
        kind: Kind::RabbitMq,
        url: Secret::new(format!("amqp://amphi:hunter2@{}/%2f", server.address())),
        ..TestBroker::rabbitmq().settings()
    };
    let all = format!("'^{}.*'", settings.prefix);
    let none = "'^$'".to_owned();
    for (configure, write, read) in [
        (&none, &all, &all),
        (&all, &none, &all),
        (&all, &all, &none),
        (&all, &all, &all),
    ] {
        server.run(&format!(
            r#""$BIN"/rabbitmqctl set_permissions amphi {configure} {write} {read}"#
        ));
        let opened = bus::open(&settings).await;
        if [configure, write, read].contains(&&none) {
            let error = opened.unwrap_err().to_string();
            let cure = "Allow the user to configure, write and read";
            for words in ["ACCESS_REFUSED", cure] {
                assert!(error.contains(words), "{error}");
            }
            assert!(!error.contains("hunter2"), "{error}");
        } else {
            opened.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kafka_that_cannot_be_used_says_why_within_five_seconds() {
    let server = TestKafka::with(&["--authentication"]);
    let address = server.address();
    let error = refused(Kind::Kafka, &format!("kafka://nobody:hunter2@{address}")).await;
    assert!(error.contains("Check user, password"), "{error}");
    assert!(error.contains(&address.to_string()), "{error}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = refused(Kind::Kafka, &format!("kafka://u:hunter2@{address}")).await;
    assert!(error.contains("longer than 4 s"), "{error}");
    drop(silent);
    let error = refused(Kind::Kafka, &format!("kafka://u:hunter2@{address}")).await;
    assert!(error.contains("no answer from the broker"), "{error}");
    let error = refused(Kind::Kafka, "amqp://u:hunter2@h").await;
    assert!(error.contains("kafka://host"), "the form is told: {error}");
}
