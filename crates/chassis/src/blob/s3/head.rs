//! What is known of a blob that still grows: one small object, changed only by whoever has seen its last state.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, UpdateVersion};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::errors::{Fault, fault, told};
use super::{Area, S3Blobs};
use crate::blob::{BlobError, BlobKey};

/// How long a writer that says nothing more is waited for. Its clock may be wrong: that costs patience or an error, never
/// bytes, since every change is refused that was not made to the last state.
const LEASE: Duration = Duration::from_secs(10);

/// The state of a partial.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Head {
    /// Different each time it is written, so that equal states still are different objects.
    write: Uuid,
    /// Objects of the area of parts, in order: name and bytes.
    pub parts: Vec<(String, u64)>,
    /// The blob is there, and what is left of the partial is to be removed.
    pub is_composed: bool,
    lease: Option<Lease>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Lease {
    holder: Uuid,
    until_ms: u64,
}

impl Head {
    pub fn empty() -> Self {
        Self {
            write: Uuid::new_v4(),
            parts: Vec::new(),
            is_composed: false,
            lease: None,
        }
    }

    /// Bytes.
    pub fn length(&self) -> u64 {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Whether the part of that name is among what there is.
    pub fn counts_on(&self, part: &str) -> bool {
        !self.is_composed && self.parts.iter().any(|(name, _)| name == part)
    }

    pub fn lease_to(&mut self, holder: Uuid) {
        let until_ms = now_ms().saturating_add(LEASE.as_millis().try_into().unwrap_or(u64::MAX));
        self.lease = Some(Lease { holder, until_ms });
    }

    pub fn end_lease(&mut self) {
        self.lease = None;
    }

    /// Whether somebody else than `holder` is still waited for.
    pub fn is_leased_to_other_than(&self, holder: Uuid) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.holder != holder && lease.until_ms > now_ms())
    }

    fn to_bytes(&self, key: &BlobKey) -> Result<Bytes, BlobError> {
        let text = serde_json::to_vec(self);
        let text = text.map_err(|error| BlobError::io("writing", key.as_str(), error.into()))?;
        Ok(Bytes::from(text))
    }
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

impl S3Blobs {
    /// The state now, also of one that is composed already.
    pub(super) async fn read_head(
        &self,
        key: &BlobKey,
    ) -> Result<(Head, UpdateVersion), BlobError> {
        let failed = |error| told("looking up", key.as_str(), error);
        let path = self.path(Area::Partials, key);
        let got = self.store().get_opts(&path, GetOptions::new()).await;
        let got = got.map_err(failed)?;
        let version = UpdateVersion {
            e_tag: got.meta.e_tag.clone(),
            version: got.meta.version.clone(),
        };
        let text = got.bytes().await.map_err(failed)?;
        let head = serde_json::from_slice(&text)
            .map_err(|error| BlobError::io("looking up", key.as_str(), error.into()))?;
        Ok((head, version))
    }

    /// False if there is one already.
    pub(super) async fn create_head(&self, key: &BlobKey) -> Result<bool, BlobError> {
        let text = Head::empty().to_bytes(key)?;
        let path = self.path(Area::Partials, key);
        let options = PutOptions::from(PutMode::Create);
        match self.store().put_opts(&path, text.into(), options).await {
            Ok(_) => Ok(true),
            Err(error) if fault(&error) == Fault::Condition => Ok(false),
            Err(error) => Err(told("creating", key.as_str(), error)),
        }
    }

    /// Puts `head` in the place of the state `seen`.
    ///
    /// # Errors
    /// [`BlobError::Busy`] when it is no longer that: somebody else has taken over.
    pub(super) async fn write_head(
        &self,
        key: &BlobKey,
        head: &mut Head,
        seen: UpdateVersion,
    ) -> Result<UpdateVersion, BlobError> {
        head.write = Uuid::new_v4();
        let text = head.to_bytes(key)?;
        let path = self.path(Area::Partials, key);
        let options = PutOptions::from(PutMode::Update(seen));
        let error = match self.store().put_opts(&path, text.into(), options).await {
            Ok(put) => return Ok(UpdateVersion::from(put)),
            Err(error) => error,
        };
        // It may have been done all the same, when only the answer was lost.
        match self.read_head(key).await {
            Ok((found, version)) if found.write == head.write => Ok(version),
            Ok(_) | Err(BlobError::NotFound { .. }) if fault(&error) == Fault::Condition => {
                Err(BlobError::Busy {
                    key: key.to_string(),
                })
            }
            _ => Err(told("writing", key.as_str(), error)),
        }
    }
}
