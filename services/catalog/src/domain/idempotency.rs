use aws_lc_rs::digest;

use super::Error;
use super::series::NewSeries;
use super::video::NewVideo;

const KEY_BYTES_MAX: usize = 255;

/// A client's name for one request to create something, so that sending it again creates nothing more.
///
/// Kept as a digest: whatever the client chose compares exactly on each database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `None` when the client gave none.
    ///
    /// # Errors
    /// [`Error::Malformed`] when it is longer than 255 bytes.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > KEY_BYTES_MAX {
            return Err(Error::Malformed(format!(
                "The idempotency key has {} bytes; at most {KEY_BYTES_MAX} are taken.",
                text.len()
            )));
        }
        Ok(Some(Self(sha256_hex(&[text]))))
    }

    #[must_use]
    pub fn digest(&self) -> &str {
        &self.0
    }
}

/// What a request asks for. The same key with another fingerprint is a client's mistake, not a repetition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    #[must_use]
    pub fn of_video(new: &NewVideo) -> Self {
        Self(sha256_hex(&[
            "video",
            new.title.as_str(),
            new.description.as_str(),
            new.visibility.as_str(),
        ]))
    }

    #[must_use]
    pub fn of_series(new: &NewSeries) -> Self {
        Self(sha256_hex(&[
            "series",
            new.kind.as_str(),
            new.title.as_str(),
            new.description.as_str(),
        ]))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Each part is preceded by its length, so that no two lists of parts are the same bytes.
fn sha256_hex(parts: &[&str]) -> String {
    use std::fmt::Write as _;
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part.as_bytes());
    }
    context
        .finish()
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::domain::{Description, Title, Visibility};

    fn fingerprint(title: &str, description: &str) -> Fingerprint {
        Fingerprint::of_video(&NewVideo {
            title: Title::parse(title).unwrap(),
            description: Description::parse(description).unwrap(),
            visibility: Visibility::Public,
        })
    }

    #[test]
    fn a_key_is_any_text_up_to_255_bytes() {
        assert_eq!(IdempotencyKey::parse("").unwrap(), None);
        let upper = IdempotencyKey::parse("ABC").unwrap().unwrap();
        let lower = IdempotencyKey::parse("abc").unwrap().unwrap();
        assert_ne!(upper, lower);
        assert_eq!(upper.digest().len(), 64);
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        assert!(IdempotencyKey::parse(&"k".repeat(256)).is_err());
    }

    #[test]
    fn a_fingerprint_is_of_all_that_was_asked() {
        assert_eq!(fingerprint("ab", "c"), fingerprint("ab", "c"));
        assert_ne!(fingerprint("ab", "c"), fingerprint("a", "bc"));
    }
}
