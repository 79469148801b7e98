//! Sessions, and the state that decides whether they may be used.

use amphi_chassis::db::now_us;
use amphi_contracts::{AccountId, PlaybackSessionId, SessionId, VideoId};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect,
    QueryTrait,
};

use super::Store;
use super::entity::{ended_sign_in, session, video_lock};
use super::locks::lock_of;
use crate::domain::{Session, VideoLock};

/// A session, and what has happened to the video and to the sign-in since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    pub session: Session,
    pub lock: Option<VideoLock>,
    pub signed_out: bool,
}

#[derive(Debug, FromQueryResult)]
struct StateRow {
    #[sea_orm(nested)]
    session: session::Model,
    lock_reason: Option<String>,
    signed_out_at_us: Option<i64>,
}

impl Store {
    /// Writes a new session down.
    pub async fn insert_session(&self, session: &Session) -> Result<(), DbErr> {
        self.db
            .write(|txn| {
                let row = session::ActiveModel {
                    id: Set(session.id.as_uuid()),
                    account_id: Set(session.account_id.map(|id| id.as_uuid())),
                    sign_in_id: Set(session.sign_in_id.map(|id| id.as_uuid())),
                    video_id: Set(session.video_id.map(|id| id.as_uuid())),
                    sees_private: Set(session.sees_private),
                    created_at_us: Set(session.created_at_us),
                    expires_at_us: Set(session.expires_at_us),
                    revoked_at_us: Set(session.revoked_at_us),
                };
                Box::pin(async move {
                    session::Entity::insert(row)
                        .exec_without_returning(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }

    pub async fn find_session(&self, id: PlaybackSessionId) -> Result<Option<Session>, DbErr> {
        let row = session::Entity::find_by_id(id.as_uuid())
            .one(self.db.read())
            .await?;
        Ok(row.map(session_of))
    }

    /// The session with what has happened to `video_id` and to its sign-in, in one query.
    pub async fn find_state(
        &self,
        id: PlaybackSessionId,
        video_id: VideoId,
    ) -> Result<Option<SessionState>, DbErr> {
        let mut select = session::Entity::find_by_id(id.as_uuid())
            .column_as(video_lock::Column::Reason, "lock_reason")
            .column_as(ended_sign_in::Column::EndedAtUs, "signed_out_at_us");
        // By the token's video: the session of a grant names none.
        let is_of_video = Expr::col((video_lock::Entity, video_lock::Column::VideoId))
            .eq(Expr::value(video_id.as_uuid()));
        let is_of_sign_in = Expr::col((ended_sign_in::Entity, ended_sign_in::Column::SignInId))
            .equals((session::Entity, session::Column::SignInId));
        QueryTrait::query(&mut select)
            .left_join(video_lock::Entity, is_of_video)
            .left_join(ended_sign_in::Entity, is_of_sign_in);
        let row = select.into_model::<StateRow>().one(self.db.read()).await?;
        row.map(state_of).transpose()
    }

    /// Ends a session; one that was ended before stays so.
    pub async fn revoke_session(&self, id: PlaybackSessionId) -> Result<(), DbErr> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    session::Entity::update_many()
                        .col_expr(session::Column::RevokedAtUs, Expr::value(now_us()))
                        .filter(session::Column::Id.eq(id.as_uuid()))
                        .filter(session::Column::RevokedAtUs.is_null())
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}

fn session_of(row: session::Model) -> Session {
    Session {
        id: PlaybackSessionId::from_uuid(row.id),
        account_id: row.account_id.map(AccountId::from_uuid),
        sign_in_id: row.sign_in_id.map(SessionId::from_uuid),
        video_id: row.video_id.map(VideoId::from_uuid),
        sees_private: row.sees_private,
        created_at_us: row.created_at_us,
        expires_at_us: row.expires_at_us,
        revoked_at_us: row.revoked_at_us,
    }
}

fn state_of(row: StateRow) -> Result<SessionState, DbErr> {
    Ok(SessionState {
        session: session_of(row.session),
        lock: row.lock_reason.as_deref().map(lock_of).transpose()?,
        signed_out: row.signed_out_at_us.is_some(),
    })
}
