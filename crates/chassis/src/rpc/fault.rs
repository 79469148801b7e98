//! Which answers are failures of the platform, and which are refusals that it was right to give.

use tonic::Code;

/// Whether the callee, or the way to it, failed.
///
/// Spans of both sides of a call are marked as errors by this one rule. The semantic conventions of OpenTelemetry would
/// mark a client span for every code but OK; we do not follow them there. Services ask each other all day for what may not
/// exist or may not be seen, so that an edge of the service map would show errors where nobody has anything to mend, and
/// disagree with the node it leads to. The code itself stands on both spans as `rpc.response.status_code`.
///
/// `UNIMPLEMENTED` counts: two roles of different versions meet. `RESOURCE_EXHAUSTED` does not: it is what a caller is told
/// who asks too often or for too much, while a role that is overloaded answers `UNAVAILABLE`. Nor does `CANCELLED`, by which
/// a caller ends its own call.
pub(super) const fn is_fault(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
