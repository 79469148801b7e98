use amphi_chassis::db::Db;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, TryGetable, Value};
use uuid::Uuid;

use super::Store;
use super::entities::{login_failures, login_record, refresh_token, session};
use crate::domain::Error;

/// Rows deleted in one transaction: other writers wait no longer than that takes.
const BATCH_ROWS: u64 = 500;
/// Batches per table and run; what is left waits for the next run.
const BATCHES_MAX: u32 = 200;

/// Until when rows are of no use any more, microseconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub struct Outdated {
    pub sessions_ended_before_us: i64,
    pub tokens_expired_before_us: i64,
    pub records_made_before_us: i64,
    pub windows_opened_before_us: i64,
}

impl Store {
    /// Deletes what is of no use any more and answers how many rows that were.
    pub async fn purge(&self, outdated: Outdated) -> Result<u64, Error> {
        let db = &self.db;
        let tokens = purge::<refresh_token::Entity, String>(
            db,
            refresh_token::Column::Digest,
            refresh_token::Column::ExpiresAtUs,
            outdated.tokens_expired_before_us,
        )
        .await?;
        let sessions = purge::<session::Entity, Uuid>(
            db,
            session::Column::Id,
            session::Column::ExpiresAtUs,
            outdated.sessions_ended_before_us,
        )
        .await?;
        let records = purge::<login_record::Entity, Uuid>(
            db,
            login_record::Column::Id,
            login_record::Column::AtUs,
            outdated.records_made_before_us,
        )
        .await?;
        let failures = purge::<login_failures::Entity, String>(
            db,
            login_failures::Column::Subject,
            login_failures::Column::WindowStartedAtUs,
            outdated.windows_opened_before_us,
        )
        .await?;
        Ok(tokens + sessions + records + failures)
    }
}

/// Reads the keys first, since MySQL has no `LIMIT` in a subquery of a deletion.
async fn purge<E, K>(db: &Db, key: E::Column, time: E::Column, before_us: i64) -> Result<u64, Error>
where
    E: EntityTrait,
    K: TryGetable + Into<Value> + Clone + Send + Sync + 'static,
{
    let mut deleted = 0;
    for _ in 0..BATCHES_MAX {
        let keys: Vec<K> = E::find()
            .select_only()
            .column(key)
            .filter(time.lt(before_us))
            .limit(BATCH_ROWS)
            .into_tuple()
            .all(db.read())
            .await?;
        if keys.is_empty() {
            break;
        }
        let keys = &keys;
        deleted += db
            .write(|txn| {
                Box::pin(async move {
                    // The time is asked again: a row may have been made young between the two statements.
                    let done = E::delete_many()
                        .filter(key.is_in(keys.iter().cloned()))
                        .filter(time.lt(before_us))
                        .exec(txn)
                        .await?;
                    Ok::<_, Error>(done.rows_affected)
                })
            })
            .await?;
    }
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use amphi_chassis::Role;
    use amphi_chassis::testing::on_each_engine;
    use amphi_contracts::{AccountId, SessionId};
    use sea_orm::PaginatorTrait;

    use super::*;
    use crate::Migrator;
    use crate::domain::throttle::Bound;
    use crate::domain::{ClientOrigin, Email, LoginOutcome, RefreshToken};
    use crate::store::{NewLoginRecord, NewSession, Subject};

    async fn rows(store: &Store) -> [u64; 4] {
        let db = store.db.read();
        [
            refresh_token::Entity::find().count(db).await.unwrap(),
            session::Entity::find().count(db).await.unwrap(),
            login_record::Entity::find().count(db).await.unwrap(),
            login_failures::Entity::find().count(db).await.unwrap(),
        ]
    }

    /// One row of each sort, all of whose times are `at_us`.
    async fn one_of_each(store: &Store, email: &str, at_us: i64) {
        let account_id = AccountId::generate();
        let origin = ClientOrigin::default();
        let subject = Subject::account(&Email::parse(email).unwrap());
        let session = NewSession {
            id: SessionId::generate(),
            account_id,
            token: RefreshToken::generate().unwrap(),
            opened_at_us: at_us,
            token_expires_at_us: at_us,
            expires_at_us: at_us,
        };
        let record = NewLoginRecord::new(account_id, LoginOutcome::Succeeded, &origin, at_us);
        store
            .open_session(&session, &record, &subject)
            .await
            .unwrap();
        let bound = Bound {
            failures_max: 10,
            window: std::time::Duration::from_secs(900),
        };
        store
            .count_failure(&[(&subject, bound)], None, at_us)
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn only_what_is_outdated_is_deleted() {
        on_each_engine(async |databases| {
            let store = Store::new(databases.connect::<Migrator>(Role::Identity).await);
            one_of_each(&store, "old@example.org", 100).await;
            one_of_each(&store, "new@example.org", 200).await;
            let outdated = Outdated {
                sessions_ended_before_us: 200,
                tokens_expired_before_us: 200,
                records_made_before_us: 200,
                windows_opened_before_us: 200,
            };
            assert_eq!(store.purge(outdated).await.unwrap(), 4);
            assert_eq!(rows(&store).await, [1, 1, 1, 1]);
            assert_eq!(store.purge(outdated).await.unwrap(), 0);
        })
        .await;
    }

    #[tokio::test]
    async fn more_than_one_batch_is_deleted() {
        on_each_engine(async |databases| {
            let store = Store::new(databases.connect::<Migrator>(Role::Identity).await);
            let db = store.db.clone();
            let made = BATCH_ROWS + 1;
            db.write(|txn| {
                Box::pin(async move {
                    let rows = (0..made).map(|n| login_failures::ActiveModel {
                        subject: sea_orm::ActiveValue::Set(format!("email:{n}")),
                        failures: sea_orm::ActiveValue::Set(1),
                        window_started_at_us: sea_orm::ActiveValue::Set(0),
                    });
                    login_failures::Entity::insert_many(rows)
                        .exec_without_returning(txn)
                        .await?;
                    Ok::<_, Error>(())
                })
            })
            .await
            .unwrap();
            let all = Outdated {
                sessions_ended_before_us: 1,
                tokens_expired_before_us: 1,
                records_made_before_us: 1,
                windows_opened_before_us: 1,
            };
            assert_eq!(store.purge(all).await.unwrap(), made);
            assert_eq!(rows(&store).await, [0, 0, 0, 0]);
        })
        .await;
    }
}
