//! Verification of tokens, cached.

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use amphi_contracts::SessionId;
use aws_lc_rs::digest;
use jsonwebtoken::{Algorithm, Validation};
use moka::sync::Cache;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::key_source::{Keys, ed25519_keys};
use super::revocations::Revocations;
use super::service_token::now_s;
use super::{
    ACCESS_TOKEN_LIFETIME_MAX, AccessTokenClaims, AccountClaims, CLOCK_LEEWAY, Caller, KeySource,
    ServiceTokens, Settings, TOKEN_AUDIENCE, TOKEN_ISSUER,
};
use crate::Problem;
use crate::shared::Shared;

/// How often revoked sessions are asked for.
pub const REVOCATION_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// While they cannot be told. Rarely enough that a circuit breaker does not take it for the calls of people.
const FAILED_POLL_INTERVAL: Duration = Duration::from_millis(750);
/// Keys are fetched again after this time even when all are known, so that a withdrawn one is forgotten.
const KEYS_MAX_AGE: Duration = Duration::from_secs(300);
/// An unknown key id makes identity be asked at most this often.
const KEY_FETCH_INTERVAL_MIN: Duration = Duration::from_secs(1);
const TOKEN_BYTES_MAX: usize = 4096;
const VERIFIED_TOKENS_MAX: u64 = 100_000;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("The access token is longer than {TOKEN_BYTES_MAX} bytes.")]
    TooLong,
    #[error("The access token is malformed.")]
    Malformed,
    #[error("The access token is not signed with EdDSA.")]
    WrongAlgorithm,
    #[error("The access token is signed with an unknown key.")]
    UnknownKey,
    #[error("The access token's signature is wrong.")]
    BadSignature,
    /// Of a token by which processes know each other.
    #[error(
        "The process is none of this installation: it signs with another `cluster.secret`. Set the same in all processes."
    )]
    WrongClusterSecret,
    #[error("The access token was not made for this platform.")]
    WrongAudience,
    #[error("The access token has expired.")]
    Expired,
    #[error("The session of this access token has ended.")]
    Revoked,
    #[error("Access tokens cannot be verified at the moment: {0}")]
    KeysUnavailable(String),
    #[error("Whether the session of this access token has ended cannot be told at the moment: {0}")]
    RevocationsUnavailable(String),
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = error.to_string();
        match error {
            TokenError::Expired => Self::unauthenticated("token_expired", detail),
            TokenError::Revoked => Self::unauthenticated("session_ended", detail),
            TokenError::KeysUnavailable(_) => Self::unavailable("keys_unavailable", detail)
                .with_retry_after(KEY_FETCH_INTERVAL_MIN),
            TokenError::RevocationsUnavailable(_) => {
                Self::unavailable("revocations_unavailable", detail)
                    .with_retry_after(REVOCATION_POLL_INTERVAL)
            }
            _ => Self::unauthenticated("token_invalid", detail),
        }
    }
}

/// Verifies access tokens by identity's public keys and service tokens by the cluster's secret. Cheap to clone; one per
/// process.
///
/// An Ed25519 check costs more than a whole bare request, so a verified token is remembered, by its SHA-256, until it
/// ends. The list of revoked sessions is consulted each time, and when it is too old to tell, the token is not believed.
#[derive(Clone)]
pub struct TokenVerifier {
    inner: Arc<Inner>,
}

struct Inner {
    source: Box<dyn KeySource>,
    service_tokens: ServiceTokens,
    shared: Shared,
    keys: RwLock<Arc<Keys>>,
    /// Held while keys are fetched, so that a burst of unknown keys makes one call.
    last_fetch: Mutex<Option<Fetch>>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    revocations: Revocations,
    revocations_max_age: Duration,
    validation: Validation,
}

struct Fetch {
    at: Instant,
    failure: Option<String>,
}

struct Verified {
    caller: Caller,
    session_id: SessionId,
    expires_at: i64,
}

impl std::fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

