//! The rules of one resumable upload (tus 1.0), apart from where its bytes lie.

use amphi_contracts::{AccountId, UploadId, VideoId};

use super::Error;
use crate::keys;

/// Where an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadState {
    /// Bytes may be added.
    Open,
    /// All its bytes are here.
    Complete,
    /// What came is no video; why, as a sentence for people.
    Refused(String),
}

/// One resumable upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    pub id: UploadId,
    pub video_id: VideoId,
    pub owner_id: AccountId,
    pub state: UploadState,
    /// Bytes in all; `None` until the client knows.
    pub length: Option<u64>,
    /// Bytes that are durably here.
    pub received: u64,
    /// The header `Upload-Metadata` as it came.
    pub metadata: String,
    /// Microseconds since the Unix epoch.
    pub expires_at_us: i64,
    pub traceparent: Option<String>,
}

/// What a PATCH says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchHead {
    /// `Upload-Offset`.
    pub offset: u64,
    /// `Content-Length`; `None` when the body is chunked.
    pub content_length: Option<u64>,
    /// `Upload-Length`, for an upload that was created without one.
    pub declared_length: Option<u64>,
}

/// How much a PATCH may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatchRoom {
    /// The whole length, when it is known by now.
    pub length: Option<u64>,
    /// Bytes that still fit.
    pub bytes_max: u64,
}

impl Upload {
    /// The key of its bytes in the blob store: a partial while it is open, a blob once it is complete.
    #[must_use]
    pub fn source_key(&self) -> String {
        keys::source(self.video_id, self.id)
    }

    /// Whether bytes may be added.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.state == UploadState::Open
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.length == Some(self.received)
    }

    /// Decides whether a PATCH may write, and how much.
    ///
    /// # Errors
    /// The refusals of the tus protocol: expired, refused source, wrong offset, more bytes than there is room for, a
    /// length that contradicts the known one.
    pub fn admit(
        &self,
        head: PatchHead,
        upload_bytes_max: u64,
        now_us: i64,
    ) -> Result<PatchRoom, Error> {
        if let UploadState::Refused(reason) = &self.state {
            return Err(Error::SourceRefused(reason.clone()));
        }
        if self.state == UploadState::Open && self.expires_at_us <= now_us {
            return Err(Error::UploadExpired);
        }
        let length = match (self.length, head.declared_length) {
            (Some(known), Some(declared)) if known != declared => {
                return Err(Error::LengthChanged { known });
            }
            (known, declared) => known.or(declared),
        };
        if head.offset != self.received {
            return Err(Error::OffsetMismatch {
                expected: self.received,
                got: head.offset,
            });
        }
        if length.is_some_and(|length| length > upload_bytes_max) {
            return Err(Error::UploadTooLarge {
                bytes_max: upload_bytes_max,
            });
        }
        if length.is_some_and(|length| length < self.received) {
            return Err(Error::BeyondLength {
                length: self.received,
            });
        }
        let end_max = length.unwrap_or(upload_bytes_max);
        let bytes_max = end_max - self.received.min(end_max);
        if head.content_length.is_some_and(|bytes| bytes > bytes_max) {
            return Err(match length {
                Some(length) => Error::BeyondLength { length },
                None => Error::UploadTooLarge {
                    bytes_max: upload_bytes_max,
                },
            });
        }
        Ok(PatchRoom { length, bytes_max })
    }
}

