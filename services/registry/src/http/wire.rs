//! Instances and lists of them in Eureka's JSON. XML is the same with other marks, see [`super::xml`].

use std::collections::BTreeMap;
use std::time::Duration;

use amphi_chassis::Problem;
use serde_json::{Map, Value, json};

use super::{Format, data_center};
use crate::domain::{Action, Delta, Instance, Lease, LeaseTerms, Port, Snapshot, Status};

/// Of names that become keys here and words in logs.
const NAME_CHARS_MAX: usize = 255;
pub(super) const METADATA_ENTRIES_MAX: usize = 256;

/// An instance as it registers itself.
///
/// # Errors
/// Something that must be there is missing, or is not of the form that it has.
pub(crate) fn instance(value: &Value, now_ms: i64) -> Result<Instance, Problem> {
    let host = name(value, "hostName")?.ok_or_else(|| missing("hostName"))?;
    let data_center = data_center::read(value)?;
    Ok(Instance {
        id: id(value, &host)?,
        app: name(value, "app")?
            .ok_or_else(|| missing("app"))?
            .to_uppercase(),
        ip: name(value, "ipAddr")?.ok_or_else(|| missing("ipAddr"))?,
        status: status(value, &["status"])?.unwrap_or(Status::Up),
        overridden: status(value, &["overriddenStatus", "overriddenstatus"])?
            .unwrap_or(Status::Unknown),
        revision_ms: 0,
        port: port(value, "port", 7001, true)?,
        secure_port: port(value, "securePort", 7002, false)?,
        vip: text(value, "vipAddress"),
        secure_vip: text(value, "secureVipAddress"),
        metadata: flat_texts(value.get("metadata"), "metadata")?,
        optional_fields: optional_fields(value),
        terms: terms(value),
        last_dirty_ms: number(value.get("lastDirtyTimestamp")).unwrap_or(now_ms),
        data_center,
        host,
    })
}

fn optional_fields(value: &Value) -> BTreeMap<&'static str, String> {
    let said = Instance::OPTIONAL_FIELDS
        .into_iter()
        .filter_map(|key| Some((key, text(value, key)?)));
    let mut fields: BTreeMap<_, _> = said.collect();
    // A number for all clients, as Eureka has it.
    fields.entry("countryId").or_insert_with(|| "1".to_owned());
    fields
}

fn missing(key: &str) -> Problem {
    invalid(key, "is missing")
}

pub(super) fn invalid(key: &str, what: &str) -> Problem {
    Problem::invalid(
        "invalid_instance",
        format!("`{key}` of the instance {what}."),
    )
    .with_field(format!("/instance/{key}"), "invalid", what)
}

/// A text, or what clients write without quotes; `None` when it is empty.
pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    let text = match value.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(it) => it.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// Of what becomes a part of an address.
fn name(value: &Value, key: &str) -> Result<Option<String>, Problem> {
    let Some(name) = text(value, key) else {
        return Ok(None);
    };
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let what = format!("must have at most {NAME_CHARS_MAX} characters, none of them a control");
        return Err(invalid(key, &what));
    }
    if matches!(name.as_str(), "." | "..") {
        return Err(invalid(key, "must not be a step in a path"));
    }
    Ok(Some(name))
}

/// As Eureka's clients derive it: said, that of the cloud's machine, or the host's name.
fn id(value: &Value, host: &str) -> Result<String, Problem> {
    if let Some(id) = name(value, "instanceId")? {
        return Ok(id);
    }
    let of_machine = &value["dataCenterInfo"]["metadata"];
    Ok(name(of_machine, "instance-id")?.unwrap_or_else(|| host.to_owned()))
}

pub(super) fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn status(value: &Value, keys: &[&str]) -> Result<Option<Status>, Problem> {
    for key in keys {
        if let Some(text) = text(value, key) {
            return text
                .parse()
                .map(Some)
                .map_err(|error| invalid(key, &format!("is wrong: {error}")));
        }
    }
    Ok(None)
}

/// `{"$": 8080, "@enabled": "true"}`, or just the number.
fn port(value: &Value, key: &str, default: u16, is_enabled: bool) -> Result<Port, Problem> {
    let default = Port {
        number: default,
        is_enabled,
    };
    let Some(value) = value.get(key).filter(|value| !value.is_null()) else {
        return Ok(default);
    };
    let said = if value.is_object() {
        value.get("$")
    } else {
        Some(value)
    };
    let number = number(said)
        .and_then(|number| u16::try_from(number).ok())
        .ok_or_else(|| {
            invalid(
                key,
                "must be a number from 0 to 65535, as in {\"$\": 8080, \"@enabled\": \"true\"}",
            )
        })?;
    Ok(Port {
        number,
        is_enabled: text(value, "@enabled").map_or(default.is_enabled, |it| it == "true"),
    })
}

/// Keys and texts. Java's empty map comes with the name of its class; XML's is an empty text.
pub(super) fn flat_texts(
    value: Option<&Value>,
    key: &str,
) -> Result<BTreeMap<String, String>, Problem> {
    let Some(Value::Object(members)) = value else {
        return Ok(BTreeMap::new());
    };
    if members.len() > METADATA_ENTRIES_MAX {
        let what = format!("has more than {METADATA_ENTRIES_MAX} entries");
        return Err(invalid(key, &what));
    }
    if members.contains_key("") {
        return Err(invalid(key, "has an entry without a name"));
    }
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Null => Some(String::new()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    };
    members
        .iter()
        .filter(|(name, _)| *name != "@class")
        .map(|(name, value)| Some((name.clone(), plain(value)?)))
        .collect::<Option<_>>()
        .ok_or_else(|| invalid(key, "has an entry that is no text"))
}

