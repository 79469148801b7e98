//! Forgetting what has no effect any more.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::Store;
use super::entity::{ended_sign_in, resume_position, session, signing_key, video_lock};

/// Rows deleted in one transaction, so that the sweep does not hold up playback.
const BATCH: u64 = 500;

impl Store {
    /// Forgets sessions that expired before this time. Returns how many.
    pub async fn sweep_sessions(&self, before_us: i64) -> Result<u64, DbErr> {
        let mut swept = 0;
        loop {
            let ids: Vec<Uuid> = session::Entity::find()
                .select_only()
                .column(session::Column::Id)
                .filter(session::Column::ExpiresAtUs.lt(before_us))
                .order_by_asc(session::Column::ExpiresAtUs)
                .limit(BATCH)
                .into_tuple()
                .all(self.db.read())
                .await?;
            if ids.is_empty() {
                return Ok(swept);
            }
            let ids = &ids;
            swept += self
                .db
                .write(|txn| {
                    Box::pin(async move {
                        let deleted = session::Entity::delete_many()
                            .filter(session::Column::Id.is_in(ids.iter().copied()))
                            .exec(txn)
                            .await?;
                        Ok::<_, DbErr>(deleted.rows_affected)
                    })
                })
                .await?;
        }
    }

    /// Forgets locks and ended sign-ins set before this time, when every session that they ended has expired.
    pub async fn sweep_locks(&self, before_us: i64) -> Result<(), DbErr> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    video_lock::Entity::delete_many()
                        .filter(video_lock::Column::LockedAtUs.lt(before_us))
                        .exec(txn)
                        .await?;
                    ended_sign_in::Entity::delete_many()
                        .filter(ended_sign_in::Column::EndedAtUs.lt(before_us))
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets positions saved before this time.
    pub async fn sweep_resume_positions(&self, before_us: i64) -> Result<(), DbErr> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    resume_position::Entity::delete_many()
                        .filter(resume_position::Column::UpdatedAtUs.lt(before_us))
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    /// Forgets keys of these numbers.
    pub async fn delete_keys(&self, numbers: &[u16]) -> Result<(), DbErr> {
        if numbers.is_empty() {
            return Ok(());
        }
        self.db
            .write(|txn| {
                Box::pin(async move {
                    let numbers = numbers.iter().map(|number| i32::from(*number));
                    signing_key::Entity::delete_many()
                        .filter(signing_key::Column::Number.is_in(numbers))
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}
