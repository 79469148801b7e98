//! Assets: their row, their steps from state to state, and how they are read.

use std::collections::HashMap;

use amphi_chassis::db::now_us;
use amphi_chassis::{Role, events};
use amphi_contracts::events::AssetStateChanged;
use amphi_contracts::{AccountId, UploadId, VideoId};
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, IntoActiveModel,
    QueryFilter, QuerySelect, SqlErr,
};
use uuid::Uuid;

use super::convert::{self, signed, unsigned, unsigned32};
use super::entities::{asset, rendition, segment, task, upload};
use super::uploads::NewUpload;
use super::{Store, presentation};
use crate::domain::asset::{AssetState, Step, advance, state_name};
use crate::domain::{Error, images};
use crate::jobs::purge::{self, Purge};
use crate::keys::Place;

/// An asset as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct AssetView {
    pub video_id: VideoId,
    pub owner_id: AccountId,
    pub state: AssetState,
    pub state_reason: Option<String>,
    /// 0 to 1.
    pub progress: f64,
    pub duration_ms: Option<u64>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Paths below the public origin, once the pictures are there.
    pub poster_path: Option<String>,
    pub storyboard_path: Option<String>,
    pub upload_bytes: u64,
    pub received_bytes: u64,
    /// Where its segments and pictures lie.
    pub place: Place,
    /// Blob key of the source, once it is complete.
    pub source_key: Option<String>,
    pub traceparent: Option<String>,
    pub viewable_at_us: Option<i64>,
    pub version: u64,
    pub updated_at_us: i64,
    /// Left out where several assets are read at once.
    pub renditions: Vec<RenditionView>,
}

/// What of a video's blobs its asset counts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    pub state: AssetState,
    pub source_key: Option<String>,
    pub place: Place,
}

impl Holding {
    /// Whether segments and pictures in the place of this key are those of the asset.
    #[must_use]
    pub fn counts_on_place_of(&self, key: &str) -> bool {
        self.state != AssetState::Failed && Place::of(key) == Some(self.place)
    }
}

/// A rendition as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionView {
    pub id: String,
    pub is_video: bool,
    pub codec: String,
    pub width: u32,
    pub height: u32,
    pub frame_rate: f64,
    pub bandwidth_bps: u64,
    pub average_bandwidth_bps: u64,
    pub language: String,
    pub name: String,
    pub channels: u32,
    pub sample_rate: u32,
    /// Ticks per second.
    pub timescale: u32,
    pub segments_done: u32,
    pub segments_total: u32,
    pub has_init: bool,
}

impl Store {
    /// The asset with its renditions.
    pub async fn asset(&self, video_id: VideoId) -> Result<Option<AssetView>, Error> {
        let Some(row) = asset::Entity::find_by_id(video_id.as_uuid())
            .one(self.db.read())
            .await?
        else {
            return Ok(None);
        };
        let renditions = presentation::renditions_of(self.db.read(), video_id).await?;
        Ok(Some(AssetView {
            renditions,
            ..view(row)?
        }))
    }

    /// The assets of these videos, without their renditions; videos without one are left out.
    pub async fn assets(&self, video_ids: &[VideoId]) -> Result<Vec<AssetView>, Error> {
        let ids: Vec<Uuid> = video_ids.iter().map(VideoId::as_uuid).collect();
        let rows = asset::Entity::find()
            .filter(asset::Column::VideoId.is_in(ids))
            .all(self.db.read())
            .await?;
        rows.into_iter().map(view).collect()
    }

    /// Where the pictures lie that an images token was given to.
    pub async fn place_of_images_token(&self, token: &str) -> Result<Option<Place>, Error> {
        let ids: Option<(Uuid, Option<Uuid>)> = asset::Entity::find()
            .select_only()
            .columns([asset::Column::VideoId, asset::Column::UploadId])
            .filter(asset::Column::ImagesToken.eq(token))
            .into_tuple()
            .one(self.db.read())
            .await?;
        Ok(ids.map(|(video_id, upload_id)| place_from(video_id, upload_id)))
    }

    /// Ends an asset whose source cannot be used, with a reason for people. Nothing happens to one that does not wait for its
    /// inspection, or that another source has come for meanwhile.
    pub async fn fail_inspection(
        &self,
        video_id: VideoId,
        source_key: &str,
        why: &str,
    ) -> Result<bool, Error> {
        let failed = self
            .db
            .write(|txn| {
                Box::pin(async move {
                    let Some(asset) = locked(txn, video_id).await? else {
                        return Ok(false);
                    };
                    let is_waiting = is_inspected(&asset, source_key)?;
                    if is_waiting {
                        fail(txn, asset, why, None).await?;
                    }
                    Ok::<_, Error>(is_waiting)
                })
            })
            .await?;
        if failed {
            self.changed(video_id);
        }
        Ok(failed)
    }

