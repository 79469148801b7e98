//! The keys that sign tokens come and go; tokens outlive the change.

use std::time::Duration;

use amphi_chassis::Role;
use amphi_chassis::testing::on_each_engine;
use amphi_contracts::{PlaybackSessionId, VideoId};
use amphi_playback::Migrator;
use amphi_playback::domain::token::{Claims, InvalidToken};
use amphi_playback::keys::KeyRing;
use amphi_playback::store::Store;

const DAY: Duration = Duration::from_secs(86_400);

fn claims() -> Claims {
    Claims {
        video_id: VideoId::generate(),
        session_id: PlaybackSessionId::generate(),
        expires_at_s: u32::MAX,
    }
}

#[tokio::test]
async fn a_token_signed_before_a_rotation_or_by_another_replica_is_good() {
    on_each_engine(async |databases| {
        let store = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let one = KeyRing::open(store.clone()).await.unwrap();
        let other = KeyRing::open(store.clone()).await.unwrap();
        let said = claims();
        let before = one.sign(&said);
        assert_eq!(other.verify(&before).await, Ok(said));

        one.rotate(Duration::ZERO, DAY).await.unwrap();
        let after = one.sign(&said);
        assert_ne!(before, after);
        assert_eq!(one.verify(&before).await, Ok(said));
        // The other replica hears of the new key when it meets it, at most once a second.
        amphi_chassis::testing::eventually("the new key to be known", || async {
            (other.verify(&after).await == Ok(said)).then_some(())
        })
        .await;
        assert_eq!(store.list_keys().await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_young_key_is_not_replaced() {
    on_each_engine(async |databases| {
        let store = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let keys = KeyRing::open(store.clone()).await.unwrap();
        keys.rotate(DAY, DAY).await.unwrap();
        assert_eq!(store.list_keys().await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_installation_is_not_ours() {
    on_each_engine(async |databases| {
        let ours = Store::new(databases.connect::<Migrator>(Role::Playback).await);
        let theirs = Store::new(databases.connect::<Migrator>(Role::Media).await);
        let ours = KeyRing::open(ours).await.unwrap();
        let theirs = KeyRing::open(theirs).await.unwrap();
        assert_eq!(
            ours.verify(&theirs.sign(&claims())).await,
            Err(InvalidToken)
        );
    })
    .await;
}
