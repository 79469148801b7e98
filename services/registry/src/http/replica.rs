//! What registries of one installation tell each other of an instance: Eureka's JSON, and beside its members what is not known from
//! them.

use std::time::Duration;

use amphi_chassis::Problem;
use serde_json::{Value, json};

use super::Format;
use super::wire::{self, Times, list, number, of_instance, status};
use crate::domain::{Action, Instance, Lease, LeaseTerms, Moment, ReplicaLease, Snapshot, Status};

const REPLICATION_MEMBER: &str = "replication";

/// What another registry knows of an instance.
///
/// # Errors
/// As [`wire::instance`].
pub(crate) fn read(value: &Value, now: Moment) -> Result<(Instance, ReplicaLease), Problem> {
    let mut instance = wire::instance(value, now.unix_ms)?;
    let state = &value[REPLICATION_MEMBER];
    if let Some(status) = status(state, &["status"])? {
        instance.status = status;
    }
    instance.revision_ms = number(state.get("revisionMs")).unwrap_or(0);
    let remaining_ms = number(state.get("remainingMs")).and_then(|it| u64::try_from(it).ok());
    let lease = ReplicaLease {
        renewed_ms: number(state.get("renewedMs")).unwrap_or(now.unix_ms),
        remaining: remaining_ms.map_or(instance.terms.duration, Duration::from_millis),
    };
    Ok((instance, lease))
}

/// A lease for another registry.
pub(crate) fn write(lease: &Lease, now: Moment) -> Value {
    replica_value(
        &lease.instance,
        &Times::of(lease),
        ReplicaLease::of(lease, now),
    )
}

fn replica_value(instance: &Instance, times: &Times, lease: ReplicaLease) -> Value {
    let mut value = of_instance(instance, times, Format::Json);
    value[REPLICATION_MEMBER] = json!({
        "status": instance.status.as_str(),
        "revisionMs": instance.revision_ms,
        "renewedMs": lease.renewed_ms,
        "remainingMs": u64::try_from(lease.remaining.as_millis()).unwrap_or(u64::MAX),
    });
    value
}

/// The most that the instance takes when it is passed on to another registry, which takes no larger body than this one.
pub(super) fn encoded_bytes(instance: &Instance) -> usize {
    const LATE_MS: i64 = 9_999_999_999_999;
    let times = Times {
        registered_ms: LATE_MS,
        renewed_ms: LATE_MS,
        updated_ms: LATE_MS,
        action: Action::Modified,
    };
    let instance = Instance {
        overridden: Status::OutOfService,
        status: Status::OutOfService,
        revision_ms: LATE_MS,
        ..instance.clone()
    };
    let lease = ReplicaLease {
        renewed_ms: LATE_MS,
        remaining: LeaseTerms::DURATION_MAX,
    };
    let body = json!({ "instance": replica_value(&instance, &times, lease) });
    body.to_string().len()
}

/// All leases for another registry.
pub(super) fn write_all(snapshot: &Snapshot, now: Moment) -> Value {
    let application = |(name, leases): &(String, Vec<Lease>)| {
        let instances: Vec<Value> = leases.iter().map(|it| write(it, now)).collect();
        json!({ "name": name, "instance": instances })
    };
    let applications = snapshot.apps.iter().map(application).collect();
    let hash = snapshot.hash();
    list(snapshot.version, &hash, applications, Format::Json)
}
