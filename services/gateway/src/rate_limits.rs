//! Token buckets by whoever is bounded, in bounded memory.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use amphi_chassis::Problem;
use aws_lc_rs::digest;
use moka::sync::Cache;

/// The least recently seen are forgotten beyond this many; a forgotten one starts with a full bucket.
const BUCKETS_MAX: u64 = 100_000;

/// A bucket left alone for so long is full, unless it was in debt by much: forgetting it changes little.
const IDLE: Duration = Duration::from_secs(300);

/// Whom a bound by address counts: one IPv4 address, or one IPv6 /64, since one subscriber has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    #[must_use]
    pub fn of(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = address.to_bits() & (u128::MAX << 64);
                IpAddr::V6(Ipv6Addr::from_bits(prefix))
            }
        })
    }
}

/// Lets each `K` do a thing so often: `per_minute` of them at once, and again as many each minute.
#[derive(Debug, Clone)]
pub struct RateLimit<K = Network>
where
    K: Hash + Eq + Send + Sync + 'static,
{
    per_minute: u32,
    buckets: Cache<K, Arc<Mutex<Bucket>>>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero after something that took more than there was.
    tokens: f64,
    filled_at: Instant,
}

impl<K: Hash + Eq + Send + Sync + 'static> RateLimit<K> {
    /// `per_minute` 0 switches the limit off.
    #[must_use]
    pub fn per_minute(per_minute: u32) -> Self {
        Self {
            per_minute,
            buckets: Cache::builder()
                .max_capacity(BUCKETS_MAX)
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// Takes one token of the bucket.
    ///
    /// # Errors
    /// The bucket is empty; the problem says when to try again.
    pub fn take(&self, key: K) -> Result<(), Problem> {
        self.take_many(key, 1)
    }

    /// Takes several tokens of the bucket. While there is one, all of them may be taken, and those that were not there are
    /// waited for by the next: so no single thing is too large for a low limit.
    ///
    /// # Errors
    /// The bucket is empty; the problem says when to try again.
    pub fn take_many(&self, key: K, tokens: u32) -> Result<(), Problem> {
        self.take_at(key, tokens, Instant::now())
            .map_err(|wait| too_many_requests().with_retry_after(wait))
    }

    fn take_at(&self, key: K, tokens: u32, now: Instant) -> Result<(), Duration> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let capacity = f64::from(self.per_minute);
        let per_second = capacity / 60.0;
        let bucket = self.buckets.get_with(key, || {
            Arc::new(Mutex::new(Bucket {
                tokens: capacity,
                filled_at: now,
            }))
        });
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.saturating_duration_since(bucket.filled_at);
        bucket.tokens = elapsed
            .as_secs_f64()
            .mul_add(per_second, bucket.tokens)
            .min(capacity);
        bucket.filled_at = now;
        if bucket.tokens < 1.0 {
            return Err(Duration::from_secs_f64(
                ((1.0 - bucket.tokens) / per_second).ceil(),
            ));
        }
        bucket.tokens -= f64::from(tokens);
        Ok(())
    }
}

/// Bounds the exchange of refresh tokens.
///
/// Each token has a bucket of its own: a program that runs wild with one ends nobody's sign-in but its own, while a school
/// behind a single address refreshes as often as it has people. The bucket of the address is there against made-up tokens
/// alone, and generous.
#[derive(Debug, Clone)]
pub struct RefreshLimit {
    by_token: RateLimit<TokenDigest>,
    by_address: RateLimit,
}

/// SHA-256: the tokens themselves are not kept.
type TokenDigest = [u8; 32];

impl RefreshLimit {
    /// 0 switches a limit off.
    #[must_use]
    pub fn per_minute(per_token: u32, per_address: u32) -> Self {
        Self {
            by_token: RateLimit::per_minute(per_token),
            by_address: RateLimit::per_minute(per_address),
        }
    }

    /// Counts an attempt from an address.
    ///
    /// # Errors
    /// The bucket is empty; the problem says when to try again.
    pub fn take_address(&self, network: Network) -> Result<(), Problem> {
        self.by_address.take(network)
    }

    /// Counts an attempt with a token.
    ///
    /// # Errors
    /// The bucket is empty; the problem says when to try again.
    pub fn take_token(&self, token: &str) -> Result<(), Problem> {
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let mut key = TokenDigest::default();
        key.copy_from_slice(digest.as_ref());
        self.by_token.take(key)
    }
}

fn too_many_requests() -> Problem {
    Problem::rate_limited(
        "rate_limited",
        "Too many requests of this kind. Wait as long as Retry-After says.",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ip(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn a_bucket_empties_and_fills_again() {
        let limit = RateLimit::per_minute(2);
        let start = Instant::now();
        let client = ip("192.0.2.1");
        assert_eq!(limit.take_at(client, 1, start), Ok(()));
        assert_eq!(limit.take_at(client, 1, start), Ok(()));
        assert_eq!(
            limit.take_at(client, 1, start),
            Err(Duration::from_secs(30))
        );
        let later = start + Duration::from_secs(31);
        assert_eq!(limit.take_at(client, 1, later), Ok(()));
        assert!(limit.take_at(client, 1, later).is_err());
    }

    #[test]
    fn clients_are_counted_apart() {
        let limit = RateLimit::per_minute(1);
        let now = Instant::now();
        assert!(limit.take_at(ip("192.0.2.1"), 1, now).is_ok());
        assert!(limit.take_at(ip("192.0.2.2"), 1, now).is_ok());
        assert!(limit.take_at(ip("192.0.2.1"), 1, now).is_err());
        assert!(
            limit.take_at(ip("::ffff:192.0.2.1"), 1, now).is_err(),
            "the same address written as IPv6"
        );
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let limit = RateLimit::per_minute(1);
        let now = Instant::now();
        assert!(limit.take_at(ip("2001:db8::1"), 1, now).is_ok());
        assert!(limit.take_at(ip("2001:db8::2"), 1, now).is_err());
        assert!(limit.take_at(ip("2001:db8:0:1::1"), 1, now).is_ok());
    }

    #[test]
    fn what_takes_more_than_there_is_is_waited_for_by_the_next() {
        let limit = RateLimit::per_minute(60);
        let start = Instant::now();
        let client = ip("192.0.2.1");
        assert_eq!(limit.take_at(client, 100, start), Ok(()));
        assert_eq!(
            limit.take_at(client, 1, start),
            Err(Duration::from_secs(41))
        );
        let later = start + Duration::from_secs(41);
        assert_eq!(limit.take_at(client, 1, later), Ok(()));
    }

    #[test]
    fn zero_is_no_limit() {
        let limit = RateLimit::per_minute(0);
        assert!((0..1000).all(|_| limit.take(ip("192.0.2.1")).is_ok()));
    }
}
