#![allow(clippy::unwrap_used)]

use super::*;
use crate::domain::testing::{LIMITS, instance};

fn ids(leases: &Leases) -> Vec<&str> {
    leases
        .all()
        .map(|lease| lease.instance.id.as_str())
        .collect()
}

fn full_of(count: usize, now: Moment) -> Leases {
    let mut leases = Leases::new(LIMITS);
    for number in 0..count {
        let instance = instance("SHOP", &format!("shop-{number:03}"));
        leases.register(instance, now).unwrap();
    }
    leases
}

fn renew(leases: &mut Leases, id: &str, now: Moment) -> Renewal {
    leases.renew("SHOP", id, None, now)
}

fn is_renewed(renewal: &Renewal) -> bool {
    matches!(renewal, Renewal::Renewed)
}

#[test]
fn a_lease_that_is_renewed_stays_and_one_that_is_not_runs_out() {
    let start = Moment::now();
    let mut leases = full_of(2, start);
    assert!(is_renewed(&renew(&mut leases, "shop-000", start.after(60))));
    assert_eq!(leases.evict(start.after(89)).dropped, []);
    let dropped = leases.evict(start.after(90)).dropped;
    assert_eq!(dropped, [("SHOP".to_owned(), "shop-001".to_owned())]);
    assert_eq!(ids(&leases), ["shop-000"]);
    let renewal = renew(&mut leases, "shop-001", start.after(91));
    assert!(matches!(renewal, Renewal::Unknown));
}

#[test]
fn when_too_many_run_out_at_once_nobody_is_dropped() {
    let start = Moment::now();
    let mut leases = full_of(20, start);
    // 16 of 20 are 80 %.
    for number in 0..16 {
        renew(&mut leases, &format!("shop-{number:03}"), start.after(60));
    }
    let eviction = leases.evict(start.after(100));
    assert_eq!((eviction.dropped.len(), eviction.preserved), (0, 4));
    assert_eq!(leases.count(), 20);
    // 17 of 20 are 85 %.
    renew(&mut leases, "shop-016", start.after(101));
    let eviction = leases.evict(start.after(102));
    assert_eq!((eviction.dropped.len(), eviction.preserved), (3, 0));
}

#[test]
fn of_a_few_instances_each_is_dropped() {
    let start = Moment::now();
    let mut leases = full_of(4, start);
    assert_eq!(leases.evict(start.after(90)).dropped.len(), 4);
    assert_eq!(leases.count(), 0);
}

#[test]
fn a_full_registry_renews_and_takes_nobody_new() {
    let start = Moment::now();
    let mut leases = full_of(LIMITS.instances_max, start);
    let one_more = instance("SHOP", "one more");
    assert_eq!(
        leases.register(one_more, start),
        Err(Full(LIMITS.instances_max))
    );
    leases
        .register(instance("SHOP", "shop-000"), start)
        .unwrap();
    leases.cancel("SHOP", "shop-000", start);
    leases
        .register(instance("SHOP", "one more"), start)
        .unwrap();
}

#[test]
fn the_hash_counts_instances_by_status_in_the_order_of_their_names() {
    let start = Moment::now();
    let mut leases = full_of(3, start);
    assert_eq!(leases.hash(), "UP_3_");
    leases.change("SHOP", "shop-001", start, |it| it.status = Status::Down);
    leases.change("SHOP", "shop-002", start, |it| {
        it.overridden = Status::OutOfService;
    });
    assert_eq!(leases.hash(), "DOWN_1_OUT_OF_SERVICE_1_UP_1_");
    assert_eq!(Leases::new(LIMITS).hash(), "");
}

#[test]
fn changes_are_told_for_three_minutes_each_instance_once() {
    let start = Moment::now();
    let mut leases = full_of(2, start);
    leases.change("SHOP", "shop-000", start.after(10), |it| {
        it.status = Status::Down
    });
    leases.cancel("SHOP", "shop-001", start.after(20));
    let told = |leases: &mut Leases, now| -> Vec<(String, Action)> {
        let changes = leases.delta(now).changes;
        let one = |change: Change| (change.lease.instance.id.clone(), change.action);
        changes.into_iter().map(one).collect()
    };
    let both = [
        ("shop-000".to_owned(), Action::Modified),
        ("shop-001".to_owned(), Action::Deleted),
    ];
    assert_eq!(told(&mut leases, start.after(180)), both);
    assert_eq!(told(&mut leases, start.after(190)), both[1..]);
    assert_eq!(told(&mut leases, start.after(200)), []);
}

