//! The token in a playback path: what it says, and the proof that we said it.
//!
//! Layout, big-endian, then base64url without padding (74 characters):
//!
//! | bytes | what |
//! |---|---|
//! | 1 | version, 1 |
//! | 2 | number of the key |
//! | 16 | video id |
//! | 16 | playback session id |
//! | 4 | expiry, seconds since the Unix epoch |
//! | 16 | HMAC-SHA256 of all before, its first 128 bits (RFC 2104 §5) |
//!
//! The token stands in the path, so that everything a manifest names relative to itself is signed with it.

use std::fmt;

use amphi_contracts::{PlaybackSessionId, VideoId};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

const VERSION: u8 = 1;
const CLAIMS_BYTES: usize = 1 + 2 + 16 + 16 + 4;
const MAC_BYTES: usize = 16;
const TOKEN_BYTES: usize = CLAIMS_BYTES + MAC_BYTES;
/// Length of a token's text.
pub const TOKEN_CHARS: usize = (TOKEN_BYTES * 4).div_ceil(3);

/// What a token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claims {
    pub video_id: VideoId,
    pub session_id: PlaybackSessionId,
    /// Seconds since the Unix epoch.
    pub expires_at_s: u32,
}

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    pub number: u16,
    key: hmac::Key,
}

impl SigningKey {
    #[must_use]
    pub fn new(number: u16, secret: &[u8]) -> Self {
        Self {
            number,
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

/// A token whose shape is right and whose proof is still to be checked.
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedToken {
    bytes: [u8; TOKEN_BYTES],
}

/// Text that is no token of ours: of another shape, altered, or signed with a key that we do not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not one that was issued here")]
pub struct InvalidToken;

/// The signed text of `claims`.
#[must_use]
pub fn sign(claims: &Claims, key: &SigningKey) -> String {
    let mut bytes = [0; TOKEN_BYTES];
    bytes[0] = VERSION;
    bytes[1..3].copy_from_slice(&key.number.to_be_bytes());
    bytes[3..19].copy_from_slice(claims.video_id.as_uuid().as_bytes());
    bytes[19..35].copy_from_slice(claims.session_id.as_uuid().as_bytes());
    bytes[35..39].copy_from_slice(&claims.expires_at_s.to_be_bytes());
    let mac = hmac::sign(&key.key, &bytes[..CLAIMS_BYTES]);
    bytes[CLAIMS_BYTES..].copy_from_slice(&mac.as_ref()[..MAC_BYTES]);
    URL_SAFE_NO_PAD.encode(bytes)
}

impl UnverifiedToken {
    /// # Errors
    /// The text has another length, alphabet or version.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        if text.len() != TOKEN_CHARS {
            return Err(InvalidToken);
        }
        let decoded = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidToken)?;
        let bytes: [u8; TOKEN_BYTES] = decoded.try_into().map_err(|_| InvalidToken)?;
        if bytes[0] != VERSION {
            return Err(InvalidToken);
        }
        Ok(Self { bytes })
    }

    /// The key that it claims to be signed with.
    #[must_use]
    pub fn key_number(&self) -> u16 {
        u16::from_be_bytes([self.bytes[1], self.bytes[2]])
    }

    /// What the token says, once the proof holds. The comparison takes the same time wherever the first difference is.
    ///
    /// # Errors
    /// The proof does not hold.
    pub fn verify(&self, key: &SigningKey) -> Result<Claims, InvalidToken> {
        let (claims, mac) = self.bytes.split_at(CLAIMS_BYTES);
        let expected = hmac::sign(&key.key, claims);
        constant_time::verify_slices_are_equal(&expected.as_ref()[..MAC_BYTES], mac)
            .map_err(|_| InvalidToken)?;
        Ok(Claims {
            video_id: VideoId::from_uuid(uuid_at(claims, 3)),
            session_id: PlaybackSessionId::from_uuid(uuid_at(claims, 19)),
            expires_at_s: u32::from_be_bytes([claims[35], claims[36], claims[37], claims[38]]),
        })
    }
}

fn uuid_at(bytes: &[u8], start: usize) -> Uuid {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[start..start + 16]);
    Uuid::from_bytes(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn claims() -> Claims {
        Claims {
            video_id: VideoId::generate(),
            session_id: PlaybackSessionId::generate(),
            expires_at_s: 1_800_000_000,
        }
    }

    fn verify(text: &str, key: &SigningKey) -> Result<Claims, InvalidToken> {
        UnverifiedToken::parse(text)?.verify(key)
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let key = SigningKey::new(7, &[1; 32]);
        let said = claims();
        let text = sign(&said, &key);
        assert_eq!(text.len(), TOKEN_CHARS);
        assert_eq!(UnverifiedToken::parse(&text).unwrap().key_number(), 7);
        assert_eq!(verify(&text, &key), Ok(said));
    }

    #[test]
    fn a_change_of_any_one_bit_is_refused() {
        let key = SigningKey::new(7, &[1; 32]);
        let signed = URL_SAFE_NO_PAD.decode(sign(&claims(), &key)).unwrap();
        for bit in 0..TOKEN_BYTES * 8 {
            let mut altered = signed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let text = URL_SAFE_NO_PAD.encode(altered);
            assert_eq!(verify(&text, &key), Err(InvalidToken), "bit {bit}");
        }
    }

    #[test]
    fn another_key_is_refused() {
        let text = sign(&claims(), &SigningKey::new(7, &[1; 32]));
        assert_eq!(
            verify(&text, &SigningKey::new(7, &[2; 32])),
            Err(InvalidToken)
        );
    }

    #[test]
    fn text_of_another_shape_is_refused() {
        let key = SigningKey::new(7, &[1; 32]);
        let good = sign(&claims(), &key);
        let cases = [
            String::new(),
            "a".into(),
            format!("{good}A"),
            good[..TOKEN_CHARS - 1].to_owned(),
            format!("{}+", &good[..TOKEN_CHARS - 1]),
            format!("{}/", &good[..TOKEN_CHARS - 1]),
            format!("{}=", &good[..TOKEN_CHARS - 1]),
            format!("{}é", &good[..TOKEN_CHARS - 2]),
        ];
        for text in cases {
            assert_eq!(verify(&text, &key), Err(InvalidToken), "{text:?}");
        }
    }
}
