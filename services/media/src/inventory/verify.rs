//! Is every blob there that a row counts on, and as long as the row says?
//!
//! Rows are read before blobs are listed, since bytes come before rows; and what is wrong is looked at twice, since a video may
//! be deleted meanwhile. No checksum is kept of blobs, so bytes that rotted in place are not noticed here.

use std::collections::{HashMap, HashSet};

use amphi_chassis::Problem;
use amphi_chassis::blob::BlobError;
use amphi_contracts::events::AssetState;
use amphi_contracts::{UploadId, VideoId};
use serde::Serialize;

use super::{Inventory, LISTED_MAX};
use crate::domain::images;
use crate::domain::upload::Upload;
use crate::keys;
use crate::store::AssetView;

const ROWS_PAGE: u64 = 100;

/// A blob that is not what its row says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fault {
    pub video_id: VideoId,
    pub key: String,
    #[serde(flatten)]
    pub wrong: Wrong,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "wrong", rename_all = "snake_case")]
pub enum Wrong {
    Missing,
    Length {
        expected_bytes: u64,
        found_bytes: u64,
    },
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub videos: u64,
    /// Looked for.
    pub blobs: u64,
    /// All that are wrong; `faults` may be fewer.
    pub faults_count: u64,
    pub faults: Vec<Fault>,
}

impl Verified {
    fn add(&mut self, faults: Vec<Fault>) {
        self.faults_count += faults.len() as u64;
        let room = LISTED_MAX.saturating_sub(self.faults.len());
        self.faults.extend(faults.into_iter().take(room));
    }
}

/// What a row counts on.
struct Expected {
    key: String,
    /// None where no row keeps it.
    bytes: Option<u64>,
}

impl Inventory {
    /// Looks for the blobs of every row.
    ///
    /// # Errors
    /// The database or the blob store fails.
    pub async fn verify(&self) -> Result<Verified, Problem> {
        let mut verified = Verified::default();
        let mut after = None;
        loop {
            let page = self.store.assets_after(after, ROWS_PAGE).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = Some(last.video_id);
            for asset in page {
                self.verify_asset(&asset, &mut verified).await?;
            }
        }
        self.verify_open_uploads(&mut verified).await?;
        Ok(verified)
    }

    async fn verify_asset(
        &self,
        asset: &AssetView,
        verified: &mut Verified,
    ) -> Result<(), Problem> {
        verified.videos += 1;
        let (blobs, faults) = self.faults_of(asset).await?;
        verified.blobs += blobs;
        if faults.is_empty() {
            return Ok(());
        }
        let Some(again) = self.store.asset(asset.video_id).await? else {
            return Ok(());
        };
        let (_, still) = self.faults_of(&again).await?;
        let still: HashSet<Fault> = still.into_iter().collect();
        let lasting = faults.into_iter().filter(|fault| still.contains(fault));
        verified.add(lasting.collect());
        Ok(())
    }

    /// How many blobs were looked for, and what is wrong with them.
    async fn faults_of(&self, asset: &AssetView) -> Result<(u64, Vec<Fault>), Problem> {
        let video_id = asset.video_id;
        let mut expected = self.expected_of(asset).await?;
        if expected.is_empty() {
            return Ok((0, Vec::new()));
        }
        let mut found = HashMap::new();
        for prefix in keys::of_video(video_id) {
            found.extend(self.sizes_below(&prefix).await?);
        }
        if asset.storyboard_path.is_some()
            && let Some(sheets) = self.sheets(asset.place).await?
        {
            expected.extend(sheets.into_iter().map(|key| Expected { key, bytes: None }));
        }
        let mut faults = Vec::new();
        for Expected { key, bytes } in &expected {
            let mut size = found.get(key).copied();
            if size.is_none() && asset.source_key.as_ref() == Some(key) {
                size = self.waiting_source(asset, key).await?;
            }
            let wrong = match (size, bytes) {
                (None, _) => Wrong::Missing,
                (Some(found_bytes), Some(expected_bytes)) if found_bytes != *expected_bytes => {
                    Wrong::Length {
                        expected_bytes: *expected_bytes,
                        found_bytes,
                    }
                }
                _ => continue,
            };
            faults.push(Fault {
                video_id,
                key: key.clone(),
                wrong,
            });
        }
        Ok((expected.len() as u64, faults))
    }

    async fn expected_of(&self, asset: &AssetView) -> Result<Vec<Expected>, Problem> {
        if asset.state == AssetState::Failed {
            return Ok(Vec::new());
        }
        let mut expected = Vec::new();
        if let Some(key) = &asset.source_key {
            expected.push(Expected {
                key: key.clone(),
                bytes: (asset.upload_bytes > 0).then_some(asset.upload_bytes),
            });
        }
        let pictures = [
            (asset.poster_path.is_some(), images::POSTER),
            (asset.storyboard_path.is_some(), images::STORYBOARD),
        ];
        for (_, file) in pictures.into_iter().filter(|(is_there, _)| *is_there) {
            expected.push(Expected {
                key: asset.place.image(file),
                bytes: None,
            });
        }
        let segments = self.store.segments_counted(asset.place).await?;
        expected.extend(segments.into_iter().map(|counted| Expected {
            key: counted.key,
            bytes: Some(counted.bytes),
        }));
        Ok(expected)
    }

    /// The bytes of a source that has arrived and is not yet taken in.
    async fn waiting_source(&self, asset: &AssetView, key: &str) -> Result<Option<u64>, Problem> {
        if asset.state != AssetState::Inspecting {
            return Ok(None);
        }
        length_of(self.blobs.partial(key)?.length().await)
    }

    /// Of an upload that goes on, all that was acknowledged must be there; more may be.
    async fn verify_open_uploads(&self, verified: &mut Verified) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let page = self.store.open_uploads_after(after, ROWS_PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id.as_uuid());
            for upload in page {
                verified.blobs += 1;
                if let Some(fault) = self.fault_of_upload(upload.id).await? {
                    verified.add(vec![fault]);
                }
            }
        }
    }

    async fn fault_of_upload(&self, id: UploadId) -> Result<Option<Fault>, Problem> {
        let Some(before) = self.store.upload(id).await?.filter(Upload::is_open) else {
            return Ok(None);
        };
        let key = before.source_key();
        let found = length_of(self.blobs.partial(&key)?.length().await)?;
        let wrong = match found {
            Some(found_bytes) if found_bytes >= before.received => return Ok(None),
            // The first bytes begin it.
            None if before.received == 0 => return Ok(None),
            Some(found_bytes) => Wrong::Length {
                expected_bytes: before.received,
                found_bytes,
            },
            None => Wrong::Missing,
        };
        // It may have been completed or removed meanwhile.
        let after = self.store.upload(id).await?.filter(Upload::is_open);
        Ok(after.map(|upload| Fault {
            video_id: upload.video_id,
            key,
            wrong,
        }))
    }
}

fn length_of(length: Result<u64, BlobError>) -> Result<Option<u64>, Problem> {
    match length {
        Ok(length) => Ok(Some(length)),
        Err(BlobError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
