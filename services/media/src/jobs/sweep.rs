//! Looks from time to time for what should not be there any more: uploads whose time is over, and blobs without a row.
//!
//! The second is a net below the first: every removal of rows queues the removal of their blobs. Only what is older than
//! an hour is looked at, told by the time within its UUIDv7, because bytes come before rows in places.

use std::collections::{BTreeMap, HashMap};

use amphi_chassis::Problem;
use amphi_chassis::blob::{BlobEntry, BlobKey};
use amphi_chassis::db::now_us;
use amphi_chassis::jobs::JobError;
use amphi_contracts::events::AssetState;
use amphi_contracts::{UploadId, VideoId};
use uuid::Uuid;

use crate::domain::upload::UploadState;
use crate::keys::{IMAGES, MEDIA, SOURCES};
use crate::media::Media;

pub const KIND: &str = "media.sweep";
const EXPIRED_PAGE: u64 = 100;
const BLOBS_PAGE: usize = 1_000;
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
            if upload.state == UploadState::Open {
                // Bytes before row: what is left by a crash between the two is found again.
                media.blobs.partial(&upload.source_key())?.delete().await?;
            }
            media.store.remove_upload(upload.id, EXPIRED).await?;
            count += 1;
        }
        if count == before {
            return Ok(count);
        }
    }
}

/// Removes blobs that no row names; returns of how many videos.
///
/// # Errors
/// When the database or the blob store fails.
pub async fn remove_orphans(media: &Media) -> Result<usize, Problem> {
    let mut removed = 0;
    for area in [SOURCES, MEDIA, IMAGES] {
        let mut after: Option<BlobKey> = None;
        loop {
            let page = media.blobs.list(area, after.as_ref(), BLOBS_PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.key.clone());
            removed += remove_orphans_among(media, area, &page).await?;
        }
    }
    Ok(removed)
}

/// Removes what was received for uploads that are no more; returns of how many. Such bytes stay when an upload is removed
/// while somebody, who is then stopped, begins to write to it.
async fn remove_orphaned_partials(media: &Media) -> Result<usize, Problem> {
    let mut removed = 0;
    let mut after: Option<BlobKey> = None;
    loop {
        let page = media
            .blobs
            .list_partials(SOURCES, after.as_ref(), BLOBS_PAGE)
            .await?;
        let Some(last) = page.last() else {
            return Ok(removed);
        };
        after = Some(last.key.clone());
        let keys = page.iter().map(|entry| entry.key.as_str());
        let by_upload: HashMap<UploadId, &str> = keys
            .filter(|key| is_old(media, key))
            .filter_map(|key| Some((key.rsplit('/').next()?.parse().ok()?, key)))
            .collect();
        let ids: Vec<UploadId> = by_upload.keys().copied().collect();
        let known = media.store.known_uploads(&ids).await?;
        for (id, key) in by_upload {
            if !known.contains(&id) {
                removed += usize::from(media.blobs.partial(key)?.delete().await?);
            }
        }
    }
}

async fn remove_orphans_among(
    media: &Media,
    area: &str,
    page: &[BlobEntry],
) -> Result<usize, Problem> {
    let mut by_video: BTreeMap<VideoId, Vec<&str>> = BTreeMap::new();
    for entry in page {
        let key = entry.key.as_str();
        if let Some(video_id) = key.split('/').nth(1).and_then(|text| text.parse().ok()) {
            by_video.entry(video_id).or_default().push(key);
        }
    }
    let ids: Vec<VideoId> = by_video.keys().copied().collect();
    let known = media.store.states_of(&ids).await?;
    let mut removed = 0;
    for (video_id, keys) in by_video {
        let is_orphan = |key: &str| match known.get(&video_id) {
            None | Some((AssetState::Failed, _)) => true,
            Some((_, source_key)) => area == SOURCES && source_key.as_deref() != Some(key),
        };
        let orphans = keys
            .into_iter()
            .filter(|key| is_orphan(key) && is_old(media, key));
        let mut any = false;
        for key in orphans {
            media.blobs.delete(key).await?;
            any = true;
        }
        removed += usize::from(any);
    }
    Ok(removed)
}

/// A source is as old as its upload, anything else at most as old as its video: the last id in the key tells.
fn is_old(media: &Media, key: &str) -> bool {
    let made_s = key
        .rsplit('/')
        .find_map(|part| Uuid::try_parse(part).ok()?.get_timestamp())
        .map_or(0, |time| time.to_unix().0);
    let now_s = u64::try_from(now_us() / 1_000_000).unwrap_or(0);
    made_s.saturating_add(media.settings.orphan_age.as_secs()) <= now_s
}
