//! Where accounts stopped watching.

use amphi_chassis::db::now_us;
use amphi_contracts::{AccountId, VideoId};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::entity::resume_position;
use super::{BATCH, Store};

impl Store {
    /// Milliseconds from the start of the video; absent when the account has not stopped in it.
    pub async fn resume_position(
        &self,
        account_id: AccountId,
        video_id: VideoId,
    ) -> Result<Option<u64>, DbErr> {
        let key = (account_id.as_uuid(), video_id.as_uuid());
        let row = resume_position::Entity::find_by_id(key)
            .one(self.db.read())
            .await?;
        Ok(row.map(|row| row.position_ms.max(0).unsigned_abs()))
    }

    pub async fn save_resume_position(
        &self,
        account_id: AccountId,
        video_id: VideoId,
        position_ms: u64,
    ) -> Result<(), DbErr> {
        self.db
            .write(|txn| {
                let row = resume_position::ActiveModel {
                    account_id: Set(account_id.as_uuid()),
                    video_id: Set(video_id.as_uuid()),
                    position_ms: Set(i64::try_from(position_ms).unwrap_or(i64::MAX)),
                    updated_at_us: Set(now_us()),
                };
                let conflict = OnConflict::columns([
                    resume_position::Column::AccountId,
                    resume_position::Column::VideoId,
                ])
                .update_columns([
                    resume_position::Column::PositionMs,
                    resume_position::Column::UpdatedAtUs,
                ])
                .to_owned();
                Box::pin(async move {
                    resume_position::Entity::insert(row)
                        .on_conflict(conflict)
                        .exec_without_returning(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets where anybody stopped in a video, in bounded steps: many may have watched it.
    pub async fn forget_resume_positions(&self, video_id: VideoId) -> Result<(), DbErr> {
        use resume_position::Column;
        let is_of_video = || Column::VideoId.eq(video_id.as_uuid());
        loop {
            let accounts: Vec<Uuid> = resume_position::Entity::find()
                .select_only()
                .column(Column::AccountId)
                .filter(is_of_video())
                .limit(BATCH)
                .into_tuple()
                .all(self.db.read())
                .await?;
            if accounts.is_empty() {
                return Ok(());
            }
            let accounts = &accounts;
            self.db
                .write(|txn| {
                    Box::pin(async move {
                        resume_position::Entity::delete_many()
                            .filter(Column::AccountId.is_in(accounts.iter().copied()))
                            .filter(is_of_video())
                            .exec(txn)
                            .await?;
                        Ok::<_, DbErr>(())
                    })
                })
                .await?;
        }
    }
}
