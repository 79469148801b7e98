//! Looks from time to time for what should not be there any more: uploads whose time is over, and blobs without a row.
//!
//! The second is a net below the first: every removal of rows queues the removal of their blobs. Only what is older than
//! an hour is looked at, told by the time within its UUIDv7, because bytes come before rows in places.
//!
//! Nor does it take what is older than the database: those bytes have their rows in another one, which an operator has yet to
//! put back. Without that, a platform started once over an empty database would lose every video.

use std::collections::BTreeMap;

use amphi_chassis::Problem;
use amphi_chassis::blob::BlobEntry;
use amphi_chassis::db::now_us;
use amphi_chassis::jobs::JobError;
use amphi_contracts::VideoId;

use crate::inventory::sources_counted_on;
use crate::keys::{IMAGES, MEDIA, SOURCES, made_s, video_of};
use crate::media::Media;

pub const KIND: &str = "media.sweep";
const EXPIRED_PAGE: u64 = 100;
const EXPIRED: &str = "The upload was not finished in time.";

pub async fn run(media: Media) -> Result<(), JobError> {
    let expired = expire_uploads(&media).await?;
    let orphans = remove_orphans(&media).await? + remove_orphaned_partials(&media).await?;
    if expired + orphans > 0 {
        tracing::info!(expired, orphans, "swept");
    }
    Ok(())
}

/// Removes uploads whose time is over; returns how many.
///
/// # Errors
/// When the database fails.
pub async fn expire_uploads(media: &Media) -> Result<usize, Problem> {
    let mut count = 0;
    loop {
        let page = media.store.expired_uploads(EXPIRED_PAGE).await?;
        let before = count;
        for upload in page {
            // Somebody is writing to it this very moment: the next sweep sees whether it lives.
            let Some(_lock) = media.locks.try_lock(upload.id) else {
                continue;
            };
            // Its bytes go once its row has gone: another process may just have taken more of them.
            let removed = media.store.expire_upload(upload.id, EXPIRED).await?;
            count += usize::from(removed);
        }
        if count == before {
            return Ok(count);
        }
    }
}

/// Removes blobs that no row names, unless they are older than the database; returns of how many videos.
///
/// # Errors
/// When the database or the blob store fails.
pub async fn remove_orphans(media: &Media) -> Result<usize, Problem> {
    let mut removed = 0;
    let mut strangers = 0;
    let born_s = media.store.born_s().await?;
    for area in [SOURCES, MEDIA, IMAGES] {
        let mut pages = media.blobs.pages(area);
        while let Some(page) = pages.next().await? {
            let swept = remove_orphans_among(media, area, &page, born_s).await?;
            removed += swept.removed;
            strangers += swept.strangers;
        }
    }
    if strangers > 0 {
        tracing::warn!(
            strangers,
            "the blob store holds media older than the database, which knows nothing of it, so it is left alone: \
             is this the right database, and has its backup been restored?"
        );
    }
    Ok(removed)
}

/// Removes what was received for uploads that are no more; returns of how many. Such bytes stay when an upload is removed
/// while somebody, who is then stopped, begins to write to it.
async fn remove_orphaned_partials(media: &Media) -> Result<usize, Problem> {
    let mut removed = 0;
    let born_s = media.store.born_s().await?;
    let mut pages = media.blobs.partial_pages(SOURCES);
    while let Some(page) = pages.next().await? {
        let old: Vec<&str> = page
            .iter()
            .map(|entry| entry.key.as_str())
            .filter(|key| is_old(media, key) && made_s(key) >= born_s)
            .collect();
        let counted_on = sources_counted_on(&media.store, &old).await?;
        for key in old.into_iter().filter(|key| !counted_on.contains(*key)) {
            removed += usize::from(media.blobs.partial(key)?.delete().await?);
        }
    }
    Ok(removed)
}

/// Of how many videos.
#[derive(Default)]
struct Swept {
    removed: usize,
    /// Left alone, since they are older than the database.
    strangers: usize,
}

async fn remove_orphans_among(
    media: &Media,
    area: &str,
    page: &[BlobEntry],
    born_s: u64,
) -> Result<Swept, Problem> {
    let mut by_video: BTreeMap<VideoId, Vec<&str>> = BTreeMap::new();
    for entry in page {
        let key = entry.key.as_str();
        if let Some(video_id) = video_of(key) {
            by_video.entry(video_id).or_default().push(key);
        }
    }
    let ids: Vec<VideoId> = by_video.keys().copied().collect();
    let known = media.store.holdings_of(&ids).await?;
    let mut swept = Swept::default();
    for (video_id, keys) in by_video {
        if !known.contains_key(&video_id) && keys.iter().any(|key| made_s(key) < born_s) {
            swept.strangers += 1;
            continue;
        }
        let is_orphan = |key: &str| match known.get(&video_id) {
            None => true,
            Some(holding) if area == SOURCES => holding.source_key.as_deref() != Some(key),
            Some(holding) => !holding.counts_on_place_of(key),
        };
        let orphans = keys
            .into_iter()
            .filter(|key| is_orphan(key) && is_old(media, key));
        let mut any = false;
        for key in orphans {
            media.blobs.delete(key).await?;
            any = true;
        }
        swept.removed += usize::from(any);
    }
    Ok(swept)
}

fn is_old(media: &Media, key: &str) -> bool {
    let now_s = u64::try_from(now_us() / 1_000_000).unwrap_or(0);
    made_s(key).saturating_add(media.settings.orphan_age.as_secs()) <= now_s
}
