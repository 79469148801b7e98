use amphi_chassis::db::now_us;

use crate::domain::Error;
use crate::domain::signing_key::{KeyAge, Rotation};
use crate::signer::{Signer, generate_key, jwks};
use crate::store::{Store, StoredSigningKey};

/// Replaces signing keys when they are due and publishes those that still matter. Any number of replicas may do so.
#[derive(Debug, Clone)]
pub struct KeyKeeper {
    store: Store,
    signer: Signer,
    rotation: Rotation,
}

impl KeyKeeper {
    #[must_use]
    pub const fn new(store: Store, signer: Signer, rotation: Rotation) -> Self {
        Self {
            store,
            signer,
            rotation,
        }
    }

    /// Makes a key if one is due, forgets those that are of no use, and lets the signer use the newest.
    ///
    /// # Errors
    /// When the database fails, or a stored key cannot be read.
    pub async fn check(&self) -> Result<(), Error> {
        self.check_at(now_us()).await
    }

    async fn check_at(&self, now_us: i64) -> Result<(), Error> {
        let mut keys = self.store.signing_keys().await?;
        if let Some(generation) = self.rotation.due(&ages(&keys), now_us) {
            let key = generate_key(KeyAge {
                generation,
                created_at_us: now_us,
            })?;
            if self.store.add_signing_key(&key).await? {
                tracing::info!(kid = key.kid, generation, "a new key signs access tokens");
            }
            keys = self.store.signing_keys().await?;
        }
        let oldest_useful = self.rotation.oldest_useful(&ages(&keys), now_us);
        if keys.iter().any(|key| key.age.generation < oldest_useful) {
            self.store.delete_signing_keys_before(oldest_useful).await?;
        }
        match keys.last() {
            Some(newest) => self.signer.use_key(newest),
            None => Err(Error::Crypto("the new signing key is missing".to_owned())),
        }
    }

    /// The public keys, from the database: a key that another replica made a moment ago must be among them, since its
    /// first tokens are on their way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn published(&self) -> Result<String, Error> {
        let keys = self.store.signing_keys().await?;
        let oldest_useful = self.rotation.oldest_useful(&ages(&keys), now_us());
        jwks(
            keys.iter()
                .filter(|key| key.age.generation >= oldest_useful),
        )
    }
}

fn ages(keys: &[StoredSigningKey]) -> Vec<KeyAge> {
    keys.iter().map(|key| key.age).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use amphi_chassis::Role;
    use amphi_chassis::testing::on_each_engine;

    use super::*;
    use crate::Migrator;

    const ROTATION: Rotation = Rotation {
        period: Duration::from_secs(1_000),
        overlap: Duration::from_secs(100),
    };
    const SECOND_US: i64 = 1_000_000;

    async fn generations(keeper: &KeyKeeper) -> Vec<i64> {
        let keys = keeper.store.signing_keys().await.unwrap();
        keys.iter().map(|key| key.age.generation).collect()
    }

    #[tokio::test]
    async fn keys_are_made_kept_for_their_overlap_and_forgotten() {
        on_each_engine(async |databases| {
            let db = databases.connect::<Migrator>(Role::Identity).await;
            let keeper = KeyKeeper::new(Store::new(db), Signer::default(), ROTATION);
            for (at_s, expected) in [
                (0, vec![1]),
                (999, vec![1]),
                (1_000, vec![1, 2]),
                (1_100, vec![1, 2]),
                (1_101, vec![2]),
                (9_000, vec![2, 3]),
            ] {
                keeper.check_at(at_s * SECOND_US).await.unwrap();
                assert_eq!(generations(&keeper).await, expected, "at {at_s} s");
            }
        })
        .await;
    }

    #[tokio::test]
    async fn replicas_that_rotate_at_once_make_one_key_and_sign_with_it() {
        on_each_engine(async |databases| {
            let mut keepers = Vec::new();
            for _ in 0..4 {
                let db = databases.connect::<Migrator>(Role::Identity).await;
                keepers.push(KeyKeeper::new(Store::new(db), Signer::default(), ROTATION));
            }
            for at_s in [0, 1_000, 2_000] {
                let checks = keepers
                    .iter()
                    .map(|keeper| keeper.check_at(at_s * SECOND_US));
                for checked in futures::future::join_all(checks).await {
                    checked.unwrap();
                }
            }
            assert_eq!(generations(&keepers[0]).await, [2, 3]);
            let newest = keepers[0]
                .store
                .signing_keys()
                .await
                .unwrap()
                .pop()
                .unwrap();
            for keeper in &keepers {
                keeper.check_at(2_001 * SECOND_US).await.unwrap();
                assert_eq!(keeper.signer.key_id(), Some(newest.kid.clone()));
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_key_of_another_replica_is_published_at_once() {
        on_each_engine(async |databases| {
            let db = databases.connect::<Migrator>(Role::Identity).await;
            let one = KeyKeeper::new(Store::new(db.clone()), Signer::default(), ROTATION);
            let other = KeyKeeper::new(Store::new(db), Signer::default(), ROTATION);
            let now_us = now_us();
            one.check_at(now_us).await.unwrap();
            other.check_at(now_us).await.unwrap();
            one.check_at(now_us + 1_000 * SECOND_US).await.unwrap();
            let kid = one.signer.key_id().unwrap();
            assert_ne!(other.signer.key_id().unwrap(), kid);
            assert!(other.published().await.unwrap().contains(&kid));
        })
        .await;
    }
}
