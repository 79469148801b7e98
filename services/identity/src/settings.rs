use std::time::Duration;

use amphi_chassis::auth::{ACCESS_TOKEN_LIFETIME_MAX, AccountRole, CLOCK_LEEWAY};
use amphi_chassis::config::{YEARS_S, seconds, whole};
use serde::Deserialize;

use crate::domain::signing_key::Rotation;
use crate::domain::throttle::Bound;

/// How far behind a replica's view of the signing keys may be; see `jobs::KEY_CHECK_INTERVAL`.
const REPLICA_LAG_MAX: Duration = Duration::from_secs(300);

/// Of an access token: verifiers refuse longer ones.
const LIFETIME_MAX_S: i64 = ACCESS_TOKEN_LIFETIME_MAX.as_secs().cast_signed();

/// `[identity]`; what each key means stands in `config/default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub registration_open: bool,
    pub default_role: AccountRole,
    #[serde(
        rename = "access_token_lifetime_s",
        deserialize_with = "seconds::<_, 1, LIFETIME_MAX_S>"
    )]
    pub access_token_lifetime: Duration,
    #[serde(
        rename = "refresh_token_lifetime_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub refresh_token_lifetime: Duration,
    #[serde(rename = "refresh_grace_s", deserialize_with = "seconds::<_, 0, 3600>")]
    pub refresh_grace: Duration,
    #[serde(
        rename = "session_lifetime_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub session_lifetime: Duration,
    #[serde(
        rename = "signing_key_period_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub signing_key_period: Duration,
    #[serde(
        rename = "login_record_lifetime_s",
        deserialize_with = "seconds::<_, 1, YEARS_S>"
    )]
    pub login_record_lifetime: Duration,
    pub throttle: ThrottleSettings,
    pub argon2: Argon2Settings,
}

/// `[identity.throttle]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThrottleSettings {
    #[serde(rename = "window_s", deserialize_with = "seconds::<_, 1, YEARS_S>")]
    pub window: Duration,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub failures_per_account_and_network_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub failures_per_network_max: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1_000_000>")]
    pub failures_per_account_max: u32,
}

/// `[identity.argon2]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Argon2Settings {
    // Argon2 needs 8 KiB for each lane.
    #[serde(deserialize_with = "whole::<_, _, 64, 4_194_304>")]
    pub memory_kib: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 1000>")]
    pub iterations: u32,
    #[serde(deserialize_with = "whole::<_, _, 1, 8>")]
    pub lanes: u32,
    /// Passwords hashed at a time; 0 for one per core.
    #[serde(deserialize_with = "whole::<_, _, 0, 1024>")]
    pub concurrency: usize,
    /// Passwords that may wait for their turn; more are refused.
    #[serde(deserialize_with = "whole::<_, _, 0, 1_000_000>")]
    pub waiting_max: usize,
}

impl Settings {
    #[must_use]
    pub fn rotation(&self) -> Rotation {
        Rotation {
            period: self.signing_key_period,
            overlap: self.key_overlap(),
        }
    }

    /// For how long a revoked session must be told to verifiers.
    #[must_use]
    pub fn revocation_memory(&self) -> Duration {
        self.access_token_lifetime + CLOCK_LEEWAY + REPLICA_LAG_MAX
    }

    fn key_overlap(&self) -> Duration {
        self.access_token_lifetime + CLOCK_LEEWAY + REPLICA_LAG_MAX
    }
}

impl ThrottleSettings {
    #[must_use]
    pub const fn per_account_and_network(&self) -> Bound {
        self.bound(self.failures_per_account_and_network_max)
    }

    #[must_use]
    pub const fn per_network(&self) -> Bound {
        self.bound(self.failures_per_network_max)
    }

    #[must_use]
    pub const fn per_account(&self) -> Bound {
        self.bound(self.failures_per_account_max)
    }

    const fn bound(&self, failures_max: u32) -> Bound {
        Bound {
            failures_max,
            window: self.window,
        }
    }
}
