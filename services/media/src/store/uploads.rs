//! Uploads, and what they do to their asset.

use std::collections::HashSet;

use amphi_chassis::db::{Txn, now_us};
use amphi_contracts::{AccountId, UploadId, VideoId};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::convert::{COMPLETE, OPEN, REFUSED, reason, signed, unsigned};
use super::entities::{asset, upload};
use super::{Store, assets};
use crate::domain::asset::{AssetState, Step, state_name};
use crate::domain::upload::{Upload, UploadState};
use crate::domain::{Error, progress};
use crate::{jobs, keys};

/// An upload to be opened.
#[derive(Debug, Clone)]
pub struct NewUpload {
    pub id: UploadId,
    pub video_id: VideoId,
    pub owner_id: AccountId,
    pub length: Option<u64>,
    /// The header as it came.
    pub metadata: String,
    pub expires_at_us: i64,
    pub traceparent: Option<String>,
    pub images_token: String,
}

/// Bytes that have durably arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// Where the record stood before.
    pub from: u64,
    pub to: u64,
    /// The whole length, if it is known by now.
    pub length: Option<u64>,
    pub expires_at_us: i64,
}

impl Store {
    /// Opens an upload, and with it the asset of its video; an asset that failed starts anew.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`]; [`Error::VideoHasSource`] when the video has an asset that has not failed.
    pub async fn open_upload(&self, new: &NewUpload, open_max: u64) -> Result<Upload, Error> {
        let opened = self
            .db
            .write(|txn| Box::pin(open_upload(txn, new, open_max)))
            .await?;
        self.changed(new.video_id);
        Ok(opened)
    }

    /// Whether an account may open one more upload.
    ///
    /// # Errors
    /// [`Error::TooManyUploads`].
    pub async fn may_open_upload(&self, owner_id: AccountId, open_max: u64) -> Result<(), Error> {
        may_open(self.db.read(), owner_id, open_max).await
    }

    pub async fn upload(&self, id: UploadId) -> Result<Option<Upload>, Error> {
        let row = upload::Entity::find_by_id(id.as_uuid())
            .one(self.db.read())
            .await?;
        row.map(Upload::try_from).transpose()
    }

    /// Which of these uploads there are.
    pub async fn known_uploads(&self, ids: &[UploadId]) -> Result<HashSet<UploadId>, Error> {
        let ids = ids.iter().map(UploadId::as_uuid);
        let known: Vec<Uuid> = upload::Entity::find()
            .select_only()
            .column(upload::Column::Id)
            .filter(upload::Column::Id.is_in(ids))
            .into_tuple()
            .all(self.db.read())
            .await?;
        Ok(known.into_iter().map(UploadId::from_uuid).collect())
    }

    /// The last upload that was opened for a video.
    pub async fn latest_upload_of(&self, video_id: VideoId) -> Result<Option<Upload>, Error> {
        let row = upload::Entity::find()
            .filter(upload::Column::VideoId.eq(video_id.as_uuid()))
            .order_by_desc(upload::Column::CreatedAtUs)
            .one(self.db.read())
            .await?;
        row.map(Upload::try_from).transpose()
    }

    /// Records what has arrived. With the last byte the upload is complete and its inspection is queued.
    ///
    /// # Errors
    /// [`Error::OffsetMismatch`] when the record does not stand at `arrival.from`, [`Error::SourceRefused`] when the
    /// upload was refused meanwhile, [`Error::UploadNotFound`] when it is gone.
    pub async fn record_received(&self, id: UploadId, arrival: Arrival) -> Result<Upload, Error> {
        let recorded = self
            .db
            .write(|txn| Box::pin(record_received(txn, id, arrival)))
            .await?;
        self.changed(recorded.video_id);
        Ok(recorded)
    }

