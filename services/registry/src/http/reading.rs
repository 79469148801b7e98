//! What clients ask: everything, what has changed, one application, one instance.

use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::rpc::{LIST_COMPLETE, LIST_PARTIAL, LIST_STATE};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::access::Principal;
use super::{Api, Format, is_replication, replica, wire};
use crate::domain::{Instance, Moment, Snapshot};
use crate::replication::SyncState;

type Answer = Result<Response, Problem>;

/// Lists may be given, and this says whether instances may be missing in them.
struct Readable(SyncState);

impl Readable {
    fn mark(&self, response: impl IntoResponse) -> Response {
        let mut response = response.into_response();
        let state = match self.0 {
            SyncState::Complete => LIST_COMPLETE,
            SyncState::Learning | SyncState::Partial => LIST_PARTIAL,
        };
        let headers = response.headers_mut();
        headers.insert(LIST_STATE, HeaderValue::from_static(state));
        response
    }
}

impl Api {
    /// Who reads an empty list forgets whom he knows; only our own processes know better when it is marked as partial.
    fn expect_readable(
        &self,
        principal: Principal,
        headers: &HeaderMap,
    ) -> Result<Readable, Problem> {
        let state = self.peers.sync_state();
        let is_own_role =
            principal == Principal::ThisInstallation && !is_replication(principal, headers);
        match state {
            SyncState::Complete => Ok(Readable(state)),
            SyncState::Partial if is_own_role => Ok(Readable(state)),
            SyncState::Learning | SyncState::Partial => {
                let problem = Problem::unavailable(
                    "registry_starting",
                    "The registry has just started, and does not know all instances yet. Ask another, or again in a moment.",
                );
                Err(problem.with_retry_after(Duration::from_secs(1)))
            }
        }
    }
}

pub(super) async fn all(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Answer {
    let readable = api.expect_readable(principal, &headers)?;
    if is_replication(principal, &headers) {
        let snapshot = api.registry.leases().snapshot(|_| true);
        let applications = replica::write_all(&snapshot, Moment::now());
        return Ok(readable.mark(Format::Json.answer("applications", applications)));
    }
    let format = Format::accepted(&headers);
    let body = api.lists.all(&api.registry, format).await;
    Ok(readable.mark(format.response(body)))
}

pub(super) async fn delta(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
) -> Answer {
    let readable = api.expect_readable(principal, &headers)?;
    let format = Format::accepted(&headers);
    let delta = api.registry.leases().delta(Moment::now());
    let applications = wire::delta(&delta, format);
    Ok(readable.mark(format.answer("applications", applications)))
}

pub(super) async fn app(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let readable = api.expect_readable(principal, &headers)?;
    let format = Format::accepted(&headers);
    let name = app.to_uppercase();
    let leases = api.registry.leases().of_app(&name);
    let Some(leases) = leases else {
        let problem = Problem::not_found(
            "app_not_found",
            format!("No instance of {name:.255} is registered."),
        );
        return Ok(readable.mark(problem));
    };
    let application = wire::application(&name, &leases, format);
    Ok(readable.mark(format.answer("application", application)))
}

pub(super) async fn instance(
    State(api): State<Api>,
    Path((app, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers);
    let lease = api
        .registry
        .leases()
        .find(&app.to_uppercase(), &id)
        .cloned();
    let lease = lease.ok_or_else(|| instance_not_found(&app, &id))?;
    Ok(format.answer("instance", wire::of_lease(&lease, format)))
}

pub(super) async fn any_instance(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers);
    let lease = api.registry.leases().find_by_id(&id).cloned();
    let lease = lease.ok_or_else(|| instance_not_found("any application", &id))?;
    Ok(format.answer("instance", wire::of_lease(&lease, format)))
}

pub(super) async fn vip(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(vip): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let readable = api.expect_readable(principal, &headers)?;
    let has_name = |instance: &Instance| instance.vips().any(|name| name == vip);
    let found = api.registry.leases().snapshot(has_name);
    by_vip(&readable, &vip, &found, &headers)
}

pub(super) async fn secure_vip(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(vip): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let readable = api.expect_readable(principal, &headers)?;
    let has_name = |instance: &Instance| instance.secure_vips().any(|name| name == vip);
    let found = api.registry.leases().snapshot(has_name);
    by_vip(&readable, &vip, &found, &headers)
}

fn by_vip(readable: &Readable, vip: &str, found: &Snapshot, headers: &HeaderMap) -> Answer {
    if found.apps.is_empty() {
        let problem = Problem::not_found(
            "vip_not_found",
            format!("No instance answers to {vip:.255}."),
        );
        return Ok(readable.mark(problem));
    }
    let format = Format::accepted(headers);
    let applications = wire::applications(found, format);
    Ok(readable.mark(format.answer("applications", applications)))
}

/// For operators; not of Eureka's own form.
pub(super) async fn status(State(api): State<Api>) -> Json<Value> {
    let (instances, hash) = {
        let leases = api.registry.leases();
        (leases.count(), leases.hash())
    };
    Json(json!({
        "instances": instances,
        "apps__hashcode": hash,
        "is_synced": api.peers.sync_state() == SyncState::Complete,
        "self_preservation": api.registry.is_preserving(),
        "peers": api.peers.report(),
    }))
}

pub(super) fn instance_not_found(app: &str, id: &str) -> Problem {
    Problem::not_found(
        "instance_not_found",
        format!(
            "The instance {id:.255} of {app:.255} is not registered, or has changed since. Register it."
        ),
    )
}
