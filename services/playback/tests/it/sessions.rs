//! Starting, resuming and ending playback.

use amphi_chassis::auth::AccountRole;
use amphi_chassis::db::now_us;
use amphi_chassis::testing::eventually;
use amphi_chassis::{Kind, Problem, Role};
use amphi_contracts::proto::catalog::v1::{VideoState, Visibility};
use amphi_contracts::proto::media::v1::AssetState;
use amphi_contracts::proto::playback::v1::{
    CreateGrantsRequest, RevokeSessionRequest, SaveResumePositionRequest,
};
use amphi_contracts::{AccountId, PlaybackSessionId, VideoId};
use amphi_playback::store::Store;
use http::StatusCode;

use crate::world::{World, below, presentation};

#[tokio::test]
async fn a_session_says_where_the_video_is_and_until_when() {
    let world = World::with_settings(&[("session_lifetime_s", 600)]).await;
    let session = world.start(&world.process.anonymous()).await.unwrap();
    assert!(session.session_id.parse::<PlaybackSessionId>().is_ok());
    assert!(session.hls_path.starts_with("/play/"));
    assert_eq!(below(&session, "manifest.mpd"), session.dash_path);
    let lives_s = (session.expires_at_us - now_us()) / 1_000_000;
    assert!((590..=600).contains(&lives_s), "{lives_s}");
    assert_eq!(session.poster_path.as_deref(), Some("/images/p/poster.jpg"));
    assert_eq!(
        session.storyboard_path.as_deref(),
        Some("/images/p/storyboard.vtt")
    );
    assert_eq!(session.resume_position_ms, 0);
}

#[tokio::test]
async fn a_video_that_the_caller_may_not_see_is_not_found() {
    let world = World::new().await;
    world
        .known
        .change_video(|video| video.visibility = Visibility::Private.into());
    let refusal = world.start(&world.viewer()).await.unwrap_err();
    assert_eq!(
        (refusal.kind, &*refusal.code),
        (Kind::NotFound, "video_not_found")
    );
    assert!(world.start(&world.owner()).await.is_ok());
}

#[tokio::test]
async fn a_video_that_does_not_play_yet_is_refused_with_its_state() {
    let world = World::new().await;
    let mut growing = presentation(world.video_id, 3, false);
    growing.state = AssetState::Encoding.into();
    world.known.set_presentation(growing);
    world
        .known
        .change_video(|video| video.state = VideoState::Encoding.into());
    let refusal = world.start(&world.viewer()).await.unwrap_err();
    assert_eq!(
        (refusal.kind, &*refusal.code),
        (Kind::Conflict, "video_not_viewable")
    );
    assert!(refusal.detail.contains("encoding"), "{}", refusal.detail);
}

#[tokio::test]
async fn a_viewable_presentation_without_segments_does_not_play() {
    let world = World::new().await;
    world
        .known
        .set_presentation(presentation(world.video_id, 0, false));
    let refusal = world.start(&world.viewer()).await.unwrap_err();
    assert_eq!(refusal.code, "video_not_viewable");
}

#[tokio::test]
async fn a_position_saved_is_where_the_next_session_resumes() {
    let world = World::new().await;
    let viewer = world.viewer();
    let save = |position_ms| SaveResumePositionRequest {
        video_id: world.video_id.to_string(),
        position_ms,
    };
    viewer
        .playback()
        .save_resume_position(save(12_345))
        .await
        .unwrap();
    viewer
        .playback()
        .save_resume_position(save(23_456))
        .await
        .unwrap();
    let session = world.start(&viewer).await.unwrap();
    assert_eq!(session.resume_position_ms, 23_456);
    let other = world.start(&world.viewer()).await.unwrap();
    assert_eq!(other.resume_position_ms, 0);

    viewer
        .playback()
        .save_resume_position(save(u64::MAX))
        .await
        .unwrap();
    let session = world.start(&viewer).await.unwrap();
    assert_eq!(session.resume_position_ms, 40_000, "cut to the duration");
}

#[tokio::test]
async fn a_position_needs_an_account_and_a_video_it_may_see() {
    let world = World::new().await;
    let mut request = SaveResumePositionRequest {
        video_id: world.video_id.to_string(),
        position_ms: 1,
    };
    let nobody = world.process.anonymous();
    let refusal = nobody
        .playback()
        .save_resume_position(request.clone())
        .await
        .unwrap_err();
    assert_eq!(Problem::from(refusal).kind, Kind::Unauthenticated);
    request.video_id = VideoId::generate().to_string();
    let refusal = world
        .viewer()
        .playback()
        .save_resume_position(request)
        .await
        .unwrap_err();
    assert_eq!(Problem::from(refusal).code, "video_not_found");
}

#[tokio::test]
async fn a_revoked_session_is_refused_at_once_and_others_are_not() {
    let world = World::new().await;
    let viewer = world.viewer();
    let ended = world.start(&viewer).await.unwrap();
    let other = world.start(&viewer).await.unwrap();
    assert_eq!(world.get(&ended.hls_path).await.status, StatusCode::OK);

    let request = RevokeSessionRequest {
        session_id: ended.session_id.clone(),
    };
    viewer
        .playback()
        .revoke_session(request.clone())
        .await
        .unwrap();
    let refused = world.get(&ended.hls_path).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.code(), "playback_session_revoked");
    assert_eq!(
        world.get(&below(&ended, "v360/0.m4s")).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(world.get(&other.hls_path).await.status, StatusCode::OK);
    viewer.playback().revoke_session(request).await.unwrap();
}

