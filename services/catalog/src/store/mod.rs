//! The only place that names the database.

mod entities;
mod episodes;
mod idempotency;
mod projection;
mod series;
mod videos;

use amphi_chassis::db::Db;

pub use episodes::NewEpisode;
pub use idempotency::Once;
pub use projection::{Projected, project};

/// The catalog's database. Cheap to clone.
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
