//! Who calls: access tokens of accounts, tokens of services, and what every service does to trust them.
//!
//! Each service verifies the caller's token itself; nothing trusts an identity header. Identity signs access tokens with
//! Ed25519 and publishes the public keys; the processes of one cluster share a secret with which services sign for
//! themselves.

mod caller;
mod claims;
mod cluster_secret;
mod key_source;
mod revocations;
mod service_token;
mod verifier;

use std::time::Duration;

use serde::Deserialize;

use crate::config::seconds;

pub use caller::{AccountClaims, AccountRole, Caller};
pub(crate) use claims::REVOCATION_MEMORY;
pub use claims::{
    ACCESS_TOKEN_LIFETIME_MAX, AccessTokenClaims, CLOCK_LEEWAY, TOKEN_AUDIENCE, TOKEN_ISSUER,
};
pub use cluster_secret::{ClusterSecretError, load_or_create as load_or_create_cluster_secret};
pub(crate) use key_source::IdentityKeySource;
pub use key_source::{KeySource, RevokedSessions};
pub use service_token::ServiceTokens;
pub use verifier::{REVOCATION_POLL_INTERVAL, TokenError, TokenVerifier};

/// The section `[auth]` of the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How old the list of ended sessions may be for access tokens to be believed.
    #[serde(
        rename = "revocations_max_age_s",
        deserialize_with = "seconds::<_, 5, 3_600>"
    )]
    pub revocations_max_age: Duration,
}
