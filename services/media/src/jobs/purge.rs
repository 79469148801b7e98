//! Takes blobs away that no row names any more. Queued in the transaction that removes the rows, so a crash between the
//! two leaves nothing behind.

use amphi_chassis::Problem;
use amphi_chassis::jobs::{self, Job, JobError, NewJob};
use amphi_contracts::VideoId;
use sea_orm::ConnectionTrait;
use serde::{Deserialize, Serialize};

use crate::domain::Error;
use crate::domain::task::segment_number;
use crate::keys::{self, Place};
use crate::media::Media;

pub const KIND: &str = "media.purge";

/// What to take away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Purge {
    /// Everything of a video that was deleted.
    Video { video_id: VideoId },
    /// What an upload that failed left. A new one for the same video may have begun since.
    Failed {
        #[serde(flatten)]
        place: Place,
        source_key: Option<String>,
    },
    /// The source of a video that is ready, where sources are not kept.
    Source { source_key: String },
    /// Segments that cannot be reached, from the first of them.
    Behind {
        #[serde(flatten)]
        place: Place,
        rendition: String,
        first: u32,
    },
}

/// Queues it with the caller's transaction.
pub async fn enqueue<C: ConnectionTrait>(txn: &C, purge: &Purge) -> Result<(), Error> {
    jobs::enqueue(txn, NewJob::new(KIND, purge)).await?;
    Ok(())
}

pub async fn run(media: Media, job: Job<Purge>) -> Result<(), JobError> {
    purge(&media, job.payload).await?;
    Ok(())
}

async fn purge(media: &Media, purge: Purge) -> Result<(), Problem> {
    match purge {
        Purge::Video { video_id } => {
            for prefix in keys::of_video(video_id) {
                media.blobs.delete_prefix(&prefix).await?;
            }
        }
        Purge::Failed { place, source_key } => {
            if let Some(key) = source_key {
                delete_source(media, &key).await?;
            }
            // A place of before uploads had their own may have been used again.
            let holdings = media.store.holdings_of(&[place.video_id]).await?;
            let counts_on = |key: &str| {
                let holding = holdings.get(&place.video_id);
                holding.is_some_and(|holding| holding.counts_on_place_of(key))
            };
            for prefix in [place.media(), place.images()] {
                let is_to_go = |key: &str| Place::of(key) == Some(place) && !counts_on(key);
                delete_below(media, &prefix, is_to_go).await?;
            }
        }
        Purge::Source { source_key } => delete_source(media, &source_key).await?,
        Purge::Behind {
            place,
            rendition,
            first,
        } => {
            let is_behind = |key: &str| {
                let file = key.rsplit('/').next().unwrap_or_default();
                segment_number(file).is_some_and(|number| number >= first)
            };
            delete_below(media, &place.rendition(&rendition), is_behind).await?;
        }
    }
    Ok(())
}

async fn delete_source(media: &Media, key: &str) -> Result<(), Problem> {
    media.blobs.partial(key)?.delete().await?;
    media.blobs.delete(key).await?;
    Ok(())
}

async fn delete_below(
    media: &Media,
    prefix: &str,
    is_to_go: impl Fn(&str) -> bool,
) -> Result<(), Problem> {
    let mut pages = media.blobs.pages(prefix);
    while let Some(page) = pages.next().await? {
        for key in page.iter().map(|entry| entry.key.as_str()) {
            if is_to_go(key) {
                media.blobs.delete(key).await?;
            }
        }
    }
    Ok(())
}
