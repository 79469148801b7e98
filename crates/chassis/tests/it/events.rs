//! Events from a service's database to its consumers, in the same process or in another.

#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use amphi_chassis::auth::AccountRole;
use amphi_chassis::db::Db;
use amphi_chassis::events::{Consumer, publish};
use amphi_chassis::service::{BuildFn, Service, build_fn};
use amphi_chassis::testing::{TestProcess, eventually};
use amphi_chassis::{Kind, Problem, Role};
use amphi_contracts::events::VideoDeleted;
use amphi_contracts::proto::events::v1::{DeliverRequest, Event};
use amphi_contracts::{AccountId, VideoId};
use sea_orm::{DatabaseTransaction, DbErr};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

use crate::stand_ins::Wiring;

/// No tables besides those of the chassis.
struct NoTables;

impl MigratorTrait for NoTables {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        Vec::new()
    }
}

type Consumed = Arc<Mutex<Vec<Event>>>;

struct Recorder {
    db: Db,
    consumed: Consumed,
}

#[async_trait::async_trait]
impl Consumer for Recorder {
    async fn consume(&self, _: &DatabaseTransaction, event: &Event) -> Result<(), Problem> {
        self.consumed.lock().unwrap().push(event.clone());
        Ok(())
    }

    fn db(&self) -> &Db {
        &self.db
    }
}

fn publisher() -> BuildFn {
    build_fn(|context| {
        Box::pin(async move {
            context.database::<NoTables>().await?;
            Ok(Service::new(Role::Catalog))
        })
    })
}

fn consumer(consumed: &Consumed) -> BuildFn {
    let consumed = Arc::clone(consumed);
    build_fn(move |context| {
        let consumed = Arc::clone(&consumed);
        Box::pin(async move {
            let db = context.database::<NoTables>().await?;
            let recorder = Recorder { db, consumed };
            Ok(Service::new(context.role).consumer(Arc::new(recorder)))
        })
    })
}

async fn delete_video(process: &TestProcess) -> VideoId {
    let event = VideoDeleted {
        video_id: VideoId::generate(),
    };
    let published = &event;
    process
        .database(Role::Catalog)
        .write(|txn| {
            Box::pin(async move {
                publish(txn, Role::Catalog, published).await.unwrap();
                Ok::<_, DbErr>(())
            })
        })
        .await
        .unwrap();
    event.video_id
}

async fn arrival(consumed: &Consumed, of: VideoId) {
    eventually("the event", async || {
        let consumed = consumed.lock().unwrap();
        consumed
            .iter()
            .any(|event| event.subject == of.to_string())
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_reaches_each_of_its_consumers_once() {
    for wiring in Wiring::BOTH {
        let (by_media, by_playback) = (Consumed::default(), Consumed::default());
        let consumers = TestProcess::builder();
        let add = |builder: amphi_chassis::testing::TestProcessBuilder| {
            builder
                .role(Role::Media, consumer(&by_media))
                .role(Role::Playback, consumer(&by_playback))
        };
        let (process, _far) = match wiring {
            Wiring::InProcess => {
                let builder = add(consumers).role(Role::Catalog, publisher());
                (builder.start().await, None)
            }
            Wiring::Apart => {
                let far = add(consumers).start().await;
                let url = format!("http://{}", far.internal());
                let near = TestProcess::builder()
                    .role(Role::Catalog, publisher())
                    .setting("cluster.services.media", url.clone())
                    .setting("cluster.services.playback", url);
                (near.start().await, Some(far))
            }
        };
        let first = delete_video(&process).await;
        let second = delete_video(&process).await;
        for consumed in [&by_media, &by_playback] {
            arrival(consumed, first).await;
            arrival(consumed, second).await;
            assert_eq!(consumed.lock().unwrap().len(), 2, "{wiring:?}");
        }
    }
}

#[tokio::test]
async fn an_event_waits_for_a_consumer_that_is_away() {
    let consumed = Consumed::default();
    let far = TestProcess::builder()
        .role(Role::Media, consumer(&consumed))
        .start()
        .await;
    let address = far.internal();
    let near = TestProcess::builder()
        .role(Role::Catalog, publisher())
        .setting("cluster.services.media", format!("http://{address}"))
        .start()
        .await;
    let builder = far.stop().await;
    let video = delete_video(&near).await;
    let _far = builder
        .role(Role::Media, consumer(&consumed))
        .setting("server.internal_listen", address.to_string())
        .start()
        .await;
    arrival(&consumed, video).await;
}

#[tokio::test]
async fn only_services_deliver_events_and_only_to_their_consumer() {
    let consumed = Consumed::default();
    let process = TestProcess::builder()
        .role(Role::Media, consumer(&consumed))
        .start()
        .await;
    let request = |consumer: &str| DeliverRequest {
        consumer: consumer.to_owned(),
        events: vec![Event {
            id: uuid::Uuid::now_v7().to_string(),
            ..Default::default()
        }],
    };
    let viewer = process.account(AccountId::generate(), AccountRole::Admin);
    for (clients, kind) in [
        (process.anonymous(), Kind::Unauthenticated),
        (viewer, Kind::Forbidden),
    ] {
        let refused = clients.intake(Role::Media).deliver(request("media")).await;
        assert_eq!(Problem::from(refused.unwrap_err()).kind, kind);
    }
    let service = process.service(Role::Catalog);
    let misled = service
        .intake(Role::Media)
        .deliver(request("playback"))
        .await;
    assert_eq!(Problem::from(misled.unwrap_err()).code, "wrong_consumer");
    assert!(consumed.lock().unwrap().is_empty());
    service
        .intake(Role::Media)
        .deliver(request("media"))
        .await
        .unwrap();
    assert_eq!(consumed.lock().unwrap().len(), 1);
}
