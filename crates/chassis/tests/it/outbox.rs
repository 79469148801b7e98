//! Events arrive once, in order, and only if their change was committed.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::events::{Acceptance, RelayOptions, prune_inbox, publish, undelivered};
use amphi_chassis::testing::{eventually, on_each_engine};
use amphi_contracts::VideoId;
use amphi_contracts::events::{EventData, VideoVisibilityChanged};
use amphi_contracts::proto::events::v1::Event;

use crate::event_harness::{House, changed, on_purpose, quick};
use crate::support::add_note;

fn event(id: uuid::Uuid, reason: &str) -> Event {
    let subject = VideoId::generate();
    Event {
        id: id.to_string(),
        source: "/amphi/media".to_owned(),
        r#type: "amphi.media.asset.changed.v1".to_owned(),
        subject: subject.to_string(),
        time_us: 1,
        traceparent: String::new(),
        data: serde_json::to_string(&changed(subject, reason)).unwrap(),
    }
}

#[tokio::test]
async fn an_event_of_a_change_that_was_rolled_back_is_never_sent() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let dropped = changed(VideoId::generate(), "dropped");
        let dropped = &dropped;
        let refused: Result<(), _> = house
            .publisher
            .write(|txn| {
                Box::pin(async move {
                    publish(txn, Role::Media, dropped).await?;
                    Err(on_purpose())
                })
            })
            .await;
        refused.unwrap_err();
        house.publish(VideoId::generate(), &["kept"]).await;
        let relay = house.relay();
        house.until_outbox_is_empty().await;
        assert_eq!(house.notes(1).await, ["kept"]);
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_and_its_event_are_committed_together() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let told = changed(VideoId::generate(), "told");
        let told = &told;
        house
            .publisher
            .write(|txn| {
                Box::pin(async move {
                    add_note(txn, "changed", 1).await?;
                    publish(txn, Role::Media, told).await
                })
            })
            .await
            .unwrap();
        // Two roles consume it: a row each.
        assert_eq!(undelivered(&house.publisher).await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn events_of_one_subject_arrive_in_their_order() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let relay = house.relay_with(RelayOptions {
            batch_events_max: 3,
            ..quick()
        });
        let subjects = [
            VideoId::generate(),
            VideoId::generate(),
            VideoId::generate(),
        ];
        for round in 0..10 {
            for (number, subject) in subjects.iter().enumerate() {
                let reason = format!("{number}-{round}");
                house.publish(*subject, &[reason.as_str()]).await;
            }
        }
        let notes = house.notes(30).await;
        for number in 0..subjects.len() {
            let of_subject: Vec<&String> = notes
                .iter()
                .filter(|name| name.starts_with(&format!("{number}-")))
                .collect();
            let expected: Vec<String> = (0..10).map(|round| format!("{number}-{round}")).collect();
            assert_eq!(of_subject, expected.iter().collect::<Vec<_>>());
        }
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_commit_wakes_the_relay_at_once() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let relay = house.relay_with(RelayOptions {
            poll: Duration::from_secs(3600),
            ..quick()
        });
        for round in 0..5 {
            house.publish(VideoId::generate(), &["news"]).await;
            house.notes(round + 1).await;
        }
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_event_that_nobody_consumes_is_not_stored() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Unheard;
    impl EventData for Unheard {
        const TYPE: &'static str = "amphi.media.nothing.happened.v1";
        fn subject(&self) -> String {
            "x".to_owned()
        }
    }
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        house
            .publisher
            .write(|txn| Box::pin(publish(txn, Role::Media, &Unheard)))
            .await
            .unwrap();
        assert_eq!(undelivered(&house.publisher).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_event_too_large_for_every_engine_is_refused_on_each() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let large = VideoVisibilityChanged {
            video_id: VideoId::generate(),
            visibility: "x".repeat(70_000),
        };
        let large = &large;
        let refused = house
            .publisher
            .write(|txn| Box::pin(publish(txn, Role::Catalog, large)))
            .await;
        assert!(refused.unwrap_err().to_string().contains("60000"));
    })
    .await;
}

#[tokio::test]
async fn an_event_delivered_again_is_consumed_once() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let event = event(uuid::Uuid::now_v7(), "once");
        assert_eq!(house.accept(&event).await.unwrap(), Acceptance::Consumed);
        assert_eq!(house.accept(&event).await.unwrap(), Acceptance::Duplicate);
        assert_eq!(house.notes(1).await, ["once"]);
        assert_eq!(house.consumer.committed.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_delivered_eight_times_at_once_is_consumed_once() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let event = event(uuid::Uuid::now_v7(), "once");
        let (house, event) = (&house, &event);
        let outcomes =
            futures::future::join_all((0..8).map(|_| async move { house.accept(event).await }))
                .await;
        let consumed = outcomes
            .into_iter()
            .filter(|outcome| matches!(outcome, Ok(Acceptance::Consumed)))
            .count();
        assert_eq!(consumed, 1);
        assert_eq!(house.notes(1).await, ["once"]);
    })
    .await;
}

#[tokio::test]
async fn a_refused_event_leaves_no_trace_and_may_come_again() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        house.consumer.refuse("bad");
        let refused = event(uuid::Uuid::now_v7(), "bad");
        for _ in 0..2 {
            let problem = house.accept(&refused).await.unwrap_err();
            assert_eq!(problem.code, "bad_event");
        }
        let good = Event {
            data: event(uuid::Uuid::now_v7(), "good").data,
            ..refused
        };
        assert_eq!(house.accept(&good).await.unwrap(), Acceptance::Consumed);
        assert_eq!(house.notes(1).await, ["good"]);
    })
    .await;
}

#[tokio::test]
async fn an_event_without_a_usable_id_is_refused() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let event = Event {
            id: "7".to_owned(),
            ..event(uuid::Uuid::now_v7(), "x")
        };
        assert_eq!(
            house.accept(&event).await.unwrap_err().code,
            "invalid_event_id"
        );
    })
    .await;
}

#[tokio::test]
async fn the_inbox_forgets_what_is_old_and_nothing_else() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let event = event(uuid::Uuid::now_v7(), "x");
        house.accept(&event).await.unwrap();
        let db = amphi_chassis::events::Consumer::db(house.consumer.as_ref());
        assert_eq!(prune_inbox(db, Duration::from_secs(3600)).await.unwrap(), 0);
        assert_eq!(house.accept(&event).await.unwrap(), Acceptance::Duplicate);
        let pruned = eventually("the event to be old", || async {
            let pruned = prune_inbox(db, Duration::ZERO).await.unwrap();
            (pruned > 0).then_some(pruned)
        })
        .await;
        assert_eq!(pruned, 1);
    })
    .await;
}
