//! From an inspected source to renditions and tasks, and from the last task to ready.

use amphi_chassis::db::{Txn, now_us};
use amphi_contracts::VideoId;
use amphi_media_kit::plan::{AUDIO_SAMPLE_RATE_HZ, AudioRendition, EncodePlan};
use amphi_media_kit::probe::SourceInfo;
use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::convert::{signed, signed32, unsigned, unsigned32};
use super::entities::{asset, rendition, segment, task};
use super::{Store, assets};
use crate::domain::asset::{AssetState, Step, state_name};
use crate::domain::task::{self as rules, STILLS_KIND, TaskState, tasks_of};
use crate::domain::{Error, progress};
use crate::jobs::purge::{self, Purge};
use crate::keys::Place;

pub(super) const VIDEO: &str = "video";
pub(super) const AUDIO: &str = "audio";

impl Store {
    /// Records what the source holds and queues what is to be made of it. Does nothing when that was done before, or
    /// when the asset is gone, has failed or waits for another source meanwhile.
    pub async fn record_plan(
        &self,
        (video_id, source_key): (VideoId, &str),
        source: &SourceInfo,
        plan: &EncodePlan,
        traceparent: Option<&str>,
    ) -> Result<(), Error> {
        let source_json = json(source, "source description")?;
        let source_json = &source_json;
        let tasks = task_rows(video_id, plan, traceparent)?;
        let tasks = &tasks;
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let Some(asset) = assets::locked(txn, video_id).await? else {
                        return Ok(());
                    };
                    if !assets::is_inspected(&asset, source_key)? {
                        return Ok(());
                    }
                    rendition::Entity::insert_many(rendition_rows(video_id, plan))
                        .exec_without_returning(txn)
                        .await?;
                    task::Entity::insert_many(tasks.iter().cloned())
                        .exec_without_returning(txn)
                        .await?;
                    let size = source.video.as_ref();
                    let mut change = assets::change_of(&asset);
                    change.duration_ms = Set(plan.duration_ms.map(signed));
                    change.width = Set(size.map(|video| signed32(video.display_width)));
                    change.height = Set(size.map(|video| signed32(video.display_height)));
                    change.source_info = Set(Some(source_json.clone()));
                    change.progress =
                        Set(progress::risen(asset.progress, progress::of_encoding([])));
                    assets::take_step(txn, &asset, change, Step::Planned).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.changed(video_id);
        self.bell.ring();
        Ok(())
    }
}

fn json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Corrupt {
        what,
        detail: error.to_string(),
    })
}

fn task_rows(
    video_id: VideoId,
    plan: &EncodePlan,
    traceparent: Option<&str>,
) -> Result<Vec<task::ActiveModel>, Error> {
    let now = now_us();
    tasks_of(plan)
        .into_iter()
        .map(|new| {
            let row = task::Model {
                id: new.id.as_uuid(),
                video_id: video_id.as_uuid(),
                ordinal: signed32(new.ordinal),
                urgency: signed32(new.urgency),
                kind: rules::kind_name(&new.spec).to_owned(),
                spec: json(&new.spec, "task")?,
                weight: new.weight,
                state: TaskState::Queued.as_str().to_owned(),
                fence: 0,
                failures: 0,
                lost_leases: 0,
                encoder_id: None,
                lease_expires_at_us: 0,
                not_before_us: 0,
                progress: 0.0,
                last_error: None,
                traceparent: traceparent.map(str::to_owned),
                created_at_us: now,
                updated_at_us: now,
            };
            Ok(row.into_active_model())
        })
        .collect()
}

