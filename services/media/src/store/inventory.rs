//! Which blobs the rows count on.

use amphi_contracts::VideoId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Store;
use super::assets::{AssetView, view};
use super::convert::{OPEN, unsigned, unsigned32};
use super::entities::{asset, rendition, segment, upload};
use crate::domain::Error;
use crate::domain::upload::Upload;
use crate::keys::Place;

/// A blob with the length that its row says, bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub key: String,
    pub bytes: u64,
}

impl Store {
    /// Assets without their renditions, in the order of their videos' ids, after `after`.
    pub async fn assets_after(
        &self,
        after: Option<VideoId>,
        limit: u64,
    ) -> Result<Vec<AssetView>, Error> {
        let mut query = asset::Entity::find().order_by_asc(asset::Column::VideoId);
        if let Some(after) = after {
            query = query.filter(asset::Column::VideoId.gt(after.as_uuid()));
        }
        let rows = query.limit(limit).all(self.db.read()).await?;
        rows.into_iter().map(view).collect()
    }

    /// Open uploads in the order of their ids, after `after`.
    pub async fn open_uploads_after(
        &self,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<Vec<Upload>, Error> {
        let mut query = upload::Entity::find()
            .filter(upload::Column::State.eq(OPEN))
            .order_by_asc(upload::Column::Id);
        if let Some(after) = after {
            query = query.filter(upload::Column::Id.gt(after));
        }
        let rows = query.limit(limit).all(self.db.read()).await?;
        rows.into_iter().map(Upload::try_from).collect()
    }

    /// Initialization and media segments of the video that lies there.
    pub async fn segments_counted(&self, place: Place) -> Result<Vec<Counted>, Error> {
        let video_id = place.video_id;
        let inits: Vec<(String, Option<i64>)> = rendition::Entity::find()
            .select_only()
            .columns([rendition::Column::Id, rendition::Column::InitBytes])
            .filter(rendition::Column::VideoId.eq(video_id.as_uuid()))
            .into_tuple()
            .all(self.db.read())
            .await?;
        let segments: Vec<(String, i32, i64)> = segment::Entity::find()
            .select_only()
            .columns([
                segment::Column::RenditionId,
                segment::Column::Number,
                segment::Column::Bytes,
            ])
            .filter(segment::Column::VideoId.eq(video_id.as_uuid()))
            .into_tuple()
            .all(self.db.read())
            .await?;
        let inits = inits.into_iter().filter_map(|(rendition, bytes)| {
            Some(Counted {
                key: place.init(&rendition),
                bytes: unsigned(bytes?),
            })
        });
        let segments = segments
            .into_iter()
            .map(|(rendition, number, bytes)| Counted {
                key: place.segment(&rendition, unsigned32(number)),
                bytes: unsigned(bytes),
            });
        Ok(inits.chain(segments).collect())
    }

    /// Whether there is any asset at all.
    pub async fn has_assets(&self) -> Result<bool, Error> {
        Ok(!self.assets_after(None, 1).await?.is_empty())
    }
}
