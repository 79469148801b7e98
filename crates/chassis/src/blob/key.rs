//! Keys: paths that cannot leave the store.

use std::fmt;
use std::str::FromStr;

use super::BlobError;

/// The length of the longest key, bytes.
pub const KEY_BYTES_MAX: usize = 512;
const SEGMENT_BYTES_MAX: usize = 128;

/// The name of a blob: segments of `[A-Za-z0-9._-]` joined by `/`, none of which begins with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

impl BlobKey {
    pub fn parse(text: impl Into<String>) -> Result<Self, BlobError> {
        let text = text.into();
        match problem_with(&text) {
            None => Ok(Self(text)),
            Some(reason) => Err(BlobError::Key {
                key: text.chars().take(80).collect(),
                reason,
            }),
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem_with(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        return Some("it is empty");
    }
    if text.len() > KEY_BYTES_MAX {
        return Some("it is longer than 512 bytes");
    }
    text.split('/').find_map(|segment| {
        if segment.is_empty() {
            return Some("a part between slashes is empty");
        }
        if segment.starts_with('.') {
            return Some("a part begins with a dot");
        }
        if segment.len() > SEGMENT_BYTES_MAX {
            return Some("a part is longer than 128 bytes");
        }
        let is_plain = segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        (!is_plain).then_some("it holds something else than letters, digits, `.`, `_`, `-` and `/`")
    })
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobKey {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::{Component, Path};

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_that_could_leave_or_hide_are_refused() {
        for text in [
            "", "/", "/a", "a/", "a//b", "..", "a/../b", ".tmp/x", "a/.b", "a\\b", "a\0b", "ä",
            "a b",
        ] {
            assert!(BlobKey::parse(text).is_err(), "{text:?}");
        }
        assert!(BlobKey::parse("a".repeat(129)).is_err());
        assert!(BlobKey::parse(vec!["a"; 300].join("/")).is_err());
    }

    #[test]
    fn usual_keys_are_taken() {
        for text in ["a", "videos/0190/source", "a/b-c_d.m4s", "A..b"] {
            assert_eq!(BlobKey::parse(text).unwrap().as_str(), text);
        }
    }

    proptest! {
        #[test]
        fn no_key_escapes_the_root(text in "[a./\\\\\\-_~\u{0}]{0,24}|\\PC{0,24}") {
            if let Ok(key) = BlobKey::parse(text) {
                let only_names = Path::new(key.as_str())
                    .components()
                    .all(|part| matches!(part, Component::Normal(_)));
                prop_assert!(only_names);
                prop_assert!(Path::new("/root").join(key.as_str()).starts_with("/root"));
            }
        }
    }
}
