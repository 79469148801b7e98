//! The only place that names the database. Each method is one transaction: rules from `domain`, rows, and the event of
//! the change, together or not at all.
//!
//! Whatever changes an asset locks its row first, so that two changes of one asset follow each other on every engine.

mod assets;
mod convert;
mod encoding;
mod entities;
mod leasing;
mod outputs;
mod presentation;
mod tasks;
mod uploads;

use amphi_chassis::db::Db;
use amphi_contracts::VideoId;

use crate::watch::{Changes, TaskBell};

pub use assets::{AssetView, RenditionView, delete};
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

    /// Tells those who watch the asset, after its change is committed.
    fn changed(&self, video_id: VideoId) {
        self.changes.announce(video_id);
    }
}
