use amphi_chassis::auth::Caller;
use amphi_chassis::db::{Cursor, Page, Txn, now_us, older_than};
use amphi_chassis::{Role, events};
use amphi_contracts::events::{VideoDeleted, VideoVisibilityChanged};
use amphi_contracts::{AccountId, VideoId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::Store;
use super::entities::{episode, video};
use super::idempotency::{self, Once};
use crate::domain::page_budget::fitting_texts;
use crate::domain::video::{NewVideo, VideoChanges, is_listed};
use crate::domain::{Error, Video, VideoState, access};

impl Store {
    /// Makes a draft; with an idempotency key that was used before, answers what it made then.
    pub async fn create_video(
        &self,
        owner_id: AccountId,
        new: &NewVideo,
        once: Option<&Once>,
    ) -> Result<Video, Error> {
        match self.create_video_once(owner_id, new, once).await {
            Err(Error::IdempotencyRace) => self.create_video_once(owner_id, new, once).await,
            created => created,
        }
    }

    async fn create_video_once(
        &self,
        owner_id: AccountId,
        new: &NewVideo,
        once: Option<&Once>,
    ) -> Result<Video, Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let id = VideoId::generate();
                    if let Some(once) = once
                        && let Some(earlier) =
                            idempotency::claim(txn, owner_id, once, id.as_uuid()).await?
                    {
                        let row = video::Entity::find_by_id(earlier).one(txn).await?;
                        return video_of(row.ok_or(Error::CreatedAndDeleted)?);
                    }
                    let row = draft(id, owner_id, new, now_us());
                    video::Entity::insert(row.clone().into_active_model())
                        .exec_without_returning(txn)
                        .await?;
                    video_of(row)
                })
            })
            .await
    }

    pub async fn video(&self, id: VideoId) -> Result<Option<Video>, Error> {
        find(self.db.read(), id).await
    }

    /// One page of what is public and plays, the newest first.
    pub async fn listed_videos(
        &self,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page<Video>, Error> {
        self.page(video::Column::Listed.eq(true), limit, after)
            .await
    }

    /// One page of all that an account owns, the newest first.
    pub async fn videos_of(
        &self,
        owner_id: AccountId,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page<Video>, Error> {
        self.page(video::Column::OwnerId.eq(owner_id.as_uuid()), limit, after)
            .await
    }

    async fn page(
        &self,
        condition: sea_orm::sea_query::SimpleExpr,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page<Video>, Error> {
        let (created_at, id) = (video::Column::CreatedAtUs, video::Column::Id);
        let mut query = video::Entity::find()
            .filter(condition)
            .order_by_desc(created_at)
            .order_by_desc(id)
            .limit(u64::from(limit) + 1);
        if let Some(cursor) = after {
            query = query.filter(older_than(created_at, id, &cursor));
        }
        let videos = query
            .all(self.db.read())
            .await?
            .into_iter()
            .map(video_of)
            .collect::<Result<Vec<_>, _>>()?;
        let fitting = fitting_texts(videos.iter().map(|video| video.description.len()));
        Ok(Page::from_rows(videos, limit.min(fitting), |video| {
            Cursor {
                time_us: video.created_at_us,
                id: video.id.as_uuid(),
            }
        }))
    }

    /// Changes a video on the caller's behalf. `expected_version` 0 takes any.
    pub async fn update_video(
        &self,
        caller: &Caller,
        id: VideoId,
        expected_version: u64,
        changes: &VideoChanges,
    ) -> Result<Video, Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let video = lock(txn, id).await?.ok_or(Error::VideoNotFound)?;
                    access::check_may_change(caller, &video)?;
                    if expected_version != 0 && expected_version != video.version {
                        return Err(Error::VersionMismatch {
                            expected: expected_version,
                            current: video.version,
                        });
                    }
                    let changed = changes.applied_to(&video);
                    if changed == video {
                        return Ok(video);
                    }
                    save_changes(txn, &video, changed).await
                })
            })
            .await
    }

    /// Deletes a video and the episodes that show it, on the caller's behalf.
    pub async fn delete_video(&self, caller: &Caller, id: VideoId) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let video = lock(txn, id).await?.ok_or(Error::VideoNotFound)?;
                    access::check_may_change(caller, &video)?;
                    episode::Entity::delete_many()
                        .filter(episode::Column::VideoId.eq(id.as_uuid()))
                        .exec(txn)
                        .await?;
                    video::Entity::delete_by_id(id.as_uuid()).exec(txn).await?;
                    let event = VideoDeleted { video_id: id };
                    events::publish(txn, Role::Catalog, &event).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn save_changes(txn: &Txn<'_>, before: &Video, after: Video) -> Result<Video, Error> {
    let after = Video {
        version: before.version + 1,
        updated_at_us: now_us().max(before.updated_at_us),
        ..after
    };
    let row = video::ActiveModel {
        title: Set(after.title.clone()),
        description: Set(after.description.clone()),
        visibility: Set(after.visibility.as_str().to_owned()),
        listed: Set(is_listed(after.visibility, after.state)),
        version: Set(stored(after.version)?),
        updated_at_us: Set(after.updated_at_us),
        ..Default::default()
    };
    video::Entity::update_many()
        .set(row)
        .filter(video::Column::Id.eq(after.id.as_uuid()))
        .exec(txn)
        .await?;
    if after.visibility != before.visibility {
        let event = VideoVisibilityChanged {
            video_id: after.id,
            visibility: after.visibility.as_str().to_owned(),
        };
        events::publish(txn, Role::Catalog, &event).await?;
    }
    Ok(after)
}

