//! What instances and operators tell: here I am, I am still here, I am gone, this one is out of service.

use std::collections::BTreeMap;

use amphi_chassis::Problem;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::access::Principal;
use super::reading::instance_not_found;
use super::{Api, body, is_replication, replica, wire};
use crate::domain::{Full, Instance, Moment, Renewal, ReplicaLease, ReplicaRenewal, Status};
use crate::replication::{ChangeKind, query};

type Words = BTreeMap<String, String>;

/// Of a value of the metadata that is set by itself; whole registrations are bounded as a whole.
const METADATA_VALUE_BYTES_MAX: usize = 4096;

/// A change of one instance.
struct Write<'a> {
    api: &'a Api,
    app: String,
    id: String,
    /// Another registry of the installation passes on what it knows.
    is_replication: bool,
}

impl<'a> Write<'a> {
    /// # Errors
    /// Who calls may not write this application.
    fn new(
        api: &'a Api,
        principal: Principal,
        app: &str,
        id: String,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let app = app.to_uppercase();
        principal.may_write(&app)?;
        Ok(Self {
            api,
            app,
            id,
            is_replication: is_replication(principal, headers),
        })
    }

    /// Other registries hear it.
    fn replicate(&self, kind: ChangeKind) {
        self.api.peers.changed(&self.app, &self.id, kind);
    }

    fn not_found(&self) -> Problem {
        instance_not_found(&self.app, &self.id)
    }

    /// Changes the description of the instance, here and elsewhere.
    ///
    /// # Errors
    /// It is not there.
    fn change<R>(&self, change: impl FnOnce(&mut Instance) -> R) -> Result<R, Problem> {
        let mut leases = self.api.registry.leases();
        let changed = leases.change(&self.app, &self.id, Moment::now(), change);
        drop(leases);
        let result = changed.ok_or_else(|| self.not_found())?;
        self.replicate(ChangeKind::Description);
        Ok(result)
    }
}

fn full(full: Full) -> Problem {
    Problem::unavailable(
        "registry_full",
        format!("{full}. Raise registry.instances_max."),
    )
}

pub(super) async fn register(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(app): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let value = body::instance(&headers, bytes)?;
    let now = Moment::now();
    let (instance, there) = if is_replication(principal, &headers) {
        let (instance, there) = replica::read(&value, now)?;
        (instance, Some(there))
    } else {
        (wire::instance(&value, now.unix_ms)?, None)
    };
    let write = Write::new(&api, principal, &app, instance.id.clone(), &headers)?;
    principal.may_register(&instance)?;
    if instance.app != write.app {
        return Err(Problem::invalid(
            "app_mismatch",
            format!(
                "The address names the application {:.255}, the instance {:.255}. Make them agree.",
                write.app, instance.app
            ),
        ));
    }
    if let Some(there) = there {
        let mut leases = api.registry.leases();
        leases
            .register_replica(instance, there, now)
            .map_err(full)?;
        return Ok(StatusCode::NO_CONTENT);
    }
    if replica::encoded_bytes(&instance) > api.instance_bytes_max {
        return Err(body::too_large());
    }
    api.registry
        .leases()
        .register(instance, now)
        .map_err(full)?;
    write.replicate(ChangeKind::Description);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn renew(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let write = Write::new(&api, principal, &app, id, &headers)?;
    let now = Moment::now();
    let number = |key: &str| words.get(key).and_then(|text| text.parse::<i64>().ok());
    let dirty_ms = number(query::LAST_DIRTY);
    let mut leases = api.registry.leases();
    let renewal = if write.is_replication {
        let remaining_ms = number(query::REMAINING_MS).and_then(|it| u64::try_from(it).ok());
        let told = ReplicaRenewal {
            last_dirty_ms: dirty_ms.unwrap_or(0),
            revision_ms: number(query::REVISION_MS).unwrap_or(0),
            lease: ReplicaLease {
                renewed_ms: number(query::RENEWED_MS).unwrap_or(now.unix_ms),
                remaining: std::time::Duration::from_millis(remaining_ms.unwrap_or(u64::MAX)),
            },
        };
        leases.renew_replica(&write.app, &write.id, told, now)
    } else {
        leases.renew(&write.app, &write.id, dirty_ms, now)
    };
    drop(leases);
    match renewal {
        Renewal::Renewed => {
            if !write.is_replication {
                write.replicate(ChangeKind::Renewal);
            }
            Ok(StatusCode::OK.into_response())
        }
        Renewal::Unknown => Err(write.not_found()),
        // The registry that lags behind finds in the answer what it does not know.
        Renewal::Newer(known) => {
            let known = serde_json::json!({ "instance": replica::write(&known, now) });
            Ok((StatusCode::CONFLICT, axum::Json(known)).into_response())
        }
    }
}

pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let write = Write::new(&api, principal, &app, id, &headers)?;
    let now = Moment::now();
    if write.is_replication {
        let cancelled_ms = words.get(query::CANCELLED_MS);
        let cancelled_ms = cancelled_ms.and_then(|text| text.parse().ok());
        let cancelled_ms = cancelled_ms.unwrap_or(now.unix_ms);
        let mut leases = api.registry.leases();
        leases.cancel_replica(&write.app, &write.id, cancelled_ms, now);
        return Ok(StatusCode::OK);
    }
    let was_there = api.registry.leases().cancel(&write.app, &write.id, now);
    if !was_there {
        return Err(write.not_found());
    }
    write.replicate(ChangeKind::Description);
    Ok(StatusCode::OK)
}

