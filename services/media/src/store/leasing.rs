//! Giving tasks to encoders, fairly, and taking them from those that have gone silent.

use std::time::Duration;

use amphi_chassis::db::{Txn, micros, now_us};
use amphi_contracts::{TaskId, VideoId};
use amphi_media_kit::EncodeTask;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::convert::{unsigned, unsigned32};
use super::entities::{asset, task};
use super::tasks::{given_back, numbers, spec_of};
use super::{Store, assets};
use crate::domain::Error;
use crate::domain::task::{RetryRules, TaskState, segment_bounds};

const GIVEN_UP: &str =
    "The video could not be encoded: the encoder ended without a word again and again.";

/// A task that an encoder holds from now on.
#[derive(Debug, Clone)]
pub struct LeasedTask {
    pub id: TaskId,
    pub video_id: VideoId,
    pub fence: u64,
    /// JSON of media-kit's task.
    pub spec: String,
    pub source_key: String,
    pub source_bytes: u64,
    pub source_duration_ms: Option<u64>,
    /// Every rendition of the task has all its segments below this number.
    pub first_missing_segment: u32,
    pub traceparent: Option<String>,
}

impl Store {
    /// Gives the next task to an encoder, if there is one. What the same encoder still holds is given back first: it does
    /// one task at a time, so it has lost that one.
    ///
    /// Urgent tasks go first; else the video that has waited longest since its last task was given away has its turn.
    pub async fn lease_task(
        &self,
        encoder_id: &str,
        lease: Duration,
        rules: RetryRules,
    ) -> Result<Option<LeasedTask>, Error> {
        if !self.is_anything_to_lease(encoder_id).await? {
            return Ok(None);
        }
        let (leased, touched) = self
            .db
            .write(|txn| Box::pin(self.lease_in(txn, encoder_id, lease, rules)))
            .await?;
        for video_id in touched {
            self.changed(video_id);
        }
        Ok(leased)
    }

    async fn is_anything_to_lease(&self, encoder_id: &str) -> Result<bool, Error> {
        let found = task::Entity::find()
            .filter(due().add(held_by(encoder_id)))
            .one(self.db.read())
            .await?;
        Ok(found.is_some())
    }

    async fn lease_in(
        &self,
        txn: &Txn<'_>,
        encoder_id: &str,
        lease: Duration,
        rules: RetryRules,
    ) -> Result<(Option<LeasedTask>, Vec<VideoId>), Error> {
        /// Tasks looked at in one call; those that others take meanwhile and those that are given up count too.
        const LOOKS_MAX: usize = 16;
        let mut touched = Vec::new();
        let still_held = task::Entity::find()
            .filter(held_by(encoder_id))
            .all(txn)
            .await?;
        for lost in still_held {
            touched.extend(self.lose_lease(txn, &lost, rules).await?);
        }
        for _ in 0..LOOKS_MAX {
            let Some(candidate) = next_due(txn).await? else {
                break;
            };
            if candidate.state == TaskState::Leased.as_str() {
                touched.extend(self.lose_lease(txn, &candidate, rules).await?);
                continue;
            }
            if let Some(leased) = take(txn, candidate, encoder_id, lease).await? {
                return Ok((Some(leased), touched));
            }
        }
        Ok((None, touched))
    }

    /// Ends a lease whose holder is silent: it ran out, or its holder asks for something else. Returns the video that
    /// was changed by it.
    async fn lose_lease(
        &self,
        txn: &Txn<'_>,
        seen: &task::Model,
        rules: RetryRules,
    ) -> Result<Option<VideoId>, Error> {
        let video_id = VideoId::from_uuid(seen.video_id);
        let Some(asset) = assets::locked(txn, video_id).await? else {
            return Ok(None);
        };
        let held = task::Entity::find_by_id(seen.id)
            .lock_exclusive()
            .one(txn)
            .await?;
        let Some(held) = held.filter(|now| now.fence == seen.fence && now.state == seen.state)
        else {
            return Ok(None);
        };
        let lost_leases = held.lost_leases.saturating_add(1);
        let mut change = given_back(&held);
        change.lost_leases = Set(lost_leases);
        let next = rules.after_lost_lease(unsigned32(lost_leases));
        self.settle(txn, asset, &held, change, next, GIVEN_UP)
            .await?;
        Ok(Some(video_id))
    }
}

