//! Trace and span ids, and the `traceparent` that carries them between processes.

use std::fmt;
use std::str::FromStr;

use rand::RngExt as _;

/// The id of a trace: 16 bytes, not all zero. Shown as 32 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// The id of a span within its trace: 8 bytes, not all zero. Shown as 16 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// A random id.
    #[must_use]
    pub fn generate() -> Self {
        Self(rand::rng().random_range(1..=u128::MAX).to_be_bytes())
    }

    /// From bytes as OTLP carries them; `None` if there are not 16 or all are zero.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().filter(|id| *id != [0; 16]).map(Self)
    }
}

impl SpanId {
    /// A random id.
    #[must_use]
    pub fn generate() -> Self {
        Self(rand::rng().random_range(1..=u64::MAX).to_be_bytes())
    }

    /// From bytes as OTLP carries them; `None` if there are not 8 or all are zero.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().filter(|id| *id != [0; 8]).map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

/// Text that is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TraceContextError {
    #[error("a trace id is 32 lower-case hex digits, not all zero")]
    TraceId,
    #[error("a span id is 16 lower-case hex digits, not all zero")]
    SpanId,
    #[error(
        "a traceparent is version-traceid-spanid-flags in lower-case hex, see W3C Trace Context"
    )]
    TraceParent,
}

impl FromStr for TraceId {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let bytes = hex::<16>(text).ok_or(TraceContextError::TraceId)?;
        Self::from_slice(&bytes).ok_or(TraceContextError::TraceId)
    }
}

impl FromStr for SpanId {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let bytes = hex::<8>(text).ok_or(TraceContextError::SpanId)?;
        Self::from_slice(&bytes).ok_or(TraceContextError::SpanId)
    }
}

/// The `traceparent` header: which trace, which span of it, and whether it is recorded.
///
/// W3C Trace Context, level 1: <https://www.w3.org/TR/trace-context-1/#traceparent-header>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    pub trace_id: TraceId,
    pub span_id: SpanId,
    pub sampled: bool,
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id, self.span_id)
    }
}

impl FromStr for TraceParent {
    type Err = TraceContextError;

    /// Takes version 00 exactly, and what is known of any later version but the forbidden ff.
    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let refusal = TraceContextError::TraceParent;
        let mut parts = text.splitn(5, '-');
        let mut next = || parts.next().ok_or(refusal);
        let version = hex::<1>(next()?).ok_or(refusal)?[0];
        let trace_id = next()?.parse()?;
        let span_id = next()?.parse()?;
        let flags = hex::<1>(next()?).ok_or(refusal)?[0];
        let has_more = parts.next().is_some();
        if version == 0xff || (version == 0 && has_more) {
            return Err(refusal);
        }
        Ok(Self {
            trace_id,
            span_id,
            sampled: flags & 1 == 1,
        })
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const VALID: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_survives_parsing_and_formatting() {
        let parent: TraceParent = VALID.parse().unwrap();
        assert!(parent.sampled);
        assert_eq!(parent.to_string(), VALID);
    }

    #[test]
    fn only_what_the_standard_allows_is_a_traceparent() {
        let cases = [
            (VALID, true),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
                true,
            ),
            // Unknown flags are passed over.
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff",
                true,
            ),
            // A later version may have more at its end.
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                true,
            ),
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-ever",
                true,
            ),
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
                false,
            ),
            (
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                false,
            ),
            (
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c8031-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                false,
            ),
            (
                "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                false,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319é-b7ad6b7169203331-01",
                false,
            ),
            (
                " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                false,
            ),
            ("", false),
        ];
        for (text, is_valid) in cases {
            assert_eq!(text.parse::<TraceParent>().is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn generated_ids_are_valid_and_differ() {
        let (first, second) = (TraceId::generate(), TraceId::generate());
        assert_ne!(first, second);
        assert_eq!(first.to_string().parse(), Ok(first));
        let span = SpanId::generate();
        assert_eq!(span.to_string().parse(), Ok(span));
    }
}
