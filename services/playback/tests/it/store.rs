//! The queries, on each engine.

use amphi_chassis::Role;
use amphi_chassis::db::now_us;
use amphi_chassis::testing::on_each_engine;
use amphi_contracts::{AccountId, PlaybackSessionId, SessionId, VideoId};
use amphi_playback::Migrator;
use amphi_playback::domain::{Session, VideoLock};
use amphi_playback::store::entity::resume_position;
use amphi_playback::store::{SessionState, Store};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};

fn session(video_id: Option<VideoId>, sign_in_id: Option<SessionId>) -> Session {
    Session {
        id: PlaybackSessionId::generate(),
        account_id: Some(AccountId::generate()),
        sign_in_id,
        video_id,
        sees_private: false,
        created_at_us: now_us(),
        expires_at_us: now_us() + 3_600_000_000,
        revoked_at_us: None,
    }
}

async fn lock(store: &Store, video_id: VideoId, lock: VideoLock) {
    let locking = store.db().write(|txn| {
        Box::pin(async move {
            Store::lock_video(txn, video_id, lock).await?;
            Ok::<_, DbErr>(())
        })
    });
    locking.await.unwrap();
}

#[tokio::test]
async fn a_state_is_the_session_with_what_happened_since() {
    on_each_engine(async |databases| {
        let store = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let (video_id, sign_in_id) = (VideoId::generate(), SessionId::generate());
        let own = session(Some(video_id), Some(sign_in_id));
        let grant = session(None, None);
        store.insert_session(&own).await.unwrap();
        store.insert_session(&grant).await.unwrap();
        let untouched = |session: &Session| SessionState {
            session: session.clone(),
            lock: None,
            signed_out: false,
        };
        for known in [&own, &grant] {
            let state = store.find_state(known.id, video_id).await.unwrap();
            assert_eq!(state, Some(untouched(known)));
        }

        lock(&store, video_id, VideoLock::Private).await;
        lock(&store, VideoId::generate(), VideoLock::Deleted).await;
        let ending = store.db().write(|txn| {
            Box::pin(async move {
                Store::end_sign_in(txn, sign_in_id).await?;
                Store::end_sign_in(txn, sign_in_id).await?;
                Store::end_sign_in(txn, SessionId::generate()).await
            })
        });
        ending.await.unwrap();
        store.revoke_session(own.id).await.unwrap();
        let state = store.find_state(own.id, video_id).await.unwrap().unwrap();
        assert!(state.session.revoked_at_us.is_some());
        assert!(state.signed_out);
        assert_eq!(state.lock, Some(VideoLock::Private));
        let state = store.find_state(grant.id, video_id).await.unwrap().unwrap();
        assert_eq!(
            (state.lock, state.signed_out),
            (Some(VideoLock::Private), false)
        );
        let state = store
            .find_state(grant.id, VideoId::generate())
            .await
            .unwrap();
        assert_eq!(state, Some(untouched(&grant)));
        let unknown = PlaybackSessionId::generate();
        assert_eq!(store.find_state(unknown, video_id).await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn a_sweep_forgets_what_has_expired_and_nothing_else() {
    on_each_engine(async |databases| {
        let store = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let video_id = VideoId::generate();
        let young = session(None, None);
        store.insert_session(&young).await.unwrap();
        for _ in 0..501 {
            let mut old = session(None, None);
            old.expires_at_us = now_us() - 10;
            store.insert_session(&old).await.unwrap();
        }
        assert_eq!(store.sweep_sessions(now_us()).await.unwrap(), 501);
        assert!(store.find_session(young.id).await.unwrap().is_some());

        lock(&store, video_id, VideoLock::Deleted).await;
        store.sweep_locks(now_us() - 60_000_000).await.unwrap();
        let state = store.find_state(young.id, video_id).await.unwrap().unwrap();
        assert_eq!(state.lock, Some(VideoLock::Deleted));
        store.sweep_locks(now_us() + 1).await.unwrap();
        let state = store.find_state(young.id, video_id).await.unwrap().unwrap();
        assert_eq!(state.lock, None);

        let account_id = AccountId::generate();
        store
            .save_resume_position(account_id, video_id, 7)
            .await
            .unwrap();
        store
            .sweep_resume_positions(now_us() - 60_000_000)
            .await
            .unwrap();
        let kept = store.resume_position(account_id, video_id).await.unwrap();
        assert_eq!(kept, Some(7));
        store.sweep_resume_positions(now_us() + 1).await.unwrap();
        let swept = store.resume_position(account_id, video_id).await.unwrap();
        assert_eq!(swept, None);
    })
    .await;
}

/// Positions of so many accounts in a video, saved one after the other up to now; a few at a time have the same time.
async fn watched_by(store: &Store, video_id: VideoId, accounts: i64) -> i64 {
    let now = now_us();
    let row = |number: i64| resume_position::ActiveModel {
        account_id: Set(AccountId::generate().as_uuid()),
        video_id: Set(video_id.as_uuid()),
        position_ms: Set(number),
        updated_at_us: Set(now - accounts + number / 3),
    };
    let rows: Vec<_> = (0..accounts).map(row).collect();
    let rows = &rows;
    let written = store.db().write(|txn| {
        Box::pin(async move {
            resume_position::Entity::insert_many(rows.iter().cloned())
                .exec_without_returning(txn)
                .await
        })
    });
    written.await.unwrap();
    now - accounts
}

async fn positions(store: &Store, video_id: VideoId) -> u64 {
    resume_position::Entity::find()
        .filter(resume_position::Column::VideoId.eq(video_id.as_uuid()))
        .count(store.db().read())
        .await
        .unwrap()
}

#[tokio::test]
async fn many_rows_are_forgotten_in_steps_and_not_one_too_many() {
    on_each_engine(async |databases| {
        let store = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let (old, popular, other) = (
            VideoId::generate(),
            VideoId::generate(),
            VideoId::generate(),
        );
        let first_us = watched_by(&store, old, 1_203).await;
        store.sweep_resume_positions(first_us + 400).await.unwrap();
        assert_eq!(positions(&store, old).await, 3);

        watched_by(&store, popular, 1_001).await;
        watched_by(&store, other, 2).await;
        store.forget_resume_positions(popular).await.unwrap();
        assert_eq!(positions(&store, popular).await, 0);
        assert_eq!(positions(&store, other).await, 2);
    })
    .await;
}
