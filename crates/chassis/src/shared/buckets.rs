//! Token buckets of one process, in bounded memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use moka::sync::Cache;

/// The least recently seen are forgotten beyond this many; a forgotten one starts with a full bucket.
const BUCKETS_MAX: u64 = 100_000;

/// A bucket left alone for so long is full, unless it was in debt by much: forgetting it changes little.
const IDLE: Duration = Duration::from_secs(300);

/// A bucket for each key: it holds `per_minute` tokens, and is filled with as many each minute.
#[derive(Debug, Clone)]
pub(super) struct Buckets {
    per_minute: u32,
    buckets: Cache<String, Arc<Mutex<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero after something that took more than there was.
    tokens: f64,
    filled_at: Instant,
}

impl Buckets {
    /// `per_minute` is above zero.
    pub fn new(per_minute: u32) -> Self {
        Self {
            per_minute,
            buckets: Cache::builder()
                .max_capacity(BUCKETS_MAX)
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// Takes tokens if there is one, or says how long to wait for it.
    pub fn take(&self, key: &str, tokens: u32, now: Instant) -> Result<(), Duration> {
        let capacity = f64::from(self.per_minute);
        let per_second = capacity / 60.0;
        let full = || {
            Arc::new(Mutex::new(Bucket {
                tokens: capacity,
                filled_at: now,
            }))
        };
        let bucket = self.buckets.entry_by_ref(key).or_insert_with(full);
        let mut bucket = bucket
            .value()
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(bucket.filled_at);
        bucket.tokens = elapsed
            .as_secs_f64()
            .mul_add(per_second, bucket.tokens)
            .min(capacity);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.tokens) / per_second));
        }
        bucket.tokens -= f64::from(tokens);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let buckets = Buckets::new(2);
        let start = Instant::now();
        assert_eq!(buckets.take("a", 1, start), Ok(()));
        assert_eq!(buckets.take("a", 1, start), Ok(()));
        assert_eq!(buckets.take("a", 1, start), Err(Duration::from_secs(30)));
        let later = start + Duration::from_secs(31);
        assert_eq!(buckets.take("a", 1, later), Ok(()));
        assert!(buckets.take("a", 1, later).is_err());
    }

    #[test]
    fn keys_are_counted_apart() {
        let buckets = Buckets::new(1);
        let now = Instant::now();
        assert!(buckets.take("a", 1, now).is_ok());
        assert!(buckets.take("b", 1, now).is_ok());
        assert!(buckets.take("a", 1, now).is_err());
    }

    #[test]
    fn what_takes_more_than_there_is_is_waited_for_by_the_next() {
        let buckets = Buckets::new(60);
        let start = Instant::now();
        assert_eq!(buckets.take("a", 100, start), Ok(()));
        assert_eq!(buckets.take("a", 1, start), Err(Duration::from_secs(41)));
        let later = start + Duration::from_secs(41);
        assert_eq!(buckets.take("a", 1, later), Ok(()));
    }
}
