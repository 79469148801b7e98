//! The processes that these roles call, and how.

use std::collections::BTreeSet;
use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::config::{Config, RegistryAddress, ServiceAddress};
use amphi_chassis::tls::{self, InternalTls};
use futures::future::join_all;
use reqwest::Client;
use serde_json::Value;

use super::Check;

const NAME: &str = "peers";
/// Less than somebody at a terminal minds.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(super) async fn look(config: &Config, roles: &BTreeSet<Role>) -> Vec<Check> {
    let tls = match InternalTls::open(config) {
        Ok(tls) => tls,
        Err(error) => {
            return vec![Check::bad(
                "mtls",
                error.to_string(),
                "put certificate, key and authorities in place that belong together; docs/operations says how to make them",
            )];
        }
    };
    let mut checks = vec![certificate(tls.as_ref())];
    checks.extend(unnamed(config, roles));
    checks.extend(peers(config, roles, tls.as_ref()).await);
    checks
}

fn certificate(tls: Option<&InternalTls>) -> Check {
    match tls {
        None => Check::good("mtls", "off: internal calls are plain"),
        Some(tls) => {
            let expires_at = tls::shown(tls.expires_at());
            Check::good(
                "mtls",
                format!("the certificate is good until {expires_at}"),
            )
        }
    }
}

/// Roles that others call, and that are nowhere.
fn unnamed(config: &Config, roles: &BTreeSet<Role>) -> Option<Check> {
    let services = &config.cluster.services;
    let unnamed: Vec<&str> = Role::ALL
        .into_iter()
        .filter(|role| role.is_called() && !roles.contains(role))
        .filter(|role| services.addresses(*role).is_empty())
        .map(Role::as_str)
        .collect();
    if unnamed.is_empty() {
        return None;
    }
    let finding = format!(
        "{} are neither among these roles nor in [cluster.services]: calls to them will fail",
        unnamed.join(", ")
    );
    let cure = format!(
        "say where they are, for example cluster.services.{} = \"http://10.0.0.2:8081\"",
        unnamed.first().unwrap_or(&"catalog")
    );
    Some(Check::warning(NAME, finding, cure))
}

/// One check for each address of roles that are not among these.
async fn peers(config: &Config, roles: &BTreeSet<Role>, tls: Option<&InternalTls>) -> Vec<Check> {
    let http = match client(tls) {
        Ok(http) => http,
        Err(error) => {
            return vec![Check::bad(NAME, error.to_string(), "see `internal_tls`")];
        }
    };
    let mut places: Vec<Place<'_>> = Vec::new();
    for role in Role::ALL.into_iter().filter(|role| !roles.contains(role)) {
        for address in config.cluster.services.addresses(role) {
            match places.iter_mut().find(|place| place.address == address) {
                Some(place) => place.roles.push(role),
                None => places.push(Place {
                    roles: vec![role],
                    address,
                }),
            }
        }
    }
    let asked = places.iter().map(|place| place.ask(&http));
    join_all(asked).await.into_iter().flatten().collect()
}

fn client(tls: Option<&InternalTls>) -> Result<Client, reqwest::Error> {
    let builder = Client::builder().no_proxy().timeout(TIMEOUT);
    match tls {
        None => builder.build(),
        Some(tls) => builder
            .tls_backend_preconfigured(tls.client_config())
            .build(),
    }
}

/// An address, and the roles that are said to be there.
struct Place<'a> {
    roles: Vec<Role>,
    address: &'a ServiceAddress,
}

impl Place<'_> {
    async fn ask(&self, http: &Client) -> Vec<Check> {
        match self.address {
            ServiceAddress::Fixed(url) => vec![self.ask_process(http, url).await],
            ServiceAddress::Dns { scheme, host, port } => {
                let lookup = tokio::net::lookup_host((host.as_str(), *port));
                let looked_up = match tokio::time::timeout(TIMEOUT, lookup).await {
                    Ok(Ok(sockets)) => Ok(sockets),
                    Ok(Err(error)) => Err(format!("{host} cannot be looked up: {error}")),
                    Err(_) => Err(format!(
                        "{host} cannot be looked up: the resolver is silent"
                    )),
                };
                let sockets = match looked_up {
                    Ok(sockets) => sockets,
                    Err(finding) => return vec![self.not_well(&finding)],
                };
                let urls: Vec<String> = sockets
                    .map(|socket| format!("{scheme}://{socket}"))
                    .collect();
                join_all(urls.iter().map(|url| self.ask_process(http, url))).await
            }
            ServiceAddress::Registry(registry) => vec![self.ask_registry(http, registry).await],
        }
    }

    /// With internal TLS, processes of this installation alone are answered.
    async fn ask_process(&self, http: &Client, url: &str) -> Check {
        let answer = match http.get(format!("{url}/debug/peers")).send().await {
            Ok(answer) => answer,
            Err(error) => return self.silent(url, error),
        };
        let status = answer.status();
        // The public port has a page for every address.
        if status.is_success() && answer.json::<Value>().await.is_ok() {
            return self.well(&format!("{url} answers"));
        }
        self.not_well(&format!(
            "{url} answers {status}, but not as an internal port of Amphi does"
        ))
    }

    async fn ask_registry(&self, http: &Client, registry: &RegistryAddress) -> Check {
        let url = registry.url();
        let request = http.get(format!("{url}/apps"));
        let request = match registry.credentials() {
            Some((user, password)) => request.basic_auth(user, Some(password.expose())),
            None => request,
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return self.silent(url, error),
        };
        let status = answer.status();
        if status.is_success() {
            return self.well(&format!("the registry {url} answers"));
        }
        let said: Value = answer.json().await.unwrap_or_default();
        match said["code"].as_str() {
            // One of ours asks for the token that processes show, and the doctor is none.
            Some("registry_password_wrong") if registry.credentials().is_none() => {
                self.well(&format!("the registry {url} answers"))
            }
            Some("registry_starting") => self.well(&format!(
                "the registry {url} has just begun and does not know everybody yet"
            )),
            _ => self.not_well(&format!("the registry {url} answers {status}")),
        }
    }

    fn well(&self, finding: &str) -> Check {
        Check::good(NAME, format!("{}: {finding}", self.names()))
    }

    fn silent(&self, url: &str, error: reqwest::Error) -> Check {
        let why = anyhow::Error::from(error.without_url());
        self.not_well(&format!("{url} does not answer: {why:#}"))
    }

    /// A warning only: processes are set up one after the other.
    fn not_well(&self, finding: &str) -> Check {
        let keys: Vec<String> = self
            .roles
            .iter()
            .map(|role| format!("`cluster.services.{role}`"))
            .collect();
        let cure = format!("start what should be there, or mend {}", keys.join(", "));
        Check::warning(NAME, format!("{}: {finding}", self.names()), cure)
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.roles.iter().map(|role| role.as_str()).collect();
        names.join(", ")
    }
}
