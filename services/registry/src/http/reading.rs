//! What clients ask: everything, what has changed, one application, one instance.

use amphi_chassis::Problem;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::Response;
use http::HeaderMap;
use serde_json::{Value, json};

use super::{Api, Format, wire};
use crate::domain::{Instance, Moment};

type Answer = Result<Response, Problem>;

impl Api {
    /// Whoever reads an empty list would forget whom he knows.
    fn expect_filled(&self) -> Result<(), Problem> {
        if self.peers.is_filled() {
            return Ok(());
        }
        let problem = Problem::unavailable(
            "registry_starting",
            "The registry has just started and asks the others what they know. Ask another, or again in a moment.",
        );
        Err(problem.with_retry_after(std::time::Duration::from_secs(1)))
    }

    fn applications(
        &self,
        headers: &HeaderMap,
        is_wanted: impl Fn(&Instance) -> bool,
    ) -> Result<(Format, Value), Problem> {
        self.expect_filled()?;
        let format = Format::accepted(headers);
        Ok((
            format,
            wire::applications(&self.registry.leases(), format, is_wanted),
        ))
    }
}

pub(super) async fn all(State(api): State<Api>, headers: HeaderMap) -> Answer {
    let (format, applications) = api.applications(&headers, |_| true)?;
    Ok(format.answer("applications", applications))
}

pub(super) async fn delta(State(api): State<Api>, headers: HeaderMap) -> Answer {
    api.expect_filled()?;
    let format = Format::accepted(&headers);
    let delta = {
        let mut leases = api.registry.leases();
        let changes = leases.recent_changes(Moment::now());
        wire::delta(&leases, &changes, format)
    };
    Ok(format.answer("applications", delta))
}

pub(super) async fn app(
    State(api): State<Api>,
    Path(app): Path<String>,
    headers: HeaderMap,
) -> Answer {
    api.expect_filled()?;
    let format = Format::accepted(&headers);
    let name = app.to_uppercase();
    let application = {
        let leases = api.registry.leases();
        leases
            .apps()
            .get(&name)
            .map(|instances| wire::application(&name, instances.values(), format))
    };
    let application = application.ok_or_else(|| {
        Problem::not_found(
            "app_not_found",
            format!("No instance of {name:.255} is registered."),
        )
    })?;
    Ok(format.answer("application", application))
}

pub(super) async fn instance(
    State(api): State<Api>,
    Path((app, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers);
    let instance = {
        let leases = api.registry.leases();
        leases
            .find(&app.to_uppercase(), &id)
            .map(|lease| wire::of_lease(lease, format))
    };
    let instance = instance.ok_or_else(|| instance_not_found(&app, &id))?;
    Ok(format.answer("instance", instance))
}

pub(super) async fn any_instance(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers);
    let instance = {
        let leases = api.registry.leases();
        leases
            .all()
            .find(|lease| lease.instance.id == id)
            .map(|lease| wire::of_lease(lease, format))
    };
    let instance = instance.ok_or_else(|| instance_not_found("any application", &id))?;
    Ok(format.answer("instance", instance))
}

pub(super) async fn vip(
    State(api): State<Api>,
    Path(vip): Path<String>,
    headers: HeaderMap,
) -> Answer {
    by_vip(&api, &vip, &headers, |instance| instance.vip.as_deref())
}

pub(super) async fn secure_vip(
    State(api): State<Api>,
    Path(vip): Path<String>,
    headers: HeaderMap,
) -> Answer {
    by_vip(&api, &vip, &headers, |instance| {
        instance.secure_vip.as_deref()
    })
}

/// An instance may have several names, separated by commas.
fn by_vip(
    api: &Api,
    vip: &str,
    headers: &HeaderMap,
    names: impl Fn(&Instance) -> Option<&str>,
) -> Answer {
    let has_name = |instance: &Instance| {
        names(instance).is_some_and(|names| names.split(',').any(|name| name.trim() == vip))
    };
    let (format, applications) = api.applications(headers, has_name)?;
    let is_empty = applications["application"]
        .as_array()
        .is_none_or(Vec::is_empty);
    if is_empty {
        return Err(Problem::not_found(
            "vip_not_found",
            format!("No instance answers to {vip:.255}."),
        ));
    }
    Ok(format.answer("applications", applications))
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
        "is_filled": api.peers.is_filled(),
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