impl TokenVerifier {
    /// One that learns of revoked sessions from its source and from the shared state, and tells the latter of those that end
    /// here.
    #[must_use]
    pub fn new(
        source: impl KeySource,
        service_tokens: ServiceTokens,
        shared: Shared,
        settings: &Settings,
    ) -> Self {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[TOKEN_AUDIENCE]);
        validation.set_issuer(&[TOKEN_ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = CLOCK_LEEWAY.as_secs();
        Self {
            inner: Arc::new(Inner {
                source: Box::new(source),
                service_tokens,
                shared,
                keys: RwLock::default(),
                last_fetch: Mutex::new(None),
                verified: Cache::builder()
                    .max_capacity(VERIFIED_TOKENS_MAX)
                    .time_to_live(ACCESS_TOKEN_LIFETIME_MAX)
                    .build(),
                revocations: Revocations::new(),
                revocations_max_age: settings.revocations_max_age,
                validation,
            }),
        }
    }

    /// Which process of this installation calls its registry.
    ///
    /// # Errors
    /// When the token is not one for registries, or not to be believed.
    pub fn verify_for_registry(&self, token: &str) -> Result<crate::Role, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        self.inner.service_tokens.verify_for_registry(token)
    }

    /// Who the bearer of this token is.
    ///
    /// # Errors
    /// When the token is not to be believed, or cannot be checked because identity does not answer or has not for too long.
    pub async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::TooLong);
        }
        if ServiceTokens::recognizes(token) {
            return self.inner.service_tokens.verify(token).map(Caller::Service);
        }
        let fingerprint = fingerprint(token);
        if let Some(known) = self.inner.verified.get(&fingerprint) {
            return self.still_good(&known).await;
        }
        let verified = Arc::new(self.verify_signature(token).await?);
        self.inner
            .verified
            .insert(fingerprint, Arc::clone(&verified));
        self.still_good(&verified).await
    }

    /// Refuses the session's tokens from now on: here at once, and at once in the processes that share with this one. The
    /// others learn of it from identity, which must know of it already.
    pub async fn revoke(&self, session_id: SessionId) {
        self.revoke_locally(session_id);
        self.inner.shared.tell_revoked(session_id).await;
    }

    /// Refuses the session's tokens from now on in this process, before the next poll brings it.
    pub fn revoke_locally(&self, session_id: SessionId) {
        self.inner.revocations.note(session_id);
    }

    async fn still_good(&self, verified: &Verified) -> Result<Caller, TokenError> {
        if has_ended(verified.expires_at) {
            return Err(TokenError::Expired);
        }
        let Inner {
            revocations,
            revocations_max_age,
            source,
            ..
        } = &*self.inner;
        if revocations.has_ended(verified.session_id) {
            return Err(TokenError::Revoked);
        }
        revocations
            .ensure_current(&**source, *revocations_max_age)
            .await
            .map_err(TokenError::RevocationsUnavailable)?;
        if revocations.has_ended(verified.session_id) {
            return Err(TokenError::Revoked);
        }
        Ok(verified.caller.clone())
    }

    async fn verify_signature(&self, token: &str) -> Result<Verified, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::WrongAlgorithm);
        }
        let kid = header.kid.ok_or(TokenError::UnknownKey)?;
        let key = match self.known_key(&kid) {
            Some(key) => key,
            None => self.fetch_key(&kid).await?,
        };
        let claims = jsonwebtoken::decode::<AccessTokenClaims>(token, &key, &self.inner.validation)
            .map_err(|error| token_error(&error))?
            .claims;
        check_lifetime(&claims)?;
        Ok(Verified {
            session_id: claims.sid,
            expires_at: claims.exp,
            caller: Caller::Account(AccountClaims {
                account_id: claims.sub,
                session_id: claims.sid,
                role: claims.role,
                expires_at: claims.exp,
            }),
        })
    }

    fn known_key(&self, kid: &str) -> Option<jsonwebtoken::DecodingKey> {
        let keys = self
            .inner
            .keys
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        keys.get(kid).cloned()
    }

    async fn fetch_key(&self, kid: &str) -> Result<jsonwebtoken::DecodingKey, TokenError> {
        let mut last_fetch = self.inner.last_fetch.lock().await;
        if let Some(key) = self.known_key(kid) {
            return Ok(key);
        }
        if let Some(fetch) = last_fetch.as_ref()
            && fetch.at.elapsed() < KEY_FETCH_INTERVAL_MIN
        {
            return Err(match &fetch.failure {
                Some(reason) => TokenError::KeysUnavailable(reason.clone()),
                None => TokenError::UnknownKey,
            });
        }
        let fetched = self.fetch_keys().await;
        *last_fetch = Some(Fetch {
            at: Instant::now(),
            failure: fetched.as_ref().err().cloned(),
        });
        drop(last_fetch);
        fetched.map_err(TokenError::KeysUnavailable)?;
        self.known_key(kid).ok_or(TokenError::UnknownKey)
    }

    async fn fetch_keys(&self) -> Result<(), String> {
        let jwks = self.inner.source.key_set().await.map_err(|status| {
            tracing::warn!(code = %status.code(), error = status.message(), "cannot fetch the key set of identity");
            status.message().to_owned()
        })?;
        let keys = ed25519_keys(&jwks).map_err(|error| {
            tracing::error!(%error, "the key set of identity is no JWK set");
            "the key set is malformed".to_owned()
        })?;
        *self
            .inner
            .keys
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Arc::new(keys);
        Ok(())
    }

    /// Asks for revoked sessions every [`REVOCATION_POLL_INTERVAL`] and for the keys every few minutes, until shutdown.
    /// Failures are logged and tried again.
    pub async fn follow_identity(self, shutdown: CancellationToken) {
        let mut keys_at: Option<Instant> = None;
        let mut failing = false;
        loop {
            match self.inner.revocations.read(&*self.inner.source).await {
                Ok(()) => failing = false,
                // Said once per outage, not every two seconds.
                Err(status) if !failing => {
                    let max_age_s = self.inner.revocations_max_age.as_secs();
                    tracing::warn!(
                        code = %status.code(),
                        error = status.message(),
                        "cannot fetch revoked sessions from identity; trying on, and refusing access tokens after {max_age_s} s without"
                    );
                    failing = true;
                }
                Err(_) => {}
            }
            self.inner.revocations.forget_old();
            if keys_at.is_none_or(|at| at.elapsed() > KEYS_MAX_AGE) && !failing {
                let mut last_fetch = self.inner.last_fetch.lock().await;
                let failure = self.fetch_keys().await.err();
                keys_at = failure.is_none().then(Instant::now);
                *last_fetch = Some(Fetch {
                    at: Instant::now(),
                    failure,
                });
            }
            let pause = if failing {
                FAILED_POLL_INTERVAL
            } else {
                REVOCATION_POLL_INTERVAL
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Learns from the shared state which sessions other processes have revoked, until shutdown. What it does not tell, the
    /// poll of identity does.
    pub async fn follow_shared(self, shutdown: CancellationToken) {
        let inner = Arc::downgrade(&self.inner);
        let on_revoked = move |session_id| {
            if let Some(inner) = inner.upgrade() {
                inner.revocations.note(session_id);
            }
        };
        let shared = self.inner.shared.clone();
        shared.follow(Box::new(on_revoked), shutdown).await;
    }
}

fn fingerprint(token: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    bytes
}

fn has_ended(expires_at: i64) -> bool {
    expires_at.saturating_add_unsigned(CLOCK_LEEWAY.as_secs()) <= now_s()
}

fn check_lifetime(claims: &AccessTokenClaims) -> Result<(), TokenError> {
    let lifetime = claims.exp.saturating_sub(claims.iat);
    let longest = ACCESS_TOKEN_LIFETIME_MAX.as_secs().cast_signed();
    let issued_ahead = claims.iat.saturating_sub(now_s());
    if lifetime > longest || issued_ahead > CLOCK_LEEWAY.as_secs().cast_signed() {
        return Err(TokenError::Malformed);
    }
    Ok(())
}

fn token_error(error: &jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::BadSignature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::InvalidAudience | ErrorKind::InvalidIssuer => TokenError::WrongAudience,
        ErrorKind::InvalidAlgorithm => TokenError::WrongAlgorithm,
        _ => TokenError::Malformed,
    }
}
