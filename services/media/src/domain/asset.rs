//! The way of an asset, from the first byte to its whole ladder.

pub use amphi_contracts::events::AssetState;
use amphi_contracts::proto::media::v1 as proto;

/// What can happen to an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The last byte of the source is here.
    SourceReceived,
    /// The source can be read, and what to make of it is decided.
    Planned,
    /// Every rendition has its first segment.
    Playable,
    /// Every task that the video needs is done.
    Finished,
    /// It cannot go on; also an upload that was given up.
    Failed,
    /// A new upload for the same video, after a failed one.
    UploadedAnew,
}

/// A step that does not follow from the state the asset is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an asset that is {state:?} cannot take the step {step:?}")]
pub struct IllegalStep {
    pub state: AssetState,
    pub step: Step,
}

/// The state after `step`.
///
/// # Errors
/// [`IllegalStep`] when the step does not follow from `state`.
pub const fn advance(state: AssetState, step: Step) -> Result<AssetState, IllegalStep> {
    match (state, step) {
        (AssetState::Uploading, Step::SourceReceived) => Ok(AssetState::Inspecting),
        (AssetState::Inspecting, Step::Planned) => Ok(AssetState::Encoding),
        (AssetState::Encoding, Step::Playable) => Ok(AssetState::Viewable),
        (AssetState::Viewable, Step::Finished) => Ok(AssetState::Ready),
        (
            AssetState::Uploading
            | AssetState::Inspecting
            | AssetState::Encoding
            | AssetState::Viewable,
            Step::Failed,
        ) => Ok(AssetState::Failed),
        (AssetState::Failed, Step::UploadedAnew) => Ok(AssetState::Uploading),
        _ => Err(IllegalStep { state, step }),
    }
}

/// Whether nothing will happen to it any more, unless somebody uploads anew.
#[must_use]
pub const fn is_final(state: AssetState) -> bool {
    matches!(state, AssetState::Ready | AssetState::Failed)
}

/// The name of a state in the database.
#[must_use]
pub const fn state_name(state: AssetState) -> &'static str {
    match state {
        AssetState::Uploading => "uploading",
        AssetState::Inspecting => "inspecting",
        AssetState::Encoding => "encoding",
        AssetState::Viewable => "viewable",
        AssetState::Ready => "ready",
        AssetState::Failed => "failed",
    }
}

/// The state of a name in the database.
#[must_use]
pub fn state_named(name: &str) -> Option<AssetState> {
    [
        AssetState::Uploading,
        AssetState::Inspecting,
        AssetState::Encoding,
        AssetState::Viewable,
        AssetState::Ready,
        AssetState::Failed,
    ]
    .into_iter()
    .find(|state| state_name(*state) == name)
}

/// The state as the contract says it.
#[must_use]
pub const fn state_to_proto(state: AssetState) -> proto::AssetState {
    match state {
        AssetState::Uploading => proto::AssetState::Uploading,
        AssetState::Inspecting => proto::AssetState::Inspecting,
        AssetState::Encoding => proto::AssetState::Encoding,
        AssetState::Viewable => proto::AssetState::Viewable,
        AssetState::Ready => proto::AssetState::Ready,
        AssetState::Failed => proto::AssetState::Failed,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const STATES: [AssetState; 6] = [
        AssetState::Uploading,
        AssetState::Inspecting,
        AssetState::Encoding,
        AssetState::Viewable,
        AssetState::Ready,
        AssetState::Failed,
    ];

    #[test]
    fn the_way_leads_from_the_first_byte_to_ready() {
        let steps = [
            Step::SourceReceived,
            Step::Planned,
            Step::Playable,
            Step::Finished,
        ];
        let end = steps
            .into_iter()
            .try_fold(AssetState::Uploading, advance)
            .unwrap();
        assert_eq!(end, AssetState::Ready);
    }

    #[test]
    fn what_is_ready_cannot_fail_and_what_failed_starts_only_anew() {
        assert!(advance(AssetState::Ready, Step::Failed).is_err());
        for step in [
            Step::SourceReceived,
            Step::Planned,
            Step::Playable,
            Step::Finished,
            Step::Failed,
        ] {
            assert!(advance(AssetState::Failed, step).is_err());
        }
        assert_eq!(
            advance(AssetState::Failed, Step::UploadedAnew),
            Ok(AssetState::Uploading)
        );
    }

    #[test]
    fn no_step_is_legal_twice() {
        for state in STATES {
            for step in [
                Step::SourceReceived,
                Step::Planned,
                Step::Playable,
                Step::Finished,
                Step::Failed,
            ] {
                if let Ok(after) = advance(state, step) {
                    assert!(advance(after, step).is_err(), "{state:?} {step:?}");
                }
            }
        }
    }

    #[test]
    fn every_state_is_found_again_by_its_name() {
        for state in STATES {
            assert_eq!(state_named(state_name(state)), Some(state));
        }
        assert_eq!(state_named("unheard of"), None);
    }
}
