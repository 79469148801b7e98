//! The only place that names the database. Each method is one transaction: rules from `domain`, rows, and the event of
//! the change, together or not at all.
//!
//! Whatever changes an asset locks its row first, so that two changes of one asset follow each other on every engine.

mod assets;
mod convert;
mod encoding;
mod entities;
mod inventory;
mod leasing;
mod outputs;
mod presentation;
mod tasks;
mod uploads;

use amphi_chassis::db::Db;
use amphi_contracts::VideoId;
use sea_orm::{EntityTrait as _, QueryOrder as _, QuerySelect as _};
use sea_orm_migration::seaql_migrations;

use crate::domain::Error;
use crate::watch::{Changes, TaskBell};

pub use assets::{AssetView, Holding, RenditionView, delete};
pub use leasing::LeasedTask;
pub use outputs::{Recorded, Recording};
pub use presentation::{PresentationView, SegmentView, TrackView};
pub use tasks::{Made, TaskReport};
pub use uploads::{Arrival, NewUpload};

/// The rows of the media service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    changes: Changes,
    bell: TaskBell,
    keep_source: bool,
}

impl Store {
    #[must_use]
    pub const fn new(db: Db, changes: Changes, bell: TaskBell, keep_source: bool) -> Self {
        Self {
            db,
            changes,
            bell,
            keep_source,
        }
    }

    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// When this database was made, in seconds since 1970. A restored one keeps the date of the one that was saved.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn born_s(&self) -> Result<u64, Error> {
        let first: Option<i64> = seaql_migrations::Entity::find()
            .select_only()
            .column(seaql_migrations::Column::AppliedAt)
            .order_by_asc(seaql_migrations::Column::AppliedAt)
            .limit(1)
            .into_tuple()
            .one(self.db.read())
            .await?;
        // Without a migration there is no table, and this is not reached.
        Ok(first
            .and_then(|seconds| u64::try_from(seconds).ok())
            .unwrap_or(u64::MAX))
    }

    /// Tells those who watch the asset, after its change is committed.
    fn changed(&self, video_id: VideoId) {
        self.changes.announce(video_id);
    }
}
