//! Between the rows' signed numbers and names, and the types of the domain.

use amphi_contracts::events::AssetState;
use amphi_contracts::{AccountId, UploadId, VideoId};

use super::entities::upload;
use crate::domain::Error;
use crate::domain::asset::state_named;
use crate::domain::upload::{Upload, UploadState};

/// A count as a row keeps it. What does not fit is beyond every limit of the service.
pub fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A count from a row; none is negative.
pub fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

pub fn signed32(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

pub fn unsigned32(count: i32) -> u32 {
    u32::try_from(count).unwrap_or(0)
}

pub fn state_of(name: &str) -> Result<AssetState, Error> {
    state_named(name).ok_or_else(|| Error::Corrupt {
        what: "asset state",
        detail: name.to_owned(),
    })
}

const REASON_CHARS_MAX: usize = 1_000;

/// A reason cut to what its column holds.
pub fn reason(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}

pub const OPEN: &str = "open";
pub const COMPLETE: &str = "complete";
pub const REFUSED: &str = "refused";

impl TryFrom<upload::Model> for Upload {
    type Error = Error;

    fn try_from(row: upload::Model) -> Result<Self, Error> {
        let state = match row.state.as_str() {
            OPEN => UploadState::Open,
            COMPLETE => UploadState::Complete,
            REFUSED => UploadState::Refused(row.refusal.unwrap_or_default()),
            other => {
                return Err(Error::Corrupt {
                    what: "upload state",
                    detail: other.to_owned(),
                });
            }
        };
        Ok(Self {
            id: UploadId::from_uuid(row.id),
            video_id: VideoId::from_uuid(row.video_id),
            owner_id: AccountId::from_uuid(row.owner_id),
            state,
            length: row.length.map(unsigned),
            received: unsigned(row.received),
            metadata: row.metadata,
            expires_at_us: row.expires_at_us,
            traceparent: row.traceparent,
        })
    }
}