/// Video from the smallest rung up, then audio with the default track first.
fn rendition_rows(video_id: VideoId, plan: &EncodePlan) -> Vec<rendition::ActiveModel> {
    let segments_total = plan.segment_count_estimate.map_or(0, signed32);
    let blank = rendition::Model {
        video_id: video_id.as_uuid(),
        id: String::new(),
        position: 0,
        kind: String::new(),
        codec: String::new(),
        width: 0,
        height: 0,
        frame_rate: 0.0,
        bandwidth_bps: 0,
        average_bandwidth_bps: 0,
        language: String::new(),
        name: String::new(),
        channels: 0,
        sample_rate: 0,
        timescale: 0,
        segments_total,
        init_bytes: None,
    };
    let video = plan.video.iter().flat_map(|video| {
        video.rungs.iter().map(|rung| rendition::Model {
            id: rung.id.clone(),
            kind: VIDEO.to_owned(),
            codec: rung.codec(),
            width: signed32(rung.width),
            height: signed32(rung.height),
            frame_rate: video.grid.rate.as_f64(),
            bandwidth_bps: i64::from(rung.bit_rate_max_bps),
            average_bandwidth_bps: i64::from(rung.bit_rate_max_bps),
            timescale: signed32(video.grid.rate.timescale()),
            ..blank.clone()
        })
    });
    let mut tracks: Vec<&AudioRendition> = plan.audio.iter().collect();
    tracks.sort_by_key(|track| !track.default);
    let audio = tracks.into_iter().map(|track| rendition::Model {
        id: track.id.clone(),
        kind: AUDIO.to_owned(),
        codec: AudioRendition::CODEC.to_owned(),
        bandwidth_bps: i64::from(track.bit_rate_bps),
        average_bandwidth_bps: i64::from(track.bit_rate_bps),
        language: track.language.clone(),
        name: track.name.clone(),
        channels: signed32(AudioRendition::CHANNELS),
        sample_rate: signed32(AUDIO_SAMPLE_RATE_HZ),
        timescale: signed32(AUDIO_SAMPLE_RATE_HZ),
        ..blank.clone()
    });
    (0..)
        .zip(video.chain(audio))
        .map(|(position, row)| rendition::Model { position, ..row }.into_active_model())
        .collect()
}

/// Takes the step to viewable once every rendition has its beginning. Returns the asset as it is then.
pub(super) async fn become_viewable_if_it_plays(
    txn: &Txn<'_>,
    asset: asset::Model,
) -> Result<asset::Model, Error> {
    if asset.state != state_name(AssetState::Encoding) {
        return Ok(asset);
    }
    let renditions = rendition::Entity::find()
        .filter(rendition::Column::VideoId.eq(asset.video_id))
        .all(txn)
        .await?;
    if renditions.is_empty() || renditions.iter().any(|row| row.init_bytes.is_none()) {
        return Ok(asset);
    }
    let begun = segment::Entity::find()
        .filter(segment::Column::VideoId.eq(asset.video_id))
        .filter(segment::Column::Number.eq(0))
        .count(txn)
        .await?;
    if begun < renditions.len() as u64 {
        return Ok(asset);
    }
    let mut change = assets::change_of(&asset);
    change.viewable_at_us = Set(Some(now_us()));
    assets::take_step(txn, &asset, change, Step::Playable).await
}

/// The progress of the asset from that of its tasks.
pub(super) async fn progress_of<C: ConnectionTrait>(
    txn: &C,
    asset: &asset::Model,
) -> Result<f64, Error> {
    let tasks: Vec<(f64, f64)> = task::Entity::find()
        .select_only()
        .columns([task::Column::Weight, task::Column::Progress])
        .filter(task::Column::VideoId.eq(asset.video_id))
        .into_tuple()
        .all(txn)
        .await?;
    Ok(progress::risen(
        asset.progress,
        progress::of_encoding(tasks),
    ))
}