    /// Which of these videos have an asset, and what it counts on.
    pub async fn holdings_of(
        &self,
        video_ids: &[VideoId],
    ) -> Result<HashMap<VideoId, Holding>, Error> {
        #[derive(FromQueryResult)]
        struct Row {
            video_id: Uuid,
            state: String,
            source_key: Option<String>,
            upload_id: Option<Uuid>,
        }
        let ids: Vec<Uuid> = video_ids.iter().map(VideoId::as_uuid).collect();
        let rows = asset::Entity::find()
            .select_only()
            .columns([
                asset::Column::VideoId,
                asset::Column::State,
                asset::Column::SourceKey,
                asset::Column::UploadId,
            ])
            .filter(asset::Column::VideoId.is_in(ids))
            .into_model::<Row>()
            .all(self.db.read())
            .await?;
        rows.into_iter()
            .map(|row| {
                let holding = Holding {
                    state: convert::state_of(&row.state)?,
                    place: place_from(row.video_id, row.upload_id),
                    source_key: row.source_key,
                };
                Ok((holding.place.video_id, holding))
            })
            .collect()
    }
}

/// Takes every row of a video away, and its blobs after the commit.
pub async fn delete<C: ConnectionTrait>(txn: &C, video_id: VideoId) -> Result<(), Error> {
    // Locked first, like by every other change, so that none goes on beside it.
    let _ = locked(txn, video_id).await?;
    let id = video_id.as_uuid();
    forget_encoding(txn, video_id).await?;
    upload::Entity::delete_many()
        .filter(upload::Column::VideoId.eq(id))
        .exec(txn)
        .await?;
    asset::Entity::delete_by_id(id).exec(txn).await?;
    purge::enqueue(txn, &Purge::Video { video_id }).await
}

/// The asset's row, locked until the transaction ends.
pub(super) async fn locked<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
) -> Result<Option<asset::Model>, Error> {
    let row = asset::Entity::find_by_id(video_id.as_uuid())
        .lock_exclusive()
        .one(txn)
        .await?;
    Ok(row)
}

/// An empty change of the asset that raises its version.
pub(super) fn change_of(asset: &asset::Model) -> asset::ActiveModel {
    asset::ActiveModel {
        video_id: Unchanged(asset.video_id),
        version: Set(asset.version + 1),
        updated_at_us: Set(now_us()),
        ..Default::default()
    }
}

/// Saves `change` with the state after `step`, and the event that tells of it.
pub(super) async fn take_step<C: ConnectionTrait>(
    txn: &C,
    asset: &asset::Model,
    mut change: asset::ActiveModel,
    step: Step,
) -> Result<asset::Model, Error> {
    let state = advance(convert::state_of(&asset.state)?, step)?;
    change.state = Set(state_name(state).to_owned());
    let after = change.update(txn).await?;
    events::publish(txn, Role::Media, &event_of(&after)?).await?;
    Ok(after)
}

/// Ends the asset and takes away what was made of it, and its blobs after the commit. `unfinished_source` is the key of
/// an upload that goes with it. The caller has locked the asset.
pub(super) async fn fail<C: ConnectionTrait>(
    txn: &C,
    asset: asset::Model,
    why: &str,
    unfinished_source: Option<String>,
) -> Result<(), Error> {
    let video_id = VideoId::from_uuid(asset.video_id);
    let mut change = change_of(&asset);
    change.state_reason = Set(Some(convert::reason(why)));
    change.source_key = Set(None);
    change.has_poster = Set(false);
    change.has_storyboard = Set(false);
    take_step(txn, &asset, change, Step::Failed).await?;
    forget_encoding(txn, video_id).await?;
    let failed = Purge::Failed {
        place: place(&asset),
        source_key: unfinished_source.or(asset.source_key),
    };
    tracing::info!(%video_id, why, "the video has failed");
    purge::enqueue(txn, &failed).await
}

async fn forget_encoding<C: ConnectionTrait>(txn: &C, video_id: VideoId) -> Result<(), Error> {
    let id = video_id.as_uuid();
    task::Entity::delete_many()
        .filter(task::Column::VideoId.eq(id))
        .exec(txn)
        .await?;
    segment::Entity::delete_many()
        .filter(segment::Column::VideoId.eq(id))
        .exec(txn)
        .await?;
    rendition::Entity::delete_many()
        .filter(rendition::Column::VideoId.eq(id))
        .exec(txn)
        .await?;
    Ok(())
}

