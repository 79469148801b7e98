use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use amphi_chassis::Secret;
use amphi_chassis::auth::AccessTokenClaims;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use uuid::Uuid;

use crate::domain::Error;
use crate::domain::signing_key::KeyAge;
use crate::store::StoredSigningKey;

/// Signs access tokens with the newest key it was given. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Signer {
    current: Arc<RwLock<Option<Arc<CurrentKey>>>>,
}

struct CurrentKey {
    generation: i64,
    kid: String,
    key: EncodingKey,
}

impl fmt::Debug for CurrentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

impl Signer {
    /// Signs with this key from now on.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the stored key cannot be read.
    pub fn use_key(&self, stored: &StoredSigningKey) -> Result<(), Error> {
        if self
            .current()
            .is_some_and(|key| key.generation == stored.age.generation)
        {
            return Ok(());
        }
        let pkcs8 = URL_SAFE_NO_PAD
            .decode(stored.private_key.expose())
            .map_err(|_| Error::Corrupt(format!("signing key {} is not base64url", stored.kid)))?;
        let current = CurrentKey {
            generation: stored.age.generation,
            kid: stored.kid.clone(),
            key: EncodingKey::from_ed_der(&pkcs8),
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(current));
        Ok(())
    }

    /// A signed access token (RFC 7519), its header naming the key.
    ///
    /// # Errors
    /// [`Error::Crypto`] when there is no key, or none that signs.
    pub fn sign(&self, claims: &AccessTokenClaims) -> Result<Secret<String>, Error> {
        let current = self
            .current()
            .ok_or_else(|| Error::Crypto("there is no signing key yet".to_owned()))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(current.kid.clone());
        jsonwebtoken::encode(&header, claims, &current.key)
            .map(Secret::new)
            .map_err(|error| Error::Crypto(error.to_string()))
    }

    /// The `kid` of the tokens it signs.
    #[cfg(test)]
    pub fn key_id(&self) -> Option<String> {
        self.current().map(|current| current.kid.clone())
    }

    fn current(&self) -> Option<Arc<CurrentKey>> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A new Ed25519 key pair.
///
/// # Errors
/// [`Error::Crypto`] when the system has no randomness to give.
pub fn generate_key(age: KeyAge) -> Result<StoredSigningKey, Error> {
    let failed = |_| Error::Crypto("an Ed25519 key could not be made".to_owned());
    let pair = Ed25519KeyPair::generate().map_err(failed)?;
    let pkcs8 = pair.to_pkcs8().map_err(failed)?;
    Ok(StoredSigningKey {
        age,
        kid: Uuid::now_v7().to_string(),
        private_key: Secret::new(URL_SAFE_NO_PAD.encode(pkcs8.as_ref())),
        public_key: URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
    })
}

/// RFC 7517 §5, with the keys of RFC 8037 §2.
#[derive(Debug, Serialize)]
struct JwkSet<'a> {
    keys: Vec<Jwk<'a>>,
}

#[derive(Debug, Serialize)]
struct Jwk<'a> {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    r#use: &'static str,
    kid: &'a str,
    x: &'a str,
}

/// The public halves of the keys, as JSON.
///
/// # Errors
/// Never, in practice: nothing in it resists being written.
pub fn jwks<'a>(keys: impl Iterator<Item = &'a StoredSigningKey>) -> Result<String, Error> {
    let keys = keys
        .map(|key| Jwk {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            r#use: "sig",
            kid: &key.kid,
            x: &key.public_key,
        })
        .collect();
    serde_json::to_string(&JwkSet { keys }).map_err(|error| Error::Crypto(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use amphi_chassis::auth::{AccountRole, TOKEN_AUDIENCE, TOKEN_ISSUER};
    use amphi_contracts::{AccountId, SessionId};
    use jsonwebtoken::jwk::JwkSet;
    use jsonwebtoken::{DecodingKey, Validation};

    use super::*;

    fn key(generation: i64) -> StoredSigningKey {
        generate_key(KeyAge {
            generation,
            created_at_us: 0,
        })
        .unwrap()
    }

    fn claims() -> AccessTokenClaims {
        let now_s = 4_000_000_000;
        AccessTokenClaims::new(
            AccountId::generate(),
            SessionId::generate(),
            AccountRole::Viewer,
            now_s,
            Duration::from_secs(900),
        )
    }

    fn verify(token: &str, jwks: &str) -> Result<AccessTokenClaims, String> {
        let set: JwkSet = serde_json::from_str(jwks).unwrap();
        let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
        let jwk = set.find(&kid).ok_or("unknown kid")?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[TOKEN_AUDIENCE]);
        validation.set_issuer(&[TOKEN_ISSUER]);
        let key = DecodingKey::from_jwk(jwk).unwrap();
        jsonwebtoken::decode(token, &key, &validation)
            .map(|data| data.claims)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_is_verified_by_the_published_key_and_no_other() {
        let (ours, theirs) = (key(1), key(1));
        let signer = Signer::default();
        signer.use_key(&ours).unwrap();
        let claims = claims();
        let token = signer.sign(&claims).unwrap();
        let published = jwks([&ours].into_iter()).unwrap();
        assert_eq!(verify(token.expose(), &published).unwrap(), claims);
        let forged = StoredSigningKey {
            kid: ours.kid.clone(),
            ..theirs
        };
        let other = jwks([&forged].into_iter()).unwrap();
        assert!(verify(token.expose(), &other).is_err());
    }

    #[test]
    fn the_newest_key_signs_and_the_replaced_one_still_verifies() {
        let (old, new) = (key(1), key(2));
        let signer = Signer::default();
        signer.use_key(&old).unwrap();
        let before = signer.sign(&claims()).unwrap();
        signer.use_key(&new).unwrap();
        let after = signer.sign(&claims()).unwrap();
        let kid = |token: &Secret<String>| {
            jsonwebtoken::decode_header(token.expose())
                .unwrap()
                .kid
                .unwrap()
        };
        assert_eq!(
            (kid(&before), kid(&after)),
            (old.kid.clone(), new.kid.clone())
        );
        let published = jwks([&old, &new].into_iter()).unwrap();
        assert!(verify(before.expose(), &published).is_ok());
    }

    #[test]
    fn the_key_set_holds_no_private_part() {
        let key = key(1);
        let published = jwks([&key].into_iter()).unwrap();
        assert!(!published.contains(key.private_key.expose().as_str()));
        assert!(!published.contains("\"d\""));
        assert!(!format!("{key:?}").contains(key.private_key.expose().as_str()));
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        assert!(Signer::default().sign(&claims()).is_err());
    }
}
