//! The claims of an access token: what identity signs and every service verifies.

use std::time::Duration;

use amphi_contracts::{AccountId, SessionId};
use serde::{Deserialize, Serialize};

use super::AccountRole;

/// `iss` of every access token.
pub const TOKEN_ISSUER: &str = "amphi";
/// `aud` of every access token.
pub const TOKEN_AUDIENCE: &str = "amphi";
/// How far the clocks of two machines may be apart.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(30);
/// No token that lives longer is accepted, so that a revocation may be forgotten after this time.
pub const ACCESS_TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(3600);

/// For how long a verifier remembers that a session was revoked: by then its last token has ended everywhere.
pub(crate) const REVOCATION_MEMORY: Duration =
    ACCESS_TOKEN_LIFETIME_MAX.saturating_add(CLOCK_LEEWAY.saturating_mul(2));

/// The payload of an access token (RFC 7519), signed with EdDSA, its header naming the key by `kid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    pub iss: String,
    pub aud: String,
    pub sub: AccountId,
    pub sid: SessionId,
    pub role: AccountRole,
    /// Seconds since the Unix epoch.
    pub iat: i64,
    /// Seconds since the Unix epoch.
    pub exp: i64,
}

impl AccessTokenClaims {
    /// Claims that begin at `issued_at` (seconds since the Unix epoch) and end after `lifetime`, which is cut to
    /// [`ACCESS_TOKEN_LIFETIME_MAX`].
    #[must_use]
    pub fn new(
        account_id: AccountId,
        session_id: SessionId,
        role: AccountRole,
        issued_at: i64,
        lifetime: Duration,
    ) -> Self {
        let lifetime_s = lifetime.min(ACCESS_TOKEN_LIFETIME_MAX).as_secs();
        Self {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: account_id,
            sid: session_id,
            role,
            iat: issued_at,
            exp: issued_at.saturating_add_unsigned(lifetime_s),
        }
    }
}
