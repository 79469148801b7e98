//! What has happened to videos and to sign-ins, as events tell it.

use amphi_chassis::db::now_us;
use amphi_contracts::{SessionId, VideoId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::Store;
use super::entity::{ended_sign_in, video_lock};
use crate::domain::VideoLock;

const PRIVATE: &str = "private";
const DELETED: &str = "deleted";

impl Store {
    /// Locks a video, within the transaction of the event that says so. A deleted video stays deleted.
    pub async fn lock_video(
        txn: &impl ConnectionTrait,
        video_id: VideoId,
        lock: VideoLock,
    ) -> Result<(), DbErr> {
        let known = video_lock::Entity::find_by_id(video_id.as_uuid())
            .one(txn)
            .await?;
        if known.is_some_and(|row| row.reason == DELETED) {
            return Ok(());
        }
        let row = video_lock::ActiveModel {
            video_id: Set(video_id.as_uuid()),
            reason: Set(reason_of(lock).to_owned()),
            locked_at_us: Set(now_us()),
        };
        let conflict = OnConflict::column(video_lock::Column::VideoId)
            .update_columns([video_lock::Column::Reason, video_lock::Column::LockedAtUs])
            .to_owned();
        video_lock::Entity::insert(row)
            .on_conflict(conflict)
            .exec_without_returning(txn)
            .await?;
        Ok(())
    }

    /// Takes the lock of a private video off.
    pub async fn unlock_video(txn: &impl ConnectionTrait, video_id: VideoId) -> Result<(), DbErr> {
        video_lock::Entity::delete_many()
            .filter(video_lock::Column::VideoId.eq(video_id.as_uuid()))
            .filter(video_lock::Column::Reason.eq(PRIVATE))
            .exec(txn)
            .await?;
        Ok(())
    }

    /// Ends all playback of a sign-in.
    pub async fn end_sign_in(
        txn: &impl ConnectionTrait,
        sign_in_id: SessionId,
    ) -> Result<(), DbErr> {
        let row = ended_sign_in::ActiveModel {
            sign_in_id: Set(sign_in_id.as_uuid()),
            ended_at_us: Set(now_us()),
        };
        let conflict = OnConflict::column(ended_sign_in::Column::SignInId)
            .update_column(ended_sign_in::Column::EndedAtUs)
            .to_owned();
        ended_sign_in::Entity::insert(row)
            .on_conflict(conflict)
            .exec_without_returning(txn)
            .await?;
        Ok(())
    }
}

const fn reason_of(lock: VideoLock) -> &'static str {
    match lock {
        VideoLock::Private => PRIVATE,
        VideoLock::Deleted => DELETED,
    }
}

pub(super) fn lock_of(reason: &str) -> Result<VideoLock, DbErr> {
    match reason {
        PRIVATE => Ok(VideoLock::Private),
        DELETED => Ok(VideoLock::Deleted),
        other => Err(DbErr::Type(format!("unknown lock of a video `{other}`"))),
    }
}