impl Store {
    /// Takes the last step once no task that the video needs is left.
    pub(super) async fn finish_if_all_is_done(
        &self,
        txn: &Txn<'_>,
        asset: asset::Model,
    ) -> Result<(), Error> {
        if is_work_left(txn, &asset).await? {
            return Ok(());
        }
        let video_id = VideoId::from_uuid(asset.video_id);
        let mut duration_ms = 0;
        let rows = rendition::Entity::find()
            .filter(rendition::Column::VideoId.eq(asset.video_id))
            .all(txn)
            .await?;
        for row in rows {
            let measured = measure(txn, &row).await?;
            drop_behind_gap(txn, assets::place(&asset), &row, measured.contiguous).await?;
            duration_ms = duration_ms.max(measured.end_ms);
            rendition::ActiveModel {
                video_id: Unchanged(row.video_id),
                id: Unchanged(row.id),
                segments_total: Set(signed32(measured.contiguous)),
                bandwidth_bps: Set(signed(measured.peak_bps)),
                average_bandwidth_bps: Set(signed(measured.average_bps)),
                ..Default::default()
            }
            .update(txn)
            .await?;
        }
        let asset = become_viewable_if_it_plays(txn, asset).await?;
        let mut change = assets::change_of(&asset);
        change.progress = Set(1.0);
        change.duration_ms = Set(Some(signed(duration_ms)));
        if !self.keep_source {
            change.source_key = Set(None);
            if let Some(source_key) = asset.source_key.clone() {
                purge::enqueue(txn, &Purge::Source { source_key }).await?;
            }
        }
        assets::take_step(txn, &asset, change, Step::Finished).await?;
        tracing::info!(%video_id, duration_ms, "the video is ready");
        Ok(())
    }
}

async fn is_work_left(txn: &Txn<'_>, asset: &asset::Model) -> Result<bool, Error> {
    let is_needed = Condition::any()
        .add(task::Column::State.ne(TaskState::Failed.as_str()))
        .add(task::Column::Kind.ne(STILLS_KIND));
    let left = task::Entity::find()
        .filter(task::Column::VideoId.eq(asset.video_id))
        .filter(task::Column::State.ne(TaskState::Done.as_str()))
        .filter(is_needed)
        .count(txn)
        .await?;
    Ok(left > 0)
}

#[derive(Debug, Default)]
struct Measured {
    /// Segments from the first up to the first that is missing.
    contiguous: u32,
    end_ms: u64,
    peak_bps: u64,
    average_bps: u64,
}

async fn measure(txn: &Txn<'_>, row: &rendition::Model) -> Result<Measured, Error> {
    let segments = segments_of(txn, row).await?;
    let timescale = u128::from(unsigned32(row.timescale).max(1));
    let rate = |bytes: u128, ticks: u128| {
        let bits_per_second = (bytes * 8 * timescale).div_ceil(ticks.max(1));
        u64::try_from(bits_per_second).unwrap_or(u64::MAX)
    };
    let mut measured = Measured::default();
    let (mut bytes, mut ticks) = (0_u128, 0_u128);
    for segment in segments {
        if unsigned32(segment.number) != measured.contiguous {
            break;
        }
        let segment_bytes = u128::from(unsigned(segment.bytes));
        let segment_ticks = u128::from(unsigned(segment.duration_ticks));
        bytes += segment_bytes;
        ticks += segment_ticks;
        measured.contiguous += 1;
        measured.peak_bps = measured.peak_bps.max(rate(segment_bytes, segment_ticks));
        let end_ticks = u128::from(unsigned(segment.start_ticks)) + segment_ticks;
        measured.end_ms = u64::try_from(end_ticks * 1_000 / timescale).unwrap_or(u64::MAX);
    }
    measured.average_bps = rate(bytes, ticks);
    Ok(measured)
}

async fn segments_of(txn: &Txn<'_>, row: &rendition::Model) -> Result<Vec<segment::Model>, Error> {
    let rows = segment::Entity::find()
        .filter(segment::Column::VideoId.eq(row.video_id))
        .filter(segment::Column::RenditionId.eq(&*row.id))
        .order_by_asc(segment::Column::Number)
        .all(txn)
        .await?;
    Ok(rows)
}

/// A source that holds less than its header says can leave a gap, behind which nothing can be played.
async fn drop_behind_gap(
    txn: &Txn<'_>,
    place: Place,
    row: &rendition::Model,
    contiguous: u32,
) -> Result<(), Error> {
    let dropped = segment::Entity::delete_many()
        .filter(segment::Column::VideoId.eq(row.video_id))
        .filter(segment::Column::RenditionId.eq(&*row.id))
        .filter(segment::Column::Number.gte(signed32(contiguous)))
        .exec(txn)
        .await?;
    if dropped.rows_affected > 0 {
        let behind = Purge::Behind {
            place,
            rendition: row.id.clone(),
            first: contiguous,
        };
        purge::enqueue(txn, &behind).await?;
    }
    Ok(())
}
