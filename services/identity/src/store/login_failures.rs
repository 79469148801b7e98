use aws_lc_rs::digest;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};

use super::entities::login_failures;
use super::{NewLoginRecord, Store, login_records};
use crate::domain::refresh_token::hex;
use crate::domain::throttle::{Bound, Failures};
use crate::domain::{ClientOrigin, Email, Error};

/// Whose failures are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// An address of mail from everywhere, whether an account has it or not: the answers must not tell. Hashed, because
    /// people type passwords into the wrong field.
    #[must_use]
    pub fn account(email: &Email) -> Self {
        Self::hashed("email", &email.key())
    }

    /// An address of mail from one network. Callers whose network is not known are counted as one network of its own.
    #[must_use]
    pub fn account_from_network(email: &Email, origin: &ClientOrigin) -> Self {
        let network = origin.network().unwrap_or_default();
        // Neither of the two can hold a line break.
        Self::hashed("email@network", &format!("{}\n{network}", email.key()))
    }

    /// The network a request came from, when it is known.
    #[must_use]
    pub fn network(origin: &ClientOrigin) -> Option<Self> {
        origin
            .network()
            .map(|network| Self(format!("network:{network}")))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn hashed(kind: &str, text: &str) -> Self {
        let hashed = digest::digest(&digest::SHA256, text.as_bytes());
        Self(format!("{kind}:{}", hex(hashed.as_ref())))
    }
}

impl Store {
    pub async fn failures(&self, subject: &Subject) -> Result<Option<Failures>, Error> {
        let row = login_failures::Entity::find_by_id(subject.as_str())
            .one(self.db.read())
            .await?;
        Ok(row.map(failures_of))
    }

    /// Counts one more failure for each subject, and keeps the record of it where there is an account.
    pub async fn count_failure(
        &self,
        subjects: &[(&Subject, Bound)],
        record: Option<&NewLoginRecord>,
        now_us: i64,
    ) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    for (subject, bound) in subjects {
                        count(txn, subject, *bound, now_us).await?;
                    }
                    if let Some(record) = record {
                        login_records::insert(txn, record).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

pub(super) async fn forget(txn: &impl ConnectionTrait, subject: &Subject) -> Result<(), Error> {
    login_failures::Entity::delete_many()
        .filter(login_failures::Column::Subject.eq(subject.as_str()))
        .exec(txn)
        .await?;
    Ok(())
}

async fn count(
    txn: &impl ConnectionTrait,
    subject: &Subject,
    bound: Bound,
    now_us: i64,
) -> Result<(), Error> {
    // The row is made first, so that two first failures at once find the same one to lock.
    let empty = login_failures::ActiveModel {
        subject: Set(subject.as_str().to_owned()),
        failures: Set(0),
        window_started_at_us: Set(now_us),
    };
    login_failures::Entity::insert(empty)
        .on_conflict_do_nothing()
        .exec_without_returning(txn)
        .await?;
    let current = login_failures::Entity::find_by_id(subject.as_str())
        .lock_exclusive()
        .one(txn)
        .await?
        .map(failures_of);
    let next = bound.after_failure(current, now_us);
    login_failures::Entity::update_many()
        .set(login_failures::ActiveModel {
            failures: Set(next.count.into()),
            window_started_at_us: Set(next.window_started_at_us),
            ..Default::default()
        })
        .filter(login_failures::Column::Subject.eq(subject.as_str()))
        .exec(txn)
        .await?;
    Ok(())
}

fn failures_of(row: login_failures::Model) -> Failures {
    Failures {
        count: u32::try_from(row.failures).unwrap_or(u32::MAX),
        window_started_at_us: row.window_started_at_us,
    }
}
