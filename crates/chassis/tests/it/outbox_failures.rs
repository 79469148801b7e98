//! What happens to events when consumers are away, refuse them, or a relay dies.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use amphi_chassis::events::{
    RelayOptions, dead_letter_count, dead_letters, replay_dead_letters, undelivered,
};
use amphi_chassis::testing::{eventually, on_each_engine};
use amphi_contracts::VideoId;

use crate::event_harness::{House, away, quick};

#[tokio::test]
async fn a_crash_between_delivery_and_deletion_doubles_nothing() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        // The consumer has committed, but the relay never hears of it.
        *house.line.fails_after.lock().unwrap() = Box::new(|call| (call < 3).then(away));
        house.publish(VideoId::generate(), &["a", "b", "c"]).await;
        let relay = house.relay();
        house.until_outbox_is_empty().await;
        assert!(house.line.calls.load(Ordering::SeqCst) > 3);
        assert_eq!(house.notes(3).await, ["a", "b", "c"]);
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_is_away_for_long_loses_nothing() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        *house.line.fails_before.lock().unwrap() = Box::new(|call| (call < 60).then(away));
        // Far more failures than an event may be refused.
        let relay = house.relay_with(RelayOptions {
            attempts_max: 2,
            ..quick()
        });
        let subject = VideoId::generate();
        house.publish(subject, &["a", "b"]).await;
        house.publish(VideoId::generate(), &["other"]).await;
        house.publish(subject, &["c"]).await;
        let notes = house.notes(4).await;
        let of_subject: Vec<&String> = notes.iter().filter(|name| *name != "other").collect();
        assert_eq!(of_subject, ["a", "b", "c"]);
        house.until_outbox_is_empty().await;
        assert_eq!(dead_letter_count(&house.publisher).await.unwrap(), 0);
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_consumer_that_never_answers_is_tried_again() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        house.line.hangs.store(true, Ordering::SeqCst);
        house.publish(VideoId::generate(), &["late"]).await;
        let relay = house.relay_with(RelayOptions {
            call_timeout: Duration::from_millis(30),
            ..quick()
        });
        eventually("a few calls in vain", || async {
            (house.line.calls.load(Ordering::SeqCst) >= 3).then_some(())
        })
        .await;
        relay.stop().await;
        house.line.hangs.store(false, Ordering::SeqCst);
        let relay = house.relay();
        house.until_outbox_is_empty().await;
        assert_eq!(house.notes(1).await, ["late"]);
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_poison_event_holds_up_only_its_own_subject() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        house.consumer.refuse("poison");
        let (poisoned, healthy) = (VideoId::generate(), VideoId::generate());
        house
            .publish(poisoned, &["before", "poison", "after"])
            .await;
        house.publish(healthy, &["one", "two"]).await;
        let relay = house.relay_with(RelayOptions {
            attempts_max: u32::MAX,
            ..quick()
        });
        house.notes(3).await;
        house.publish(healthy, &["three"]).await;
        assert_eq!(house.notes(4).await, ["before", "one", "two", "three"]);
        eventually("only the poison and what is behind it to wait", || async {
            (undelivered(&house.publisher).await.unwrap() == 2).then_some(())
        })
        .await;
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_poison_event_is_given_up_and_kept_until_the_operator_replays_it() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        house.consumer.refuse("poison");
        let subject = VideoId::generate();
        house.publish(subject, &["poison", "after"]).await;
        let relay = house.relay_with(RelayOptions {
            attempts_max: 4,
            ..quick()
        });
        assert_eq!(house.notes(1).await, ["after"]);
        house.until_outbox_is_empty().await;
        assert_eq!(dead_letter_count(&house.publisher).await.unwrap(), 1);

        let dead = dead_letters(&house.publisher, 10).await.unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!(dead[0].event.subject, subject.to_string());
        assert_eq!(dead[0].refusals, 4);
        assert!(!dead[0].error.is_empty());

        house.consumer.take_everything();
        assert_eq!(replay_dead_letters(&house.publisher).await.unwrap(), 1);
        assert_eq!(house.notes(2).await, ["after", "poison"]);
        house.until_outbox_is_empty().await;
        assert_eq!(dead_letter_count(&house.publisher).await.unwrap(), 0);
        relay.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_consumer_that_is_away_does_not_hold_up_another() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        *house.line.fails_before.lock().unwrap() = Box::new(|_| Some(away()));
        house.publish(VideoId::generate(), &["a", "b"]).await;
        let relay = house.relay();
        eventually(
            "playback's events to be gone, and catalog's tried",
            || async {
                let is_tried = house.line.calls.load(Ordering::SeqCst) > 0;
                let left = undelivered(&house.publisher).await.unwrap();
                (is_tried && left == 2).then_some(())
            },
        )
        .await;
        relay.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_never_deliver_to_one_consumer_at_once() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let options = RelayOptions {
            batch_events_max: 2,
            lease: Duration::from_secs(30),
            ..quick()
        };
        let relays = [
            house.relay_with(options.clone()),
            house.relay_with(options.clone()),
            house.relay_with(options),
        ];
        let subject = VideoId::generate();
        let reasons: Vec<String> = (0..60).map(|number| format!("{number:02}")).collect();
        for reason in &reasons {
            house.publish(subject, &[reason.as_str()]).await;
        }
        assert_eq!(house.notes(60).await, reasons);
        assert_eq!(house.line.underway_max.load(Ordering::SeqCst), 1);
        for relay in relays {
            relay.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_was_killed_is_replaced_when_its_lease_lapses() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let short_lease = RelayOptions {
            call_timeout: Duration::from_millis(50),
            lease: Duration::from_millis(400),
            ..quick()
        };
        *house.line.fails_before.lock().unwrap() = Box::new(|_| Some(away()));
        house.publish(VideoId::generate(), &["a"]).await;
        let killed = house.relay_with(short_lease.clone());
        eventually("the first relay to hold the lease", || async {
            (house.line.calls.load(Ordering::SeqCst) > 0).then_some(())
        })
        .await;
        killed.kill().await;
        *house.line.fails_before.lock().unwrap() = Box::new(|_| None);
        let heir = house.relay_with(short_lease);
        assert_eq!(house.notes(1).await, ["a"]);
        house.until_outbox_is_empty().await;
        heir.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_relay_that_stops_gives_its_lease_back() {
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let long_lease = RelayOptions {
            lease: Duration::from_secs(3600),
            ..quick()
        };
        let first = house.relay_with(long_lease.clone());
        house.publish(VideoId::generate(), &["a"]).await;
        house.notes(1).await;
        house.until_outbox_is_empty().await;
        first.stop().await;
        let second = house.relay_with(long_lease);
        house.publish(VideoId::generate(), &["b"]).await;
        assert_eq!(house.notes(2).await, ["a", "b"]);
        second.stop().await;
    })
    .await;
}

#[tokio::test]
async fn killing_the_relay_again_and_again_loses_and_doubles_nothing() {
    const KILLS: usize = 12;
    on_each_engine(async |databases| {
        let house = House::new(&databases).await;
        let subject = VideoId::generate();
        let reasons: Vec<String> = (0..40).map(|number| format!("{number:02}")).collect();
        for reason in &reasons {
            house.publish(subject, &[reason.as_str()]).await;
        }
        let fragile = RelayOptions {
            batch_events_max: 3,
            // Each heir begins at once, and may overlap with what the killed one set off.
            lease: Duration::from_millis(1),
            ..quick()
        };
        for _ in 0..KILLS {
            let calls = house.line.calls.load(Ordering::SeqCst);
            let relay = house.relay_with(fragile.clone());
            eventually("another delivery to begin", || async {
                let is_done = undelivered(&house.publisher).await.unwrap() == 0;
                (is_done || house.line.calls.load(Ordering::SeqCst) > calls).then_some(())
            })
            .await;
            relay.kill().await;
        }
        let last = house.relay_with(fragile);
        house.until_outbox_is_empty().await;
        assert_eq!(house.notes(reasons.len()).await, reasons);
        last.stop().await;
    })
    .await;
}