/// What is not positive is not meant.
fn terms(value: &Value) -> LeaseTerms {
    let seconds = |key: &str| {
        let seconds = number(value.get("leaseInfo")?.get(key))?;
        let seconds = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
        Some(Duration::from_secs(seconds).min(LeaseTerms::DURATION_MAX))
    };
    LeaseTerms {
        renewal_interval: seconds("renewalIntervalInSecs")
            .unwrap_or(LeaseTerms::DEFAULT.renewal_interval),
        duration: seconds("durationInSecs").unwrap_or(LeaseTerms::DEFAULT.duration),
    }
}

/// What a lease says of itself beside the instance.
pub(super) struct Times {
    pub registered_ms: i64,
    pub renewed_ms: i64,
    pub updated_ms: i64,
    pub action: Action,
}

impl Times {
    pub const fn of(lease: &Lease) -> Self {
        Self {
            registered_ms: lease.registered_ms,
            renewed_ms: lease.renewed_ms,
            updated_ms: lease.updated_ms,
            action: Action::Added,
        }
    }
}

/// An instance that holds a lease.
pub(crate) fn of_lease(lease: &Lease, format: Format) -> Value {
    of_instance(&lease.instance, &Times::of(lease), format)
}

pub(super) fn of_instance(instance: &Instance, times: &Times, format: Format) -> Value {
    let port = |port: Port| json!({ "$": port.number, "@enabled": port.is_enabled.to_string() });
    let mut members = Map::new();
    for (key, value) in &instance.optional_fields {
        members.insert((*key).to_owned(), value.as_str().into());
    }
    let mut set = |key: &str, value: Value| members.insert(key.to_owned(), value);
    set("instanceId", instance.id.as_str().into());
    set("app", instance.app.as_str().into());
    set("hostName", instance.host.as_str().into());
    set("ipAddr", instance.ip.as_str().into());
    set("status", instance.effective_status().as_str().into());
    // Eureka's own spelling differs so.
    let overridden = match format {
        Format::Json => "overriddenStatus",
        Format::Xml => "overriddenstatus",
    };
    set(overridden, instance.overridden.as_str().into());
    set("port", port(instance.port));
    set("securePort", port(instance.secure_port));
    for (key, vip) in [
        ("vipAddress", &instance.vip),
        ("secureVipAddress", &instance.secure_vip),
    ] {
        if let Some(vip) = vip {
            set(key, vip.as_str().into());
        }
    }
    let country = instance.optional_fields.get("countryId");
    let country = country.and_then(|it| it.parse::<i64>().ok()).unwrap_or(1);
    set("countryId", country.into());
    set("dataCenterInfo", data_center::write(&instance.data_center));
    set("leaseInfo", lease_info(instance.terms, times));
    set("metadata", json!(instance.metadata));
    set("lastUpdatedTimestamp", times.updated_ms.to_string().into());
    set(
        "lastDirtyTimestamp",
        instance.last_dirty_ms.to_string().into(),
    );
    set("actionType", times.action.as_str().into());
    Value::Object(members)
}

fn lease_info(terms: LeaseTerms, times: &Times) -> Value {
    json!({
        "renewalIntervalInSecs": terms.renewal_interval.as_secs(),
        "durationInSecs": terms.duration.as_secs(),
        "registrationTimestamp": times.registered_ms,
        "lastRenewalTimestamp": times.renewed_ms,
        "evictionTimestamp": 0,
        "serviceUpTimestamp": times.registered_ms,
    })
}

/// One application.
pub(super) fn application(name: &str, leases: &[Lease], format: Format) -> Value {
    let instances: Vec<Value> = leases.iter().map(|it| of_lease(it, format)).collect();
    json!({ "name": name, "instance": instances })
}

/// All applications of a snapshot, with the hash of what is in it.
pub(super) fn applications(snapshot: &Snapshot, format: Format) -> Value {
    let applications = snapshot
        .apps
        .iter()
        .map(|(name, leases)| application(name, leases, format));
    list(
        snapshot.version,
        &snapshot.hash(),
        applications.collect(),
        format,
    )
}

/// What has changed in the last minutes, grouped like the rest, with the hash of all there is.
pub(super) fn delta(delta: &Delta, format: Format) -> Value {
    let mut by_app: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for change in &delta.changes {
        let times = Times {
            action: change.action,
            ..Times::of(&change.lease)
        };
        by_app
            .entry(&change.lease.instance.app)
            .or_default()
            .push(of_instance(&change.lease.instance, &times, format));
    }
    let applications = by_app
        .into_iter()
        .map(|(name, instances)| json!({ "name": name, "instance": instances }))
        .collect();
    list(delta.version, &delta.hash, applications, format)
}

/// Clients look for two underscores: in XML they come of [`super::names`].
pub(super) fn list(version: u64, hash: &str, applications: Vec<Value>, format: Format) -> Value {
    let (version_key, hash_key) = match format {
        Format::Json => ("versions__delta", "apps__hashcode"),
        Format::Xml => ("versions_delta", "apps_hashcode"),
    };
    json!({
        version_key: version.to_string(),
        hash_key: hash,
        "application": applications,
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
