//! The section `[observatory]` of the configuration.

use amphi_chassis::config::{PEBIBYTE, whole};
use serde::Deserialize;

use crate::store::Limits;

/// What each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000_000>")]
    pub spans_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1024, PEBIBYTE>")]
    pub bytes_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000_000>")]
    pub spans_per_trace_max: usize,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_073_741_824>")]
    pub request_bytes_max: usize,
}

impl Settings {
    pub(crate) const fn limits(&self) -> Limits {
        Limits {
            spans_max: self.spans_max,
            bytes_max: self.bytes_max,
            spans_per_trace_max: self.spans_per_trace_max,
        }
    }
}