/// The offset to go on from, when the row says `recorded` and the file holds `present` bytes. What the file holds beyond
/// the record was never acknowledged and may be half of a chunk with a checksum; what it lacks is lost.
#[must_use]
pub const fn durable_offset(recorded: u64, present: u64) -> u64 {
    if present < recorded {
        present
    } else {
        recorded
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn upload(length: Option<u64>, received: u64) -> Upload {
        Upload {
            id: UploadId::generate(),
            video_id: VideoId::generate(),
            owner_id: AccountId::generate(),
            state: UploadState::Open,
            length,
            received,
            metadata: String::new(),
            expires_at_us: 1_000,
            traceparent: None,
        }
    }

    const fn head(offset: u64, content_length: Option<u64>) -> PatchHead {
        PatchHead {
            offset,
            content_length,
            declared_length: None,
        }
    }

    #[test]
    fn a_patch_at_the_offset_may_bring_what_is_missing() {
        let room = upload(Some(100), 40)
            .admit(head(40, Some(60)), 1_000, 0)
            .unwrap();
        assert_eq!(
            room,
            PatchRoom {
                length: Some(100),
                bytes_max: 60
            }
        );
        let chunked = upload(Some(100), 40)
            .admit(head(40, None), 1_000, 0)
            .unwrap();
        assert_eq!(chunked.bytes_max, 60);
    }

    #[test]
    fn a_patch_anywhere_else_is_told_the_offset() {
        let error = upload(Some(100), 40)
            .admit(head(39, Some(1)), 1_000, 0)
            .unwrap_err();
        assert!(matches!(
            error,
            Error::OffsetMismatch {
                expected: 40,
                got: 39
            }
        ));
    }

    #[test]
    fn a_patch_beyond_the_length_is_refused_before_its_body() {
        let error = upload(Some(100), 40)
            .admit(head(40, Some(61)), 1_000, 0)
            .unwrap_err();
        assert!(matches!(error, Error::BeyondLength { length: 100 }));
    }

    #[test]
    fn an_upload_of_unknown_length_is_bounded_by_the_limit() {
        let open = upload(None, 900);
        assert_eq!(
            open.admit(head(900, None), 1_000, 0).unwrap().bytes_max,
            100
        );
        let error = open.admit(head(900, Some(101)), 1_000, 0).unwrap_err();
        assert!(matches!(error, Error::UploadTooLarge { bytes_max: 1_000 }));
        let late = PatchHead {
            declared_length: Some(1_001),
            ..head(900, None)
        };
        assert!(matches!(
            open.admit(late, 1_000, 0),
            Err(Error::UploadTooLarge { .. })
        ));
        let shorter_than_received = PatchHead {
            declared_length: Some(899),
            ..head(900, None)
        };
        assert!(matches!(
            open.admit(shorter_than_received, 1_000, 0),
            Err(Error::BeyondLength { .. })
        ));
    }

    #[test]
    fn a_length_is_declared_once() {
        let changed = PatchHead {
            declared_length: Some(99),
            ..head(40, None)
        };
        assert!(matches!(
            upload(Some(100), 40).admit(changed, 1_000, 0),
            Err(Error::LengthChanged { known: 100 })
        ));
        let same = PatchHead {
            declared_length: Some(100),
            ..head(40, None)
        };
        assert!(upload(Some(100), 40).admit(same, 1_000, 0).is_ok());
    }

    #[test]
    fn time_and_refusal_close_an_upload() {
        let expired = upload(Some(100), 40)
            .admit(head(40, None), 1_000, 1_000)
            .unwrap_err();
        assert!(matches!(expired, Error::UploadExpired));
        let mut refused = upload(Some(100), 40);
        refused.state = UploadState::Refused("This is a text document.".into());
        let error = refused.admit(head(40, None), 1_000, 0).unwrap_err();
        assert!(
            matches!(error, Error::SourceRefused(reason) if reason == "This is a text document.")
        );
    }

    #[test]
    fn a_repeated_last_patch_of_a_complete_upload_has_no_room_but_is_no_error() {
        let mut full = upload(Some(100), 100);
        full.state = UploadState::Complete;
        assert_eq!(
            full.admit(head(100, Some(0)), 1_000, 5_000)
                .unwrap()
                .bytes_max,
            0
        );
    }

    #[test]
    fn the_offset_is_what_is_both_recorded_and_present() {
        assert_eq!(durable_offset(10, 30), 10);
        assert_eq!(durable_offset(30, 10), 10);
    }
}
