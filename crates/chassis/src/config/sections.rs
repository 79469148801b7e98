//! The chassis' own sections of the configuration. What each key means stands in `config/default.toml`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer};

use super::dump::without_password;
use super::service_address::{ServiceAddress, ServiceAddresses};
use super::values::{DAY_MS, milliseconds, not_empty, ratio, seconds, whole};
use crate::blob::BlobKey;
use crate::{Role, Secret};

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    #[serde(deserialize_with = "not_empty")]
    pub data_dir: PathBuf,
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    #[serde(deserialize_with = "address")]
    pub internal_listen: SocketAddr,
    /// Without a trailing slash; `None` when it is derived from the public listener.
    #[serde(deserialize_with = "optional_origin")]
    pub public_url: Option<String>,
    #[serde(rename = "drain_ms", deserialize_with = "milliseconds::<_, 0, DAY_MS>")]
    pub drain: Duration,
    #[serde(
        rename = "shutdown_timeout_ms",
        deserialize_with = "milliseconds::<_, 0, DAY_MS>"
    )]
    pub shutdown_timeout: Duration,
}

/// `[cluster]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterConfig {
    /// Empty: made on the first start and kept in the data folder.
    pub secret: Secret<String>,
    pub services: ClusterServices,
}

/// `[cluster.services]`: where the roles are that are not in this process.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct ClusterServices(
    #[serde(deserialize_with = "addresses_by_role")] BTreeMap<Role, ServiceAddresses>,
);

impl ClusterServices {
    /// The internal addresses of the role; empty when none is named.
    #[must_use]
    pub fn addresses(&self, role: Role) -> &[ServiceAddress] {
        self.0.get(&role).map_or(&[], |addresses| &addresses.0)
    }
}

/// `[internal_tls]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalTlsConfig {
    pub kind: InternalTlsKind,
    /// Empty when it is off, as the other paths.
    #[serde(deserialize_with = "pem_path")]
    pub ca: PathBuf,
    #[serde(deserialize_with = "pem_path")]
    pub certificate: PathBuf,
    #[serde(deserialize_with = "pem_path")]
    pub key: PathBuf,
    #[serde(deserialize_with = "dns_name")]
    pub name: ServerName<'static>,
    #[serde(
        rename = "reload_interval_ms",
        deserialize_with = "milliseconds::<_, 100, 3_600_000>"
    )]
    pub reload_interval: Duration,
}

/// `internal_tls.kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InternalTlsKind {
    /// Internal calls are plain.
    Off,
    /// Both sides of every internal call show a certificate.
    Mutual,
}

/// `[blobs]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobsConfig {
    pub kind: BlobsKind,
    /// With placeholders; `Config::blobs_dir` fills them in.
    #[serde(deserialize_with = "not_empty")]
    pub dir: String,
    pub s3: S3Config,
}

/// `blobs.kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlobsKind {
    /// Files below `blobs.dir`.
    Local,
    /// Objects of a store that speaks S3.
    S3,
}

/// `[blobs.s3]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct S3Config {
    #[serde(deserialize_with = "bucket")]
    pub bucket: String,
    #[serde(deserialize_with = "key_prefix")]
    pub prefix: String,
    /// `None` for that of the region at AWS.
    #[serde(deserialize_with = "optional_origin")]
    pub endpoint: Option<String>,
    #[serde(deserialize_with = "word")]
    pub region: String,
    pub path_style: bool,
    pub allow_http: bool,
    /// Empty: from the environment, a web identity or the machine's role.
    #[serde(deserialize_with = "word")]
    pub access_key_id: String,
    #[serde(deserialize_with = "secret_word")]
    pub access_key_secret: Secret<String>,
    #[serde(
        rename = "connect_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub connect_timeout: Duration,
    #[serde(
        rename = "timeout_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub timeout: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, 100>")]
    pub retries_max: u32,
}

impl S3Config {
    /// Scheme, host and port of the bucket's addresses.
    #[must_use]
    pub fn origin(&self) -> String {
        const REGION: &str = "us-east-1";
        let region = Some(self.region.as_str()).filter(|region| !region.is_empty());
        let aws = || format!("https://s3.{}.amazonaws.com", region.unwrap_or(REGION));
        let endpoint = self.endpoint.clone().unwrap_or_else(aws);
        match endpoint.split_once("://") {
            Some((scheme, host)) if !self.path_style => {
                format!("{scheme}://{}.{host}", self.bucket)
            }
            _ => endpoint,
        }
    }
}

