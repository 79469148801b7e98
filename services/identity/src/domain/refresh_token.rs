use amphi_chassis::Secret;
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Error;

/// Lets scanners for leaked secrets know what they have found.
const PREFIX: &str = "amphi_rt_";
const BYTES: usize = 32;

/// 256 bits that stand for a session until they are used once. The database has their SHA-256 alone.
#[derive(Debug, Clone)]
pub struct RefreshToken(Secret<[u8; BYTES]>);

impl RefreshToken {
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Secret::new(random_bytes()?)))
    }

    /// `None` when the text was never a token of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        Some(Self(Secret::new(bytes.try_into().ok()?)))
    }

    #[must_use]
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(format!(
            "{PREFIX}{}",
            URL_SAFE_NO_PAD.encode(self.0.expose())
        ))
    }

    /// What is stored: SHA-256, hexadecimal. A token has 256 random bits, so a slow hash would add nothing.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(digest::digest(&digest::SHA256, self.0.expose()).as_ref())
    }

    /// The token that follows this one: HMAC-SHA256 of the nonce under this token.
    ///
    /// Two tabs that wake together present the same token. Both must be answered with the same successor, or the slower
    /// one would look like a thief; yet the successor is stored as a hash alone and cannot be read back. So it is computed
    /// again from what only the client has (this token) and what only the database has (the nonce, random and new for
    /// each rotation). To whom lacks either it is 256 random bits.
    #[must_use]
    pub fn successor(&self, nonce: &SuccessorNonce) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(hmac::sign(&key, &nonce.0).as_ref());
        Self(Secret::new(bytes))
    }
}

/// The database's half of a successor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuccessorNonce([u8; BYTES]);

impl SuccessorNonce {
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(random_bytes()?))
    }

    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn random_bytes() -> Result<[u8; BYTES], Error> {
    let mut bytes = [0; BYTES];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::Crypto("no randomness from the system".to_owned()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_keeps_its_digest() {
        let token = RefreshToken::generate().unwrap();
        let read = RefreshToken::parse(token.to_text().expose()).unwrap();
        assert_eq!(read.digest(), token.digest());
        assert_eq!(token.digest().len(), 64);
    }

    #[test]
    fn a_successor_is_the_same_for_the_same_halves_and_no_other() {
        let token = RefreshToken::generate().unwrap();
        let nonce = SuccessorNonce::generate().unwrap();
        let stored = SuccessorNonce::parse(&nonce.to_text()).unwrap();
        let digest = token.successor(&nonce).digest();
        assert_eq!(token.successor(&stored).digest(), digest);
        assert_ne!(token.digest(), digest);
        let other_nonce = SuccessorNonce::generate().unwrap();
        assert_ne!(token.successor(&other_nonce).digest(), digest);
        let other_token = RefreshToken::generate().unwrap();
        assert_ne!(other_token.successor(&nonce).digest(), digest);
    }

    #[test]
    fn a_text_that_was_never_ours_is_no_token() {
        for text in [
            "",
            "amphi_rt_",
            "amphi_rt_YWJj",
            "eyJhbGciOiJFZERTQSJ9.e30.sig",
        ] {
            assert!(RefreshToken::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_token_does_not_print() {
        let token = RefreshToken::generate().unwrap();
        assert_eq!(format!("{token:?}"), "RefreshToken([redacted])");
    }
}
