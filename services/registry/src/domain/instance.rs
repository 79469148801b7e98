//! An instance of a service, as it describes itself.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::OWN_NAMES_PREFIX;

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

/// Where an instance runs. Eureka's clients in Java know these alone, and read no list with any other in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DataCenter {
    #[default]
    MyOwn,
    Netflix,
    /// What the cloud says of the machine.
    Amazon(BTreeMap<String, String>),
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
    /// When somebody last changed the override or the metadata at a registry, milliseconds since the Unix epoch; 0: never.
    pub revision_ms: i64,
    pub port: Port,
    pub secure_port: Port,
    pub vip: Option<String>,
    pub secure_vip: Option<String>,
    pub data_center: DataCenter,
    pub metadata: BTreeMap<String, String>,
    /// Addresses of pages and the like, by Eureka's names; passed on as they are.
    pub optional_fields: BTreeMap<&'static str, String>,
    pub terms: LeaseTerms,
    /// When the instance last changed its description, by its own clock, milliseconds since the Unix epoch.
    pub last_dirty_ms: i64,
}

impl Instance {
    /// What may be in [`Instance::optional_fields`].
    pub const OPTIONAL_FIELDS: [&'static str; 9] = [
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

    /// What others are told: the override, unless the instance has said since that it is not ready itself.
    #[must_use]
    pub const fn effective_status(&self) -> Status {
        match (self.status, self.overridden) {
            (Status::Up | Status::OutOfService, Status::Unknown) => self.status,
            (Status::Up | Status::OutOfService, overridden) => overridden,
            (own, _) => own,
        }
    }

    /// Holds at once, whatever the instance has said before, and as long as it does not register as `DOWN` or `STARTING`: as
    /// with Netflix's, where an override is written over the status of the instance.
    pub const fn override_status(&mut self, status: Status) {
        self.status = status;
        self.overridden = status;
    }

    /// How the instance is now it has to say itself, unless `status` does. Changes nothing when there is no override.
    pub fn remove_override(&mut self, status: Status) {
        if self.overridden != Status::Unknown {
            self.status = status;
            self.overridden = Status::Unknown;
        }
    }

    /// A name of this installation's own roles that the instance would be found by.
    #[must_use]
    pub fn own_name(&self) -> Option<&str> {
        std::iter::once(self.app.as_str())
            .chain(self.vips())
            .chain(self.secure_vips())
            .find(|name| is_own_name(name))
    }

    /// Virtual addresses.
    pub fn vips(&self) -> impl Iterator<Item = &str> {
        names(self.vip.as_deref())
    }

    pub fn secure_vips(&self) -> impl Iterator<Item = &str> {
        names(self.secure_vip.as_deref())
    }
}

fn names(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.unwrap_or_default().split(',').map(str::trim)
}

/// Whether an application or virtual address is one of this installation's own roles.
#[must_use]
pub fn is_own_name(name: &str) -> bool {
    name.to_uppercase().starts_with(OWN_NAMES_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::instance;

    #[test]
    fn an_override_holds_until_it_is_removed_or_the_instance_registers_as_not_ready() {
        use Status::{Down, OutOfService, Starting, Unknown, Up};
        // What the instance said; the override; what is told then; what is told once it has registered anew as before.
        for (said, overridden, at_once, registered_anew) in [
            (Up, OutOfService, OutOfService, OutOfService),
            (Up, Down, Down, Down),
            (OutOfService, Up, Up, Up),
            (Down, Up, Up, Down),
            (Starting, OutOfService, OutOfService, Starting),
        ] {
            let mut it = instance("SHOP", "shop-1");
            it.status = said;
            it.override_status(overridden);
            assert_eq!(it.effective_status(), at_once, "{said} {overridden}");
            it.status = said;
            assert_eq!(
                it.effective_status(),
                registered_anew,
                "{said} {overridden}"
            );
            it.remove_override(Unknown);
            assert_eq!(it.effective_status(), Unknown);
        }
    }

    #[test]
    fn removing_an_override_that_is_not_there_changes_nothing() {
        let known = instance("SHOP", "shop-1");
        let mut it = known.clone();
        it.remove_override(Status::Unknown);
        it.remove_override(Status::Down);
        assert_eq!(it, known);
    }

    #[test]
    fn names_of_our_roles_are_seen_wherever_an_instance_would_be_found_by_them() {
        let with = |app: &str, vip: &str, secure_vip: &str| {
            let mut it = instance(app, "x");
            it.vip = Some(vip.to_owned());
            it.secure_vip = Some(secure_vip.to_owned());
            it.own_name().map(str::to_owned)
        };
        assert_eq!(with("SHOP", "shop, store", "shop-amphi-x"), None);
        for it in [
            with("AMPHI-MEDIA", "", ""),
            with("SHOP", "amphi-gateway", ""),
            with("SHOP", "shop , Amphi-Gateway", ""),
            with("SHOP", "", "shop,AMPHI-gateway"),
        ] {
            assert!(it.is_some());
        }
    }
}
