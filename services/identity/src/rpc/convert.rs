use amphi_chassis::auth::Caller;
use amphi_contracts::IdError;
use amphi_contracts::proto::identity::v1 as proto;

use crate::domain::{Account, ClientOrigin, Error};
use crate::sign_in::SignedIn;
use crate::store::LoginRecord;

pub(super) fn malformed_id(error: IdError) -> Error {
    Error::Malformed(error.to_string())
}

pub(super) fn origin_of(client: Option<proto::ClientInfo>) -> ClientOrigin {
    let client = client.unwrap_or_default();
    ClientOrigin::new(&client.ip, &client.user_agent)
}

/// An account as this caller may see it: others do not learn its email address.
pub(super) fn account_for(caller: &Caller, account: Account) -> proto::Account {
    let may_see_email = caller.may_act_for(account.id);
    let mut shown = proto::Account::from(account);
    if !may_see_email {
        shown.email.clear();
    }
    shown
}

impl From<Account> for proto::Account {
    fn from(account: Account) -> Self {
        Self {
            id: account.id.to_string(),
            email: account.email,
            name: account.name,
            role: proto::AccountRole::from(account.role).into(),
            created_at_us: account.created_at_us,
        }
    }
}

impl From<SignedIn> for proto::SessionTokens {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            account: Some(signed_in.account.into()),
            access_token: signed_in.access_token.expose().clone(),
            refresh_token: signed_in.refresh_token.expose().clone(),
            expires_in_s: signed_in.access_expires_in_s,
            refresh_expires_in_s: signed_in.refresh_expires_in_s,
        }
    }
}

impl From<LoginRecord> for proto::LoginRecord {
    fn from(record: LoginRecord) -> Self {
        Self {
            id: record.id.to_string(),
            at_us: record.at_us,
            outcome: record.outcome,
            ip: record.ip,
            user_agent: record.user_agent,
        }
    }
}
