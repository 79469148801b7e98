//! A signing key that stands for identity's.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use amphi_contracts::{AccountId, SessionId};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::BoxFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tonic::Status;

use crate::auth::{
    AccessTokenClaims, AccountRole, KeySource, RevokedSessions, TOKEN_AUDIENCE, TOKEN_ISSUER,
};

const KEY_ID: &str = "test";
const LIFETIME: Duration = Duration::from_secs(600);

/// Signs access tokens and, as a [`KeySource`], lets verifiers believe them.
#[derive(Debug, Clone)]
pub struct TestKeys {
    pair: Arc<Ed25519KeyPair>,
}

impl TestKeys {
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    #[allow(clippy::unwrap_used)]
    pub fn generate() -> Self {
        Self {
            pair: Arc::new(Ed25519KeyPair::generate().unwrap()),
        }
    }

    /// An access token of the account.
    ///
    /// # Panics
    /// When the key is not one, which it is.
    #[must_use]
    #[allow(clippy::unwrap_used)]
    pub fn token(&self, account_id: AccountId, role: AccountRole) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = AccessTokenClaims {
            iss: TOKEN_ISSUER.to_owned(),
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: account_id,
            sid: SessionId::generate(),
            role,
            iat: now.cast_signed(),
            exp: (now + LIFETIME.as_secs()).cast_signed(),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(KEY_ID.to_owned());
        let pkcs8 = self.pair.to_pkcs8v1().unwrap();
        let key = EncodingKey::from_ed_der(pkcs8.as_ref());
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }
}

impl KeySource for TestKeys {
    fn key_set(&self) -> BoxFuture<'_, Result<String, Status>> {
        let public = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        let set = serde_json::json!({ "keys": [{
            "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": KEY_ID, "x": public,
        }] });
        Box::pin(std::future::ready(Ok(set.to_string())))
    }

    fn revoked_sessions(&self, since_us: i64) -> BoxFuture<'_, Result<RevokedSessions, Status>> {
        let none = RevokedSessions {
            session_ids: Vec::new(),
            as_of_us: since_us,
            has_more: false,
        };
        Box::pin(std::future::ready(Ok(none)))
    }
}
