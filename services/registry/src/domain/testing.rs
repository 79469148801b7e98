//! Instances for tests.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::time::Duration;

use super::{DataCenter, Instance, LeaseTerms, Limits, Moment, Port, Status};

pub(crate) const LIMITS: Limits = Limits {
    instances_max: 100,
    preservation_percent: 85,
    preservation_instances_min: 5,
};

/// Up, with a lease of 90 s.
pub(crate) fn instance(app: &str, id: &str) -> Instance {
    Instance {
        id: id.to_owned(),
        app: app.to_owned(),
        host: "shop.example.org".to_owned(),
        ip: "10.0.0.5".to_owned(),
        status: Status::Up,
        overridden: Status::Unknown,
        revision_ms: 0,
        port: Port {
            number: 8080,
            is_enabled: true,
        },
        secure_port: Port {
            number: 443,
            is_enabled: false,
        },
        vip: None,
        secure_vip: None,
        data_center: DataCenter::MyOwn,
        metadata: BTreeMap::new(),
        optional_fields: BTreeMap::new(),
        terms: LeaseTerms::DEFAULT,
        last_dirty_ms: 1,
    }
}

impl Moment {
    pub(crate) fn after(self, seconds: u64) -> Self {
        let later = Duration::from_secs(seconds);
        Self {
            at: self.at + later,
            unix_ms: self.unix_ms + i64::try_from(later.as_millis()).unwrap(),
        }
    }
}
