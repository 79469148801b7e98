//! The keys that sign playback tokens.

use amphi_chassis::Secret;
use amphi_chassis::db::now_us;
use sea_orm::{ActiveValue::Set, DbErr, EntityTrait, QueryOrder, SqlErr};

use super::Store;
use super::entity::signing_key;

/// A key as it is kept.
#[derive(Debug, Clone)]
pub struct KeyRow {
    pub number: u16,
    pub secret: Secret<Vec<u8>>,
    pub created_at_us: i64,
}

impl Store {
    /// All keys, the newest first.
    pub async fn list_keys(&self) -> Result<Vec<KeyRow>, DbErr> {
        let rows = signing_key::Entity::find()
            .order_by_desc(signing_key::Column::CreatedAtUs)
            .order_by_desc(signing_key::Column::Number)
            .all(self.db.read())
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(KeyRow {
                    number: u16::try_from(row.number).map_err(|_| {
                        DbErr::Type(format!("{} is no number of a signing key", row.number))
                    })?,
                    secret: Secret::new(row.secret),
                    created_at_us: row.created_at_us,
                })
            })
            .collect()
    }

    /// Adds a key, unless another replica has just added one of this number.
    pub async fn add_key(&self, number: u16, secret: &Secret<Vec<u8>>) -> Result<(), DbErr> {
        let added = self
            .db
            .write(|txn| {
                let row = signing_key::ActiveModel {
                    number: Set(i32::from(number)),
                    secret: Set(secret.expose().clone()),
                    created_at_us: Set(now_us()),
                };
                Box::pin(async move {
                    signing_key::Entity::insert(row)
                        .exec_without_returning(txn)
                        .await?;
                    Ok::<_, DbErr>(())
                })
            })
            .await;
        match added {
            Err(error) if is_duplicate(&error) => Ok(()),
            other => other,
        }
    }
}

fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
}
