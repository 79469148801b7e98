//! Tokens with which services speak for themselves, signed with the secret that the cluster shares.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::CLOCK_LEEWAY;
use super::verifier::TokenError;
use crate::{Role, Secret};

/// Marks a service token; an access token begins with the base64 of `{`.
const PREFIX: &str = "amphi-service.";
/// Marks a token for registries. No service takes it, so that a registry which is not ours cannot do more with it than pose as
/// this process at ours.
const REGISTRY_PREFIX: &str = "amphi-registry.";
const LIFETIME: Duration = Duration::from_secs(300);
/// A token is signed anew when less of its life is left.
const RENEW_BELOW: Duration = Duration::from_secs(120);

/// Signs and verifies service tokens: `amphi-service.<role>.<expiry>.<HMAC-SHA256 of what precedes>`, the expiry in
/// seconds since the Unix epoch, the MAC in unpadded base64url. Tokens for registries are the same with another beginning.
#[derive(Clone)]
pub struct ServiceTokens {
    key: Arc<hmac::Key>,
    last: Arc<RwLock<Vec<Signed>>>,
}

/// The last token of a role.
struct Signed {
    prefix: &'static str,
    role: Role,
    expires_at: i64,
    token: Arc<str>,
}

impl std::fmt::Debug for ServiceTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServiceTokens").finish_non_exhaustive()
    }
}

impl ServiceTokens {
    #[must_use]
    pub fn new(cluster_secret: &Secret<String>) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, cluster_secret.expose().as_bytes());
        Self {
            key: Arc::new(key),
            last: Arc::default(),
        }
    }

    /// A token for the role that is good for some minutes; signed anew only when the last one grows old.
    #[must_use]
    pub fn token_for(&self, role: Role) -> Arc<str> {
        self.fresh_token(PREFIX, role)
    }

    /// The same for registries, and for nobody else.
    #[must_use]
    pub fn registry_token_for(&self, role: Role) -> Arc<str> {
        self.fresh_token(REGISTRY_PREFIX, role)
    }

    fn fresh_token(&self, prefix: &'static str, role: Role) -> Arc<str> {
        let now = now_s();
        if let Some(token) = self.still_fresh(prefix, role, now) {
            return token;
        }
        let expires_at = now.saturating_add_unsigned(LIFETIME.as_secs());
        let token: Arc<str> = self.sign(prefix, role, expires_at).into();
        // A poisoned lock only means that another thread panicked between two whole writes.
        let mut last = self
            .last
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        last.retain(|signed| (signed.prefix, signed.role) != (prefix, role));
        last.push(Signed {
            prefix,
            role,
            expires_at,
            token: Arc::clone(&token),
        });
        token
    }

    fn still_fresh(&self, prefix: &str, role: Role, now: i64) -> Option<Arc<str>> {
        let last = self
            .last
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let signed = last
            .iter()
            .find(|signed| (signed.prefix, signed.role) == (prefix, role))?;
        let fresh = signed.expires_at - now > RENEW_BELOW.as_secs().cast_signed();
        fresh.then(|| Arc::clone(&signed.token))
    }

    fn sign(&self, prefix: &str, role: Role, expires_at: i64) -> String {
        let claims = format!("{prefix}{role}.{expires_at}");
        let mac = hmac::sign(&self.key, claims.as_bytes());
        format!("{claims}.{}", URL_SAFE_NO_PAD.encode(mac))
    }

    /// Whether the token is meant to be a service token, by its beginning.
    #[must_use]
    pub fn recognizes(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    /// The role that signed the token.
    ///
    /// # Errors
    /// When the token is malformed, was not signed with this cluster's secret, or has expired.
    pub fn verify(&self, token: &str) -> Result<Role, TokenError> {
        self.verify_with(PREFIX, token)
    }

    /// The role that signed a token for registries.
    ///
    /// # Errors
    /// As [`Self::verify`]; also when the token is one for services.
    pub fn verify_for_registry(&self, token: &str) -> Result<Role, TokenError> {
        self.verify_with(REGISTRY_PREFIX, token)
    }

    fn verify_with(&self, prefix: &str, token: &str) -> Result<Role, TokenError> {
        let (claims, mac) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let mac = URL_SAFE_NO_PAD
            .decode(mac)
            .map_err(|_| TokenError::Malformed)?;
        hmac::verify(&self.key, claims.as_bytes(), &mac)
            .map_err(|_| TokenError::WrongClusterSecret)?;
        let (role, expires_at) = claims
            .strip_prefix(prefix)
            .and_then(|rest| rest.split_once('.'))
            .ok_or(TokenError::Malformed)?;
        let expires_at: i64 = expires_at.parse().map_err(|_| TokenError::Malformed)?;
        if expires_at.saturating_add_unsigned(CLOCK_LEEWAY.as_secs()) < now_s() {
            return Err(TokenError::Expired);
        }
        role.parse().map_err(|_| TokenError::Malformed)
    }
}

