//! What writers have left in the bucket that were killed, cut off or refused: parts that no head names, and uploads in parts that
//! nobody will complete. A blob that grows now is not among it: its parts stand in its head, or are young.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use object_store::ObjectStoreExt;

use super::errors::told;
use super::head::Head;
use super::partials::ignore_absent;
use super::unfinished::Unfinished;
use super::{Area, PAGE_KEYS, S3Blobs};
use crate::blob::{BlobEntry, BlobError, BlobKey, Remains};

impl S3Blobs {
    pub(super) async fn left_behind(
        &self,
        before: SystemTime,
        is_to_go: bool,
    ) -> Result<Remains, BlobError> {
        let mut remains = Remains::default();
        self.find_parts(before, is_to_go, &mut remains).await?;
        match self.unfinished_uploads().await? {
            None => remains.may_be_more = true,
            Some((uploads, are_all)) => {
                remains.may_be_more = !are_all;
                for upload in uploads {
                    self.look_at_upload(&upload, before, is_to_go, &mut remains)
                        .await?;
                }
            }
        }
        Ok(remains)
    }

    async fn find_parts(
        &self,
        before: SystemTime,
        is_to_go: bool,
        remains: &mut Remains,
    ) -> Result<(), BlobError> {
        let mut after: Option<BlobKey> = None;
        loop {
            let page = self
                .list_area(Area::Parts, None, after.as_ref(), PAGE_KEYS)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            // After the parts were listed: a head that names one of them by now is seen.
            let mut heads: HashMap<BlobKey, Option<Head>> = HashMap::new();
            for part in page.iter().filter(|part| part.modified < before) {
                let Some((key, name)) = key_and_name(part) else {
                    continue;
                };
                if !heads.contains_key(&key) {
                    heads.insert(key.clone(), self.head_if_any(&key).await?);
                }
                let head = heads.get(&key).and_then(Option::as_ref);
                if head.is_some_and(|head| head.counts_on(name)) {
                    continue;
                }
                if is_to_go {
                    let path = self.path(Area::Parts, &part.key);
                    ignore_absent(self.store().delete(&path).await)
                        .map_err(|error| told("deleting", part.key.as_str(), error))?;
                }
                remains
                    .found
                    .push((format!("{}/{}", Area::Parts.folder(), part.key), part.size));
            }
        }
    }

    async fn look_at_upload(
        &self,
        upload: &Unfinished,
        before: SystemTime,
        is_to_go: bool,
        remains: &mut Remains,
    ) -> Result<(), BlobError> {
        if upload.initiated >= before {
            return Ok(());
        }
        // A large blob is being put together from its parts, or will be again.
        if let Some(key) = self.key_of(&upload.object)
            && self.head_if_any(&key).await?.is_some()
        {
            return Ok(());
        }
        if is_to_go {
            self.abort_upload(upload).await?;
        }
        remains
            .found
            .push((format!("{} (upload in parts)", upload.object), 0));
        Ok(())
    }

    async fn head_if_any(&self, key: &BlobKey) -> Result<Option<Head>, BlobError> {
        match self.read_head(key).await {
            Ok((head, _)) => Ok(Some(head)),
            Err(BlobError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn key_of(&self, object: &str) -> Option<BlobKey> {
        let key = object.strip_prefix(&self.folder(Area::Blobs))?;
        BlobKey::parse(key).ok()
    }
}

/// The partial that a part is of, and the name that its head has for it.
fn key_and_name(part: &BlobEntry) -> Option<(BlobKey, &str)> {
    let (key, name) = part.key.as_str().rsplit_once('/')?;
    Some((BlobKey::parse(key).ok()?, name))
}

/// `seconds` since the Unix epoch.
pub(super) fn at(seconds: i64) -> SystemTime {
    let since = u64::try_from(seconds).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::from_secs(since)
}
