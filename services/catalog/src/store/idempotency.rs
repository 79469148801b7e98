use amphi_chassis::db::{Txn, now_us};
use amphi_contracts::AccountId;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect, SqlErr};
use uuid::Uuid;

use super::Store;
use super::entities::idempotency_key;
use crate::domain::idempotency::Fingerprint;
use crate::domain::{Error, IdempotencyKey};

/// Rows deleted in one transaction: other writers wait no longer than that takes.
const PURGE_ROWS: u64 = 500;
/// Batches in one run; what is left waits for the next.
const PURGE_BATCHES_MAX: u32 = 200;

/// A request to create something once.
#[derive(Debug, Clone)]
pub struct Once {
    pub key: IdempotencyKey,
    pub fingerprint: Fingerprint,
}

impl Store {
    /// Forgets keys older than a moment and answers how many those were.
    pub async fn purge_idempotency_keys(&self, before_us: i64) -> Result<u64, Error> {
        let created_at = idempotency_key::Column::CreatedAtUs;
        let mut purged = 0;
        for _ in 0..PURGE_BATCHES_MAX {
            // Read first, since MySQL has no `LIMIT` in a subquery of a deletion.
            let digests: Vec<String> = idempotency_key::Entity::find()
                .select_only()
                .column(idempotency_key::Column::KeyDigest)
                .filter(created_at.lt(before_us))
                .limit(PURGE_ROWS)
                .into_tuple()
                .all(self.db.read())
                .await?;
            if digests.is_empty() {
                break;
            }
            let digests = &digests;
            purged += self
                .db
                .write(|txn| {
                    Box::pin(async move {
                        let deleted = idempotency_key::Entity::delete_many()
                            .filter(created_at.lt(before_us))
                            .filter(idempotency_key::Column::KeyDigest.is_in(digests))
                            .exec(txn)
                            .await?;
                        Ok::<_, Error>(deleted.rows_affected)
                    })
                })
                .await?;
        }
        Ok(purged)
    }
}

/// What the key has created before, or `None` after it was noted that it is now `created_id`.
///
/// Two requests with one key that run together: on SQLite the second waits; elsewhere it fails here with
/// [`Error::IdempotencyRace`], and repeated it finds what the first has created.
pub(super) async fn claim(
    txn: &Txn<'_>,
    account_id: AccountId,
    once: &Once,
    created_id: Uuid,
) -> Result<Option<Uuid>, Error> {
    let id = (account_id.as_uuid(), once.key.digest().to_owned());
    if let Some(known) = idempotency_key::Entity::find_by_id(id).one(txn).await? {
        if known.fingerprint != once.fingerprint.as_str() {
            return Err(Error::IdempotencyKeyReused);
        }
        return Ok(Some(known.created_id));
    }
    let row = idempotency_key::ActiveModel {
        account_id: Set(account_id.as_uuid()),
        key_digest: Set(once.key.digest().to_owned()),
        fingerprint: Set(once.fingerprint.as_str().to_owned()),
        created_id: Set(created_id),
        created_at_us: Set(now_us()),
    };
    let inserted = idempotency_key::Entity::insert(row)
        .exec_without_returning(txn)
        .await;
    match inserted {
        Ok(_) => Ok(None),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(Error::IdempotencyRace)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_chassis::Role;
    use amphi_chassis::testing::on_each_engine;
    use sea_orm::PaginatorTrait;

    use super::*;
    use crate::Migrator;
    use crate::domain::video::NewVideo;
    use crate::domain::{Description, Title, Visibility};

    #[tokio::test]
    async fn old_keys_are_forgotten_and_what_they_created_stays() {
        on_each_engine(async |databases| {
            let store = Store::new(databases.connect::<Migrator>(Role::Catalog).await);
            let owner_id = AccountId::generate();
            let new = NewVideo {
                title: Title::parse("Pilot").unwrap(),
                description: Description::default(),
                visibility: Visibility::Public,
            };
            let once = |key: &str| Once {
                key: IdempotencyKey::parse(key).unwrap().unwrap(),
                fingerprint: Fingerprint::of_video(&new),
            };
            let first = store
                .create_video(owner_id, &new, Some(&once("a")))
                .await
                .unwrap();
            let between_us = first.created_at_us + 1;
            while now_us() <= between_us {}
            store
                .create_video(owner_id, &new, Some(&once("b")))
                .await
                .unwrap();
            assert_eq!(store.purge_idempotency_keys(between_us).await.unwrap(), 1);
            let left = idempotency_key::Entity::find()
                .count(store.db.read())
                .await
                .unwrap();
            assert_eq!(left, 1);
            let second = store
                .create_video(owner_id, &new, Some(&once("a")))
                .await
                .unwrap();
            assert_ne!(second.id, first.id);
            assert!(store.video(first.id).await.unwrap().is_some());
        })
        .await;
    }
}