async fn find(connection: &impl ConnectionTrait, id: VideoId) -> Result<Option<Video>, Error> {
    video::Entity::find_by_id(id.as_uuid())
        .one(connection)
        .await?
        .map(video_of)
        .transpose()
}

/// Reads a video that is about to be changed: who else wants to, waits.
pub(super) async fn lock(txn: &Txn<'_>, id: VideoId) -> Result<Option<Video>, Error> {
    video::Entity::find_by_id(id.as_uuid())
        .lock_exclusive()
        .one(txn)
        .await?
        .map(video_of)
        .transpose()
}

fn draft(id: VideoId, owner_id: AccountId, new: &NewVideo, now_us: i64) -> video::Model {
    video::Model {
        id: id.as_uuid(),
        owner_id: owner_id.as_uuid(),
        title: new.title.as_str().to_owned(),
        description: new.description.as_str().to_owned(),
        visibility: new.visibility.as_str().to_owned(),
        state: VideoState::Draft.as_str().to_owned(),
        state_reason: None,
        listed: false,
        duration_ms: None,
        width: None,
        height: None,
        poster_path: None,
        asset_version: 0,
        version: 1,
        created_at_us: now_us,
        updated_at_us: now_us,
    }
}

pub(super) fn video_of(row: video::Model) -> Result<Video, Error> {
    Ok(Video {
        id: VideoId::from_uuid(row.id),
        owner_id: AccountId::from_uuid(row.owner_id),
        title: row.title,
        description: row.description,
        visibility: row.visibility.parse()?,
        state: row.state.parse()?,
        state_reason: row.state_reason,
        duration_ms: row.duration_ms.map(read).transpose()?,
        width: row.width.map(read).transpose()?,
        height: row.height.map(read).transpose()?,
        poster_path: row.poster_path,
        created_at_us: row.created_at_us,
        updated_at_us: row.updated_at_us,
        version: read(row.version)?,
    })
}

/// A number as it stands in a signed column.
pub(super) fn read<T: TryFrom<i64>>(number: i64) -> Result<T, Error> {
    T::try_from(number)
        .map_err(|_| Error::Corrupt(format!("{number} is outside of its column's range")))
}

/// A number for a signed column.
pub(super) fn stored(number: impl TryInto<i64> + Copy + std::fmt::Display) -> Result<i64, Error> {
    number
        .try_into()
        .map_err(|_| Error::Malformed(format!("{number} is too large to be kept.")))
}
