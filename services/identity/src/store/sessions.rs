use std::time::Duration;

use amphi_chassis::{Role, events};
use amphi_contracts::events::SessionRevoked;
use amphi_contracts::{AccountId, SessionId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

use super::entities::{refresh_token, session};
use super::{NewLoginRecord, Store, Subject, accounts, login_failures, login_records};
use crate::domain::refresh_token::SuccessorNonce;
use crate::domain::session::{SessionStanding, Spent, StoredToken, Verdict, judge};
use crate::domain::{Account, ClientOrigin, Error, LoginOutcome, RefreshToken};

/// A session to be opened, with its first refresh token.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub account_id: AccountId,
    pub token: RefreshToken,
    pub opened_at_us: i64,
    pub token_expires_at_us: i64,
    pub expires_at_us: i64,
}

/// The rules by which a refresh token is exchanged.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeRules {
    pub grace: Duration,
    pub token_lifetime_us: i64,
}

/// What became of a presented refresh token.
#[derive(Debug)]
pub enum Exchange {
    Continued {
        account: Account,
        session_id: SessionId,
        successor: RefreshToken,
        successor_expires_at_us: i64,
    },
    /// The session was revoked because of it.
    Reused {
        session_id: SessionId,
    },
    Ended,
}

impl Store {
    /// Opens a session after a right password, and forgets the wrong ones before it.
    pub async fn open_session(
        &self,
        new: &NewSession,
        record: &NewLoginRecord,
        subject: &Subject,
    ) -> Result<(), Error> {
        self.db
            .write(|txn| {
                Box::pin(async move {
                    insert(txn, new).await?;
                    login_records::insert(txn, record).await?;
                    login_failures::forget(txn, subject).await
                })
            })
            .await
    }

    /// Exchanges a refresh token for the next one.
    pub async fn exchange(
        &self,
        token: &RefreshToken,
        rules: ExchangeRules,
        origin: &ClientOrigin,
        now_us: i64,
    ) -> Result<Exchange, Error> {
        // Made-up tokens must not take the writer's turn.
        let digest = token.digest();
        if find_token(self.db.read(), &digest).await?.is_none() {
            return Ok(Exchange::Ended);
        }
        self.db
            .write(|txn| Box::pin(async move { exchange(txn, token, rules, origin, now_us).await }))
            .await
    }

    /// Ends the session of a refresh token; `None` when the token or its session is gone already.
    pub async fn revoke_by_token(
        &self,
        token: &RefreshToken,
        now_us: i64,
    ) -> Result<Option<SessionId>, Error> {
        let Some(row) = find_token(self.db.read(), &token.digest()).await? else {
            return Ok(None);
        };
        let session_id = SessionId::from_uuid(row.session_id);
        let revoked = self.revoke(session_id, now_us).await?;
        Ok(revoked.then_some(session_id))
    }

    /// Ends a session; false when it had ended already.
    pub async fn revoke(&self, session_id: SessionId, now_us: i64) -> Result<bool, Error> {
        self.db
            .write(move |txn| Box::pin(async move { revoke(txn, session_id, now_us).await }))
            .await
    }

    /// Sessions revoked at or after a moment, the earliest first, with their moments.
    pub async fn revoked_since(
        &self,
        since_us: i64,
        limit: u64,
    ) -> Result<Vec<(SessionId, i64)>, Error> {
        let rows: Vec<(uuid::Uuid, i64)> = session::Entity::find()
            .select_only()
            .column(session::Column::Id)
            .column(session::Column::RevokedAtUs)
            .filter(session::Column::RevokedAtUs.gte(since_us))
            .order_by_asc(session::Column::RevokedAtUs)
            .order_by_asc(session::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(self.db.read())
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, at_us)| (SessionId::from_uuid(id), at_us))
            .collect())
    }
}

pub(super) async fn insert(txn: &impl ConnectionTrait, new: &NewSession) -> Result<(), Error> {
    let row = session::ActiveModel {
        id: Set(new.id.as_uuid()),
        account_id: Set(new.account_id.as_uuid()),
        created_at_us: Set(new.opened_at_us),
        expires_at_us: Set(new.expires_at_us),
        revoked_at_us: Set(None),
    };
    session::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    insert_token(txn, &new.token, new.id, new.token_expires_at_us).await
}

