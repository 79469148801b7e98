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

use super::{Instance, app_of, renewal_interval};
use crate::Role;
use crate::auth::ServiceTokens;
use crate::config::{RegistryAddress, RpcConfig};
use crate::rpc::peers::{HttpClient, http_client};

/// For a whole call. A registry that does not answer must not hold up the one after it.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Of some thousand instances of one role.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A registry, as this process calls it.
#[derive(Debug)]
pub(crate) struct RegistryClient {
    pub address: RegistryAddress,
    http: HttpClient,
    service_tokens: ServiceTokens,
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
    #[error("it does not answer within {} s", TIMEOUT.as_secs())]
    Timeout,
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
        service_tokens: ServiceTokens,
    ) -> Self {
        Self {
            address,
            http: http_client(settings),
            service_tokens,
        }
    }

    /// Base URLs of the role's processes that are up.
    pub async fn find(&self, role: Role) -> Result<BTreeSet<String>, RegistryError> {
        let path = format!("/apps/{}", app_of(role));
        let (status, body) = self.call(role, Method::GET, &path, None).await?;
        match status {
            StatusCode::OK => addresses(&body),
            // Nobody holds a lease.
            StatusCode::NOT_FOUND => Ok(BTreeSet::new()),
            status => Err(refused(status, &body)),
        }
    }

    pub(super) async fn register(&self, instance: &Instance) -> Result<(), RegistryError> {
        let path = format!("/apps/{}", app_of(instance.role));
        let body = registration(instance);
        let (status, body) = self
            .call(instance.role, Method::POST, &path, Some(&body))
            .await?;
        expect_success(status, &body)
    }

    pub(super) async fn renew(&self, instance: &Instance) -> Result<Renewal, RegistryError> {
        let path = format!(
            "/apps/{}/{}?status=UP&lastDirtyTimestamp={}",
            app_of(instance.role),
            instance.id(),
            instance.started_ms
        );
        let (status, body) = self.call(instance.role, Method::PUT, &path, None).await?;
        if status == StatusCode::NOT_FOUND {
            return Ok(Renewal::Unknown);
        }
        expect_success(status, &body).map(|()| Renewal::Renewed)
    }

    pub(super) async fn cancel(&self, instance: &Instance) -> Result<(), RegistryError> {
        let path = format!("/apps/{}/{}", app_of(instance.role), instance.id());
        let (status, body) = self
            .call(instance.role, Method::DELETE, &path, None)
            .await?;
        // The lease has run out already.
        if status == StatusCode::NOT_FOUND {
            return Ok(());
        }
        expect_success(status, &body)
    }

    async fn call(
        &self,
        role: Role,
        method: Method,
        path: &str,
        json: Option<&Value>,
    ) -> Result<(StatusCode, Vec<u8>), RegistryError> {
        let body = json.map_or_else(Body::empty, |json| Body::from(json.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.address.url()))
            .header(header::AUTHORIZATION, self.authorization(role))
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
            let body = to_bytes(Body::new(response.into_body()), ANSWER_BYTES_MAX)
                .await
                .map_err(|error| RegistryError::Malformed(with_cause(&error)))?;
            Ok((status, body.to_vec()))
        };
        tokio::time::timeout(TIMEOUT, calling)
            .await
            .unwrap_or(Err(RegistryError::Timeout))
    }

    /// What the address says, as any client of Eureka's; without it, what our own registry knows its processes by.
    fn authorization(&self, role: Role) -> HeaderValue {
        let text = match self.address.credentials() {
            Some((user, password)) => {
                let pair = format!("{user}:{}", password.expose());
                format!("Basic {}", STANDARD.encode(pair))
            }
            None => format!("Bearer {}", self.service_tokens.token_for(role)),
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

fn expect_success(status: StatusCode, body: &[u8]) -> Result<(), RegistryError> {
    if status.is_success() {
        return Ok(());
    }
    Err(refused(status, body))
}

fn refused(status: StatusCode, body: &[u8]) -> RegistryError {
    const SHOWN_CHARS_MAX: usize = 300;
    let text = String::from_utf8_lossy(body);
    let detail = serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|problem| Some(problem.get("detail")?.as_str()?.to_owned()))
        .unwrap_or_else(|| text.into_owned());
    RegistryError::Refused {
        status,
        detail: detail.chars().take(SHOWN_CHARS_MAX).collect(),
    }
}

/// The body of a registration, with the oddities of Eureka's JSON.
fn registration(instance: &Instance) -> Value {
    let (ip, port) = (instance.address.ip(), instance.address.port());
    let base_url = format!("http://{}", instance.address);
    let app = app_of(instance.role);
    json!({ "instance": {
        "instanceId": instance.id(),
        "app": app,
        "hostName": ip.to_string(),
        "ipAddr": ip.to_string(),
        "vipAddress": app.to_lowercase(),
        "status": "UP",
        "port": { "$": port, "@enabled": "true" },
        "securePort": { "$": 443, "@enabled": "false" },
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
        "lastDirtyTimestamp": instance.started_ms.to_string(),
    }})
}

#[derive(Deserialize)]
struct Found {
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

fn addresses(body: &[u8]) -> Result<BTreeSet<String>, RegistryError> {
    let found: Found = serde_json::from_slice(body)
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
        Some(format!("http://{}", std::net::SocketAddr::new(ip, port)))
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
        addresses(body.as_bytes()).unwrap().into_iter().collect()
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
        assert!(addresses(b"<html>").is_err());
        assert!(addresses(b"{}").is_err());
    }
}
