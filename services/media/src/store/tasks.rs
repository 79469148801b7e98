//! What encoders report of the tasks they hold, and what comes of it.

use std::collections::HashMap;
use std::time::Duration;

use amphi_chassis::db::{Txn, micros, now_us};
use amphi_contracts::{TaskId, VideoId};
use amphi_media_kit::EncodeTask;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::convert::{self, signed, signed32, unsigned, unsigned32};
use super::entities::{asset, rendition, segment, task};
use super::{Store, assets, encoding};
use crate::domain::Error;
use crate::domain::asset::{AssetState, state_name};
use crate::domain::task::{Next, RetryRules, STILLS_KIND, TaskState, segment_bounds};

/// Who speaks about which lease.
#[derive(Debug, Clone)]
pub struct TaskReport {
    pub task_id: TaskId,
    pub encoder_id: String,
    pub fence: u64,
}

/// What a task made, as the encoder says.
#[derive(Debug, Clone, Default)]
pub struct Made {
    /// For each rendition one past the number of its last segment.
    pub segments_end: HashMap<String, u32>,
}

impl Store {
    /// Extends a lease and records how far the task is.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    pub async fn renew_lease(
        &self,
        report: &TaskReport,
        task_progress: f64,
        lease: Duration,
    ) -> Result<(), Error> {
        let video_id = self
            .db
            .write(|txn| {
                Box::pin(async move {
                    let (asset, held) = asset_and_task(txn, report).await?;
                    let now = now_us();
                    task::ActiveModel {
                        id: Unchanged(held.id),
                        lease_expires_at_us: Set(now.saturating_add(micros(lease))),
                        progress: Set(task_progress.clamp(0.0, 1.0)),
                        updated_at_us: Set(now),
                        ..Default::default()
                    }
                    .update(txn)
                    .await?;
                    let far = encoding::progress_of(txn, &asset).await?;
                    if far > asset.progress {
                        let mut change = assets::change_of(&asset);
                        change.progress = Set(far);
                        change.update(txn).await?;
                    }
                    Ok::<_, Error>(VideoId::from_uuid(asset.video_id))
                })
            })
            .await?;
        self.changed(video_id);
        Ok(())
    }

    /// Completes a task whose outputs have all been handed in. Saying it twice is the same as once.
    ///
    /// # Errors
    /// [`Error::SegmentsMissing`], [`Error::LeaseLost`].
    pub async fn complete_task(&self, report: &TaskReport, made: &Made) -> Result<(), Error> {
        let video_id = self
            .db
            .write(|txn| Box::pin(self.complete_in(txn, report, made)))
            .await?;
        self.changed(video_id);
        Ok(())
    }

    /// Takes a failed task back, or gives it up: then its video fails too, unless it can do without the task.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    pub async fn fail_task(
        &self,
        report: &TaskReport,
        why: &str,
        retryable: bool,
        rules: RetryRules,
    ) -> Result<(), Error> {
        let video_id = self
            .db
            .write(|txn| {
                Box::pin(async move {
                    let (asset, held) = asset_and_task(txn, report).await?;
                    let video_id = VideoId::from_uuid(asset.video_id);
                    let failures = held.failures.saturating_add(1);
                    let next = rules.after_failure(unsigned32(failures), retryable);
                    let mut change = given_back(&held);
                    change.failures = Set(failures);
                    change.last_error = Set(Some(convert::reason(why)));
                    self.settle(txn, asset, &held, change, next, why).await?;
                    Ok::<_, Error>(video_id)
                })
            })
            .await?;
        self.changed(video_id);
        self.bell.ring();
        Ok(())
    }

    /// Takes a task back that is neither done nor failed.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    pub async fn release_task(&self, report: &TaskReport) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let (_, held) = asset_and_task(txn, report).await?;
                    given_back(&held).update(txn).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.bell.ring();
        Ok(())
    }

    /// Queues a task again, or gives it up.
    pub(super) async fn settle(
        &self,
        txn: &Txn<'_>,
        asset: asset::Model,
        held: &task::Model,
        mut change: task::ActiveModel,
        next: Next,
        why: &str,
    ) -> Result<(), Error> {
        match next {
            Next::RetryAfter(pause) => {
                change.not_before_us = Set(now_us().saturating_add(micros(pause)));
                change.update(txn).await?;
                Ok(())
            }
            Next::GiveUp if held.kind == STILLS_KIND => {
                tracing::warn!(video_id = %asset.video_id, why, "the video stays without pictures");
                change.state = Set(TaskState::Failed.as_str().to_owned());
                change.progress = Set(1.0);
                change.update(txn).await?;
                self.finish_if_all_is_done(txn, asset).await
            }
            Next::GiveUp => assets::fail(txn, asset, why, None).await,
        }
    }

    async fn complete_in(
        &self,
        txn: &Txn<'_>,
        report: &TaskReport,
        made: &Made,
    ) -> Result<VideoId, Error> {
        if let Some(done) = done_by(txn, report).await? {
            return Ok(VideoId::from_uuid(done.video_id));
        }
        let (asset, held) = asset_and_task(txn, report).await?;
        let video_id = VideoId::from_uuid(asset.video_id);
        let spec = spec_of(&held)?;
        check_all_is_here(txn, video_id, &spec, made).await?;
        drop_empty_renditions(txn, video_id, made).await?;
        task::ActiveModel {
            id: Unchanged(held.id),
            state: Set(TaskState::Done.as_str().to_owned()),
            progress: Set(1.0),
            lease_expires_at_us: Set(0),
            updated_at_us: Set(now_us()),
            ..Default::default()
        }
        .update(txn)
        .await?;
        let far = encoding::progress_of(txn, &asset).await?;
        let mut change = assets::change_of(&asset);
        change.progress = Set(far);
        let asset = change.update(txn).await?;
        let asset = encoding::become_viewable_if_it_plays(txn, asset).await?;
        self.finish_if_all_is_done(txn, asset).await?;
        Ok(video_id)
    }
}

