//! How often clients may do what costs much or guesses, over all gateways that share.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use amphi_chassis::Problem;
use amphi_chassis::shared::{RateLimit, Shared};
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::settings::Settings;

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

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The limits of the gateway; 0 in the settings switches one off.
#[derive(Debug, Clone)]
pub struct Limits {
    attempts: RateLimit,
    /// Each refresh token has a bucket of its own: a program that runs wild with one ends nobody's sign-in but its own, while a
    /// school behind a single address refreshes as often as it has people.
    refreshes_by_token: RateLimit,
    /// Against made-up tokens alone, and generous.
    refreshes_by_address: RateLimit,
    browser_spans: RateLimit,
}

impl Limits {
    #[must_use]
    pub fn new(shared: &Shared, settings: &Settings) -> Self {
        let limit = |name, per_minute| shared.rate_limit(name, per_minute);
        Self {
            attempts: limit("attempts", settings.auth_attempts_per_minute),
            refreshes_by_token: limit("refreshes-by-token", settings.refreshes_per_minute),
            refreshes_by_address: limit(
                "refreshes-by-address",
                settings.refreshes_per_address_per_minute,
            ),
            browser_spans: limit("browser-spans", settings.browser_spans_per_minute),
        }
    }

    /// Counts an attempt to sign in or to register.
    ///
    /// # Errors
    /// They are too many; the problem says when to try again.
    pub async fn attempt(&self, network: Network) -> Result<(), Problem> {
        self.attempts.take(network, 1).await.map_err(too_many)
    }

    /// Counts an exchange of any refresh token from an address.
    ///
    /// # Errors
    /// They are too many; the problem says when to try again.
    pub async fn refresh_from(&self, network: Network) -> Result<(), Problem> {
        let limit = &self.refreshes_by_address;
        limit.take(network, 1).await.map_err(too_many)
    }

    /// Counts an exchange of this refresh token.
    ///
    /// # Errors
    /// They are too many; the problem says when to try again.
    pub async fn refresh_with(&self, token: &str) -> Result<(), Problem> {
        // The tokens themselves are not kept.
        let digest = digest::digest(&digest::SHA256, token.as_bytes());
        let key = URL_SAFE_NO_PAD.encode(digest);
        self.refreshes_by_token.take(key, 1).await.map_err(too_many)
    }

    /// Counts spans of a browser's own traces.
    ///
    /// # Errors
    /// They are too many; the problem says when to try again.
    pub async fn browser_spans(&self, network: Network, spans: u32) -> Result<(), Problem> {
        let limit = &self.browser_spans;
        limit.take(network, spans).await.map_err(too_many)
    }
}

fn too_many(retry_after: Duration) -> Problem {
    Problem::rate_limited(
        "rate_limited",
        "Too many requests of this kind. Wait as long as Retry-After says.",
    )
    .with_retry_after(retry_after)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn network(text: &str) -> Network {
        Network::of(text.parse().unwrap())
    }

    #[test]
    fn an_address_written_as_ipv6_is_the_same_address() {
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.2"), network("192.0.2.1"));
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(network("2001:db8::1"), network("2001:db8::2"));
        assert_ne!(network("2001:db8:0:1::1"), network("2001:db8::1"));
        assert_eq!(network("2001:db8::1").to_string(), "2001:db8::");
    }
}