pub(super) async fn set_status(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let write = Write::new(&api, principal, &app, id, &headers)?;
    let status = status_in(&words)?.ok_or_else(|| {
        Problem::invalid(
            "status_missing",
            "Say which status: /status?value=OUT_OF_SERVICE.",
        )
    })?;
    write.change(|instance| instance.override_status(status))?;
    Ok(StatusCode::OK)
}

/// How the instance is now it has to say itself, unless `value` does: until then its renewals are answered with 404. Without an
/// override nothing happens.
pub(super) async fn remove_status(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let write = Write::new(&api, principal, &app, id, &headers)?;
    let status = status_in(&words)?.unwrap_or(Status::Unknown);
    write.change(|instance| instance.remove_override(status))?;
    Ok(StatusCode::OK)
}

pub(super) async fn set_metadata(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let write = Write::new(&api, principal, &app, id, &headers)?;
    let is_too_long = |(key, value): (&String, &String)| {
        key.is_empty() || key.len() + value.len() > METADATA_VALUE_BYTES_MAX
    };
    if words.is_empty() || words.iter().any(is_too_long) {
        return Err(Problem::invalid(
            "invalid_metadata",
            format!(
                "Say what to set, as /metadata?key=value, with at most {METADATA_VALUE_BYTES_MAX} bytes each."
            ),
        ));
    }
    let has_room = write.change(|instance| {
        let mut changed = instance.clone();
        changed.metadata.extend(words);
        let has_room = changed.metadata.len() <= wire::METADATA_ENTRIES_MAX
            && replica::encoded_bytes(&changed) <= api.instance_bytes_max;
        if has_room {
            *instance = changed;
        }
        has_room
    })?;
    if !has_room {
        return Err(Problem::invalid(
            "too_much_metadata",
            format!(
                "An instance may have {} entries of metadata, and be as large as registry.body_bytes_max.",
                wire::METADATA_ENTRIES_MAX
            ),
        ));
    }
    Ok(StatusCode::OK)
}

fn status_in(words: &Words) -> Result<Option<Status>, Problem> {
    let Some(text) = words.get("value").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse()
        .map(Some)
        .map_err(|error| Problem::invalid("invalid_status", format!("{error}.")))
}
