use amphi_chassis::Secret;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, SqlErr};

use super::Store;
use super::entities::signing_key;
use crate::domain::Error;
use crate::domain::signing_key::KeyAge;

/// A key pair that signs access tokens.
#[derive(Debug, Clone)]
pub struct StoredSigningKey {
    pub age: KeyAge,
    /// The `kid` of tokens and of the JWK.
    pub kid: String,
    /// PKCS #8, base64url.
    pub private_key: Secret<String>,
    /// Base64url, the `x` of the JWK.
    pub public_key: String,
}

impl Store {
    /// All kept keys, the oldest first.
    pub async fn signing_keys(&self) -> Result<Vec<StoredSigningKey>, Error> {
        let rows = signing_key::Entity::find()
            .order_by_asc(signing_key::Column::Generation)
            .all(self.db.read())
            .await?;
        Ok(rows.into_iter().map(key_of).collect())
    }

    /// Keeps a new key; false when another replica has made its generation first.
    pub async fn add_signing_key(&self, key: &StoredSigningKey) -> Result<bool, Error> {
        let added = self
            .db
            .write(|txn| {
                Box::pin(async move {
                    let row = signing_key::ActiveModel {
                        generation: Set(key.age.generation),
                        kid: Set(key.kid.clone()),
                        private_key: Set((&key.private_key).into()),
                        public_key: Set(key.public_key.clone()),
                        created_at_us: Set(key.age.created_at_us),
                    };
                    signing_key::Entity::insert(row)
                        .exec_without_returning(txn)
                        .await
                        .map_err(Error::from)
                })
            })
            .await;
        match added {
            Ok(_) => Ok(true),
            Err(Error::Storage(error))
                if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    pub async fn delete_signing_keys_before(&self, generation: i64) -> Result<u64, Error> {
        self.db
            .write(move |txn| {
                Box::pin(async move {
                    let deleted = signing_key::Entity::delete_many()
                        .filter(signing_key::Column::Generation.lt(generation))
                        .exec(txn)
                        .await?;
                    Ok(deleted.rows_affected)
                })
            })
            .await
    }
}

fn key_of(row: signing_key::Model) -> StoredSigningKey {
    StoredSigningKey {
        age: KeyAge {
            generation: row.generation,
            created_at_us: row.created_at_us,
        },
        kid: row.kid,
        private_key: row.private_key.into_secret(),
        public_key: row.public_key,
    }
}
