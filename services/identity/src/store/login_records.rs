use amphi_chassis::db::{Cursor, Page, older_than};
use amphi_contracts::AccountId;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use uuid::Uuid;

use super::Store;
use super::entities::login_record;
use crate::domain::{ClientOrigin, Error, LoginOutcome};

/// More places than anybody signs in at.
const SIGN_INS_LOOKED_AT: u64 = 200;

/// A record to be kept of an attempt to sign in.
#[derive(Debug, Clone)]
pub struct NewLoginRecord {
    account_id: AccountId,
    outcome: LoginOutcome,
    origin: ClientOrigin,
    at_us: i64,
}

/// A kept record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRecord {
    pub id: Uuid,
    pub at_us: i64,
    pub outcome: String,
    pub ip: String,
    pub user_agent: String,
}

impl NewLoginRecord {
    #[must_use]
    pub fn new(
        account_id: AccountId,
        outcome: LoginOutcome,
        origin: &ClientOrigin,
        at_us: i64,
    ) -> Self {
        Self {
            account_id,
            outcome,
            origin: origin.clone(),
            at_us,
        }
    }
}

impl Store {
    /// One page of an account's records, the newest first.
    pub async fn login_records(
        &self,
        account_id: AccountId,
        limit: u32,
        after: Option<Cursor>,
    ) -> Result<Page<LoginRecord>, Error> {
        let mut query = login_record::Entity::find()
            .filter(login_record::Column::AccountId.eq(account_id.as_uuid()))
            .order_by_desc(login_record::Column::AtUs)
            .order_by_desc(login_record::Column::Id)
            .limit(u64::from(limit) + 1);
        if let Some(cursor) = after {
            let (at, id) = (login_record::Column::AtUs, login_record::Column::Id);
            query = query.filter(older_than(at, id, &cursor));
        }
        let rows = query.all(self.db.read()).await?;
        let page = Page::from_rows(rows, limit, |row| Cursor {
            time_us: row.at_us,
            id: row.id,
        });
        Ok(page.map(record_of))
    }

    /// Whether one of the account's latest sign-ins came from the same network.
    pub async fn has_signed_in_from(
        &self,
        account_id: AccountId,
        origin: &ClientOrigin,
    ) -> Result<bool, Error> {
        let Some(network) = origin.network() else {
            return Ok(false);
        };
        let succeeded = LoginOutcome::Succeeded.as_str();
        let addresses: Vec<String> = login_record::Entity::find()
            .select_only()
            .column(login_record::Column::Ip)
            .filter(login_record::Column::AccountId.eq(account_id.as_uuid()))
            .filter(login_record::Column::Outcome.eq(succeeded))
            .order_by_desc(login_record::Column::AtUs)
            .limit(SIGN_INS_LOOKED_AT)
            .into_tuple()
            .all(self.db.read())
            .await?;
        Ok(addresses
            .iter()
            .any(|ip| ClientOrigin::new(ip, "").network().as_ref() == Some(&network)))
    }
}

pub(super) async fn insert(
    txn: &impl ConnectionTrait,
    record: &NewLoginRecord,
) -> Result<(), Error> {
    let row = login_record::ActiveModel {
        id: Set(Uuid::now_v7()),
        account_id: Set(record.account_id.as_uuid()),
        at_us: Set(record.at_us),
        outcome: Set(record.outcome.as_str().to_owned()),
        ip: Set(record.origin.ip_text()),
        user_agent: Set(record.origin.user_agent.clone()),
    };
    login_record::Entity::insert(row)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

fn record_of(row: login_record::Model) -> LoginRecord {
    LoginRecord {
        id: row.id,
        at_us: row.at_us,
        outcome: row.outcome,
        ip: row.ip,
        user_agent: row.user_agent,
    }
}