#[tokio::test]
async fn only_its_account_or_an_administrator_ends_a_session() {
    let world = World::new().await;
    let session = world.start(&world.viewer()).await.unwrap();
    let anonymous = world.start(&world.process.anonymous()).await.unwrap();
    let admin = world
        .process
        .account(AccountId::generate(), AccountRole::Admin);
    let request = |id: &str| RevokeSessionRequest {
        session_id: id.to_owned(),
    };

    for (clients, kind) in [
        (world.viewer(), Kind::NotFound),
        (world.process.anonymous(), Kind::Unauthenticated),
    ] {
        for id in [&session.session_id, &anonymous.session_id] {
            let refusal = clients
                .playback()
                .revoke_session(request(id))
                .await
                .unwrap_err();
            assert_eq!(Problem::from(refusal).kind, kind);
        }
    }
    for id in [&session.session_id, &anonymous.session_id] {
        admin.playback().revoke_session(request(id)).await.unwrap();
    }
    let unknown = request(&PlaybackSessionId::generate().to_string());
    let refusal = admin.playback().revoke_session(unknown).await.unwrap_err();
    assert_eq!(Problem::from(refusal).code, "playback_session_not_found");
}

#[tokio::test]
async fn a_list_of_videos_is_granted_in_one_session_that_young_lists_share() {
    let world = World::new().await;
    let gateway = world.process.service(Role::Gateway);
    let others: Vec<String> = (0..1999).map(|_| VideoId::generate().to_string()).collect();
    let video_ids: Vec<String> = std::iter::once(world.video_id.to_string())
        .chain(others)
        .collect();
    let request = CreateGrantsRequest {
        video_ids: video_ids.clone(),
    };
    let first = gateway
        .playback()
        .create_grants(request.clone())
        .await
        .unwrap()
        .into_inner();
    let granted: Vec<&String> = first.grants.iter().map(|grant| &grant.video_id).collect();
    assert_eq!(granted, video_ids.iter().collect::<Vec<_>>());
    assert_eq!(
        world.get(&first.grants[0].hls_path).await.status,
        StatusCode::OK
    );
    assert_eq!(
        world.get(&first.grants[0].dash_path).await.status,
        StatusCode::OK
    );

    let second = gateway
        .playback()
        .create_grants(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.session_id, second.session_id);
    assert_eq!(first.grants[0].hls_path, second.grants[0].hls_path);
}

#[tokio::test]
async fn an_ended_grant_is_not_shared_on() {
    let world = World::new().await;
    let gateway = world.process.service(Role::Gateway);
    let request = CreateGrantsRequest {
        video_ids: vec![world.video_id.to_string()],
    };
    let first = gateway
        .playback()
        .create_grants(request.clone())
        .await
        .unwrap()
        .into_inner();
    let admin = world
        .process
        .account(AccountId::generate(), AccountRole::Admin);
    let revoke = RevokeSessionRequest {
        session_id: first.session_id,
    };
    admin.playback().revoke_session(revoke).await.unwrap();
    let second = gateway
        .playback()
        .create_grants(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        world.get(&first.grants[0].hls_path).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        world.get(&second.grants[0].hls_path).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn grants_are_for_services_and_bounded() {
    let world = World::new().await;
    let request = CreateGrantsRequest {
        video_ids: vec![world.video_id.to_string()],
    };
    let admin = world
        .process
        .account(AccountId::generate(), AccountRole::Admin);
    for (clients, kind) in [
        (world.process.anonymous(), Kind::Unauthenticated),
        (world.owner(), Kind::Forbidden),
        (admin, Kind::Forbidden),
    ] {
        let refusal = clients
            .playback()
            .create_grants(request.clone())
            .await
            .unwrap_err();
        assert_eq!(Problem::from(refusal).kind, kind);
    }
    let too_many = CreateGrantsRequest {
        video_ids: vec![world.video_id.to_string(); 2001],
    };
    let gateway = world.process.service(Role::Gateway);
    let refusal = gateway
        .playback()
        .create_grants(too_many)
        .await
        .unwrap_err();
    assert_eq!(Problem::from(refusal).code, "too_many_videos");
}

#[tokio::test]
async fn a_session_revoked_in_another_process_is_refused_soon() {
    let world = World::with_settings(&[("session_state_max_age_ms", 50)]).await;
    let session = world.start(&world.viewer()).await.unwrap();
    assert_eq!(world.get(&session.hls_path).await.status, StatusCode::OK);
    let elsewhere = Store::new(world.process.database(Role::Playback));
    let id = session.session_id.parse().unwrap();
    elsewhere.revoke_session(id).await.unwrap();
    eventually("the revocation to be noticed", || async {
        let answer = world.get(&session.hls_path).await;
        (answer.status == StatusCode::FORBIDDEN).then_some(())
    })
    .await;
}
