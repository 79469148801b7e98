//! What instances and operators tell: here I am, I am still here, I am gone, this one is out of service.

use std::collections::BTreeMap;

use amphi_chassis::Problem;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::access::Guest;
use super::reading::instance_not_found;
use super::{Api, Format, REPLICATION, body, wire};
use crate::domain::{Instance, Moment, Renewal, Status};
use crate::replication::Told;

type Words = BTreeMap<String, String>;

/// Of a value of the metadata that is set by itself; whole registrations are bounded as a whole.
const METADATA_VALUE_BYTES_MAX: usize = 4096;

/// What was told, and by whom.
struct Telling<'a> {
    api: &'a Api,
    app: String,
    id: String,
    is_passed_on: bool,
}

impl<'a> Telling<'a> {
    /// # Errors
    /// Who calls may not write this application.
    fn new(
        api: &'a Api,
        guest: Guest,
        app: &str,
        id: String,
        headers: &HeaderMap,
    ) -> Result<Self, Problem> {
        let app = app.to_uppercase();
        guest.may_write(&app)?;
        let is_passed_on = headers
            .get(REPLICATION)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
        Ok(Self {
            api,
            app,
            id,
            is_passed_on,
        })
    }

    /// Other registries hear it, unless it came from one.
    fn pass_on(&self, told: Told) {
        if !self.is_passed_on {
            self.api.peers.tell(&self.app, &self.id, told);
        }
    }

    fn not_found(&self) -> Problem {
        instance_not_found(&self.app, &self.id)
    }

    /// Changes the description of the instance.
    ///
    /// # Errors
    /// It is not there.
    fn change(&self, change: impl FnOnce(&mut Instance)) -> Result<(), Problem> {
        let mut leases = self.api.registry.leases();
        if leases.change(&self.app, &self.id, Moment::now(), change) {
            Ok(())
        } else {
            Err(self.not_found())
        }
    }
}

pub(super) async fn register(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path(app): Path<String>,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let value = body::instance(&headers, bytes)?;
    let now = Moment::now();
    let instance = wire::instance(&value, now.unix_ms)?;
    let telling = Telling::new(&api, guest, &app, instance.id.clone(), &headers)?;
    if instance.app != telling.app {
        return Err(Problem::invalid(
            "app_mismatch",
            format!(
                "The address names the application {:.255}, the instance {:.255}. Make them agree.",
                telling.app, instance.app
            ),
        ));
    }
    api.registry
        .leases()
        .register(instance, now)
        .map_err(|full| {
            Problem::unavailable(
                "registry_full",
                format!("{full}. Raise registry.instances_max."),
            )
        })?;
    telling.pass_on(Told::Registered);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn renew(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let telling = Telling::new(&api, guest, &app, id, &headers)?;
    let dirty_ms = words
        .get("lastDirtyTimestamp")
        .and_then(|text| text.parse().ok());
    let renewal = api.registry.leases().renew(
        &telling.app,
        &telling.id,
        dirty_ms,
        telling.is_passed_on,
        Moment::now(),
    );
    match renewal {
        Renewal::Renewed => {
            telling.pass_on(Told::Renewed);
            Ok(StatusCode::OK.into_response())
        }
        Renewal::Unknown => Err(telling.not_found()),
        // The registry that lags behind finds in the answer what it does not know.
        Renewal::Newer(_) => {
            let format = Format::accepted(&headers);
            let known = {
                let leases = api.registry.leases();
                leases
                    .find(&telling.app, &telling.id)
                    .map(|lease| wire::of_lease(lease, format))
            };
            let known = known.ok_or_else(|| telling.not_found())?;
            let mut response = format.answer("instance", known);
            *response.status_mut() = StatusCode::CONFLICT;
            Ok(response)
        }
    }
}

pub(super) async fn cancel(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path((app, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let telling = Telling::new(&api, guest, &app, id, &headers)?;
    let was_there = api
        .registry
        .leases()
        .cancel(&telling.app, &telling.id, Moment::now());
    if !was_there {
        return Err(telling.not_found());
    }
    telling.pass_on(Told::Cancelled);
    Ok(StatusCode::OK)
}

pub(super) async fn set_status(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let telling = Telling::new(&api, guest, &app, id, &headers)?;
    let status = status_in(&words)?.ok_or_else(|| {
        Problem::invalid(
            "status_missing",
            "Say which status: /status?value=OUT_OF_SERVICE.",
        )
    })?;
    telling.change(|instance| {
        instance.status = status;
        instance.overridden = status;
    })?;
    telling.pass_on(Told::Status(status));
    Ok(StatusCode::OK)
}

/// How the instance is now it has to say itself, unless `value` does: until then its renewals are answered with 404.
pub(super) async fn remove_status(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let telling = Telling::new(&api, guest, &app, id, &headers)?;
    let status = status_in(&words)?.unwrap_or(Status::Unknown);
    telling.change(|instance| {
        instance.status = status;
        instance.overridden = Status::Unknown;
    })?;
    telling.pass_on(Told::StatusRemoved(status));
    Ok(StatusCode::OK)
}

pub(super) async fn set_metadata(
    State(api): State<Api>,
    Extension(guest): Extension<Guest>,
    Path((app, id)): Path<(String, String)>,
    Query(words): Query<Words>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let telling = Telling::new(&api, guest, &app, id, &headers)?;
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
    let mut has_room = true;
    telling.change(|instance| {
        let mut metadata = instance.metadata.clone();
        metadata.extend(words);
        has_room = metadata.len() <= wire::METADATA_ENTRIES_MAX;
        if has_room {
            instance.metadata = metadata;
        }
    })?;
    if !has_room {
        return Err(Problem::invalid(
            "too_much_metadata",
            format!(
                "An instance may have {} entries of metadata.",
                wire::METADATA_ENTRIES_MAX
            ),
        ));
    }
    telling.pass_on(Told::Registered);
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
