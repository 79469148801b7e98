//! Configuration in layers: compiled-in defaults, a file, the environment, command line flags.
//!
//! `config/default.toml` names every key, its type and its default, and is compiled in. A key that is not in it is refused
//! with the nearest one that is; a value of another type is refused with the place where it was said. Each section is read
//! into a struct of its owner: those of the chassis are fields of [`Config`], those of services are read with
//! [`Config::section`] into structs with `#[serde(deny_unknown_fields)]` and without serde defaults, so that the file and
//! the struct cannot drift apart.

mod delivery_rules;
mod dump;
mod error;
mod internal_tls_rules;
mod layers;
mod registry_address;
mod rules;
mod sections;
mod service_address;
#[cfg(test)]
mod tests;
mod values;

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub use dump::without_password;
pub use error::{ConfigError, Origin};
pub(crate) use registry_address::percent_decoded;
pub use registry_address::{RegistryAddress, registry_addresses};
pub use sections::{
    BlobsConfig, BlobsKind, CloudFrontConfig, ClusterConfig, ClusterServices, DeliveryConfig,
    DeliveryKind, FaultConfig, InternalTlsConfig, InternalTlsKind, LogConfig, LogFormat,
    PresignedConfig, RpcConfig, S3Config, ServerConfig, TelemetryConfig, origin,
};
pub use values::{DAY_MS, PEBIBYTE, YEARS_S, milliseconds, not_empty, ratio, seconds, whole};

pub use service_address::{Protection, ServiceAddress};

pub use crate::db::Settings as DatabaseConfig;
use crate::{Role, Secret};
use layers::Layers;

/// The annotated defaults, as they are compiled in.
pub const DEFAULTS: &str = include_str!("../../../../config/default.toml");

/// Variables of the tests' own, never settings.
const TEST_PREFIX: &str = "AMPHI_TEST_";

/// Shorter secrets can be guessed.
const CLUSTER_SECRET_CHARS_MIN: usize = 32;

/// Where settings come from besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    pub file: Option<PathBuf>,
    /// Names and values; names that do not start with `AMPHI_` are passed over.
    pub env: Vec<(String, String)>,
    /// Dotted keys with their values; a text is taken for whatever type the key has.
    pub flags: Vec<(String, toml::Value)>,
}

impl Sources {
    /// The environment of this process. Variables that are not Unicode are passed over.
    #[must_use]
    pub fn with_process_env(mut self) -> Self {
        self.env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("AMPHI_"))
            .collect();
        self
    }

    /// One more flag, by dotted key.
    #[must_use]
    pub fn with_flag(mut self, key: &str, value: impl Into<toml::Value>) -> Self {
        self.flags.push((key.to_owned(), value.into()));
        self
    }
}

/// The whole configuration of a process.
#[derive(Debug, Clone)]
pub struct Config {
    pub server: ServerConfig,
    pub cluster: ClusterConfig,
    pub internal_tls: InternalTlsConfig,
    pub database: DatabaseConfig,
    pub blobs: BlobsConfig,
    pub delivery: DeliveryConfig,
    pub log: LogConfig,
    pub telemetry: TelemetryConfig,
    pub rpc: RpcConfig,
    pub fault: FaultConfig,
    layers: Redacted<Layers>,
    warnings: Vec<String>,
}

