use amphi_chassis::{Role, Secret, events};
use amphi_contracts::AccountId;
use amphi_contracts::events::AccountRegistered;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, SqlErr};

use super::entities::{SecretText, account};
use super::sessions::{self, NewSession};
use super::{NewLoginRecord, Store, login_records};
use crate::domain::{Account, Email, Error};

/// An account to be opened.
#[derive(Debug, Clone)]
pub struct NewAccount {
    pub account: Account,
    pub email_key: String,
    pub password_hash: Secret<String>,
}

/// What a password is compared with.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub account: Account,
    pub password_hash: Secret<String>,
}

impl Store {
    /// Opens an account, and a first session where somebody registers for themselves.
    ///
    /// # Errors
    /// [`Error::EmailTaken`] when another account has the address.
    pub async fn open_account(
        &self,
        new: &NewAccount,
        first_session: Option<(&NewSession, &NewLoginRecord)>,
    ) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    insert(txn, new).await?;
                    if let Some((session, record)) = first_session {
                        sessions::insert(txn, session).await?;
                        login_records::insert(txn, record).await?;
                    }
                    let event = AccountRegistered {
                        account_id: new.account.id,
                        name: new.account.name.clone(),
                    };
                    events::publish(txn, Role::Identity, &event).await?;
                    Ok(())
                })
            })
            .await
    }

    pub async fn email_is_taken(&self, email: &Email) -> Result<bool, Error> {
        Ok(self.credentials(email).await?.is_some())
    }

    pub async fn credentials(&self, email: &Email) -> Result<Option<Credentials>, Error> {
        account::Entity::find()
            .filter(account::Column::EmailKey.eq(email.key()))
            .one(self.db.read())
            .await?
            .map(|row| {
                let password_hash = row.password_hash.clone().into_secret();
                Ok(Credentials {
                    account: account_of(row)?,
                    password_hash,
                })
            })
            .transpose()
    }

    /// Those of the accounts that exist, in no particular order.
    pub async fn accounts(&self, ids: &[AccountId]) -> Result<Vec<Account>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        account::Entity::find()
            .filter(account::Column::Id.is_in(ids.iter().map(AccountId::as_uuid)))
            .all(self.db.read())
            .await?
            .into_iter()
            .map(account_of)
            .collect()
    }

    /// Replaces a password's hash by one of the same password, unless the password was changed meanwhile.
    pub async fn replace_password_hash(
        &self,
        id: AccountId,
        old: &Secret<String>,
        new: &Secret<String>,
    ) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    account::Entity::update_many()
                        .set(account::ActiveModel {
                            password_hash: Set(new.into()),
                            ..Default::default()
                        })
                        .filter(account::Column::Id.eq(id.as_uuid()))
                        .filter(account::Column::PasswordHash.eq(SecretText::from(old)))
                        .exec(txn)
                        .await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn insert(txn: &impl ConnectionTrait, new: &NewAccount) -> Result<(), Error> {
    let row = account::ActiveModel {
        id: Set(new.account.id.as_uuid()),
        email: Set(new.account.email.clone()),
        email_key: Set(new.email_key.clone()),
        name: Set(new.account.name.clone()),
        role: Set(new.account.role.as_str().to_owned()),
        password_hash: Set((&new.password_hash).into()),
        created_at_us: Set(new.account.created_at_us),
    };
    let inserted = account::Entity::insert(row)
        .exec_without_returning(txn)
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            Err(Error::EmailTaken)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    id: AccountId,
) -> Result<Option<Account>, Error> {
    account::Entity::find_by_id(id.as_uuid())
        .one(connection)
        .await?
        .map(account_of)
        .transpose()
}

fn account_of(row: account::Model) -> Result<Account, Error> {
    let role = row
        .role
        .parse()
        .map_err(|unknown| Error::Corrupt(format!("account {}: {unknown}", row.id)))?;
    Ok(Account {
        id: AccountId::from_uuid(row.id),
        email: row.email,
        name: row.name,
        role,
        created_at_us: row.created_at_us,
    })
}
