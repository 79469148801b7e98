//! Forgetting what has no effect any more.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::entity::{ended_sign_in, resume_position, session, signing_key, video_lock};
use super::{BATCH, Store};

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
        self.sweep_before::<video_lock::Entity>(video_lock::Column::LockedAtUs, before_us)
            .await?;
        self.sweep_before::<ended_sign_in::Entity>(ended_sign_in::Column::EndedAtUs, before_us)
            .await
    }

    /// Forgets positions saved before this time.
    pub async fn sweep_resume_positions(&self, before_us: i64) -> Result<(), DbErr> {
        self.sweep_before::<resume_position::Entity>(
            resume_position::Column::UpdatedAtUs,
            before_us,
        )
        .await
    }

    /// Deletes rows whose time is before this one, the oldest first. `time` has an index.
    async fn sweep_before<E: EntityTrait>(
        &self,
        time: E::Column,
        before_us: i64,
    ) -> Result<(), DbErr> {
        loop {
            // The time up to which one batch goes; rows of one time go together.
            let end_of_batch: Option<i64> = E::find()
                .select_only()
                .column(time)
                .filter(time.lt(before_us))
                .order_by_asc(time)
                .offset(BATCH - 1)
                .limit(1)
                .into_tuple()
                .one(self.db.read())
                .await?;
            let until_us = end_of_batch.unwrap_or(before_us - 1);
            self.db
                .write(|txn| {
                    Box::pin(async move {
                        E::delete_many()
                            .filter(time.lte(until_us))
                            .exec(txn)
                            .await?;
                        Ok::<_, DbErr>(())
                    })
                })
                .await?;
            if end_of_batch.is_none() {
                return Ok(());
            }
        }
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
