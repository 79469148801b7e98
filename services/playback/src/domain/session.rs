//! A viewer's permission to fetch media, and what ends it before its time.

use amphi_contracts::{AccountId, PlaybackSessionId, SessionId, VideoId};

/// Permission to fetch media until a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: PlaybackSessionId,
    /// Nobody in particular, when absent.
    pub account_id: Option<AccountId>,
    /// The sign-in that it was made in; it ends with that.
    pub sign_in_id: Option<SessionId>,
    /// Any public video, when absent.
    pub video_id: Option<VideoId>,
    /// Its account owns the video or is an administrator: the video's being made private does not end it.
    pub sees_private: bool,
    /// Microseconds since the Unix epoch, as all times here.
    pub created_at_us: i64,
    pub expires_at_us: i64,
    pub revoked_at_us: Option<i64>,
}

/// Why a video may not be played any more by some or by all who could before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoLock {
    Private,
    Deleted,
}

/// Why a session may not be used for a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Revoked,
    SignedOut,
    VideoPrivate,
    VideoDeleted,
}

/// Whether a session may be used for a video, given what has happened to the video and to the sign-in.
///
/// The lock is the state the video is in now, not a list of sessions that it ended: a session written down at the same
/// moment as the lock is ended by it all the same.
#[must_use]
pub fn ended(session: &Session, lock: Option<VideoLock>, signed_out: bool) -> Option<Ended> {
    if session.revoked_at_us.is_some() {
        return Some(Ended::Revoked);
    }
    if signed_out {
        return Some(Ended::SignedOut);
    }
    match lock {
        Some(VideoLock::Deleted) => Some(Ended::VideoDeleted),
        Some(VideoLock::Private) if !session.sees_private => Some(Ended::VideoPrivate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session {
            id: PlaybackSessionId::generate(),
            account_id: None,
            sign_in_id: None,
            video_id: None,
            sees_private: false,
            created_at_us: 1,
            expires_at_us: 2,
            revoked_at_us: None,
        }
    }

    #[test]
    fn what_ends_a_session() {
        let plain = session();
        let owner = Session {
            sees_private: true,
            ..session()
        };
        let revoked = Session {
            revoked_at_us: Some(1),
            ..session()
        };
        let cases = [
            (&plain, None, false, None),
            (&plain, None, true, Some(Ended::SignedOut)),
            (
                &plain,
                Some(VideoLock::Private),
                false,
                Some(Ended::VideoPrivate),
            ),
            (&owner, Some(VideoLock::Private), false, None),
            (
                &owner,
                Some(VideoLock::Deleted),
                false,
                Some(Ended::VideoDeleted),
            ),
            (&revoked, None, false, Some(Ended::Revoked)),
        ];
        for (session, lock, signed_out, expected) in cases {
            assert_eq!(
                ended(session, lock, signed_out),
                expected,
                "{lock:?} {signed_out}"
            );
        }
    }
}
