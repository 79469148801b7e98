//! Blobs that no row counts on. The regular sweep looks at whole videos; this looks at each blob.
//!
//! What is young stays, because bytes come before rows; so does all of a video that is still being made, whatever its rows say,
//! and what lies where media keeps nothing. What is older than the database has its rows in another one, as with the sweep.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

use amphi_chassis::Problem;
use amphi_chassis::blob::{BlobEntry, Remains};
use amphi_contracts::VideoId;
use amphi_contracts::events::AssetState;
use serde::Serialize;

use super::{Inventory, LISTED_MAX, sources_counted_on};
use crate::domain::asset::is_final;
use crate::domain::images;
use crate::keys::{self, IMAGES, MEDIA, SOURCES, made_s};
use crate::store::Holding;

/// Bytes that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Orphan {
    pub key: String,
    pub bytes: u64,
}

/// What was found, and perhaps removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Blobs looked at.
    pub blobs: u64,
    /// All orphans; `orphans` may be fewer.
    pub orphans_count: u64,
    pub orphans_bytes: u64,
    pub orphans: Vec<Orphan>,
    /// Blobs in places that are not media's; left alone.
    pub foreign: u64,
    /// Blobs of videos that the database knows nothing of, and older than it; left alone.
    pub older_than_database: u64,
    /// Whether the store may keep unfinished uploads in parts that it cannot be asked for.
    pub may_be_more: bool,
}

impl Collected {
    fn add(&mut self, key: String, bytes: u64) {
        self.orphans_count += 1;
        self.orphans_bytes += bytes;
        if self.orphans.len() < LISTED_MAX {
            self.orphans.push(Orphan { key, bytes });
        }
    }
}

/// What the rows say of the videos of one page.
struct Known {
    holdings: HashMap<VideoId, Holding>,
    /// Files of videos that are ready.
    named: HashSet<String>,
    /// Videos of which it cannot be told which pictures they need.
    spared: HashSet<VideoId>,
}

impl Inventory {
    /// Finds what no row counts on and was last written longer ago than `older_than`; removes it if it `is_to_go`.
    ///
    /// # Errors
    /// The database or the blob store fails; or all would go because the database knows no video at all.
    pub async fn collect(
        &self,
        older_than: Duration,
        is_to_go: bool,
    ) -> Result<Collected, Problem> {
        let before = SystemTime::now() - older_than;
        let mut collected = Collected::default();
        self.check_the_database_is_the_one(is_to_go).await?;
        self.collect_blobs(before, is_to_go, &mut collected).await?;
        self.collect_partials(before, is_to_go, &mut collected)
            .await?;
        let Remains { found, may_be_more } = self.blobs.remains(before, is_to_go).await?;
        for (name, bytes) in found {
            collected.add(name, bytes);
        }
        collected.may_be_more = may_be_more;
        Ok(collected)
    }

    /// An empty database beside a full store is most often the wrong one.
    async fn check_the_database_is_the_one(&self, is_to_go: bool) -> Result<(), Problem> {
        if !is_to_go || self.store.has_assets().await? {
            return Ok(());
        }
        let media = self.blobs.list(MEDIA, None, 1).await?;
        if media.is_empty() && self.blobs.list(SOURCES, None, 1).await?.is_empty() {
            return Ok(());
        }
        Err(Problem::conflict(
            "database_knows_no_video",
            "The database knows no video at all, but there are videos among the blobs: is it the database of these blobs? Nothing was deleted.",
        ))
    }

