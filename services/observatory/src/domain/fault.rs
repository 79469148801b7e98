//! Which spans say that something is broken, and which only that somebody was refused.

use amphi_chassis::telemetry::{FinishedSpan, SpanStatus};

/// As `rpc.response.status_code`, by its name, and as `rpc.grpc.status_code`, by its number.
const REFUSALS: [(&str, &str); 10] = [
    ("CANCELLED", "1"),
    ("INVALID_ARGUMENT", "3"),
    ("NOT_FOUND", "5"),
    ("ALREADY_EXISTS", "6"),
    ("PERMISSION_DENIED", "7"),
    ("RESOURCE_EXHAUSTED", "8"),
    ("FAILED_PRECONDITION", "9"),
    ("ABORTED", "10"),
    ("OUT_OF_RANGE", "11"),
    ("UNAUTHENTICATED", "16"),
];

/// Whether the span counts as an error on the service map.
///
/// Not every span that is marked as one does. Senders that follow OpenTelemetry mark the client span of a call that was
/// refused, and not its server span; our own services mark neither. An operator looks on the map for what is broken, and
/// must find the same on an edge as on the node it leads to.
#[must_use]
pub fn is_fault(span: &FinishedSpan) -> bool {
    span.status == SpanStatus::Error && !is_refusal(span)
}

/// Whether the call ended with an answer that the callee was right to give.
fn is_refusal(span: &FinishedSpan) -> bool {
    let http = span.attribute("http.response.status_code");
    let rpc = span.attribute("rpc.response.status_code");
    let grpc = span.attribute("rpc.grpc.status_code");
    http.is_some_and(|code| code.len() == 3 && code.starts_with('4'))
        || REFUSALS
            .iter()
            .any(|(name, number)| rpc == Some(*name) || grpc == Some(*number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestSpan as S;

    #[test]
    fn a_refusal_is_no_error_even_if_its_caller_marks_it_so() {
        for (attribute, value, expected) in [
            ("http.response.status_code", "404", false),
            ("http.response.status_code", "503", true),
            ("rpc.response.status_code", "NOT_FOUND", false),
            ("rpc.response.status_code", "UNAVAILABLE", true),
            ("rpc.grpc.status_code", "16", false),
            ("rpc.grpc.status_code", "14", true),
            ("exception.type", "OutOfCheese", true),
        ] {
            let span = S::new(1, 9, 0, 5).failed().with(attribute, value);
            assert_eq!(is_fault(&span.in_trace(1)), expected, "{attribute} {value}");
        }
        assert!(!is_fault(&S::new(1, 9, 0, 5).in_trace(1)));
    }
}
