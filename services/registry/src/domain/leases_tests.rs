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
    leases.renew("SHOP", id, None, false, now)
}

#[test]
fn a_lease_that_is_renewed_stays_and_one_that_is_not_runs_out() {
    let start = Moment::now();
    let mut leases = full_of(2, start);
    assert_eq!(
        renew(&mut leases, "shop-000", start.after(60)),
        Renewal::Renewed
    );
    assert_eq!(leases.evict(start.after(89)).dropped, []);
    let dropped = leases.evict(start.after(90)).dropped;
    assert_eq!(dropped, [("SHOP".to_owned(), "shop-001".to_owned())]);
    assert_eq!(ids(&leases), ["shop-000"]);
    assert_eq!(
        renew(&mut leases, "shop-001", start.after(91)),
        Renewal::Unknown
    );
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
        let changes = leases.recent_changes(now);
        let one = |change: Change| (change.instance.id.clone(), change.action);
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
fn an_instance_that_has_changed_must_register_and_an_older_one_changes_nothing() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    let mut newer = instance("SHOP", "shop-000");
    newer.last_dirty_ms = 10;
    newer.ip = "10.0.0.6".to_owned();
    assert_eq!(
        leases.renew("SHOP", "shop-000", Some(10), false, start),
        Renewal::Unknown
    );
    leases.register(newer, start).unwrap();
    assert_eq!(
        leases.renew("SHOP", "shop-000", Some(10), true, start),
        Renewal::Renewed
    );
    leases
        .register(instance("SHOP", "shop-000"), start)
        .unwrap();
    assert_eq!(
        leases.find("SHOP", "shop-000").unwrap().instance.ip,
        "10.0.0.6"
    );
    // A client that lags behind is served; another registry is told that it does.
    assert_eq!(
        leases.renew("SHOP", "shop-000", Some(1), false, start),
        Renewal::Renewed
    );
    let renewal = leases.renew("SHOP", "shop-000", Some(1), true, start);
    assert!(matches!(renewal, Renewal::Newer(known) if known.ip == "10.0.0.6"));
}

#[test]
fn an_override_outlives_registrations_and_cannot_make_ready_what_is_not() {
    let start = Moment::now();
    let mut leases = full_of(1, start);
    leases.change("SHOP", "shop-000", start, |it| {
        it.overridden = Status::OutOfService
    });
    leases
        .register(instance("SHOP", "shop-000"), start)
        .unwrap();
    let known = leases.find("SHOP", "shop-000").unwrap();
    assert_eq!(known.instance.effective_status(), Status::OutOfService);
    let mut starting = instance("SHOP", "starting");
    starting.status = Status::Starting;
    starting.overridden = Status::Up;
    assert_eq!(starting.effective_status(), Status::Starting);
}
