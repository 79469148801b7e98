//! The checksum of one PATCH, as the tus extension `checksum` defines it.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The value of `Tus-Checksum-Algorithm`.
pub const ALGORITHMS: &str = "sha1,sha256,crc32";

/// Why an `Upload-Checksum` header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    #[error("Upload-Checksum must be an algorithm, one space and the checksum in Base64")]
    Malformed,
    #[error("the checksum algorithm `{0}` is not supported; use one of {ALGORITHMS}")]
    UnknownAlgorithm(String),
}

/// What the client says the bytes of this PATCH add up to, and what they add up to so far.
#[derive(Debug)]
pub struct Checksum {
    expected: Vec<u8>,
    running: Running,
}

enum Running {
    Digest(digest::Context),
    Crc32(crc32fast::Hasher),
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Digest(_) => "Digest",
            Self::Crc32(_) => "Crc32",
        })
    }
}

impl Checksum {
    /// Reads the value of an `Upload-Checksum` header.
    ///
    /// # Errors
    /// [`ChecksumError`] for an unknown algorithm, for text that is not Base64, and for a checksum of the wrong length.
    pub fn parse(header: &str) -> Result<Self, ChecksumError> {
        let (algorithm, encoded) = header
            .trim()
            .split_once(' ')
            .ok_or(ChecksumError::Malformed)?;
        let (running, length) = match algorithm.to_ascii_lowercase().as_str() {
            "sha1" => (
                Running::Digest(digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY)),
                digest::SHA1_OUTPUT_LEN,
            ),
            "sha256" => (
                Running::Digest(digest::Context::new(&digest::SHA256)),
                digest::SHA256_OUTPUT_LEN,
            ),
            "crc32" => (Running::Crc32(crc32fast::Hasher::new()), 4),
            _ => {
                let name = algorithm.chars().take(32).collect();
                return Err(ChecksumError::UnknownAlgorithm(name));
            }
        };
        let expected = STANDARD
            .decode(encoded.trim())
            .map_err(|_| ChecksumError::Malformed)?;
        if expected.len() != length {
            return Err(ChecksumError::Malformed);
        }
        Ok(Self { expected, running })
    }

    /// Takes the next bytes of the body.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.running {
            Running::Digest(context) => context.update(bytes),
            Running::Crc32(hasher) => hasher.update(bytes),
        }
    }

    /// Whether all the bytes taken are those that the client meant.
    #[must_use]
    pub fn matches(self) -> bool {
        match self.running {
            Running::Digest(context) => context.finish().as_ref() == self.expected,
            Running::Crc32(hasher) => hasher.finalize().to_be_bytes() == *self.expected,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[track_caller]
    fn check(header: &str, body: &[u8], matches: bool) {
        let mut checksum = Checksum::parse(header).unwrap();
        for piece in body.chunks(3) {
            checksum.update(piece);
        }
        assert_eq!(checksum.matches(), matches, "{header}");
    }

    #[test]
    fn each_algorithm_knows_its_bytes() {
        check("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello world", true);
        check(
            "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
            b"hello world",
            true,
        );
        check("CRC32 DUoRhQ==", b"hello world", true);
        check("sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", b"hello World", false);
        check("crc32 DUoRhQ==", b"hello worl", false);
    }

    #[test]
    fn a_header_that_cannot_be_used_is_refused() {
        for header in [
            "",
            "sha1",
            "sha1 !!!",
            "sha1 DUoRhQ==",
            "crc32 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        ] {
            assert_eq!(
                Checksum::parse(header).unwrap_err(),
                ChecksumError::Malformed,
                "{header}"
            );
        }
        assert_eq!(
            Checksum::parse("whirlpool AAAA").unwrap_err(),
            ChecksumError::UnknownAlgorithm("whirlpool".into())
        );
    }
}
