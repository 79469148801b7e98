//! Instances and lists of them in Eureka's JSON. XML is the same with other marks, see [`super::xml`].

use std::collections::BTreeMap;
use std::time::Duration;

use amphi_chassis::Problem;
use serde_json::{Map, Value, json};

use super::Format;
use crate::domain::{Action, Change, Instance, Lease, LeaseTerms, Leases, Port, Status};

/// Of names that become keys here and words in logs.
const NAME_CHARS_MAX: usize = 255;
pub(super) const METADATA_ENTRIES_MAX: usize = 256;
const DEFAULT_DATA_CENTER: &str = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";

/// An instance as it registers itself.
///
/// # Errors
/// Something that must be there is missing, or is not of the form that it has.
pub(crate) fn instance(value: &Value, now_ms: i64) -> Result<Instance, Problem> {
    let host = name(value, "hostName")?.ok_or_else(|| missing("hostName"))?;
    let data_center = data_center(value);
    Ok(Instance {
        id: id(value, &data_center, &host)?,
        app: name(value, "app")?
            .ok_or_else(|| missing("app"))?
            .to_uppercase(),
        ip: name(value, "ipAddr")?.ok_or_else(|| missing("ipAddr"))?,
        status: status(value, &["status"])?.unwrap_or(Status::Up),
        overridden: status(value, &["overriddenStatus", "overriddenstatus"])?
            .unwrap_or(Status::Unknown),
        port: port(value, "port", 7001, true)?,
        secure_port: port(value, "securePort", 7002, false)?,
        vip: text(value, "vipAddress"),
        secure_vip: text(value, "secureVipAddress"),
        metadata: metadata(value)?,
        extras: Instance::EXTRAS
            .into_iter()
            .filter_map(|key| Some((key, text(value, key)?)))
            .collect(),
        terms: terms(value),
        last_dirty_ms: number(value.get("lastDirtyTimestamp")).unwrap_or(now_ms),
        data_center,
        host,
    })
}

fn missing(key: &str) -> Problem {
    invalid(key, "is missing")
}

fn invalid(key: &str, what: &str) -> Problem {
    Problem::invalid(
        "invalid_instance",
        format!("`{key}` of the instance {what}."),
    )
    .with_field(format!("/instance/{key}"), "invalid", what)
}

/// A text, or what clients write without quotes; `None` when it is empty.
fn text(value: &Value, key: &str) -> Option<String> {
    let text = match value.get(key)? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(it) => it.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn name(value: &Value, key: &str) -> Result<Option<String>, Problem> {
    let Some(name) = text(value, key) else {
        return Ok(None);
    };
    if name.chars().count() > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let what = format!("must have at most {NAME_CHARS_MAX} characters, none of them a control");
        return Err(invalid(key, &what));
    }
    Ok(Some(name))
}

/// As Eureka's clients derive it: said, that of the cloud's machine, or the host's name.
fn id(value: &Value, data_center: &Map<String, Value>, host: &str) -> Result<String, Problem> {
    if let Some(id) = name(value, "instanceId")? {
        return Ok(id);
    }
    let of_machine = data_center
        .get("metadata")
        .and_then(|metadata| text(metadata, "instance-id"));
    Ok(of_machine.unwrap_or_else(|| host.to_owned()))
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn status(value: &Value, keys: &[&str]) -> Result<Option<Status>, Problem> {
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

/// Java's empty map comes with the name of its class.
fn metadata(value: &Value) -> Result<BTreeMap<String, String>, Problem> {
    let Some(Value::Object(members)) = value.get("metadata") else {
        return Ok(BTreeMap::new());
    };
    if members.len() > METADATA_ENTRIES_MAX {
        let what = format!("has more than {METADATA_ENTRIES_MAX} entries");
        return Err(invalid("metadata", &what));
    }
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        value => value.to_string(),
    };
    Ok(members
        .iter()
        .filter(|(key, _)| *key != "@class")
        .map(|(key, value)| (key.clone(), plain(value)))
        .collect())
}

fn data_center(value: &Value) -> Map<String, Value> {
    let mut data_center = match value.get("dataCenterInfo") {
        Some(Value::Object(members)) => members.clone(),
        _ => Map::new(),
    };
    let mut default = |key: &str, value: &str| {
        data_center
            .entry(key)
            .or_insert_with(|| Value::String(value.to_owned()));
    };
    default("@class", DEFAULT_DATA_CENTER);
    default("name", "MyOwn");
    data_center
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
struct Times {
    registered_ms: i64,
    renewed_ms: i64,
    updated_ms: i64,
    action: Action,
}

/// An instance that holds a lease.
pub(crate) fn of_lease(lease: &Lease, format: Format) -> Value {
    let times = Times {
        registered_ms: lease.registered_ms,
        renewed_ms: lease.renewed_ms,
        updated_ms: lease.updated_ms,
        action: Action::Added,
    };
    of_instance(&lease.instance, &times, format)
}

fn of_change(change: &Change, leases: &Leases, format: Format) -> Value {
    let lease = leases.find(&change.instance.app, &change.instance.id);
    let times = Times {
        registered_ms: lease.map_or(0, |lease| lease.registered_ms),
        renewed_ms: lease.map_or(0, |lease| lease.renewed_ms),
        updated_ms: change.updated_ms,
        action: change.action,
    };
    of_instance(&change.instance, &times, format)
}

fn of_instance(instance: &Instance, times: &Times, format: Format) -> Value {
    let port = |port: Port| json!({ "$": port.number, "@enabled": port.is_enabled.to_string() });
    let mut members = Map::new();
    for (key, value) in &instance.extras {
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
    let country = instance.extras.get("countryId");
    let country = country.and_then(|it| it.parse::<i64>().ok()).unwrap_or(1);
    set("countryId", country.into());
    set("dataCenterInfo", instance.data_center.clone().into());
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
pub(super) fn application<'a>(
    name: &str,
    leases: impl Iterator<Item = &'a Lease>,
    format: Format,
) -> Value {
    let instances: Vec<Value> = leases.map(|lease| of_lease(lease, format)).collect();
    json!({ "name": name, "instance": instances })
}

/// All applications, of them the instances that `is_wanted`; those without any are left out.
pub(super) fn applications(
    leases: &Leases,
    format: Format,
    is_wanted: impl Fn(&Instance) -> bool,
) -> Value {
    let applications: Vec<Value> = leases
        .apps()
        .iter()
        .filter(|(_, instances)| instances.values().any(|lease| is_wanted(&lease.instance)))
        .map(|(name, instances)| {
            let wanted = instances
                .values()
                .filter(|lease| is_wanted(&lease.instance));
            application(name, wanted, format)
        })
        .collect();
    list(leases, applications)
}

/// What has changed in the last minutes, grouped like the rest, with the hash of all there is.
pub(super) fn delta(leases: &Leases, changes: &[Change], format: Format) -> Value {
    let mut by_app: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for change in changes {
        by_app
            .entry(&change.instance.app)
            .or_default()
            .push(of_change(change, leases, format));
    }
    let applications = by_app
        .into_iter()
        .map(|(name, instances)| json!({ "name": name, "instance": instances }))
        .collect();
    list(leases, applications)
}

fn list(leases: &Leases, applications: Vec<Value>) -> Value {
    json!({
        "versions__delta": leases.version().to_string(),
        "apps__hashcode": leases.hash(),
        "application": applications,
    })
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