#[test]
fn each_change_and_no_renewal_is_a_new_version() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    let version = leases.version();
    renew(&mut leases, "shop-000", start);
    assert_eq!(leases.version(), version);
    leases.cancel("SHOP", "shop-000", start);
    assert_eq!(leases.version(), version + 1);
}

#[test]
fn an_instance_that_has_changed_must_register_and_an_older_description_changes_nothing() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    let mut newer = instance("SHOP", "shop-000");
    newer.last_dirty_ms = 10;
    newer.ip = "10.0.0.6".to_owned();
    let renewal = leases.renew("SHOP", "shop-000", Some(10), start);
    assert!(matches!(renewal, Renewal::Unknown));
    leases.register(newer, start).unwrap();
    assert!(is_renewed(&leases.renew(
        "SHOP",
        "shop-000",
        Some(10),
        start
    )));
    leases
        .register(instance("SHOP", "shop-000"), start)
        .unwrap();
    assert_eq!(ip(&leases), "10.0.0.6");
    // A client that lags behind is served.
    assert!(is_renewed(&leases.renew(
        "SHOP",
        "shop-000",
        Some(1),
        start
    )));
}

#[test]
fn an_override_outlives_registrations() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    leases.change("SHOP", "shop-000", start, |it| {
        it.override_status(Status::OutOfService);
    });
    leases
        .register(instance("SHOP", "shop-000"), start)
        .unwrap();
    assert_eq!(status(&leases), Status::OutOfService);
}

fn ip(leases: &Leases) -> &str {
    &leases.find("SHOP", "shop-000").unwrap().instance.ip
}

fn status(leases: &Leases) -> Status {
    let known = leases.find("SHOP", "shop-000").unwrap();
    known.instance.effective_status()
}

#[test]
fn services_of_others_leave_room_for_our_roles() {
    let start = Moment::now();
    let mut leases = full_of(LIMITS.instances_max, start);
    let ours = instance("AMPHI-MEDIA", "media-1");
    leases.register(ours, start).unwrap();
    let others = leases.register(instance("SHOP", "one more"), start);
    assert_eq!(others, Err(Full(LIMITS.instances_max)));
}

#[test]
fn services_of_others_that_fall_silent_do_not_keep_our_dead_roles() {
    let start = Moment::now();
    let mut leases = full_of(20, start);
    leases
        .register(instance("AMPHI-MEDIA", "dead"), start)
        .unwrap();
    let eviction = leases.evict(start.after(100));
    assert_eq!(eviction.preserved, 20);
    assert_eq!(
        eviction.dropped,
        [("AMPHI-MEDIA".to_owned(), "dead".to_owned())]
    );
}

#[test]
fn of_several_with_one_id_ours_is_found() {
    let start = Moment::now();
    let mut leases = Leases::new(LIMITS);
    for app in ["AARDVARK", "AMPHI-MEDIA", "ZEBRA"] {
        leases.register(instance(app, "x"), start).unwrap();
    }
    assert_eq!(leases.find_by_id("x").unwrap().instance.app, "AMPHI-MEDIA");
    assert!(leases.find_by_id("y").is_none());
}

/// As another registry passes on what it knows.
fn pass_on(from: &Leases, to: &mut Leases, now: Moment) {
    for lease in from.all() {
        let instance = (*lease.instance).clone();
        to.register_replica(instance, ReplicaLease::of(lease, now), now)
            .unwrap();
    }
}