/// A track that announces itself and then holds nothing is no rendition.
async fn drop_empty_renditions<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
    made: &Made,
) -> Result<(), Error> {
    let empty: Vec<&String> = made
        .segments_end
        .iter()
        .filter(|(_, end)| **end == 0)
        .map(|(rendition_id, _)| rendition_id)
        .collect();
    if empty.is_empty() {
        return Ok(());
    }
    rendition::Entity::delete_many()
        .filter(rendition::Column::VideoId.eq(video_id.as_uuid()))
        .filter(rendition::Column::Id.is_in(empty))
        .exec(txn)
        .await?;
    Ok(())
}

/// The change of a leased task to a queued one. Its fence rises, so that who held it can hand in nothing more.
pub(super) fn given_back(held: &task::Model) -> task::ActiveModel {
    task::ActiveModel {
        id: Unchanged(held.id),
        state: Set(TaskState::Queued.as_str().to_owned()),
        fence: Set(held.fence + 1),
        encoder_id: Set(None),
        lease_expires_at_us: Set(0),
        updated_at_us: Set(now_us()),
        ..Default::default()
    }
}

/// The task, if this very lease completed it before: then the first answer was lost on its way.
async fn done_by<C: ConnectionTrait>(
    txn: &C,
    report: &TaskReport,
) -> Result<Option<task::Model>, Error> {
    let found = task::Entity::find_by_id(report.task_id.as_uuid())
        .one(txn)
        .await?;
    Ok(found.filter(|row| {
        row.state == TaskState::Done.as_str()
            && unsigned(row.fence) == report.fence
            && row.encoder_id.as_deref() == Some(&*report.encoder_id)
    }))
}

async fn check_all_is_here<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
    spec: &EncodeTask,
    made: &Made,
) -> Result<(), Error> {
    let Some((first, last)) = segment_bounds(spec) else {
        return Ok(());
    };
    let (mut missing, mut expected) = (0, 0);
    for rendition_id in spec.renditions() {
        let end = made.segments_end.get(rendition_id).copied();
        let end = end.ok_or_else(|| {
            Error::NotOfThisTask(format!(
                "nothing is said about the rendition {rendition_id}"
            ))
        })?;
        let end = end.min(last.saturating_add(1));
        let here = numbers(txn, video_id, rendition_id, (first, last)).await?;
        let wanted = u64::from(end.saturating_sub(first));
        expected += wanted;
        let found = here.iter().filter(|number| **number < end).count();
        missing += wanted.saturating_sub(found as u64);
    }
    if missing > 0 {
        return Err(Error::SegmentsMissing { missing, expected });
    }
    Ok(())
}

/// The numbers of a rendition's segments within the bounds, ascending.
pub(super) async fn numbers<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
    rendition_id: &str,
    (first, last): (u32, u32),
) -> Result<Vec<u32>, Error> {
    let numbers: Vec<i32> = segment::Entity::find()
        .select_only()
        .column(segment::Column::Number)
        .filter(segment::Column::VideoId.eq(video_id.as_uuid()))
        .filter(segment::Column::RenditionId.eq(rendition_id))
        .filter(segment::Column::Number.between(signed32(first), signed32(last)))
        .order_by_asc(segment::Column::Number)
        .into_tuple()
        .all(txn)
        .await?;
    Ok(numbers.into_iter().map(unsigned32).collect())
}

/// The task that this lease holds, with its asset, both locked.
pub(super) async fn asset_and_task(
    txn: &Txn<'_>,
    report: &TaskReport,
) -> Result<(asset::Model, task::Model), Error> {
    let (asset, held) = asset_and_task_by_fence(txn, report.task_id, report.fence).await?;
    if held.encoder_id.as_deref() != Some(&*report.encoder_id) {
        return Err(Error::LeaseLost);
    }
    Ok((asset, held))
}

/// As [`asset_and_task`], for who shows the fence alone.
pub(super) async fn asset_and_task_by_fence(
    txn: &Txn<'_>,
    task_id: TaskId,
    fence: u64,
) -> Result<(asset::Model, task::Model), Error> {
    let id = task_id.as_uuid();
    // A task that is gone went with its video.
    let seen = task::Entity::find_by_id(id)
        .one(txn)
        .await?
        .ok_or(Error::LeaseLost)?;
    let asset = assets::locked(txn, VideoId::from_uuid(seen.video_id))
        .await?
        .ok_or(Error::LeaseLost)?;
    let held = task::Entity::find_by_id(id)
        .lock_exclusive()
        .one(txn)
        .await?
        .filter(|row| row.fence == signed(fence) && row.state == TaskState::Leased.as_str())
        .ok_or(Error::LeaseLost)?;
    let is_encoded = [AssetState::Encoding, AssetState::Viewable]
        .iter()
        .any(|state| asset.state == state_name(*state));
    if !is_encoded {
        return Err(Error::LeaseLost);
    }
    Ok((asset, held))
}

pub(super) fn spec_of(row: &task::Model) -> Result<EncodeTask, Error> {
    serde_json::from_str(&row.spec).map_err(|error| Error::Corrupt {
        what: "task",
        detail: error.to_string(),
    })
}
