//! What a manifest is written from.

use std::collections::HashMap;

use amphi_contracts::VideoId;
use amphi_contracts::events::AssetState;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::Store;
use super::assets::{RenditionView, view};
use super::convert::{unsigned, unsigned32};
use super::encoding::VIDEO;
use super::entities::{asset, rendition, segment};
use crate::domain::Error;
use crate::domain::asset::is_final;
use crate::keys::Place;

/// A video as it can be played now.
#[derive(Debug, Clone, PartialEq)]
pub struct PresentationView {
    pub state: AssetState,
    /// Where its segments lie.
    pub place: Place,
    /// Nothing will be added.
    pub is_complete: bool,
    pub duration_ms: Option<u64>,
    pub tracks: Vec<TrackView>,
    pub viewable_at_us: Option<i64>,
    pub version: u64,
}

/// A rendition with its segments, contiguous from the first.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackView {
    pub rendition: RenditionView,
    pub segments: Vec<SegmentView>,
}

/// A segment; times in ticks of its rendition's timescale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentView {
    pub number: u32,
    pub start_ticks: u64,
    pub duration_ticks: u64,
    pub bytes: u64,
}

impl Store {
    /// What can be played of the video now; `None` without an asset.
    pub async fn presentation(&self, video_id: VideoId) -> Result<Option<PresentationView>, Error> {
        let db = self.db.read();
        // The row first: what is read after it may be newer, so its version never promises what is not there.
        let Some(row) = asset::Entity::find_by_id(video_id.as_uuid())
            .one(db)
            .await?
        else {
            return Ok(None);
        };
        let asset = view(row)?;
        let mut segments: HashMap<String, Vec<SegmentView>> = HashMap::new();
        let rows: Vec<(String, i32, i64, i64, i64)> = segment::Entity::find()
            .select_only()
            .columns([
                segment::Column::RenditionId,
                segment::Column::Number,
                segment::Column::StartTicks,
                segment::Column::DurationTicks,
                segment::Column::Bytes,
            ])
            .filter(segment::Column::VideoId.eq(video_id.as_uuid()))
            .order_by_asc(segment::Column::RenditionId)
            .order_by_asc(segment::Column::Number)
            .into_tuple()
            .all(db)
            .await?;
        for (rendition_id, number, start_ticks, duration_ticks, bytes) in rows {
            segments.entry(rendition_id).or_default().push(SegmentView {
                number: unsigned32(number),
                start_ticks: unsigned(start_ticks),
                duration_ticks: unsigned(duration_ticks),
                bytes: unsigned(bytes),
            });
        }
        let tracks = renditions_of(db, video_id)
            .await?
            .into_iter()
            .filter(|rendition| rendition.has_init)
            .map(|rendition| TrackView {
                segments: contiguous(segments.remove(&rendition.id).unwrap_or_default()),
                rendition,
            })
            .filter(|track| !track.segments.is_empty())
            .collect();
        Ok(Some(PresentationView {
            state: asset.state,
            place: asset.place,
            is_complete: is_final(asset.state),
            duration_ms: asset.duration_ms,
            tracks,
            viewable_at_us: asset.viewable_at_us,
            version: asset.version,
        }))
    }
}

fn contiguous(segments: Vec<SegmentView>) -> Vec<SegmentView> {
    (0..)
        .zip(segments)
        .take_while(|(expected, segment)| segment.number == *expected)
        .map(|(_, segment)| segment)
        .collect()
}

/// The renditions of a video in their order, with how many segments each has.
pub(super) async fn renditions_of<C: ConnectionTrait>(
    db: &C,
    video_id: VideoId,
) -> Result<Vec<RenditionView>, Error> {
    let counts: Vec<(String, i64)> = segment::Entity::find()
        .select_only()
        .column(segment::Column::RenditionId)
        .column_as(segment::Column::Number.count(), "segments")
        .filter(segment::Column::VideoId.eq(video_id.as_uuid()))
        .group_by(segment::Column::RenditionId)
        .into_tuple()
        .all(db)
        .await?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    let rows = rendition::Entity::find()
        .filter(rendition::Column::VideoId.eq(video_id.as_uuid()))
        .order_by_asc(rendition::Column::Position)
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let segments_done = counts.get(&row.id).copied().map_or(0, unsigned);
            rendition_view(row, u32::try_from(segments_done).unwrap_or(u32::MAX))
        })
        .collect())
}

fn rendition_view(row: rendition::Model, segments_done: u32) -> RenditionView {
    RenditionView {
        is_video: row.kind == VIDEO,
        id: row.id,
        codec: row.codec,
        width: unsigned32(row.width),
        height: unsigned32(row.height),
        frame_rate: row.frame_rate,
        bandwidth_bps: unsigned(row.bandwidth_bps),
        average_bandwidth_bps: unsigned(row.average_bandwidth_bps),
        language: row.language,
        name: row.name,
        channels: unsigned32(row.channels),
        sample_rate: unsigned32(row.sample_rate),
        timescale: unsigned32(row.timescale),
        segments_done,
        segments_total: unsigned32(row.segments_total),
        has_init: row.init_bytes.is_some(),
    }
}
