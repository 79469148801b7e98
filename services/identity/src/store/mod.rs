//! The only place that names the database.

mod accounts;
mod entities;
mod login_failures;
mod login_records;
mod purge;
mod sessions;
mod signing_keys;

use amphi_chassis::db::Db;

pub use accounts::{Credentials, NewAccount};
pub use login_failures::Subject;
pub use login_records::{LoginRecord, NewLoginRecord};
pub use purge::Outdated;
pub use sessions::{Exchange, ExchangeRules, NewSession};
pub use signing_keys::StoredSigningKey;

/// The accounts' database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }
}
