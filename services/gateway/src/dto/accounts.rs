//! Accounts, sign-in and its record.

use amphi_chassis::Problem;
use amphi_contracts::proto::identity::v1 as identity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{page, time, unknown_value};

/// What an account may do: watch; publish; run the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Viewer,
    Creator,
    Admin,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Account {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
}

impl TryFrom<identity::Account> for Account {
    type Error = Problem;

    fn try_from(account: identity::Account) -> Result<Self, Problem> {
        let role = match account.role() {
            identity::AccountRole::Viewer => Role::Viewer,
            identity::AccountRole::Creator => Role::Creator,
            identity::AccountRole::Admin => Role::Admin,
            identity::AccountRole::Unspecified => {
                return Err(unknown_value("account role", account.role));
            }
        };
        Ok(Self {
            id: account.id,
            email: account.email,
            name: account.name,
            role,
            created_at: time(account.created_at_us)?,
        })
    }
}

/// A sign-in: who, and the tokens that prove it.
#[derive(Serialize, ToSchema)]
pub struct AuthSession {
    pub account: Account,
    /// For the header `Authorization: Bearer …`.
    pub access_token: String,
    /// Good for one use; also set as the HttpOnly cookie `amphi_refresh`.
    pub refresh_token: String,
    /// Of the access token.
    pub expires_in_s: u32,
    pub token_type: TokenType,
}

impl std::fmt::Debug for AuthSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthSession")
            .field("account", &self.account.id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub enum TokenType {
    Bearer,
}

impl TryFrom<identity::SessionTokens> for AuthSession {
    type Error = Problem;

    fn try_from(tokens: identity::SessionTokens) -> Result<Self, Problem> {
        let account = tokens
            .account
            .ok_or_else(|| Problem::internal("identity sent tokens without an account"))?;
        Ok(Self {
            account: account.try_into()?,
            access_token: tokens.access_token,
            refresh_token: tokens.refresh_token,
            expires_in_s: tokens.expires_in_s,
            token_type: TokenType::Bearer,
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterRequest {
    pub email: String,
    pub name: String,
    #[schema(format = Password)]
    pub password: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    pub email: String,
    #[schema(format = Password)]
    pub password: String,
}

/// Without a token here, the one of the cookie is taken.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshRequest {
    pub refresh_token: Option<String>,
}

macro_rules! redacted_debug {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )+};
}
redacted_debug!(RegisterRequest, LoginRequest, RefreshRequest);

/// One attempt to sign in.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginRecord {
    #[schema(value_type = Uuid)]
    pub id: String,
    pub at: Timestamp,
    /// `succeeded`, `wrong_password`, `locked`, `refresh_reused`.
    pub outcome: String,
    #[schema(required)]
    pub ip: Option<String>,
    #[schema(required)]
    pub user_agent: Option<String>,
}

impl TryFrom<identity::LoginRecord> for LoginRecord {
    type Error = Problem;

    fn try_from(record: identity::LoginRecord) -> Result<Self, Problem> {
        Ok(Self {
            id: record.id,
            at: time(record.at_us)?,
            outcome: record.outcome,
            ip: Some(record.ip).filter(|ip| !ip.is_empty()),
            user_agent: Some(record.user_agent).filter(|agent| !agent.is_empty()),
        })
    }
}

page! {
    /// One page of sign-in attempts, the newest first.
    LoginRecordPage of LoginRecord
}

/// Whose a thing is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Owner {
    #[schema(value_type = Uuid)]
    pub id: String,
    /// Empty when the account is gone.
    pub name: String,
}

impl Owner {
    /// With the name that was found for the id.
    pub(crate) fn named(id: &str, names: &std::collections::HashMap<String, String>) -> Self {
        Self {
            id: id.to_owned(),
            name: names.get(id).cloned().unwrap_or_default(),
        }
    }
}
