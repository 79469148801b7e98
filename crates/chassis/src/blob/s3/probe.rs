//! Whether the store is there, and does what is asked of it.

use std::time::{Duration, SystemTime};

use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use uuid::Uuid;

use super::errors::{Fault, fault, reason};
use super::partials::ignore_absent;
use super::{Area, S3Blobs};
use crate::blob::{BlobError, BlobKey, Examined};
use crate::config::S3Config;

/// A start does not wait longer to say what is wrong.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
const EXAMINE_TIMEOUT: Duration = Duration::from_secs(15);

impl S3Blobs {
    /// Needs the bucket, the credentials, the region and the clock to be right.
    pub(super) async fn look(&self) -> Result<(), BlobError> {
        match tokio::time::timeout(LOOK_TIMEOUT, self.list_one()).await {
            Ok(listed) => listed.map_err(|error| self.setup(&error)),
            Err(_) => Err(self.silent(LOOK_TIMEOUT)),
        }
    }

    /// Lists one key, or none.
    pub(super) async fn list_one(&self) -> object_store::Result<()> {
        let folder = self.folder(Area::Blobs);
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let listed = self.store().list_paginated(Some(&folder), options).await;
        listed.map(|_| ())
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
        let examined = self.examine_conditions(&path).await;
        let deleted = ignore_absent(self.store().delete(&path).await);
        let clock_ahead_s = examined?;
        deleted.map_err(|error| self.setup(&error))?;
        Ok(clock_ahead_s)
    }

    /// Writers of one upload are kept apart by the conditions that are tried here, each once when it holds and once when not.
    async fn examine_conditions(&self, path: &Path) -> Result<i64, BlobError> {
        let put = async |mode, text: &'static str| {
            let options = PutOptions::from(mode);
            let put = self.store().put_opts(path, text.into(), options).await;
            put.map(UpdateVersion::from)
        };
        let first = put(PutMode::Create, "first").await;
        let first = first.map_err(|error| self.setup(&error))?;
        let written_s = epoch_s(SystemTime::now());
        let found = self.store().head(path).await;
        let found = found.map_err(|error| self.setup(&error))?;
        self.must_refuse("If-None-Match", put(PutMode::Create, "second").await)?;
        let changed = put(PutMode::Update(first.clone()), "third").await;
        changed.map_err(|error| self.setup(&error))?;
        self.must_refuse("If-Match", put(PutMode::Update(first), "fourth").await)?;
        Ok(found.last_modified.timestamp() - written_s)
    }

    fn must_refuse<T>(
        &self,
        condition: &str,
        answer: object_store::Result<T>,
    ) -> Result<(), BlobError> {
        match answer {
            Err(error) if fault(&error) == Fault::Condition => Ok(()),
            Err(error) => Err(self.setup(&error)),
            Ok(_) => Err(BlobError::Setup {
                place: self.inner.place.clone(),
                reason: format!(
                    "it ignores {condition}, so two writers of one upload would not notice each other; use a store, or a release of it, that knows conditional writes"
                ),
            }),
        }
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