#[test]
fn an_override_that_was_removed_does_not_come_back_from_a_registry_that_has_not_heard_of_it() {
    let start = Moment::now();
    let mut here = full_of(1, start);
    here.change("SHOP", "shop-000", start, |it| {
        it.override_status(Status::OutOfService);
    });
    let mut there = Leases::new(LIMITS);
    pass_on(&here, &mut there, start);
    assert_eq!(status(&there), Status::OutOfService);
    here.change("SHOP", "shop-000", start.after(1), |it| {
        it.remove_override(Status::Up);
    });
    pass_on(&there, &mut here, start.after(2));
    assert_eq!(status(&here), Status::Up);
    pass_on(&here, &mut there, start.after(3));
    assert_eq!(status(&there), Status::Up);
}

#[test]
fn who_was_cancelled_does_not_come_back_from_elsewhere_until_it_is_heard_of_anew() {
    let start = Moment::now();
    let mut here = full_of(1, start);
    let mut there = Leases::new(LIMITS);
    pass_on(&here, &mut there, start);
    here.cancel("SHOP", "shop-000", start.after(10));
    pass_on(&there, &mut here, start.after(20));
    assert_eq!(here.count(), 0);
    assert!(
        here.cancelled_ms("SHOP", "shop-000", start.after(99))
            .is_some()
    );
    assert_eq!(
        here.cancelled_ms("SHOP", "shop-000", start.after(100)),
        None
    );
    // It lives after all, and has found the other registry.
    renew(&mut there, "shop-000", start.after(21));
    pass_on(&there, &mut here, start.after(22));
    assert_eq!(here.count(), 1);
}

#[test]
fn a_cancellation_that_comes_late_leaves_who_was_heard_of_since() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    renew(&mut leases, "shop-000", start.after(10));
    let cancelled_ms = start.after(5).unix_ms;
    leases.cancel_replica("SHOP", "shop-000", cancelled_ms, start.after(11));
    assert_eq!(leases.count(), 1);
    let cancelled_ms = start.after(12).unix_ms;
    leases.cancel_replica("SHOP", "shop-000", cancelled_ms, start.after(13));
    assert_eq!(leases.count(), 0);
    // Also when the registration is heard of after that.
    leases.cancel_replica("SHOP", "other", cancelled_ms, start.after(13));
    let there = ReplicaLease {
        renewed_ms: start.after(11).unix_ms,
        remaining: Duration::from_secs(60),
    };
    let other = instance("SHOP", "other");
    leases
        .register_replica(other, there, start.after(14))
        .unwrap();
    assert_eq!(leases.count(), 0);
}

#[test]
fn a_lease_lives_while_two_registries_disagree_on_the_instance() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    let told = |last_dirty_ms| ReplicaRenewal {
        last_dirty_ms,
        revision_ms: 0,
        lease: ReplicaLease {
            renewed_ms: start.after(80).unix_ms,
            remaining: Duration::from_secs(90),
        },
    };
    let renewal = leases.renew_replica("SHOP", "shop-000", told(0), start.after(80));
    assert!(matches!(renewal, Renewal::Newer(known) if known.instance.id == "shop-000"));
    assert_eq!(leases.evict(start.after(100)).dropped, []);
    let renewal = leases.renew_replica("SHOP", "shop-000", told(2), start.after(160));
    assert!(matches!(renewal, Renewal::Unknown));
    assert_eq!(leases.evict(start.after(200)).dropped, []);
    let renewal = leases.renew_replica("SHOP", "shop-000", told(1), start.after(200));
    assert!(is_renewed(&renewal));
}

#[test]
fn what_another_registry_knows_of_a_lease_neither_prolongs_nor_shortens_it() {
    let start = Moment::now();
    let mut here = full_of(1, start);
    let mut there = Leases::new(LIMITS);
    // 60 of its 90 s are gone.
    pass_on(&here, &mut there, start.after(60));
    assert_eq!(there.evict(start.after(89)).dropped, []);
    assert_eq!(there.evict(start.after(90)).dropped.len(), 1);
    renew(&mut here, "shop-000", start.after(60));
    let mut other = full_of(1, start);
    pass_on(&here, &mut other, start.after(60));
    pass_on(&full_of(1, start), &mut other, start.after(60));
    assert_eq!(other.evict(start.after(149)).dropped, []);
    assert_eq!(other.evict(start.after(150)).dropped.len(), 1);
}
