//! The calls that a registry answers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, Request, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Instance, LIST_COMPLETE, LIST_STATE, app_of, renewal_interval};
use crate::Role;
use crate::auth::ServiceTokens;
use crate::config::{Protection, RegistryAddress, RpcConfig};
use crate::rpc::peers::{HttpClient, http_client};
use crate::tls::InternalTls;

/// For a whole call, or less when leases are short: a registry that does not answer must not cost one.
const TIMEOUT_MAX: Duration = Duration::from_secs(3);
/// Of some thousand instances of one role.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A registry, as this process calls it.
#[derive(Debug)]
pub(crate) struct RegistryClient {
    pub address: RegistryAddress,
    http: HttpClient,
    /// How roles are called, whatever the registry says of them.
    scheme: &'static str,
    service_tokens: ServiceTokens,
    /// Of this process: whoever it looks for, it calls in its own name.
    origin: Role,
    timeout: Duration,
}

/// What a registry says of a role.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Base URLs of the processes that are up.
    pub urls: BTreeSet<String>,
    /// Whether the registry says that there are no others.
    pub is_complete: bool,
}

/// What became of a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewal {
    Renewed,
    /// The registry does not know the instance: it has been restarted, or the lease has run out.
    Unknown,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    #[error("{0}")]
    Unreachable(String),
    #[error("it does not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    #[error("it answers {status}: {detail}")]
    Refused { status: StatusCode, detail: String },
    #[error("it does not answer as Eureka does: {0}")]
    Malformed(String),
}

impl RegistryClient {
    /// Needs a runtime; opens no connection.
    pub fn new(
        address: RegistryAddress,
        settings: &RpcConfig,
        tls: Option<&InternalTls>,
        service_tokens: ServiceTokens,
        origin: Role,
    ) -> Self {
        Self {
            http: http_client(
                settings,
                tls.filter(|_| address.protection() == Protection::Tls),
            ),
            scheme: if tls.is_some() { "https" } else { "http" },
            address,
            service_tokens,
            origin,
            timeout: TIMEOUT_MAX.min(renewal_interval(settings.lease)),
        }
    }

    /// The role's processes that are up.
    pub async fn find(&self, role: Role) -> Result<Found, RegistryError> {
        let path = format!("/apps/{}", app_of(role));
        let answer = self.call(Method::GET, &path, None).await?;
        let urls = match answer.status {
            StatusCode::OK => addresses(&answer.body, self.scheme)?,
            // Nobody holds a lease.
            StatusCode::NOT_FOUND => BTreeSet::new(),
            _ => return Err(refused(&answer)),
        };
        let is_complete = answer.is_complete_list;
        Ok(Found { urls, is_complete })
    }

    pub(super) async fn register(&self, instance: &Instance) -> Result<(), RegistryError> {
        let path = format!("/apps/{}", app_of(instance.role));
        let body = registration(instance, self.scheme);
        expect_success(&self.call(Method::POST, &path, Some(&body)).await?)
    }

    pub(super) async fn renew(&self, instance: &Instance) -> Result<Renewal, RegistryError> {
        let path = format!(
            "/apps/{}/{}?status={}&lastDirtyTimestamp={}",
            app_of(instance.role),
            instance.id(),
            instance.status(),
            instance.changed_ms
        );
        let answer = self.call(Method::PUT, &path, None).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(Renewal::Unknown);
        }
        expect_success(&answer).map(|()| Renewal::Renewed)
    }

    pub(super) async fn cancel(&self, instance: &Instance) -> Result<(), RegistryError> {
        let path = format!("/apps/{}/{}", app_of(instance.role), instance.id());
        let answer = self.call(Method::DELETE, &path, None).await?;
        // The lease has run out already.
        if answer.status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        expect_success(&answer)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        json: Option<&Value>,
    ) -> Result<Answer, RegistryError> {
        let body = json.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address.url()))
            .header(header::AUTHORIZATION, self.authorization())
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .map_err(|error| RegistryError::Unreachable(error.to_string()))?;
        let calling = async {
            let response = self
                .http
                .request(request)
                .await
                .map_err(|error| RegistryError::Unreachable(with_cause(&error)))?;
            let status = response.status();
            let list_state = response.headers().get(LIST_STATE);
            let is_complete_list = list_state.is_some_and(|value| value == LIST_COMPLETE);
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX)
                .await
                .map_err(|error| RegistryError::Malformed(with_cause(&error)))?;
            Ok(Answer {
                status,
                is_complete_list,
                body: body.to_vec(),
            })
        };
        tokio::time::timeout(self.timeout, calling)
            .await
            .unwrap_or(Err(RegistryError::Timeout(self.timeout)))
    }

    /// What the address says, as any client of Eureka's; without it, what our own registry knows its processes by.
    fn authorization(&self) -> HeaderValue {
        let text = match self.address.credentials() {
            Some((user, password)) => {
                let pair = format!("{user}:{}", password.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            None => {
                let token = self.service_tokens.registry_token_for(self.origin);
                format!("Bearer {token}")
            }
        };
        // Both alphabets are within ASCII.
        let mut value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}

struct Answer {
    status: StatusCode,
    is_complete_list: bool,
    body: Vec<u8>,
}

fn expect_success(answer: &Answer) -> Result<(), RegistryError> {
    if answer.status.is_success() {
        return Ok(());
    }
    Err(refused(answer))
}

fn refused(answer: &Answer) -> RegistryError {
    const SHOWN_CHARS_MAX: usize = 300;
    let text = String::from_utf8_lossy(&answer.body);
    let detail = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()))
        .unwrap_or_else(|| text.into_owned());
    RegistryError::Refused {
        status: answer.status,
        detail: detail.chars().take(SHOWN_CHARS_MAX).collect(),
    }
}