    /// Sets an open upload's record back to the bytes that are really there.
    pub async fn set_back(&self, id: UploadId, present: u64) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    upload::Entity::update_many()
                        .col_expr(upload::Column::Received, Expr::value(signed(present)))
                        .filter(upload::Column::Id.eq(id.as_uuid()))
                        .filter(upload::Column::State.eq(OPEN))
                        .filter(upload::Column::Received.gt(signed(present)))
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Closes an upload whose first bytes show that it is no video; its asset fails with the reason.
    pub async fn refuse_upload(&self, id: UploadId, why: &str) -> Result<(), Error> {
        let closed = self
            .db
            .write(|txn| Box::pin(refuse_upload(txn, id, why)))
            .await?;
        if let Some(video_id) = closed {
            self.changed(video_id);
        }
        Ok(())
    }

    /// Takes an upload away; if it was not complete, its asset fails with the reason. Returns the upload that was there.
    pub async fn remove_upload(&self, id: UploadId, why: &str) -> Result<Option<Upload>, Error> {
        let removed = self
            .db
            .write(|txn| Box::pin(remove_upload(txn, id, why)))
            .await?;
        if let Some(upload) = &removed {
            self.changed(upload.video_id);
        }
        Ok(removed)
    }

    /// Takes an upload away whose time is over. False if it is not, by now: bytes have come.
    pub async fn expire_upload(&self, id: UploadId, why: &str) -> Result<bool, Error> {
        let removed = self
            .db
            .write(|txn| {
                Box::pin(async move {
                    // The asset is locked first, as by whoever takes bytes.
                    if let Some((_, row)) = asset_and_upload(txn, id).await?
                        && row.expires_at_us > now_us()
                    {
                        return Ok(None);
                    }
                    remove_upload(txn, id, why).await
                })
            })
            .await?;
        if let Some(upload) = &removed {
            self.changed(upload.video_id);
        }
        Ok(removed.is_some())
    }

    /// Uploads whose time is over, at most `limit` of them.
    pub async fn expired_uploads(&self, limit: u64) -> Result<Vec<Upload>, Error> {
        let rows = upload::Entity::find()
            .filter(upload::Column::ExpiresAtUs.lte(now_us()))
            .order_by_asc(upload::Column::ExpiresAtUs)
            .limit(limit)
            .all(self.db.read())
            .await?;
        rows.into_iter().map(Upload::try_from).collect()
    }
}

async fn may_open(
    db: &impl ConnectionTrait,
    owner_id: AccountId,
    open_max: u64,
) -> Result<(), Error> {
    let open = upload::Entity::find()
        .filter(upload::Column::OwnerId.eq(owner_id.as_uuid()))
        .filter(upload::Column::State.eq(OPEN))
        .filter(upload::Column::ExpiresAtUs.gt(now_us()))
        .count(db)
        .await?;
    if open >= open_max {
        return Err(Error::TooManyUploads { open, open_max });
    }
    Ok(())
}

async fn open_upload(txn: &Txn<'_>, new: &NewUpload, open_max: u64) -> Result<Upload, Error> {
    let now = now_us();
    may_open(txn, new.owner_id, open_max).await?;
    match assets::locked(txn, new.video_id).await? {
        Some(failed) => assets::start_anew(txn, failed, new).await?,
        None => assets::start(txn, new).await?,
    }
    let row = upload::Model {
        id: new.id.as_uuid(),
        video_id: new.video_id.as_uuid(),
        owner_id: new.owner_id.as_uuid(),
        state: OPEN.to_owned(),
        refusal: None,
        length: new.length.map(signed),
        received: 0,
        metadata: new.metadata.clone(),
        expires_at_us: new.expires_at_us,
        traceparent: new.traceparent.clone(),
        created_at_us: now,
        updated_at_us: now,
    };
    upload::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    Upload::try_from(row)
}