/// Makes the asset of a new upload.
pub(super) async fn start<C: ConnectionTrait>(txn: &C, new: &NewUpload) -> Result<(), Error> {
    let row = fresh(new, 1);
    asset::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(txn)
        .await
        .map_err(|error| match error.sql_err() {
            // Another creation for the same video was faster.
            Some(SqlErr::UniqueConstraintViolation(_)) => Error::VideoHasSource,
            _ => Error::from(error),
        })?;
    events::publish(txn, Role::Media, &event_of(&row)?).await?;
    Ok(())
}

/// Makes the asset of a new upload out of one that failed.
pub(super) async fn start_anew<C: ConnectionTrait>(
    txn: &C,
    failed: asset::Model,
    new: &NewUpload,
) -> Result<(), Error> {
    advance(convert::state_of(&failed.state)?, Step::UploadedAnew)
        .map_err(|_| Error::VideoHasSource)?;
    let row = asset::Model {
        created_at_us: failed.created_at_us,
        ..fresh(new, failed.version + 1)
    };
    row.clone()
        .into_active_model()
        .reset_all()
        .update(txn)
        .await?;
    events::publish(txn, Role::Media, &event_of(&row)?).await?;
    Ok(())
}

fn fresh(new: &NewUpload, version: i64) -> asset::Model {
    let now = now_us();
    asset::Model {
        video_id: new.video_id.as_uuid(),
        owner_id: new.owner_id.as_uuid(),
        state: state_name(AssetState::Uploading).to_owned(),
        state_reason: None,
        progress: 0.0,
        duration_ms: None,
        width: None,
        height: None,
        upload_bytes: new.length.map_or(0, signed),
        received_bytes: 0,
        source_key: None,
        upload_id: Some(new.id.as_uuid()),
        source_info: None,
        images_token: new.images_token.clone(),
        has_poster: false,
        has_storyboard: false,
        viewable_at_us: None,
        last_leased_at_us: 0,
        traceparent: new.traceparent.clone(),
        version,
        created_at_us: now,
        updated_at_us: now,
    }
}

fn event_of(row: &asset::Model) -> Result<AssetStateChanged, Error> {
    let view = view(row.clone())?;
    Ok(AssetStateChanged {
        video_id: view.video_id,
        owner_id: view.owner_id,
        state: view.state,
        reason: view.state_reason,
        duration_ms: view.duration_ms,
        width: view.width,
        height: view.height,
        poster_path: view.poster_path,
        version: view.version,
    })
}

/// Tells the consumers of an asset's events of a change that is not one of its state, such as a poster.
pub(super) async fn tell<C: ConnectionTrait>(txn: &C, row: &asset::Model) -> Result<(), Error> {
    events::publish(txn, Role::Media, &event_of(row)?).await?;
    Ok(())
}

/// Whether the asset waits for this source to be looked into.
pub(super) fn is_inspected(asset: &asset::Model, source_key: &str) -> Result<bool, Error> {
    let state = convert::state_of(&asset.state)?;
    Ok(state == AssetState::Inspecting && asset.source_key.as_deref() == Some(source_key))
}

/// Where what is made of the asset's upload lies.
pub(super) fn place(row: &asset::Model) -> Place {
    place_from(row.video_id, row.upload_id)
}

fn place_from(video_id: Uuid, upload_id: Option<Uuid>) -> Place {
    Place {
        video_id: VideoId::from_uuid(video_id),
        upload_id: upload_id.map(UploadId::from_uuid),
    }
}

pub(super) fn view(row: asset::Model) -> Result<AssetView, Error> {
    let path_if = |there: bool, path: fn(&str) -> String| there.then(|| path(&row.images_token));
    Ok(AssetView {
        video_id: VideoId::from_uuid(row.video_id),
        place: place(&row),
        owner_id: AccountId::from_uuid(row.owner_id),
        state: convert::state_of(&row.state)?,
        poster_path: path_if(row.has_poster, images::poster_path),
        storyboard_path: path_if(row.has_storyboard, images::storyboard_path),
        state_reason: row.state_reason,
        progress: row.progress,
        duration_ms: row.duration_ms.map(unsigned),
        width: row.width.map(unsigned32),
        height: row.height.map(unsigned32),
        upload_bytes: unsigned(row.upload_bytes),
        received_bytes: unsigned(row.received_bytes),
        source_key: row.source_key,
        traceparent: row.traceparent,
        viewable_at_us: row.viewable_at_us,
        version: unsigned(row.version),
        updated_at_us: row.updated_at_us,
        renditions: Vec::new(),
    })
}