impl Config {
    /// Reads all layers and checks the chassis' own sections.
    ///
    /// # Errors
    /// All that is wrong, not only the first: see [`ConfigError`].
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        Self::load_over(DEFAULTS, sources)
    }

    fn load_over(defaults: &str, sources: Sources) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_defaults(defaults)?;
        let mut errors = Vec::new();
        let mut warnings = Vec::new();
        if let Some(path) = &sources.file {
            layers.apply_file(path, &mut errors);
        }
        apply_env(&mut layers, sources.env, &mut warnings, &mut errors);
        layers.apply_flags(sources.flags, &mut errors);
        if let Some(error) = ConfigError::from_all(errors) {
            return Err(error);
        }

        let config = Self::from_layers(layers, warnings)?;
        config.check()?;
        Ok(config)
    }

    fn from_layers(layers: Layers, warnings: Vec<String>) -> Result<Self, ConfigError> {
        let mut config = Self {
            server: read_section(&layers, "server")?,
            cluster: read_section(&layers, "cluster")?,
            internal_tls: read_section(&layers, "internal_tls")?,
            database: read_section(&layers, "database")?,
            blobs: read_section(&layers, "blobs")?,
            delivery: read_section(&layers, "delivery")?,
            log: read_section(&layers, "log")?,
            telemetry: read_section(&layers, "telemetry")?,
            rpc: read_section(&layers, "rpc")?,
            fault: read_section(&layers, "fault")?,
            layers: Redacted(layers),
            warnings,
        };
        config.warn();
        Ok(config)
    }

    /// A section as its owner's struct.
    ///
    /// # Errors
    /// The section is not in the defaults, or a value in it is out of range, with its key and origin.
    pub fn section<T: DeserializeOwned>(&self, name: &str) -> Result<T, ConfigError> {
        read_section(&self.layers.0, name)
    }

    /// The configuration as TOML, secrets left out, with the origin of what is not a default. `only_differing` leaves out
    /// what equals its default.
    #[must_use]
    pub fn dump(&self, only_differing: bool) -> String {
        dump::dump(&self.layers.0, only_differing)
    }

    /// What works but is probably not meant, a sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where everything durable lives.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.server.data_dir
    }

    /// The address of the service's database, placeholders filled in.
    #[must_use]
    pub fn database_url(&self, role: Role) -> Secret<String> {
        let url = self.database.url.expose();
        Secret::new(self.fill_in(url).replace("{service}", role.as_str()))
    }

    /// The file of the service's database; `None` when a server keeps it.
    #[must_use]
    pub fn database_file(&self, role: Role) -> Option<PathBuf> {
        let url = self.database_url(role);
        let path = url.expose().strip_prefix("sqlite:")?;
        let path = path.split('?').next().unwrap_or(path);
        Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
    }

    /// The folder of the blob store, placeholders filled in.
    #[must_use]
    pub fn blobs_dir(&self) -> PathBuf {
        PathBuf::from(self.fill_in(&self.blobs.dir))
    }

    /// The file of the cluster secret when none is configured.
    #[must_use]
    pub fn cluster_secret_file(&self) -> PathBuf {
        self.data_dir().join("cluster.secret")
    }

    fn fill_in(&self, text: &str) -> String {
        text.replace("{data_dir}", &self.data_dir().to_string_lossy())
    }

    /// What must hold between the settings of `role` and others.
    ///
    /// # Errors
    /// All that does not hold, with keys, values and origin.
    pub fn check_rules_of(&self, role: Role) -> Result<(), ConfigError> {
        rules::check(&self.layers.0, Some(role))
    }

    fn check(&self) -> Result<(), ConfigError> {
        rules::check(&self.layers.0, None)?;
        let secret = self.cluster.secret.expose();
        let is_short = !secret.is_empty() && secret.chars().count() < CLUSTER_SECRET_CHARS_MIN;
        if is_short {
            return Err(self.invalid(
                "cluster.secret",
                format!("at least {CLUSTER_SECRET_CHARS_MIN} characters are needed"),
            ));
        }
        let url = self.database.url.expose();
        let scheme = url.split(':').next().unwrap_or_default();
        if !["sqlite", "postgres", "postgresql", "mysql"].contains(&scheme) {
            return Err(self.invalid(
                "database.url",
                "sqlite:, postgres:// or mysql:// is expected".to_owned(),
            ));
        }
        if !url.contains("{service}") {
            return Err(self.invalid(
                "database.url",
                "{service} must be in it, since each service has its own database".to_owned(),
            ));
        }
        self.check_s3()?;
        internal_tls_rules::check(self)?;
        delivery_rules::check(self)
    }

    fn check_s3(&self) -> Result<(), ConfigError> {
        let s3 = &self.blobs.s3;
        if self.blobs.kind != BlobsKind::S3 {
            return Ok(());
        }
        if s3.bucket.is_empty() {
            let message = "`blobs.s3.bucket` must say in which bucket they are";
            return Err(self.invalid("blobs.kind", message.to_owned()));
        }
        let is_plain = |endpoint: &String| endpoint.starts_with("http://");
        if s3.endpoint.as_ref().is_some_and(is_plain) && !s3.allow_http {
            let message = "what is sent over http:// can be read on the way: use https://, or set `blobs.s3.allow_http`";
            return Err(self.invalid("blobs.s3.endpoint", message.to_owned()));
        }
        let (id, secret) = ("blobs.s3.access_key_id", "blobs.s3.access_key_secret");
        let (said, missing) = match (&s3.access_key_id, s3.access_key_secret.expose()) {
            (key, none) if !key.is_empty() && none.is_empty() => (id, secret),
            (none, key) if none.is_empty() && !key.is_empty() => (secret, id),
            _ => return Ok(()),
        };
        let message = format!(
            "`{missing}` belongs to it: set both, or neither for the credentials of the environment or the machine"
        );
        Err(self.invalid(said, message))
    }

    pub(crate) fn invalid(&self, key: &str, message: String) -> ConfigError {
        ConfigError::Invalid {
            key: key.to_owned(),
            origin: origin_of(&self.layers.0, key),
            message,
        }
    }

    fn warn(&mut self) {
        if !self.server.internal_listen.ip().is_loopback()
            && self.cluster.secret.expose().is_empty()
        {
            self.warnings.push(
                "server.internal_listen is open to other machines, but cluster.secret is not set: \
                 only processes that share this data folder can call each other"
                    .to_owned(),
            );
        }
        let are_apart = Role::ALL
            .into_iter()
            .any(|role| !self.cluster.services.addresses(role).is_empty());
        if are_apart && self.cluster.secret.expose().is_empty() {
            self.warnings.push(
                "there are roles elsewhere in [cluster.services], but cluster.secret is not set: processes with data folders of \
                 their own will not believe each other; set the same in all (openssl rand -base64 32)"
                    .to_owned(),
            );
        }
        for role in Role::ALL {
            if let Some(delay) = self.fault.delay(role) {
                self.warnings.push(format!(
                    "fault.delay_ms.{role} slows every call to {role} by {} ms",
                    delay.as_millis()
                ));
            }
        }
    }
}

