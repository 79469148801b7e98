//! What other services tell ends playback, and what does not.

use amphi_chassis::Role;
use amphi_chassis::auth::AccountRole;
use amphi_chassis::testing::eventually;
use amphi_contracts::events::{SessionRevoked, VideoDeleted, VideoVisibilityChanged};
use amphi_contracts::proto::playback::v1::CreateGrantsRequest;
use amphi_contracts::{AccountId, SessionId, VideoId};
use amphi_playback::store::Store;
use http::StatusCode;

use crate::world::World;

async fn change_visibility(world: &World, visibility: &str) {
    world
        .tell(&VideoVisibilityChanged {
            video_id: world.video_id,
            visibility: visibility.to_owned(),
        })
        .await;
}

async fn granted_path(world: &World) -> String {
    let request = CreateGrantsRequest {
        video_ids: vec![world.video_id.to_string()],
    };
    let gateway = world.process.service(Role::Gateway);
    let grants = gateway
        .playback()
        .create_grants(request)
        .await
        .unwrap()
        .into_inner();
    grants.grants[0].hls_path.clone()
}

#[tokio::test]
async fn a_video_made_private_plays_on_for_its_owner_alone() {
    let world = World::new().await;
    let viewer = world.start(&world.viewer()).await.unwrap().hls_path;
    let owner = world.start(&world.owner()).await.unwrap().hls_path;
    let admin = world
        .process
        .account(AccountId::generate(), AccountRole::Admin);
    let admin = world.start(&admin).await.unwrap().hls_path;
    let grant = granted_path(&world).await;
    for path in [&viewer, &owner, &admin, &grant] {
        assert_eq!(world.get(path).await.status, StatusCode::OK);
    }

    change_visibility(&world, "private").await;
    for path in [&viewer, &grant] {
        let refused = world.get(path).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.code(), "playback_session_revoked");
    }
    for path in [&owner, &admin] {
        assert_eq!(world.get(path).await.status, StatusCode::OK);
    }

    change_visibility(&world, "unlisted").await;
    for path in [&viewer, &owner, &grant] {
        assert_eq!(
            world.get(path).await.status,
            StatusCode::OK,
            "who has the address may watch"
        );
    }
}

#[tokio::test]
async fn a_session_opened_while_the_news_of_the_lock_travelled_is_ended_by_it() {
    let world = World::new().await;
    change_visibility(&world, "private").await;
    // Catalog's answer was given before the change.
    let late = world.start(&world.viewer()).await.unwrap();
    assert_eq!(
        world.get(&late.hls_path).await.status,
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn a_deleted_video_plays_for_nobody() {
    let world = World::new().await;
    let owner = world.start(&world.owner()).await.unwrap().hls_path;
    assert_eq!(world.get(&owner).await.status, StatusCode::OK);
    world
        .tell(&VideoDeleted {
            video_id: world.video_id,
        })
        .await;
    assert_eq!(world.get(&owner).await.status, StatusCode::FORBIDDEN);
    // Nothing brings it back.
    change_visibility(&world, "public").await;
    assert_eq!(world.get(&owner).await.code(), "playback_session_revoked");
    change_visibility(&world, "private").await;
    change_visibility(&world, "public").await;
    assert_eq!(world.get(&owner).await.code(), "playback_session_revoked");
}

#[tokio::test]
async fn where_people_stopped_in_a_deleted_video_is_forgotten() {
    let world = World::new().await;
    let store = Store::new(world.process.database(Role::Playback));
    let (account_id, other_id) = (AccountId::generate(), VideoId::generate());
    for video_id in [world.video_id, other_id] {
        let saved = store.save_resume_position(account_id, video_id, 7).await;
        saved.unwrap();
    }
    let deleted = VideoDeleted {
        video_id: world.video_id,
    };
    world.tell(&deleted).await;
    eventually("the position to be forgotten", async || {
        let position = store.resume_position(account_id, world.video_id).await;
        position.unwrap().is_none().then_some(())
    })
    .await;
    let kept = store.resume_position(account_id, other_id).await.unwrap();
    assert_eq!(kept, Some(7));
}

#[tokio::test]
async fn playback_ends_with_the_sign_in_it_was_started_in() {
    let world = World::new().await;
    let account_id = AccountId::generate();
    let token = world.process.token(account_id, AccountRole::Viewer);
    let ended = world
        .start(&world.process.with_token(&token))
        .await
        .unwrap()
        .hls_path;
    let elsewhere = world.process.account(account_id, AccountRole::Viewer);
    let elsewhere = world.start(&elsewhere).await.unwrap().hls_path;
    assert_eq!(world.get(&ended).await.status, StatusCode::OK);

    let session_id = session_of(&token);
    world
        .tell(&SessionRevoked {
            session_id,
            account_id,
        })
        .await;
    let refused = world.get(&ended).await;
    assert_eq!(refused.code(), "playback_session_revoked");
    assert_eq!(world.get(&elsewhere).await.status, StatusCode::OK);
}

fn session_of(token: &str) -> SessionId {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&json).unwrap();
    claims["sid"].as_str().unwrap().parse().unwrap()
}
