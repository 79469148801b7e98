//! What is Kafka's own: brokers that fail half-way, groups that move, and a broker that comes back with what it had.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::bus::{self, Broker, KafkaSettings, Kind, Settings};
use amphi_chassis::events::{Deliver as _, Relay};
use amphi_chassis::testing::{
    Engine, TestBroker, TestDatabases, TestKafka, TestS3, eventually, free_address,
};
use amphi_chassis::{Role, Secret};
use amphi_contracts::VideoId;
use amphi_contracts::proto::events::v1::Event;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio_util::sync::CancellationToken;

use crate::event_harness::{House, quick};

/// Of what these tests publish.
const CONSUMERS: [&str; 2] = ["catalog", "playback"];

fn settings_of(servers: &str, prefix: &str) -> Settings {
    Settings {
        kind: Kind::Kafka,
        url: Secret::new(format!("kafka://{servers}")),
        prefix: prefix.to_owned(),
        prefetch: 64,
        attempts_max: 2,
        kafka: KafkaSettings {
            partitions: 3,
            replication_factor: 1,
            retention: Duration::from_secs(3_600),
            ca_file: String::new(),
        },
    }
}

async fn open(settings: &Settings) -> Arc<dyn Broker> {
    bus::open(settings).await.unwrap().unwrap()
}

