use std::time::Duration;

use amphi_chassis::config::{DAY_MS, PEBIBYTE, milliseconds, origin, whole};
use amphi_chassis::http::TrustedProxies;
use serde::{Deserialize, Deserializer};

/// `[gateway]`; what each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(deserialize_with = "allowed_origins")]
    pub cors_origins: Vec<String>,
    pub trusted_proxies: Vec<TrustedProxies>,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_073_741_824>")]
    pub body_bytes_max: usize,
    #[serde(
        rename = "request_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, DAY_MS>"
    )]
    pub request_timeout: Duration,
    #[serde(
        rename = "stream_idle_timeout_ms",
        deserialize_with = "milliseconds::<_, 10, DAY_MS>"
    )]
    pub stream_idle_timeout: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub concurrency_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub event_streams_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub event_streams_per_caller_max: u32,
    #[serde(
        rename = "event_heartbeat_ms",
        deserialize_with = "milliseconds::<_, 10, DAY_MS>"
    )]
    pub event_heartbeat: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub auth_attempts_per_minute: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub refreshes_per_minute: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub refreshes_per_address_per_minute: u32,
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub browser_spans_per_minute: u32,
    /// Zero: nothing is kept.
    #[serde(
        rename = "cache_ttl_ms",
        deserialize_with = "milliseconds::<_, 0, 60_000>"
    )]
    pub cache_ttl: Duration,
    #[serde(deserialize_with = "whole::<_, _, 65_536, PEBIBYTE>")]
    pub cache_bytes: u64,
}

/// `*`, or what browsers call an origin. Anything else would never be equal to what they send.
fn allowed_origins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let origins = Vec::<AllowedOrigin>::deserialize(deserializer)?;
    Ok(origins.into_iter().map(|origin| origin.0).collect())
}

struct AllowedOrigin(String);

impl<'de> Deserialize<'de> for AllowedOrigin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "*" {
            return Ok(Self(text));
        }
        origin(&text).map(Self)
    }
}
