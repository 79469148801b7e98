//! Rows held against blobs, for operators: what is missing ([`Inventory::verify`]) and what is too much
//! ([`Inventory::collect`]). The platform may run meanwhile.

mod collect;
mod verify;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::blob::{BlobError, Blobs};
use amphi_chassis::db::Db;
use amphi_contracts::{UploadId, VideoId};

use crate::domain::images;
use crate::keys::{self, Place};
use crate::settings::Settings;
use crate::store::Store;
use crate::watch::{Changes, TaskBell};

pub use collect::{Collected, Orphan};
pub use verify::{Fault, Verified, Wrong};

/// Faults and orphans that are told one by one; beyond that they are only counted.
pub const LISTED_MAX: usize = 10_000;
const VTT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Which of these sources are still received, or are complete and wait to be looked into: an upload that is over may be forgotten
/// before that.
///
/// # Errors
/// The database fails.
pub(crate) async fn sources_counted_on(
    store: &Store,
    sources: &[&str],
) -> Result<HashSet<String>, Problem> {
    let sources = sources.iter().copied();
    let uploads: Vec<UploadId> = sources.clone().filter_map(keys::upload_of).collect();
    let uploads = store.known_uploads(&uploads).await?;
    let videos: Vec<VideoId> = sources.clone().filter_map(keys::video_of).collect();
    let holdings = store.holdings_of(&videos).await?;
    let counts_on = |key: &&str| {
        let is_received = keys::upload_of(key).is_some_and(|id| uploads.contains(&id));
        let holding = keys::video_of(key).and_then(|id| holdings.get(&id));
        is_received || holding.is_some_and(|holding| holding.source_key.as_deref() == Some(*key))
    };
    Ok(sources.filter(counts_on).map(str::to_owned).collect())
}

/// The blobs of the media service beside its rows.
#[derive(Debug)]
pub struct Inventory {
    store: Store,
    blobs: Blobs,
    orphan_age: Duration,
}

impl Inventory {
    #[must_use]
    pub fn new(db: Db, blobs: Blobs, settings: &Settings) -> Self {
        let (changes, bell) = (Changes::default(), TaskBell::default());
        Self {
            store: Store::new(db, changes, bell, settings.keep_source),
            blobs,
            orphan_age: settings.orphan_age,
        }
    }

    /// How old an orphan is at least, unless somebody says otherwise.
    #[must_use]
    pub const fn orphan_age(&self) -> Duration {
        self.orphan_age
    }

    /// What lies below a prefix, with its bytes.
    async fn sizes_below(&self, prefix: &str) -> Result<HashMap<String, u64>, Problem> {
        let mut sizes = HashMap::new();
        let mut pages = self.blobs.pages(prefix);
        while let Some(page) = pages.next().await? {
            let sized = page.iter().map(|entry| (entry.key.to_string(), entry.size));
            sizes.extend(sized);
        }
        Ok(sizes)
    }

    /// The sprite sheets that the storyboard of a video names; `None` if it cannot be told.
    async fn sheets(&self, place: Place) -> Result<Option<HashSet<String>>, Problem> {
        let key = place.image(images::STORYBOARD);
        let blob = match self.blobs.open(&key).await {
            Ok(blob) if blob.size() <= VTT_BYTES_MAX => blob,
            Ok(_) | Err(BlobError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let bytes = blob.read_all().await?;
        let text = String::from_utf8_lossy(&bytes);
        let sheets = text
            .lines()
            .filter_map(|line| line.split_once("#xywh=").map(|(file, _)| file))
            .filter(|file| images::content_type(file).is_some())
            .map(|file| place.image(file));
        Ok(Some(sheets.collect()))
    }
}
