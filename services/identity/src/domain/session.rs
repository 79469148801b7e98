//! What a presented refresh token is worth.

use std::time::Duration;

use super::refresh_token::SuccessorNonce;

/// A stored refresh token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    pub expires_at_us: i64,
    pub spent: Option<Spent>,
}

/// When a token was used and what it was exchanged for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    pub at_us: i64,
    pub successor_nonce: SuccessorNonce,
    pub successor_is_spent: bool,
}

/// A session as far as it decides about its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionStanding {
    pub expires_at_us: i64,
    pub revoked: bool,
}

/// What to do with a presented refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Exchange it for a new one.
    Rotate,
    /// It was exchanged a moment ago by the same client; answer the same successor.
    Repeat(SuccessorNonce),
    /// It was exchanged before: one of the two who hold it has stolen it, so the session ends for both.
    Reused,
    /// It is worth nothing any more.
    Ended,
}

/// Judges a token that is known.
///
/// The grace holds only while the successor itself is unused. Tabs that refresh together, or a page that was left before
/// the answer came, present the old token again within moments and never have used the new one; once the new one is in
/// use, whoever still comes with the old one is not the client it was exchanged by.
#[must_use]
pub fn judge(
    token: &StoredToken,
    session: SessionStanding,
    grace: Duration,
    now_us: i64,
) -> Verdict {
    let expired = now_us >= token.expires_at_us || now_us >= session.expires_at_us;
    if session.revoked || expired {
        return Verdict::Ended;
    }
    let Some(spent) = &token.spent else {
        return Verdict::Rotate;
    };
    let grace_us = i64::try_from(grace.as_micros()).unwrap_or(i64::MAX);
    let within_grace = now_us.saturating_sub(spent.at_us) <= grace_us;
    if within_grace && !spent.successor_is_spent {
        return Verdict::Repeat(spent.successor_nonce.clone());
    }
    Verdict::Reused
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);
    const SECOND_US: i64 = 1_000_000;
    const NOW_US: i64 = 1_000 * SECOND_US;

    fn spent(age_s: i64, successor_is_spent: bool) -> Option<Spent> {
        Some(Spent {
            at_us: NOW_US - age_s * SECOND_US,
            successor_nonce: SuccessorNonce::parse(&"A".repeat(43)).unwrap(),
            successor_is_spent,
        })
    }

    #[test]
    fn a_token_is_rotated_once_repeated_in_its_grace_and_fatal_afterwards() {
        let later = NOW_US + SECOND_US;
        let repeat = Verdict::Repeat(SuccessorNonce::parse(&"A".repeat(43)).unwrap());
        let table = [
            ("fresh", later, later, false, None, Verdict::Rotate),
            (
                "spent a moment ago",
                later,
                later,
                false,
                spent(2, false),
                repeat,
            ),
            (
                "successor in use",
                later,
                later,
                false,
                spent(2, true),
                Verdict::Reused,
            ),
            (
                "spent long ago",
                later,
                later,
                false,
                spent(11, false),
                Verdict::Reused,
            ),
            ("token expired", NOW_US, later, false, None, Verdict::Ended),
            (
                "session expired",
                later,
                NOW_US,
                false,
                None,
                Verdict::Ended,
            ),
            ("session revoked", later, later, true, None, Verdict::Ended),
            (
                "spent and expired",
                NOW_US,
                later,
                false,
                spent(60, true),
                Verdict::Ended,
            ),
        ];
        for (case, token_until, session_until, revoked, spent, verdict) in table {
            let token = StoredToken {
                expires_at_us: token_until,
                spent,
            };
            let session = SessionStanding {
                expires_at_us: session_until,
                revoked,
            };
            assert_eq!(judge(&token, session, GRACE, NOW_US), verdict, "{case}");
        }
    }
}
