//! Whether the store is there, and does what is asked of it.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use uuid::Uuid;

use super::errors::{Fault, fault, reason};
use super::{Area, S3Blobs};
use crate::blob::{BlobError, BlobKey, Examined};
use crate::config::S3Config;

/// A start does not wait longer to say what is wrong.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
const EXAMINE_TIMEOUT: Duration = Duration::from_secs(15);

impl S3Blobs {
    /// Lists one key: that needs the bucket, the credentials, the region and the clock to be right.
    pub(super) async fn look(&self) -> Result<(), BlobError> {
        let folder = self.folder(Area::Blobs);
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let looking = self.store().list_paginated(Some(&folder), options);
        match tokio::time::timeout(LOOK_TIMEOUT, looking).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(self.setup(&error)),
            Err(_) => Err(self.silent(LOOK_TIMEOUT)),
        }
    }

    /// Writes, looks up and deletes an object, and sees whether the store keeps to conditions.
    ///
    /// # Errors
    /// What is wrong, with the setting to mend.
    pub async fn examine(settings: &S3Config) -> Result<Examined, BlobError> {
        let blobs = Self::open(settings).await?;
        let examining = blobs.examine_writing();
        let clock_ahead_s = tokio::time::timeout(EXAMINE_TIMEOUT, examining)
            .await
            .map_err(|_| blobs.silent(EXAMINE_TIMEOUT))??;
        Ok(Examined {
            place: blobs.inner.place.clone(),
            clock_ahead_s,
        })
    }

    async fn examine_writing(&self) -> Result<i64, BlobError> {
        let key = BlobKey::parse(format!("amphi-doctor-{}", Uuid::new_v4().simple()))?;
        let path = self.path(Area::Parts, &key);
        let create = || {
            let bytes = Bytes::from_static(b"amphi");
            let options = PutOptions::from(PutMode::Create);
            self.store().put_opts(&path, bytes.into(), options)
        };
        create().await.map_err(|error| self.setup(&error))?;
        let written_s = epoch_s(SystemTime::now());
        let found = self.store().head(&path).await;
        let again = create().await;
        let deleted = self.store().delete(&path).await;
        let found = found.map_err(|error| self.setup(&error))?;
        deleted.map_err(|error| self.setup(&error))?;
        match again {
            Err(error) if fault(&error) == Fault::Condition => {}
            Err(error) => return Err(self.setup(&error)),
            Ok(_) => {
                return Err(BlobError::Setup {
                    place: self.inner.place.clone(),
                    reason: "it ignores If-None-Match, so two writers of one upload would not notice each other; use a store, or a release of it, that knows conditional writes".to_owned(),
                });
            }
        }
        Ok(found.last_modified.timestamp() - written_s)
    }

    fn setup(&self, error: &object_store::Error) -> BlobError {
        BlobError::Setup {
            place: self.inner.place.clone(),
            reason: reason(fault(error), error),
        }
    }

    fn silent(&self, waited: Duration) -> BlobError {
        BlobError::Setup {
            place: self.inner.place.clone(),
            reason: format!(
                "no answer within {} s; is the store reachable from here? See `blobs.s3.endpoint` and, where no key is set, who gives the credentials",
                waited.as_secs()
            ),
        }
    }
}

fn epoch_s(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}