async fn record_received(txn: &Txn<'_>, id: UploadId, arrival: Arrival) -> Result<Upload, Error> {
    let (asset, row) = asset_and_upload(txn, id)
        .await?
        .ok_or(Error::UploadNotFound)?;
    if row.state == REFUSED {
        return Err(Error::SourceRefused(row.refusal.unwrap_or_default()));
    }
    if row.state != OPEN || unsigned(row.received) != arrival.from {
        return Err(Error::OffsetMismatch {
            expected: unsigned(row.received),
            got: arrival.from,
        });
    }
    let is_complete = arrival.length == Some(arrival.to);
    let upload = upload::ActiveModel {
        state: Set(if is_complete { COMPLETE } else { OPEN }.to_owned()),
        length: Set(arrival.length.map(signed)),
        received: Set(signed(arrival.to)),
        expires_at_us: Set(arrival.expires_at_us),
        updated_at_us: Set(now_us()),
        ..row.into_active_model()
    }
    .update(txn)
    .await?;
    let far = progress::risen(
        asset.progress,
        progress::of_upload(arrival.to, arrival.length),
    );
    let video_id = asset.video_id;
    let mut change = assets::change_of(&asset);
    change.upload_bytes = Set(arrival.length.map_or(0, signed));
    change.received_bytes = Set(signed(arrival.to));
    change.progress = Set(far);
    if is_complete {
        change.source_key = Set(Some(keys::source(VideoId::from_uuid(video_id), id)));
        assets::take_step(txn, &asset, change, Step::SourceReceived).await?;
        jobs::inspect::enqueue(txn, VideoId::from_uuid(video_id), id).await?;
    } else {
        change.update(txn).await?;
    }
    Upload::try_from(upload)
}

async fn refuse_upload(txn: &Txn<'_>, id: UploadId, why: &str) -> Result<Option<VideoId>, Error> {
    let Some((asset, row)) = asset_and_upload(txn, id).await? else {
        return Ok(None);
    };
    if row.state != OPEN {
        return Ok(None);
    }
    upload::ActiveModel {
        state: Set(REFUSED.to_owned()),
        refusal: Set(Some(reason(why))),
        updated_at_us: Set(now_us()),
        ..row.into_active_model()
    }
    .update(txn)
    .await?;
    let video_id = VideoId::from_uuid(asset.video_id);
    assets::fail(txn, asset, why, Some(keys::source(video_id, id))).await?;
    Ok(Some(video_id))
}

async fn remove_upload(txn: &Txn<'_>, id: UploadId, why: &str) -> Result<Option<Upload>, Error> {
    let Some((asset, row)) = asset_and_upload(txn, id).await? else {
        // The asset is gone and the upload was left: nothing depends on it any more.
        let row = upload::Entity::find_by_id(id.as_uuid()).one(txn).await?;
        upload::Entity::delete_by_id(id.as_uuid()).exec(txn).await?;
        return row.map(Upload::try_from).transpose();
    };
    upload::Entity::delete_by_id(id.as_uuid()).exec(txn).await?;
    let upload = Upload::try_from(row)?;
    let is_uploading = asset.state == state_name(AssetState::Uploading);
    if upload.state == UploadState::Open && is_uploading {
        assets::fail(txn, asset, why, Some(upload.source_key())).await?;
    }
    Ok(Some(upload))
}

/// The upload with its asset, the asset locked.
async fn asset_and_upload(
    txn: &Txn<'_>,
    id: UploadId,
) -> Result<Option<(asset::Model, upload::Model)>, Error> {
    let Some(unlocked) = upload::Entity::find_by_id(id.as_uuid()).one(txn).await? else {
        return Ok(None);
    };
    let Some(asset) = assets::locked(txn, VideoId::from_uuid(unlocked.video_id)).await? else {
        return Ok(None);
    };
    // Read again: while the lock was waited for, somebody may have changed it.
    let row = upload::Entity::find_by_id(id.as_uuid())
        .lock_exclusive()
        .one(txn)
        .await?;
    Ok(row.map(|row| (asset, row)))
}