/// The body of a registration, with the oddities of Eureka's JSON.
fn registration(instance: &Instance, scheme: &str) -> Value {
    let (ip, port) = (instance.address.ip(), instance.address.port());
    // The public address is plain: whoever ends TLS for browsers stands before it.
    let is_secure = scheme == "https" && instance.role != Role::Gateway;
    let scheme = if is_secure { "https" } else { "http" };
    let base_url = format!("{scheme}://{}", instance.address);
    let app = app_of(instance.role);
    json!({ "instance": {
        "instanceId": instance.id(),
        "app": app,
        "hostName": ip.to_string(),
        "ipAddr": ip.to_string(),
        "vipAddress": app.to_lowercase(),
        "status": instance.status(),
        "port": { "$": port, "@enabled": (!is_secure).to_string() },
        "securePort": { "$": if is_secure { port } else { 443 }, "@enabled": is_secure.to_string() },
        "homePageUrl": base_url,
        "countryId": 1,
        "dataCenterInfo": {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            "name": "MyOwn",
        },
        "leaseInfo": {
            "renewalIntervalInSecs": renewal_interval(instance.lease).as_secs(),
            "durationInSecs": instance.lease.as_secs(),
        },
        "metadata": { "version": env!("CARGO_PKG_VERSION") },
        "lastDirtyTimestamp": instance.changed_ms.to_string(),
    }})
}

#[derive(Deserialize)]
struct ApplicationAnswer {
    application: Application,
}

#[derive(Deserialize)]
struct Application {
    /// Netflix's own writes a single one without a list.
    #[serde(default)]
    instance: OneOrMore,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    More(Vec<FoundInstance>),
    One(FoundInstance),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

#[derive(Deserialize)]
struct FoundInstance {
    #[serde(rename = "ipAddr")]
    ip: String,
    status: String,
    port: FoundPort,
}

#[derive(Deserialize)]
struct FoundPort {
    #[serde(rename = "$")]
    number: Value,
}

/// Base URLs of those that are up, with `scheme`.
fn addresses(body: &[u8], scheme: &str) -> Result<BTreeSet<String>, RegistryError> {
    let found: ApplicationAnswer = serde_json::from_slice(body)
        .map_err(|error| RegistryError::Malformed(error.to_string()))?;
    let instances = match found.application.instance {
        OneOrMore::More(instances) => instances,
        OneOrMore::One(instance) => vec![instance],
    };
    let base_url = |instance: &FoundInstance| {
        let ip: IpAddr = instance.ip.parse().ok()?;
        let port = match &instance.port.number {
            Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
            Value::String(text) => text.parse().ok()?,
            _ => return None,
        };
        Some(format!(
            "{scheme}://{}",
            std::net::SocketAddr::new(ip, port)
        ))
    };
    Ok(instances
        .iter()
        .filter(|instance| instance.status == "UP")
        .filter_map(base_url)
        .collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(body: &str) -> Vec<String> {
        addresses(body.as_bytes(), "http")
            .unwrap()
            .into_iter()
            .collect()
    }

    #[test]
    fn who_is_up_is_found_whether_alone_or_among_others() {
        let alone = r#"{"application":{"name":"A","instance":
            {"ipAddr":"10.0.0.5","status":"UP","port":{"$":"7000","@enabled":"true"}}}}"#;
        assert_eq!(found(alone), ["http://10.0.0.5:7000"]);
        let several = r#"{"application":{"name":"A","instance":[
            {"ipAddr":"10.0.0.5","status":"DOWN","port":{"$":7000}},
            {"ipAddr":"fd00::1","status":"UP","port":{"$":7000}},
            {"ipAddr":"not an address","status":"UP","port":{"$":7000}},
            {"ipAddr":"10.0.0.6","status":"UP","port":{"$":70000}}]}}"#;
        assert_eq!(found(several), ["http://[fd00::1]:7000"]);
        assert_eq!(found(r#"{"application":{"name":"A"}}"#), [""; 0]);
    }

    #[test]
    fn what_is_not_eurekas_is_an_error() {
        assert!(addresses(b"<html>", "http").is_err());
        assert!(addresses(b"{}", "http").is_err());
    }
}
