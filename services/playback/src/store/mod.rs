//! The playback database; nothing else in the crate names it.

pub mod entity;
mod keys;
mod locks;
mod resume;
mod sessions;
mod sweep;

use amphi_chassis::db::Db;

pub use keys::KeyRow;
pub use sessions::SessionState;

/// Rows deleted in one transaction, so that forgetting does not hold up playback.
const BATCH: u64 = 500;

/// The tables of playback. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    db: Db,
}

impl Store {
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    #[must_use]
    pub const fn db(&self) -> &Db {
        &self.db
    }
}