/// Three brokers within this process, with the topics of those who consume what is published here.
fn cluster(prefix: &str) -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(3).unwrap();
    for role in CONSUMERS {
        let (topic, dead) = (format!("{prefix}.{role}"), format!("{prefix}.{role}.dead"));
        cluster.create_topic(&topic, 3, 3).unwrap();
        cluster.create_topic(&dead, 1, 3).unwrap();
    }
    cluster
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// Publishes and consumes by way of a cluster to which `happen` happens meanwhile.
async fn events_survive(happen: impl Fn(usize, &MockCluster<'static, DefaultProducerContext>)) {
    let cluster = cluster("mock");
    let settings = settings_of(&cluster.bootstrap_servers(), "mock");
    let databases = TestDatabases::create(Engine::Sqlite);
    let house = House::new(&databases).await;
    let broker = open(&settings).await;
    let shutdown = CancellationToken::new();
    let relay = Relay::with_options(house.publisher.clone(), broker.publisher(), quick());
    let relay = tokio::spawn(relay.run(shutdown.clone()));
    let (consumer, ended) = (house.consumer.clone(), shutdown.clone());
    let receiver = tokio::spawn(async move {
        broker.receive(Role::Catalog, consumer, ended).await;
    });
    let subject = VideoId::generate();
    let sent = numbered(40);
    for (round, some) in sent.chunks(10).enumerate() {
        happen(round, &cluster);
        let reasons: Vec<&str> = some.iter().map(String::as_str).collect();
        house.publish(subject, &reasons).await;
        // Some of them are on their way when the next thing happens.
        house.notes(round * 10 + 4).await;
    }
    assert_eq!(house.notes(sent.len()).await, sent);
    house.until_outbox_is_empty().await;
    shutdown.cancel();
    relay.await.unwrap();
    receiver.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_refuse_some_requests_lose_and_double_nothing() {
    use RDKafkaRespErr::{
        RD_KAFKA_RESP_ERR_NOT_COORDINATOR, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
    };
    events_survive(|round, cluster| {
        let (request, error) = match round {
            0 => (
                RDKafkaApiKey::Produce,
                RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            ),
            1 => (
                RDKafkaApiKey::Produce,
                RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            ),
            2 => (
                RDKafkaApiKey::OffsetCommit,
                RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
            ),
            _ => (RDKafkaApiKey::Produce, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        };
        cluster.request_errors(request, &[error, error, error]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_go_and_come_lose_and_double_nothing() {
    events_survive(|round, cluster| {
        let gone = i32::try_from(round % 3 + 1).unwrap();
        for id in 1..=3 {
            cluster.broker_up(id).unwrap();
        }
        cluster.broker_down(gone).unwrap();
        // The others take over what it led.
        let next = gone % 3 + 1;
        for role in CONSUMERS {
            for partition in 0..3 {
                let topic = format!("mock.{role}");
                let led = cluster.partition_leader(&topic, partition, Some(next));
                led.unwrap();
            }
        }
        let group = MockCoordinator::Group("mock.catalog".to_owned());
        cluster.coordinator(group, next).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_shows_what_is_published_after_it_began() {
    let cluster = cluster("tail");
    let broker = open(&settings_of(&cluster.bootstrap_servers(), "tail")).await;
    let publisher = broker.publisher();
    let event = |id: &str| Event {
        id: id.to_owned(),
        source: "/amphi/media".to_owned(),
        r#type: "amphi.media.asset.changed.v1".to_owned(),
        subject: "0190a5d0-ac96-774b-bcce-b302099a8057".to_owned(),
        time_us: 1_700_000_000_123_456,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        data: "{}".to_owned(),
    };
    let deliver = async |event| publisher.deliver(Role::Catalog, vec![event]).await;
    deliver(event("0190a5d0-ac96-774b-bcce-000000000001"))
        .await
        .unwrap();
    let mut tail = broker.tail(&[Role::Catalog]).await.unwrap();
    let later = event("0190a5d0-ac96-774b-bcce-000000000002");
    deliver(later.clone()).await.unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(60), tail.recv());
    assert_eq!(seen.await.unwrap().unwrap().event, later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_and_started_again_has_kept_every_event() {
    let s3 = TestS3::start();
    let address = free_address();
    let mut server = TestKafka::on(&s3, address, address);
    let settings = settings_of(&server.address().to_string(), "restarted");
    let databases = TestDatabases::create(Engine::Sqlite);
    let house = House::new(&databases).await;
    let broker = open(&settings).await;
    let shutdown = CancellationToken::new();
    let relay = Relay::with_options(house.publisher.clone(), broker.publisher(), quick());
    let relay = tokio::spawn(relay.run(shutdown.clone()));

    let subject = VideoId::generate();
    house.publish(subject, &["confirmed"]).await;
    house.until_outbox_is_empty().await;
    server.kill();
    house.publish(subject, &["while it is away"]).await;
    server.start();
    let (consumer, ended) = (house.consumer.clone(), shutdown.clone());
    let receiver = tokio::spawn(async move {
        broker.receive(Role::Catalog, consumer, ended).await;
    });
    assert_eq!(house.notes(2).await, ["confirmed", "while it is away"]);
    shutdown.cancel();
    relay.await.unwrap();
    receiver.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn others_read_an_event_under_its_subject_with_its_trace() {
    let queues = TestBroker::kafka();
    let broker = open(&queues.settings()).await;
    let event = Event {
        id: "0190a5d0-ac96-774b-bcce-b302099a8057".to_owned(),
        source: "/amphi/media".to_owned(),
        r#type: "amphi.media.asset.changed.v1".to_owned(),
        subject: VideoId::generate().to_string(),
        time_us: 1_700_000_000_123_456,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        data: "{}".to_owned(),
    };
    let publisher = broker.publisher();
    publisher
        .deliver(Role::Catalog, vec![event.clone()])
        .await
        .unwrap();

    let servers = queues.address().to_string();
    let topic = format!("{}.catalog", queues.prefix());
    let read = move || {
        let reader: BaseConsumer = rdkafka::ClientConfig::new()
            .set("bootstrap.servers", servers)
            .set("group.id", format!("{topic}.other"))
            .set("auto.offset.reset", "earliest")
            .create()
            .unwrap();
        reader.subscribe(&[&topic]).unwrap();
        let message = (0..600).find_map(|_| reader.poll(Duration::from_millis(100))?.ok());
        let message = message.unwrap();
        let headers = message.headers().unwrap().iter();
        let headers: Vec<(String, Vec<u8>)> = headers
            .map(|it| (it.key.to_owned(), it.value.unwrap().to_vec()))
            .collect();
        (message.key().unwrap().to_vec(), headers)
    };
    let (key, headers) = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(key, event.subject.as_bytes());
    assert_eq!(headers[0].1, b"application/cloudevents+json");
    assert_eq!(headers[1].0, "traceparent");
    assert_eq!(headers[1].1, event.traceparent.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_set_aside_and_holds_up_nothing() {
    let queues = TestBroker::kafka();
    let broker = open(&queues.settings()).await;
    let databases = TestDatabases::create(Engine::Sqlite);
    let house = House::new(&databases).await;
    // Makes the topics.
    assert_eq!(broker.replay_dead_letters(Role::Catalog).await.unwrap(), 0);
    let producer: rdkafka::producer::FutureProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", queues.address().to_string())
        .create()
        .unwrap();
    let topic = format!("{}.catalog", queues.prefix());
    let nonsense = rdkafka::producer::FutureRecord::to(&topic)
        .key("x")
        .payload("not an event");
    let sending = producer.send(nonsense, Duration::from_secs(10));
    sending.await.unwrap();

    let shutdown = CancellationToken::new();
    let relay = Relay::with_options(house.publisher.clone(), broker.publisher(), quick());
    let relay = tokio::spawn(relay.run(shutdown.clone()));
    let (consumer, ended) = (house.consumer.clone(), shutdown.clone());
    let receiving = Arc::clone(&broker);
    let receiver = tokio::spawn(async move {
        receiving.receive(Role::Catalog, consumer, ended).await;
    });
    house.publish(VideoId::generate(), &["good"]).await;
    assert_eq!(house.notes(1).await, ["good"]);
    eventually("it to be put back as a dead letter", || async {
        let replayed = broker.replay_dead_letters(Role::Catalog).await.unwrap();
        (replayed == 1).then_some(())
    })
    .await;
    shutdown.cancel();
    relay.await.unwrap();
    receiver.await.unwrap();
}