pub(super) fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tokens(secret: &str) -> ServiceTokens {
        ServiceTokens::new(&Secret::new(secret.to_owned()))
    }

    #[test]
    fn a_token_names_the_role_that_signed_it() {
        let tokens = tokens("one");
        let token = tokens.token_for(Role::Catalog);
        assert!(ServiceTokens::recognizes(&token));
        assert_eq!(tokens.verify(&token).unwrap(), Role::Catalog);
    }

    #[test]
    fn a_fresh_token_is_used_again() {
        let tokens = tokens("one");
        assert_eq!(tokens.token_for(Role::Media), tokens.token_for(Role::Media));
    }

    #[test]
    fn what_another_cluster_signed_is_refused() {
        let token = tokens("one").token_for(Role::Catalog);
        let error = tokens("two").verify(&token).unwrap_err();
        assert_eq!(error, TokenError::WrongClusterSecret);
    }

    #[test]
    fn a_changed_role_or_expiry_is_refused() {
        let tokens = tokens("one");
        let token = tokens.sign(PREFIX, Role::Encoder, now_s() + 60);
        let other_role = token.replace("encoder", "identity");
        assert_eq!(
            tokens.verify(&other_role),
            Err(TokenError::WrongClusterSecret)
        );
        let later = tokens
            .sign(PREFIX, Role::Encoder, 1)
            .replace(".1.", &format!(".{}.", now_s() + 60));
        assert_eq!(tokens.verify(&later), Err(TokenError::WrongClusterSecret));
    }

    #[test]
    fn an_expired_token_is_refused_after_the_leeway() {
        let tokens = tokens("one");
        let within = tokens.sign(PREFIX, Role::Encoder, now_s() - 10);
        assert_eq!(tokens.verify(&within), Ok(Role::Encoder));
        let beyond = tokens.sign(PREFIX, Role::Encoder, now_s() - 60);
        assert_eq!(tokens.verify(&beyond), Err(TokenError::Expired));
    }

    #[test]
    fn a_token_for_registries_is_good_there_alone() {
        let tokens = tokens("one");
        let for_registry = tokens.registry_token_for(Role::Media);
        assert_eq!(tokens.verify_for_registry(&for_registry), Ok(Role::Media));
        assert_eq!(tokens.verify(&for_registry), Err(TokenError::Malformed));
        assert!(!ServiceTokens::recognizes(&for_registry));
        let for_services = tokens.token_for(Role::Media);
        assert_eq!(
            tokens.verify_for_registry(&for_services),
            Err(TokenError::Malformed)
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let tokens = tokens("one");
        for (nonsense, error) in [
            ("", TokenError::Malformed),
            ("amphi-service", TokenError::Malformed),
            ("amphi-service.", TokenError::WrongClusterSecret),
            ("amphi-service.x.y.!!", TokenError::Malformed),
            (
                "amphi-service.catalog.9999999999.AAAA",
                TokenError::WrongClusterSecret,
            ),
        ] {
            assert_eq!(tokens.verify(nonsense), Err(error), "{nonsense}");
        }
    }
}