/// `[delivery]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliveryConfig {
    pub kind: DeliveryKind,
    #[serde(
        rename = "address_lifetime_s",
        deserialize_with = "seconds::<_, 10, 604_800>"
    )]
    pub address_lifetime: Duration,
    pub presigned: PresignedConfig,
    pub cloudfront: CloudFrontConfig,
}

/// `delivery.kind`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// Playback reads them and passes them on.
    Through,
    /// Players are sent to the bucket.
    Presigned,
    /// Players are sent to the CDN before it.
    CloudFront,
}

/// `[delivery.presigned]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresignedConfig {
    /// `None` for that of `[blobs.s3]`.
    #[serde(deserialize_with = "optional_origin")]
    pub endpoint: Option<String>,
}

/// `[delivery.cloudfront]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudFrontConfig {
    #[serde(deserialize_with = "optional_origin")]
    pub url: Option<String>,
    #[serde(deserialize_with = "word")]
    pub key_pair_id: String,
    /// PEM.
    pub private_key: Secret<String>,
    /// Empty: signed addresses, no cookies.
    #[serde(deserialize_with = "domain")]
    pub cookie_domain: String,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    pub format: LogFormat,
    #[serde(deserialize_with = "log_filter")]
    pub filter: tracing_subscriber::filter::Targets,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    Json,
    Pretty,
}

/// `[telemetry]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    #[serde(deserialize_with = "ratio")]
    pub sample_ratio: f64,
    #[serde(deserialize_with = "whole::<_, _, 1, 10_000_000>")]
    pub spans_waiting_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000>")]
    pub export_batch_spans_max: u32,
    #[serde(
        rename = "export_interval_ms",
        deserialize_with = "milliseconds::<_, 0, 3_600_000>"
    )]
    pub export_interval: Duration,
    #[serde(
        rename = "export_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub export_timeout: Duration,
}

/// `[rpc]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcConfig {
    #[serde(
        rename = "timeout_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub timeout: Duration,
    #[serde(
        rename = "connect_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub connect_timeout: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, 100>")]
    pub retries_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 100>")]
    pub retry_budget_percent: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub retry_budget_min_per_s: u32,
    #[serde(
        rename = "discovery_interval_ms",
        deserialize_with = "milliseconds::<_, 100, 3_600_000>"
    )]
    pub discovery_interval: Duration,
    #[serde(rename = "lease_s", deserialize_with = "seconds::<_, 3, 3600>")]
    pub lease: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub ejection_failures: u32,
    #[serde(
        rename = "ejection_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub ejection: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, 100>")]
    pub breaker_failure_percent: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub breaker_calls_min: u32,
    #[serde(
        rename = "breaker_open_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub breaker_open: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1024, 1_073_741_824>")]
    pub message_bytes_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub concurrency_max: u32,
}

/// `[fault]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultConfig {
    #[serde(deserialize_with = "delays_by_role")]
    delay_ms: BTreeMap<Role, Duration>,
}

#[derive(Deserialize)]
struct Delay(#[serde(deserialize_with = "milliseconds::<_, 0, 600_000>")] Duration);

impl FaultConfig {
    /// How long each call to the role is held back; `None` when not at all.
    #[must_use]
    pub fn delay(&self, role: Role) -> Option<Duration> {
        self.delay_ms
            .get(&role)
            .copied()
            .filter(|delay| !delay.is_zero())
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::invalid_value(
            Unexpected::Str(&text),
            &"an IP address with a port, such as 127.0.0.1:8080 or [::]:8080",
        )
    })
}

fn optional_origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    parsed_origin(&text).map(Some).ok_or_else(|| {
        D::Error::invalid_value(
            Unexpected::Str(&without_password(&text)),
            &"an address such as https://media.example.org, without a path",
        )
    })
}

