use amphi_chassis::db::now_us;
use amphi_contracts::events::AssetStateChanged;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use super::entities::video;
use super::videos::stored;
use crate::domain::video::is_listed;
use crate::domain::{Error, VideoState};

const REASON_CHARS_MAX: usize = 1_000;
const POSTER_PATH_BYTES_MAX: usize = 512;

/// What became of an asset's news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projected {
    Applied,
    /// Something newer is known already.
    Stale,
    /// The video was deleted meanwhile.
    VideoGone,
}

/// Shows the state of an asset on its video, unless a later one is shown already.
pub async fn project(
    txn: &impl ConnectionTrait,
    change: &AssetStateChanged,
) -> Result<Projected, Error> {
    let found = video::Entity::find_by_id(change.video_id.as_uuid())
        .lock_exclusive()
        .one(txn)
        .await?;
    let Some(row) = found else {
        return Ok(Projected::VideoGone);
    };
    let asset_version = stored(change.version)?;
    if asset_version <= row.asset_version {
        return Ok(Projected::Stale);
    }
    if change
        .poster_path
        .as_ref()
        .is_some_and(|path| path.len() > POSTER_PATH_BYTES_MAX)
    {
        return Err(Error::Malformed(format!(
            "The poster's path is longer than {POSTER_PATH_BYTES_MAX} bytes."
        )));
    }
    let state = VideoState::from(change.state);
    let reason = change
        .reason
        .as_ref()
        .filter(|_| state == VideoState::Failed);
    let changed = video::ActiveModel {
        state: Set(state.as_str().to_owned()),
        state_reason: Set(reason.map(|text| text.chars().take(REASON_CHARS_MAX).collect())),
        listed: Set(is_listed(row.visibility.parse()?, state)),
        duration_ms: Set(change.duration_ms.map(stored).transpose()?),
        width: Set(change.width.map(i64::from)),
        height: Set(change.height.map(i64::from)),
        poster_path: Set(change.poster_path.clone()),
        asset_version: Set(asset_version),
        version: Set(row.version + 1),
        updated_at_us: Set(now_us().max(row.updated_at_us)),
        ..Default::default()
    };
    video::Entity::update_many()
        .set(changed)
        .filter(video::Column::Id.eq(row.id))
        .exec(txn)
        .await?;
    Ok(Projected::Applied)
}
