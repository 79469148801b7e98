//! An instance of a service, as it describes itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

/// What an instance says of its readiness, or what somebody has said over its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Up,
    Down,
    Starting,
    OutOfService,
    Unknown,
}

/// A word that is no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a status; there are UP, DOWN, STARTING, OUT_OF_SERVICE and UNKNOWN")]
pub struct UnknownStatus(String);

impl Status {
    const ALL: [Self; 5] = [
        Self::Up,
        Self::Down,
        Self::Starting,
        Self::OutOfService,
        Self::Unknown,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "UP",
            Self::Down => "DOWN",
            Self::Starting => "STARTING",
            Self::OutOfService => "OUT_OF_SERVICE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownStatus(text.chars().take(64).collect()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    pub number: u16,
    pub is_enabled: bool,
}

/// What an instance asks of its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    pub renewal_interval: Duration,
    pub duration: Duration,
}

impl LeaseTerms {
    /// As Eureka's clients have them.
    pub const DEFAULT: Self = Self {
        renewal_interval: Duration::from_secs(30),
        duration: Duration::from_secs(90),
    };
    /// A lease that lasts longer is none.
    pub const DURATION_MAX: Duration = Duration::from_secs(86_400);
}

/// One process of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub id: String,
    /// In capitals; names of applications differ in more than case.
    pub app: String,
    pub host: String,
    pub ip: String,
    /// As it says itself, unless somebody has overridden it since.
    pub status: Status,
    /// `Unknown` when nobody has.
    pub overridden: Status,
    pub port: Port,
    pub secure_port: Port,
    pub vip: Option<String>,
    pub secure_vip: Option<String>,
    /// `name` and `@class`, and what a cloud tells of itself.
    pub data_center: Map<String, Value>,
    pub metadata: BTreeMap<String, String>,
    /// Addresses of pages and the like, by Eureka's names; passed on as they are.
    pub extras: BTreeMap<&'static str, String>,
    pub terms: LeaseTerms,
    /// When the instance last changed its description, by its own clock, milliseconds since the Unix epoch.
    pub last_dirty_ms: i64,
}

impl Instance {
    /// What may be in [`Instance::extras`].
    pub const EXTRAS: [&'static str; 9] = [
        "appGroupName",
        "asgName",
        "countryId",
        "healthCheckUrl",
        "homePageUrl",
        "isCoordinatingDiscoveryServer",
        "secureHealthCheckUrl",
        "sid",
        "statusPageUrl",
    ];

    /// What others are told. An instance that is not ready itself cannot be made so by others.
    #[must_use]
    pub const fn effective_status(&self) -> Status {
        match (self.status, self.overridden) {
            (Status::Up | Status::OutOfService, Status::Unknown) => self.status,
            (Status::Up | Status::OutOfService, overridden) => overridden,
            (own, _) => own,
        }
    }
}
