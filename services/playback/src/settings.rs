use std::time::Duration;

use amphi_chassis::config::{DAY_MS, PEBIBYTE, YEARS_S, milliseconds, seconds, whole};
use serde::Deserialize;

/// `[playback]`; what each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(
        rename = "session_lifetime_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub session_lifetime: Duration,
    #[serde(
        rename = "grant_reuse_s",
        deserialize_with = "seconds::<_, 0, YEARS_S>"
    )]
    pub grant_reuse: Duration,
    #[serde(
        rename = "session_state_max_age_ms",
        deserialize_with = "milliseconds::<_, 0, DAY_MS>"
    )]
    pub session_state_max_age: Duration,
    #[serde(
        rename = "live_manifest_max_age_ms",
        deserialize_with = "milliseconds::<_, 0, DAY_MS>"
    )]
    pub live_manifest_max_age: Duration,
    #[serde(
        rename = "complete_manifest_max_age_s",
        deserialize_with = "seconds::<_, 0, YEARS_S>"
    )]
    pub complete_manifest_max_age: Duration,
    #[serde(deserialize_with = "whole::<_, _, 0, PEBIBYTE>")]
    pub manifest_cache_bytes: u64,
    #[serde(
        rename = "key_rotation_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub key_rotation: Duration,
    #[serde(
        rename = "resume_kept_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub resume_kept: Duration,
    #[serde(
        rename = "sweep_interval_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub sweep_interval: Duration,
}
