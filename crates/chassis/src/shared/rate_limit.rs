//! A limit on how often a thing is done, shared by the processes where they share at all.

use std::fmt::Display;
use std::time::{Duration, Instant};

use super::buckets::Buckets;
use super::{Shared, Take};

/// Lets each key do a thing so often: `per_minute` of them at once, and again as many each minute. Cheap to clone.
///
/// Every process counts what it lets through itself, also while a server decides: when the server goes away, nobody starts
/// afresh.
#[derive(Debug, Clone)]
pub struct RateLimit {
    shared: Shared,
    name: &'static str,
    per_minute: u32,
    own: Buckets,
}

impl RateLimit {
    pub(super) fn new(shared: Shared, name: &'static str, per_minute: u32) -> Self {
        Self {
            shared,
            name,
            per_minute,
            own: Buckets::new(per_minute),
        }
    }

    /// Takes several tokens of the key's bucket. While there is one, all of them may be taken, and those that were not there
    /// are waited for by the next: so no single thing is too large for a low limit. A limit of 0 is none.
    ///
    /// # Errors
    /// The bucket is empty: when to try again, in whole seconds.
    pub async fn take(&self, key: impl Display + Send, tokens: u32) -> Result<(), Duration> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let key = key.to_string();
        let take = Take {
            limit: self.name,
            key: &key,
            per_minute: self.per_minute,
            tokens,
        };
        let by_all = self.shared.take(&take).await;
        if let Some(Err(wait)) = by_all {
            return Err(whole_seconds(wait));
        }
        let by_own = self.own.take(&key, tokens, Instant::now());
        by_all.unwrap_or(by_own).map_err(whole_seconds)
    }
}

/// Rounded up, so that whoever waits so long does not come too early.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn zero_is_no_limit() {
        let limit = Shared::default().rate_limit("test", 0);
        for _ in 0..1000 {
            assert_eq!(limit.take("a", 1).await, Ok(()));
        }
    }

    #[tokio::test]
    async fn without_a_server_a_process_counts_by_itself() {
        let limit = Shared::default().rate_limit("test", 2);
        assert_eq!(limit.take("a", 1).await, Ok(()));
        assert_eq!(limit.clone().take("a", 1).await, Ok(()));
        assert!(limit.take("a", 1).await.is_err());
        assert_eq!(limit.take("b", 1).await, Ok(()));
    }
}
