//! What encoders hand in, recorded once.

use amphi_chassis::db::{Txn, now_us};
use amphi_contracts::{TaskId, VideoId};
use amphi_media_kit::EncodeTask;
use futures::future::BoxFuture;
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use super::convert::{signed, signed32};
use super::entities::{asset, rendition, segment, task};
use super::tasks::{asset_and_task_by_fence, spec_of};
use super::{Store, assets, encoding};
use crate::domain::task::{Output, TaskState};
use crate::domain::{Error, images};
use crate::keys::Place;

/// A task that somebody hands in outputs of.
#[derive(Debug, Clone)]
pub struct TaskUnderWork {
    pub video_id: VideoId,
    pub spec: EncodeTask,
}

/// An output that was received whole.
#[derive(Debug, Clone)]
pub struct Recording {
    pub task_id: TaskId,
    pub fence: u64,
    pub output: Output,
    pub bytes: u64,
    /// Start and duration in ticks; segments only.
    pub timing: Option<(u64, u64)>,
    /// RFC 6381, of an initialization segment.
    pub codec: Option<String>,
}

/// Whether an output was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    Now,
    /// It was handed in before, and that result stays.
    Before,
}

/// Puts the bytes of an output into place. Called with the asset locked, so that neither a stale encoder nor a deletion
/// comes between bytes and row; it may be called again if the transaction is repeated.
pub type Put<'a> = dyn Fn(Place) -> BoxFuture<'a, Result<(), Error>> + Send + Sync + 'a;

impl Store {
    /// The task of an output that is about to be handed in.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] unless the fence is that of the task's present lease.
    pub async fn task_under_work(
        &self,
        task_id: TaskId,
        fence: u64,
    ) -> Result<TaskUnderWork, Error> {
        let row = task::Entity::find_by_id(task_id.as_uuid())
            .one(self.db.read())
            .await?
            .filter(|row| row.fence == signed(fence) && row.state == TaskState::Leased.as_str())
            .ok_or(Error::LeaseLost)?;
        Ok(TaskUnderWork {
            video_id: VideoId::from_uuid(row.video_id),
            spec: spec_of(&row)?,
        })
    }

    /// Whether the output was handed in before.
    pub async fn is_recorded(&self, video_id: VideoId, output: &Output) -> Result<bool, Error> {
        is_recorded(self.db.read(), video_id, output).await
    }

    /// Records an output and puts its bytes into place, unless it was handed in before. The first beginning of every
    /// rendition makes the video viewable.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] when the fence is stale by now: then nothing is kept.
    pub async fn record_output(
        &self,
        recording: &Recording,
        put: &Put<'_>,
    ) -> Result<Recorded, Error> {
        let (video_id, recorded) = self
            .db
            .write(|txn| Box::pin(record_output(txn, recording, put)))
            .await?;
        if recorded == Recorded::Now {
            self.changed(video_id);
        }
        Ok(recorded)
    }
}

async fn is_recorded<C: sea_orm::ConnectionTrait>(
    db: &C,
    video_id: VideoId,
    output: &Output,
) -> Result<bool, Error> {
    let id = video_id.as_uuid();
    match output {
        Output::Init { rendition } => {
            let row = rendition::Entity::find_by_id((id, rendition.clone()))
                .one(db)
                .await?;
            Ok(row.is_some_and(|row| row.init_bytes.is_some()))
        }
        Output::Segment { rendition, number } => {
            let key = (id, rendition.clone(), signed32(*number));
            Ok(segment::Entity::find_by_id(key).one(db).await?.is_some())
        }
        Output::Image { file } => {
            let row = asset::Entity::find_by_id(id).one(db).await?;
            Ok(row.is_some_and(|row| {
                images::is_poster(file) && row.has_poster
                    || images::is_storyboard(file) && row.has_storyboard
            }))
        }
    }
}

async fn record_output(
    txn: &Txn<'_>,
    recording: &Recording,
    put: &Put<'_>,
) -> Result<(VideoId, Recorded), Error> {
    let (asset, held) = asset_and_task_by_fence(txn, recording.task_id, recording.fence).await?;
    let video_id = VideoId::from_uuid(asset.video_id);
    if is_recorded(txn, video_id, &recording.output).await? {
        return Ok((video_id, Recorded::Before));
    }
    put(assets::place(&asset)).await?;
    let mut change = assets::change_of(&asset);
    match &recording.output {
        Output::Init { rendition } => {
            rendition::ActiveModel {
                video_id: Unchanged(asset.video_id),
                id: Unchanged(rendition.clone()),
                init_bytes: Set(Some(signed(recording.bytes))),
                codec: recording.codec.clone().map_or(NotSet, Set),
                ..Default::default()
            }
            .update(txn)
            .await?;
        }
        Output::Segment { rendition, number } => {
            let (start_ticks, duration_ticks) = recording.timing.unwrap_or_default();
            let row = segment::Model {
                video_id: asset.video_id,
                rendition_id: rendition.clone(),
                number: signed32(*number),
                start_ticks: signed(start_ticks),
                duration_ticks: signed(duration_ticks),
                bytes: signed(recording.bytes),
                created_at_us: now_us(),
            };
            segment::Entity::insert(row.into_active_model())
                .exec_without_returning(txn)
                .await?;
        }
        Output::Image { file } => {
            if images::is_poster(file) {
                change.has_poster = Set(true);
            } else if images::is_storyboard(file) {
                change.has_storyboard = Set(true);
            }
        }
    }
    if held.lost_leases > 0 {
        task::ActiveModel {
            id: Unchanged(held.id),
            lost_leases: Set(0),
            ..Default::default()
        }
        .update(txn)
        .await?;
    }
    let asset = change.update(txn).await?;
    if matches!(&recording.output, Output::Image { file } if images::is_poster(file)) {
        assets::tell(txn, &asset).await?;
    }
    encoding::become_viewable_if_it_plays(txn, asset).await?;
    Ok((video_id, Recorded::Now))
}
