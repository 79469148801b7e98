//! Keys that CloudFront takes.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;

/// Of an RSA key of 2048 bits, the only length that CloudFront takes.
const RSA_MODULUS_BYTES: usize = 256;

/// A private key whose public half CloudFront trusts. It signs with SHA-256, which an address says of itself
/// (`Hash-Algorithm`); without that CloudFront would take SHA-1.
pub enum SigningKey {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// Why a text is no such key. Shows nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it must be a private key in PEM that CloudFront takes, without a password: RSA of 2048 bits or ECDSA on P-256"
)]
pub struct InvalidKey;

/// No signature could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the private key of CloudFront does not sign")]
pub struct SigningFailed;

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa(_) => "SigningKey::Rsa",
            Self::Ecdsa(_) => "SigningKey::Ecdsa",
        })
    }
}

impl SigningKey {
    /// Reads PKCS #8, PKCS #1 (RSA) or SEC 1 (ECDSA).
    ///
    /// # Errors
    /// It is something else.
    pub fn from_pem(text: &str) -> Result<Self, InvalidKey> {
        let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|_| InvalidKey)?;
        let curve = &ECDSA_P256_SHA256_ASN1_SIGNING;
        match &der {
            PrivateKeyDer::Pkcs1(der) => rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(der) => ecdsa(EcdsaKeyPair::from_private_key_der(
                curve,
                der.secret_sec1_der(),
            )),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                ecdsa(EcdsaKeyPair::from_pkcs8(curve, der))
                    .or_else(|_| rsa(RsaKeyPair::from_pkcs8(der)))
            }
            _ => Err(InvalidKey),
        }
    }

    /// PKCS #1 v1.5, or the DER of an ECDSA signature.
    ///
    /// # Errors
    /// The system gives no randomness, or is out of memory.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; RSA_MODULUS_BYTES];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Self::Ecdsa(key) => {
                let signature = key.sign(&random, message).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

fn rsa<E>(key: Result<RsaKeyPair, E>) -> Result<SigningKey, InvalidKey> {
    let key = key.map_err(|_| InvalidKey)?;
    if key.public_modulus_len() != RSA_MODULUS_BYTES {
        return Err(InvalidKey);
    }
    Ok(SigningKey::Rsa(Box::new(key)))
}

fn ecdsa<E>(key: Result<EcdsaKeyPair, E>) -> Result<SigningKey, InvalidKey> {
    key.map(|key| SigningKey::Ecdsa(Box::new(key)))
        .map_err(|_| InvalidKey)
}
