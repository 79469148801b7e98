//! The caller of a request, as its token proves.

use std::convert::Infallible;

use amphi_contracts::{AccountId, SessionId, proto::identity::v1 as identity};
use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::{Problem, Role};

/// What an account may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    Viewer,
    Creator,
    Admin,
}

impl AccountRole {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Creator => "creator",
            Self::Admin => "admin",
        }
    }
}

impl std::fmt::Display for AccountRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no role of an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role of an account; the roles are viewer, creator, admin")]
pub struct UnknownAccountRole(String);

impl std::str::FromStr for AccountRole {
    type Err = UnknownAccountRole;

    fn from_str(text: &str) -> Result<Self, UnknownAccountRole> {
        [Self::Viewer, Self::Creator, Self::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownAccountRole(text.chars().take(64).collect()))
    }
}

impl From<AccountRole> for identity::AccountRole {
    fn from(role: AccountRole) -> Self {
        match role {
            AccountRole::Viewer => Self::Viewer,
            AccountRole::Creator => Self::Creator,
            AccountRole::Admin => Self::Admin,
        }
    }
}

impl TryFrom<identity::AccountRole> for AccountRole {
    type Error = Problem;

    fn try_from(role: identity::AccountRole) -> Result<Self, Problem> {
        match role {
            identity::AccountRole::Viewer => Ok(Self::Viewer),
            identity::AccountRole::Creator => Ok(Self::Creator),
            identity::AccountRole::Admin => Ok(Self::Admin),
            identity::AccountRole::Unspecified => Err(Problem::invalid(
                "role_missing",
                "The account's role must be viewer, creator or admin.",
            )),
        }
    }
}

/// What a verified access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountClaims {
    pub account_id: AccountId,
    pub session_id: SessionId,
    pub role: AccountRole,
    /// Seconds since the Unix epoch.
    pub expires_at: i64,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Caller {
    /// No token was given.
    #[default]
    Anonymous,
    Account(AccountClaims),
    /// A service of the platform, on its own account.
    Service(Role),
}

static ANONYMOUS: Caller = Caller::Anonymous;

impl Caller {
    /// The caller of a gRPC request, put there by the server stack.
    #[must_use]
    pub fn of<T>(request: &tonic::Request<T>) -> &Self {
        request.extensions().get().unwrap_or(&ANONYMOUS)
    }

    /// The signed-in account, or a refusal that asks to sign in.
    ///
    /// # Errors
    /// Unauthenticated for an anonymous caller, forbidden for a service.
    pub fn account(&self) -> Result<&AccountClaims, Problem> {
        match self {
            Self::Account(claims) => Ok(claims),
            Self::Anonymous => Err(sign_in_required()),
            Self::Service(role) => Err(Problem::forbidden(
                "account_required",
                format!("This is for accounts; the service {role} has none."),
            )),
        }
    }

    /// The calling service, or a refusal.
    ///
    /// # Errors
    /// Unauthenticated for an anonymous caller, forbidden for an account.
    pub fn service(&self) -> Result<Role, Problem> {
        match self {
            Self::Service(role) => Ok(*role),
            Self::Anonymous => Err(sign_in_required()),
            Self::Account(_) => Err(Problem::forbidden(
                "service_required",
                "This is for services of the platform only.",
            )),
        }
    }

    /// The account if it has at least this role.
    ///
    /// # Errors
    /// Unauthenticated for an anonymous caller, forbidden for a lower role.
    pub fn at_least(&self, role: AccountRole) -> Result<&AccountClaims, Problem> {
        let claims = self.account()?;
        if claims.role >= role {
            return Ok(claims);
        }
        Err(Problem::forbidden(
            "role_too_low",
            format!(
                "This needs the role {role}; the account has {}.",
                claims.role
            ),
        ))
    }

    #[must_use]
    pub fn account_id(&self) -> Option<AccountId> {
        match self {
            Self::Account(claims) => Some(claims.account_id),
            Self::Anonymous | Self::Service(_) => None,
        }
    }

    #[must_use]
    pub const fn is_admin(&self) -> bool {
        matches!(
            self,
            Self::Account(AccountClaims {
                role: AccountRole::Admin,
                ..
            })
        )
    }

    #[must_use]
    pub const fn is_service(&self) -> bool {
        matches!(self, Self::Service(_))
    }

    /// Whether the caller may act on what this account owns: the account itself, an administrator, or a service.
    #[must_use]
    pub fn may_act_for(&self, owner: AccountId) -> bool {
        self.is_service() || self.is_admin() || self.account_id() == Some(owner)
    }
}

fn sign_in_required() -> Problem {
    Problem::unauthenticated("sign_in_required", "Sign in first.")
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().cloned().unwrap_or_default())
    }
}
