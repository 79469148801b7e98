//! The name by which a client and an operator speak of one request.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const LENGTH_MAX: usize = 64;

/// In the extensions of each public request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The client's own, when it is a sane one; otherwise a new one.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_sane(text));
        Self(match given {
            Some(text) => text.into(),
            None => uuid::Uuid::now_v7().to_string().into(),
        })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// It goes into logs and back into a header.
fn is_sane(text: &str) -> bool {
    (1..=LENGTH_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_sane_id_of_the_client_is_kept() {
        let id_for = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, text.parse().unwrap());
            RequestId::of(&headers).as_str().to_owned()
        };
        assert_eq!(id_for("abc-123"), "abc-123");
        assert_ne!(id_for("a b"), "a b");
        assert_ne!(id_for(&"x".repeat(65)), "x".repeat(65));
        assert_eq!(id_for("").len(), 36);
    }
}
