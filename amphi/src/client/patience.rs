//! Pauses between tries, and an end to them.

use std::time::{Duration, Instant};

use rand::RngExt as _;

use super::ClientError;

/// How long a platform may be away, unless the caller says otherwise: longer than any restart or upgrade takes.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(600);

const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LONGEST: Duration = Duration::from_secs(10);

/// Paces tries at something until there was no progress for too long.
#[derive(Debug)]
pub struct Patience {
    give_up_after: Duration,
    last_progress: Instant,
    failures: u32,
}

impl Patience {
    pub fn new(give_up_after: Duration) -> Self {
        Self {
            give_up_after,
            last_progress: Instant::now(),
            failures: 0,
        }
    }

    /// Something went well: the time begins anew.
    pub fn progressed(&mut self) {
        self.last_progress = Instant::now();
        self.failures = 0;
    }

    /// Waits before the next try after `error`: ever longer, never quite the same, and at least as long as the platform
    /// asked for.
    ///
    /// # Errors
    /// `error` itself when another try is of no use, [`ClientError::GaveUp`] when the time is over.
    pub async fn pause_after(
        &mut self,
        error: ClientError,
        mut tell: impl FnMut(&ClientError),
    ) -> Result<(), ClientError> {
        if !error.is_transient() {
            return Err(error);
        }
        let without_progress = self.last_progress.elapsed();
        let Some(pause) = self.pause_at(without_progress, error.retry_after()) else {
            return Err(ClientError::GaveUp {
                after: without_progress,
                cause: Box::new(error),
            });
        };
        tell(&error);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// How long to wait, or `None` when that is longer than there is time.
    fn pause_at(
        &mut self,
        without_progress: Duration,
        asked: Option<Duration>,
    ) -> Option<Duration> {
        let pause = self.next_pause().max(asked.unwrap_or_default());
        (without_progress + pause <= self.give_up_after).then_some(pause)
    }

    fn next_pause(&mut self) -> Duration {
        let ceiling = PAUSE_FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(PAUSE_LONGEST);
        self.failures = self.failures.saturating_add(1);
        // Clients that lost the same platform at once must not come back at once.
        ceiling.mul_f64(rand::rng().random_range(0.5..1.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn tries_grow_rarer_and_end_when_nothing_moves() {
        let mut patience = Patience::new(MINUTE);
        let mut waited = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = patience.pause_at(waited, None) {
            waited += pause;
            pauses.push(pause);
        }
        assert!(pauses[0] <= PAUSE_FIRST);
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_LONGEST));
        assert!(waited >= MINUTE - PAUSE_LONGEST, "{waited:?}");
        assert!((8..=20).contains(&pauses.len()), "{pauses:?}");
        patience.progressed();
        assert!(patience.pause_at(Duration::ZERO, None).unwrap() <= PAUSE_FIRST);
    }

    #[test]
    fn the_platforms_own_time_is_respected() {
        let mut patience = Patience::new(MINUTE);
        let asked = Some(Duration::from_secs(7));
        assert_eq!(patience.pause_at(Duration::ZERO, asked), asked);
        let longer_than_there_is = Some(2 * MINUTE);
        assert_eq!(
            patience.pause_at(Duration::ZERO, longer_than_there_is),
            None
        );
    }

    #[tokio::test]
    async fn what_does_not_pass_by_itself_is_not_waited_for() {
        let mut patience = Patience::new(MINUTE);
        let end = patience
            .pause_after(ClientError::UploadGone, |_| panic!("nothing to wait for"))
            .await
            .unwrap_err();
        assert!(matches!(end, ClientError::UploadGone), "{end}");
    }
}
