//! The calls that registries of one installation make to each other: Eureka's, with what is known beside its members.

use std::sync::Arc;
use std::time::Duration;

use amphi_chassis::config::RegistryAddress;
use amphi_chassis::tls::InternalTls;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url, redirect};
use serde_json::{Value, json};

use crate::domain::{Instance, Lease, Moment, ReplicaLease};
use crate::http::{REPLICATION, replica};

/// For one call.
const TIMEOUT: Duration = Duration::from_secs(3);
/// For the list of all that another registry knows …
const LIST_TIMEOUT: Duration = Duration::from_secs(20);
/// … which has an end.
const LIST_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Of an instance, or a problem.
const ANSWER_BYTES_MAX: usize = 17 * 1024 * 1024;

/// Parameters of what is passed on.
pub(crate) mod query {
    /// Eureka's own.
    pub const LAST_DIRTY: &str = "lastDirtyTimestamp";
    pub const REVISION_MS: &str = "revisionMs";
    pub const RENEWED_MS: &str = "renewedMs";
    pub const REMAINING_MS: &str = "remainingMs";
    pub const CANCELLED_MS: &str = "cancelledMs";
}

/// The token by which this process shows the others who it is; it changes with time.
pub(crate) type Token = Arc<dyn Fn() -> Arc<str> + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub(super) enum PeerError {
    #[error("{0}")]
    Unreachable(#[from] reqwest::Error),
    #[error("it answers {0}")]
    Failing(StatusCode),
    #[error("it answers {status} {code}")]
    Refused { status: StatusCode, code: String },
    #[error("it does not answer as our registry does: {0}")]
    Malformed(String),
}

impl PeerError {
    /// Later it may answer otherwise.
    pub const fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Failing(_))
    }
}

/// What became of a renewal.
#[derive(Debug)]
pub(super) enum Renewed {
    Agreed,
    /// The instance is not known there, or not as it is here.
    Unknown,
    /// It is known there as it was later.
    Newer(Box<Instance>, ReplicaLease),
}

/// Another registry.
pub(super) struct PeerClient {
    pub address: RegistryAddress,
    http: Client,
    token: Token,
}

impl PeerClient {
    /// `tls` is for one at `https://`.
    ///
    /// # Errors
    /// No client can be made, for want of root certificates and the like.
    pub fn new(
        address: RegistryAddress,
        token: Token,
        tls: Option<&InternalTls>,
    ) -> Result<Self, reqwest::Error> {
        let mut http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT);
        if let Some(tls) = tls {
            http = http.tls_backend_preconfigured(tls.client_config());
        }
        let http = http.build()?;
        Ok(Self {
            address,
            http,
            token,
        })
    }

    /// All instances that it knows.
    pub async fn list(&self) -> Result<Vec<Value>, PeerError> {
        let request = self
            .request(Method::GET, &["apps"], &[])?
            .timeout(LIST_TIMEOUT);
        let response = expect_success(request.send().await?).await?;
        let mut list = json_of(response, LIST_BYTES_MAX).await?;
        let applications = list["applications"]["application"].take();
        let Value::Array(applications) = applications else {
            return Err(PeerError::Malformed(
                "its list has no applications".to_owned(),
            ));
        };
        let instances = |mut application: Value| match application["instance"].take() {
            Value::Array(instances) => instances,
            _ => Vec::new(),
        };
        Ok(applications.into_iter().flat_map(instances).collect())
    }

    pub async fn register(&self, lease: &Lease, now: Moment) -> Result<(), PeerError> {
        let body = json!({ "instance": replica::write(lease, now) });
        let request = self.request(Method::POST, &["apps", &lease.instance.app], &[])?;
        expect_success(request.json(&body).send().await?).await?;
        Ok(())
    }

    pub async fn renew(&self, lease: &Lease, now: Moment) -> Result<Renewed, PeerError> {
        let instance = &lease.instance;
        let there = ReplicaLease::of(lease, now);
        let remaining_ms = u64::try_from(there.remaining.as_millis()).unwrap_or(u64::MAX);
        let path = ["apps", &instance.app, &instance.id];
        let said = [
            (query::LAST_DIRTY, instance.last_dirty_ms.to_string()),
            (query::REVISION_MS, instance.revision_ms.to_string()),
            (query::RENEWED_MS, there.renewed_ms.to_string()),
            (query::REMAINING_MS, remaining_ms.to_string()),
        ];
        let request = self.request(Method::PUT, &path, &said)?;
        let response = request.send().await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(Renewed::Unknown),
            StatusCode::CONFLICT => {
                let known = json_of(response, ANSWER_BYTES_MAX).await?;
                let (newer, there) = replica::read(&known["instance"], now)
                    .map_err(|problem| PeerError::Malformed(problem.to_string()))?;
                Ok(Renewed::Newer(Box::new(newer), there))
            }
            _ => expect_success(response).await.map(|_| Renewed::Agreed),
        }
    }

    pub async fn cancel(&self, app: &str, id: &str, cancelled_ms: i64) -> Result<(), PeerError> {
        let said = [(query::CANCELLED_MS, cancelled_ms.to_string())];
        let request = self.request(Method::DELETE, &["apps", app, id], &said)?;
        expect_success(request.send().await?).await?;
        Ok(())
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<RequestBuilder, PeerError> {
        let no_address = || PeerError::Malformed("its address is none".to_owned());
        let mut url = Url::parse(self.address.url()).map_err(|_| no_address())?;
        url.path_segments_mut()
            .map_err(|()| no_address())?
            .extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url).header(REPLICATION, "true");
        Ok(request
            .header("accept", "application/json")
            .bearer_auth((self.token)()))
    }
}

/// A registry that is full is not away: it refuses this one instance, and takes what it is told of the others.
async fn expect_success(response: Response) -> Result<Response, PeerError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem = json_of(response, ANSWER_BYTES_MAX).await;
    let problem = problem.unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default().to_owned();
    if status.is_server_error() && code != "registry_full" {
        return Err(PeerError::Failing(status));
    }
    Err(PeerError::Refused { status, code })
}

async fn json_of(mut response: Response, bytes_max: usize) -> Result<Value, PeerError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > bytes_max {
            return Err(PeerError::Malformed("its answer has no end".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| PeerError::Malformed(error.to_string()))
}
