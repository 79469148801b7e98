//! The section `[registry]` of the configuration.

use std::time::Duration;

use amphi_chassis::Secret;
use amphi_chassis::config::{RegistryAddress, milliseconds, registry_addresses, whole};
use serde::{Deserialize, Deserializer};

use crate::domain::Limits;

/// Shorter passwords can be guessed.
const PASSWORD_CHARS_MIN: usize = 12;

/// What each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `None`: only clients on this machine are let in.
    #[serde(deserialize_with = "password")]
    pub password: Option<Secret<String>>,
    #[serde(deserialize_with = "peers")]
    pub peers: Vec<RegistryAddress>,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub instances_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1024, 16_777_216>")]
    pub body_bytes_max: usize,
    #[serde(
        rename = "eviction_interval_ms",
        deserialize_with = "milliseconds::<_, 10, 3_600_000>"
    )]
    pub eviction_interval: Duration,
    #[serde(
        rename = "empty_start_wait_ms",
        deserialize_with = "milliseconds::<_, 0, 3_600_000>"
    )]
    pub empty_start_wait: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, 100>")]
    pub preservation_percent: usize,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub preservation_instances_min: usize,
}

impl Settings {
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            instances_max: self.instances_max,
            preservation_percent: self.preservation_percent,
            preservation_instances_min: self.preservation_instances_min,
        }
    }

    /// Our roles and services of others, those that are there and those that are gone.
    pub(crate) const fn replication_waiting_max(&self) -> usize {
        self.instances_max.saturating_mul(4)
    }
}

/// Registries of one installation know each other by its secret; what a stranger says of leases is not taken.
fn peers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RegistryAddress>, D::Error> {
    let peers = registry_addresses(deserializer)?;
    if let Some(peer) = peers.iter().find(|peer| peer.credentials().is_some()) {
        return Err(serde::de::Error::custom(format!(
            "{peer} has user and password; registries of one installation know each other by cluster.secret, leave them out"
        )));
    }
    Ok(peers)
}

fn password<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Secret<String>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() < PASSWORD_CHARS_MIN {
        return Err(serde::de::Error::custom(format!(
            "at least {PASSWORD_CHARS_MIN} characters are needed"
        )));
    }
    Ok(Some(Secret::new(text)))
}