/// Keeps values that may be secret out of `Debug`.
#[derive(Clone)]
struct Redacted<T>(T);

impl<T> std::fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

fn apply_env(
    layers: &mut Layers,
    env: Vec<(String, String)>,
    warnings: &mut Vec<String>,
    errors: &mut Vec<ConfigError>,
) {
    let mut variables: Vec<(String, String)> = env
        .into_iter()
        .filter(|(name, _)| name.starts_with("AMPHI_") && !name.starts_with(TEST_PREFIX))
        .collect();
    variables.sort();
    for (variable, text) in &variables {
        if !variable.contains("__") {
            warnings.extend(likely_misspelt(layers, variable));
            continue;
        }
        let twin = format!("{variable}_FILE");
        if variables.iter().any(|(name, _)| *name == twin) {
            errors.push(ConfigError::SetTwice {
                key: layers::key_of_variable(variable),
                variable: variable.clone(),
            });
            continue;
        }
        layers.apply_variable(variable, text, errors);
    }
}

/// Orchestrators put variables of their own beside ours (a Kubernetes service `amphi` brings AMPHI_PORT), so a name without
/// `__` is no error; only one that is a setting but for its underscores is worth a word.
fn likely_misspelt(layers: &Layers, variable: &str) -> Option<String> {
    let meant = layers
        .settings
        .keys()
        .map(|key| layers::variable_of_key(key.clone()))
        .find(|name| name.replace("__", "_") == variable)?;
    Some(format!(
        "environment variable {variable} is not a setting and has no effect; did you mean {meant}?"
    ))
}

/// Where a setting was said, also of an element of a list: `gateway.trusted_proxies[1]`.
fn origin_of(layers: &Layers, key: &str) -> Origin {
    let setting = key.split('[').next().unwrap_or(key);
    layers
        .settings
        .get(setting)
        .map_or(Origin::Default, |setting| setting.origin.clone())
}

fn read_section<T: DeserializeOwned>(layers: &Layers, name: &str) -> Result<T, ConfigError> {
    if !layers.has_table(name) {
        return Err(ConfigError::NoSection(name.to_owned()));
    }
    let table = toml::Value::Table(layers.table(name));
    serde_path_to_error::deserialize(table).map_err(|error| {
        let path = error.path().to_string();
        let key = match path.as_str() {
            "." => name.to_owned(),
            path => format!("{name}.{path}"),
        };
        // What serde says may quote the value.
        let message = if dump::is_secret(&key) {
            "it is not of the expected form".to_owned()
        } else {
            error.inner().message().to_owned()
        };
        ConfigError::Invalid {
            origin: origin_of(layers, &key),
            key,
            message,
        }
    })
}
