//! Signed URLs and signed cookies of Amazon CloudFront.
//!
//! The format is CloudFront's own ("Serve private content with signed URLs and signed cookies" in its developer guide): a policy
//! in JSON without a space is signed, and the signature, in a Base64 of its own, stands in the query or in cookies. A *canned*
//! policy is not sent, since CloudFront can write it from the URL and `Expires`: it must be the same to the byte.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{SigningFailed, SigningKey};

/// Signs for one distribution.
#[derive(Debug)]
pub struct CloudFront {
    key_pair_id: String,
    key: SigningKey,
}

impl CloudFront {
    #[must_use]
    pub fn new(key_pair_id: &str, key: SigningKey) -> Self {
        Self {
            key_pair_id: key_pair_id.to_owned(),
            key,
        }
    }

    /// `url` as it can be fetched until `expires_at_s`, seconds since the Unix epoch, by a canned policy.
    ///
    /// # Errors
    /// See [`SigningKey::sign`].
    pub fn signed_url(&self, url: &str, expires_at_s: i64) -> Result<String, SigningFailed> {
        let signature = self.key.sign(policy(url, expires_at_s).as_bytes())?;
        let separator = if url.contains('?') { '&' } else { '?' };
        Ok(format!(
            "{url}{separator}Expires={expires_at_s}&Signature={}&Key-Pair-Id={}&Hash-Algorithm=SHA256",
            encode(&signature),
            self.key_pair_id
        ))
    }

    /// Names and values of the cookies with which everything can be fetched that `resource` stands for, by a custom policy. In
    /// `resource` an asterisk stands for any text.
    ///
    /// # Errors
    /// See [`SigningKey::sign`].
    pub fn cookies(
        &self,
        resource: &str,
        expires_at_s: i64,
    ) -> Result<[(&'static str, String); 4], SigningFailed> {
        let policy = policy(resource, expires_at_s);
        let signature = self.key.sign(policy.as_bytes())?;
        Ok([
            ("CloudFront-Policy", encode(policy.as_bytes())),
            ("CloudFront-Signature", encode(&signature)),
            ("CloudFront-Key-Pair-Id", self.key_pair_id.clone()),
            ("CloudFront-Hash-Algorithm", "SHA256".to_owned()),
        ])
    }
}

/// Canned, and the simplest custom one. `resource` needs no escaping: its path is a key of a blob.
fn policy(resource: &str, expires_at_s: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires_at_s}}}}}}}]}}"#
    )
}

/// Base64 with what a query cannot hold replaced.
fn encode(bytes: &[u8]) -> String {
    STANDARD
        .encode(bytes)
        .replace('+', "-")
        .replace('=', "_")
        .replace('/', "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_written_as_cloudfront_writes_it() {
        let expected = r#"{"Statement":[{"Resource":"https://cdn.example.org/a/0.m4s","Condition":{"DateLessThan":{"AWS:EpochTime":1357034400}}}]}"#;
        assert_eq!(
            policy("https://cdn.example.org/a/0.m4s", 1_357_034_400),
            expected
        );
    }

    #[test]
    fn what_a_query_cannot_hold_is_replaced() {
        assert_eq!(encode(&[0xfb, 0xef, 0xff, 0xfe]), "--~~~g__");
    }
}
