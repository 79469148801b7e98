use std::time::Duration;

use amphi_chassis::config::{YEARS_S, seconds, whole};
use serde::Deserialize;

use crate::domain::Visibility;

/// `[catalog]`; what each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub default_visibility: Visibility,
    #[serde(deserialize_with = "whole::<_, _, 1, 100_000>")]
    pub episodes_per_series_max: u32,
    #[serde(
        rename = "idempotency_key_lifetime_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub idempotency_key_lifetime: Duration,
}