/// The path of a file, or nothing. What the file holds is not shown, where somebody has put that in its place.
fn pem_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.contains("-----BEGIN") || text.contains(['\n', '\0']) {
        return Err(D::Error::custom(
            "the path of a file is expected, and not what it holds",
        ));
    }
    Ok(PathBuf::from(text))
}

/// A name as certificates bear it.
fn dns_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ServerName<'static>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match ServerName::try_from(text.clone()) {
        Ok(name @ ServerName::DnsName(_)) => Ok(name),
        _ => Err(D::Error::invalid_value(
            Unexpected::Str(&text),
            &"a DNS name such as amphi.internal",
        )),
    }
}

/// The name of a bucket, or nothing.
fn bucket<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    let is_name = (3..=63).contains(&text.len())
        && text.chars().all(is_plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if text.is_empty() || is_name {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"the name of a bucket: 3 to 63 letters, digits, `-` or `.`",
    ))
}

/// Without spaces; may be empty.
fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.chars().all(|it| it.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"letters, digits and signs without spaces",
    ))
}

/// The name of a domain, with or without a dot before it; or nothing.
fn domain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    let is_label = |label: &str| {
        let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
        !label.is_empty() && label.chars().all(is_plain)
    };
    let name = text.strip_prefix('.').unwrap_or(&text);
    if text.is_empty() || name.split('.').all(is_label) {
        return Ok(name.to_owned());
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"a domain such as example.org, in small letters",
    ))
}

/// Like [`word`], but what is refused is not shown.
fn secret_word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    word(deserializer)
        .map(Secret::new)
        .map_err(|_| D::Error::custom("letters, digits and signs without spaces are expected"))
}

/// The beginning of keys, or nothing.
fn key_prefix<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    const BYTES_MAX: usize = 256;
    let text = String::deserialize(deserializer)?;
    if text.is_empty() || (text.len() <= BYTES_MAX && BlobKey::parse(text.as_str()).is_ok()) {
        return Ok(text);
    }
    Err(D::Error::invalid_value(
        Unexpected::Str(&text),
        &"names of letters, digits, `.`, `_` and `-`, joined by `/`, without one at either end",
    ))
}

fn addresses_by_role<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Role, ServiceAddresses>, D::Error> {
    by_role(deserializer, |addresses: ServiceAddresses| addresses)
}

fn delays_by_role<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Role, Duration>, D::Error> {
    by_role(deserializer, |Delay(delay)| delay)
}

/// A table whose keys are roles. They are read as texts first: the place of an error cannot be told by a key that is an enum.
fn by_role<'de, D: Deserializer<'de>, T: Deserialize<'de>, U>(
    deserializer: D,
    value: impl Fn(T) -> U,
) -> Result<BTreeMap<Role, U>, D::Error> {
    BTreeMap::<String, T>::deserialize(deserializer)?
        .into_iter()
        .map(|(name, it)| Ok((name.parse().map_err(D::Error::custom)?, value(it))))
        .collect()
}

/// Scheme, host and port of `text`, without a trailing slash, if that is all it holds and it is of HTTP.
pub(super) fn parsed_origin(text: &str) -> Option<String> {
    let uri: http::Uri = text.parse().ok()?;
    let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let host = uri.host().filter(|host| !host.is_empty())?;
    let has_user = uri.authority()?.as_str().contains('@');
    let has_port_or_none = uri.port_u16().is_some() || uri.authority()?.as_str().ends_with(host);
    (is_http && is_bare && !has_user && has_port_or_none)
        .then(|| text.trim_end_matches('/').to_owned())
}

/// For origins of web pages, as browsers send them: scheme, host and port, in small letters, without a slash at the end.
///
/// # Errors
/// It is something else.
pub fn origin<E: serde::de::Error>(text: &str) -> Result<String, E> {
    parsed_origin(text)
        .filter(|origin| origin == text && !text.chars().any(|it| it.is_ascii_uppercase()))
        .ok_or_else(|| {
            E::invalid_value(
                Unexpected::Str(&without_password(text)),
                &"an origin such as https://app.example.org, in small letters and without a path or a slash at the end",
            )
        })
}

fn log_filter<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<tracing_subscriber::filter::Targets, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        D::Error::invalid_value(
            Unexpected::Str(&text),
            &"levels such as \"info\" or \"info,amphi_playback=debug\"",
        )
    })
}