fn held_by(encoder_id: &str) -> Condition {
    Condition::all()
        .add(task::Column::State.eq(TaskState::Leased.as_str()))
        .add(task::Column::EncoderId.eq(encoder_id))
}

/// Queued and not to be waited for, or leased by somebody whose lease has run out.
fn due() -> Condition {
    let now = now_us();
    Condition::any()
        .add(
            Condition::all()
                .add(task::Column::State.eq(TaskState::Queued.as_str()))
                .add(task::Column::NotBeforeUs.lte(now)),
        )
        .add(
            Condition::all()
                .add(task::Column::State.eq(TaskState::Leased.as_str()))
                .add(task::Column::LeaseExpiresAtUs.lte(now)),
        )
}

async fn next_due<C: ConnectionTrait>(txn: &C) -> Result<Option<task::Model>, Error> {
    let to_asset = task::Entity::belongs_to(asset::Entity)
        .from(task::Column::VideoId)
        .to(asset::Column::VideoId);
    let next = task::Entity::find()
        .join(JoinType::InnerJoin, to_asset.into())
        .filter(due())
        .order_by_asc(task::Column::Urgency)
        .order_by_asc(asset::Column::LastLeasedAtUs)
        .order_by_asc(task::Column::Ordinal)
        .order_by_asc(task::Column::Id)
        .one(txn)
        .await?;
    Ok(next)
}

/// Leases a queued task unless somebody was faster.
async fn take(
    txn: &Txn<'_>,
    candidate: task::Model,
    encoder_id: &str,
    lease: Duration,
) -> Result<Option<LeasedTask>, Error> {
    let now = now_us();
    let video_id = VideoId::from_uuid(candidate.video_id);
    let Some(asset) = assets::locked(txn, video_id).await? else {
        return Ok(None);
    };
    let fence = candidate.fence + 1;
    let taken = task::Entity::update_many()
        .col_expr(task::Column::State, Expr::value(TaskState::Leased.as_str()))
        .col_expr(task::Column::Fence, Expr::value(fence))
        .col_expr(task::Column::EncoderId, Expr::value(encoder_id))
        .col_expr(
            task::Column::LeaseExpiresAtUs,
            Expr::value(now.saturating_add(micros(lease))),
        )
        .col_expr(task::Column::UpdatedAtUs, Expr::value(now))
        .filter(task::Column::Id.eq(candidate.id))
        .filter(task::Column::State.eq(TaskState::Queued.as_str()))
        .filter(task::Column::Fence.eq(candidate.fence))
        .exec(txn)
        .await?;
    if taken.rows_affected == 0 {
        return Ok(None);
    }
    let source_key = asset.source_key.clone().ok_or_else(|| Error::Corrupt {
        what: "asset",
        detail: format!("{video_id} is encoded but has no source"),
    })?;
    asset::Entity::update_many()
        .col_expr(asset::Column::LastLeasedAtUs, Expr::value(now))
        .filter(asset::Column::VideoId.eq(asset.video_id))
        .exec(txn)
        .await?;
    let spec = spec_of(&candidate)?;
    Ok(Some(LeasedTask {
        id: TaskId::from_uuid(candidate.id),
        video_id,
        fence: unsigned(fence),
        first_missing_segment: first_missing_segment(txn, video_id, &spec).await?,
        spec: candidate.spec,
        source_key,
        source_bytes: unsigned(asset.upload_bytes),
        source_duration_ms: asset.duration_ms.map(unsigned),
        traceparent: candidate.traceparent,
    }))
}

async fn first_missing_segment<C: ConnectionTrait>(
    txn: &C,
    video_id: VideoId,
    spec: &EncodeTask,
) -> Result<u32, Error> {
    let Some((first, last)) = segment_bounds(spec) else {
        return Ok(0);
    };
    let mut lowest = u32::MAX;
    for rendition_id in spec.renditions() {
        let here = numbers(txn, video_id, rendition_id, (first, last)).await?;
        let gap = (first..=last)
            .zip(
                here.iter()
                    .copied()
                    .map(Some)
                    .chain(std::iter::repeat(None)),
            )
            .find(|(expected, found)| Some(*expected) != *found)
            .map_or(last.saturating_add(1), |(expected, _)| expected);
        lowest = lowest.min(gap);
    }
    Ok(if lowest == u32::MAX { first } else { lowest })
}