async fn exchange(
    txn: &DatabaseTransaction,
    token: &RefreshToken,
    rules: ExchangeRules,
    origin: &ClientOrigin,
    now_us: i64,
) -> Result<Exchange, Error> {
    // Locked, so that of two who present it at once the second sees what the first has done.
    let locked = refresh_token::Entity::find_by_id(token.digest())
        .lock_exclusive()
        .one(txn)
        .await?;
    let Some(row) = locked else {
        return Ok(Exchange::Ended);
    };
    let Some(session) = session::Entity::find_by_id(row.session_id).one(txn).await? else {
        return Ok(Exchange::Ended);
    };
    let account_id = AccountId::from_uuid(session.account_id);
    let Some(account) = accounts::find(txn, account_id).await? else {
        return Ok(Exchange::Ended);
    };
    let session_id = SessionId::from_uuid(session.id);
    let standing = SessionStanding {
        expires_at_us: session.expires_at_us,
        revoked: session.revoked_at_us.is_some(),
    };
    let stored = stored_token(txn, token, row).await?;
    match judge(&stored, standing, rules.grace, now_us) {
        Verdict::Ended => Ok(Exchange::Ended),
        Verdict::Reused => {
            revoke(txn, session_id, now_us).await?;
            let record =
                NewLoginRecord::new(account_id, LoginOutcome::RefreshReused, origin, now_us);
            login_records::insert(txn, &record).await?;
            Ok(Exchange::Reused { session_id })
        }
        Verdict::Rotate => {
            let nonce = SuccessorNonce::generate()?;
            let successor = token.successor(&nonce);
            let expires_at_us = now_us
                .saturating_add(rules.token_lifetime_us)
                .min(standing.expires_at_us);
            insert_token(txn, &successor, session_id, expires_at_us).await?;
            spend(txn, token, &nonce, now_us).await?;
            Ok(Exchange::Continued {
                account,
                session_id,
                successor,
                successor_expires_at_us: expires_at_us,
            })
        }
        Verdict::Repeat(nonce) => {
            let successor = token.successor(&nonce);
            let successor_row = find_token(txn, &successor.digest()).await?;
            let Some(successor_row) = successor_row else {
                return Ok(Exchange::Ended);
            };
            Ok(Exchange::Continued {
                account,
                session_id,
                successor,
                successor_expires_at_us: successor_row.expires_at_us,
            })
        }
    }
}

async fn stored_token(
    txn: &impl ConnectionTrait,
    token: &RefreshToken,
    row: refresh_token::Model,
) -> Result<StoredToken, Error> {
    let spent = match (row.spent_at_us, row.successor_nonce) {
        (None, _) => None,
        (Some(at_us), nonce) => {
            let successor_nonce = nonce
                .as_deref()
                .and_then(SuccessorNonce::parse)
                .ok_or_else(|| {
                    Error::Corrupt("a spent refresh token has no readable nonce".to_owned())
                })?;
            let successor = find_token(txn, &token.successor(&successor_nonce).digest()).await?;
            Some(Spent {
                at_us,
                successor_is_spent: successor.is_none_or(|row| row.spent_at_us.is_some()),
                successor_nonce,
            })
        }
    };
    Ok(StoredToken {
        expires_at_us: row.expires_at_us,
        spent,
    })
}

async fn find_token(
    connection: &impl ConnectionTrait,
    digest: &str,
) -> Result<Option<refresh_token::Model>, Error> {
    Ok(refresh_token::Entity::find_by_id(digest)
        .one(connection)
        .await?)
}

async fn insert_token(
    txn: &impl ConnectionTrait,
    token: &RefreshToken,
    session_id: SessionId,
    expires_at_us: i64,
) -> Result<(), Error> {
    let row = refresh_token::ActiveModel {
        digest: Set(token.digest()),
        session_id: Set(session_id.as_uuid()),
        expires_at_us: Set(expires_at_us),
        spent_at_us: Set(None),
        successor_nonce: Set(None),
    };
    refresh_token::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

async fn spend(
    txn: &impl ConnectionTrait,
    token: &RefreshToken,
    nonce: &SuccessorNonce,
    now_us: i64,
) -> Result<(), Error> {
    refresh_token::Entity::update_many()
        .set(refresh_token::ActiveModel {
            spent_at_us: Set(Some(now_us)),
            successor_nonce: Set(Some(nonce.to_text())),
            ..Default::default()
        })
        .filter(refresh_token::Column::Digest.eq(token.digest()))
        .exec(txn)
        .await?;
    Ok(())
}

/// Marks the session revoked and tells of it; false when it was revoked before.
async fn revoke(
    txn: &DatabaseTransaction,
    session_id: SessionId,
    now_us: i64,
) -> Result<bool, Error> {
    let revoked = session::Entity::update_many()
        .set(session::ActiveModel {
            revoked_at_us: Set(Some(now_us)),
            ..Default::default()
        })
        .filter(session::Column::Id.eq(session_id.as_uuid()))
        .filter(session::Column::RevokedAtUs.is_null())
        .exec(txn)
        .await?;
    if revoked.rows_affected == 0 {
        return Ok(false);
    }
    let row = session::Entity::find_by_id(session_id.as_uuid())
        .one(txn)
        .await?;
    let Some(row) = row else {
        return Ok(false);
    };
    let event = SessionRevoked {
        session_id,
        account_id: AccountId::from_uuid(row.account_id),
    };
    events::publish(txn, Role::Identity, &event).await?;
    Ok(true)
}