    async fn collect_blobs(
        &self,
        before: SystemTime,
        is_to_go: bool,
        collected: &mut Collected,
    ) -> Result<(), Problem> {
        let born_s = self.store.born_s().await?;
        let mut pages = self.blobs.pages("");
        while let Some(page) = pages.next().await? {
            collected.blobs += page.len() as u64;
            let (ours, foreign): (Vec<BlobEntry>, Vec<BlobEntry>) =
                page.into_iter().partition(|entry| {
                    let area = entry.key.as_str().split('/').next().unwrap_or_default();
                    [SOURCES, MEDIA, IMAGES].contains(&area)
                });
            collected.foreign += foreign.len() as u64;
            let old: Vec<BlobEntry> = ours
                .into_iter()
                .filter(|entry| entry.modified < before)
                .collect();
            let known = self.known_of(&old).await?;
            for entry in old.iter().filter(|entry| !known.counts_on(entry)) {
                if !known.knows(entry) && made_s(entry.key.as_str()) < born_s {
                    collected.older_than_database += 1;
                    continue;
                }
                if is_to_go {
                    self.blobs.delete(entry.key.as_str()).await?;
                }
                collected.add(entry.key.to_string(), entry.size);
            }
        }
        Ok(())
    }

    async fn known_of(&self, entries: &[BlobEntry]) -> Result<Known, Problem> {
        let videos: HashSet<VideoId> = entries
            .iter()
            .filter_map(|entry| keys::video_of(entry.key.as_str()))
            .collect();
        let ids: Vec<VideoId> = videos.into_iter().collect();
        let holdings = self.store.holdings_of(&ids).await?;
        let (mut named, mut spared) = (HashSet::new(), HashSet::new());
        for asset in self.store.assets(&ids).await? {
            if asset.state != AssetState::Ready {
                continue;
            }
            let video_id = asset.video_id;
            let segments = self.store.segments_counted(asset.place).await?;
            named.extend(segments.into_iter().map(|counted| counted.key));
            if asset.poster_path.is_some() {
                named.insert(asset.place.image(images::POSTER));
            }
            if asset.storyboard_path.is_some() {
                named.insert(asset.place.image(images::STORYBOARD));
                match self.sheets(asset.place).await? {
                    Some(sheets) => named.extend(sheets),
                    None => {
                        spared.insert(video_id);
                    }
                }
            }
        }
        Ok(Known {
            holdings,
            named,
            spared,
        })
    }

    /// What was received for uploads that are no more.
    async fn collect_partials(
        &self,
        before: SystemTime,
        is_to_go: bool,
        collected: &mut Collected,
    ) -> Result<(), Problem> {
        let born_s = self.store.born_s().await?;
        let mut pages = self.blobs.partial_pages(SOURCES);
        while let Some(page) = pages.next().await? {
            let old: Vec<BlobEntry> = page
                .into_iter()
                .filter(|entry| entry.modified < before)
                .collect();
            let sources: Vec<&str> = old.iter().map(|entry| entry.key.as_str()).collect();
            let counted_on = sources_counted_on(&self.store, &sources).await?;
            for entry in old {
                if counted_on.contains(entry.key.as_str()) {
                    continue;
                }
                if made_s(entry.key.as_str()) < born_s {
                    collected.older_than_database += 1;
                    continue;
                }
                if is_to_go {
                    self.blobs.partial(entry.key.as_str())?.delete().await?;
                }
                collected.add(format!("{} (partial)", entry.key), entry.size);
            }
        }
        Ok(())
    }
}

impl Known {
    fn knows(&self, entry: &BlobEntry) -> bool {
        keys::video_of(entry.key.as_str()).is_some_and(|id| self.holdings.contains_key(&id))
    }

    fn counts_on(&self, entry: &BlobEntry) -> bool {
        let key = entry.key.as_str();
        let Some(video_id) = keys::video_of(key) else {
            return false;
        };
        let Some(holding) = self.holdings.get(&video_id) else {
            return false;
        };
        match key.split('/').next() {
            Some(SOURCES) => holding.source_key.as_deref() == Some(key),
            _ if !holding.counts_on_place_of(key) => false,
            Some(IMAGES) if self.spared.contains(&video_id) => true,
            _ => !is_final(holding.state) || self.named.contains(key),
        }
    }
}
