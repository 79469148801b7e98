//! Whose request it is, when proxies stand between.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer};

/// Proxies whose word is believed: one address, or a network such as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxies(IpNet);

/// Why a text names no trusted proxies.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustedProxiesError {
    #[error(
        "\"{0}\" is neither an address nor a network: write it like 10.0.0.5, 10.0.0.0/8 or fd00::/8"
    )]
    Malformed(String),
    #[error("\"{given}\" is an address in a network: write {network} for all of it")]
    AddressInNetwork { given: String, network: IpNet },
    #[error(
        "\"{0}\" is everybody: each client could then claim to be another; name the network that the proxies are in"
    )]
    Everybody(String),
}

impl TrustedProxies {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for TrustedProxies {
    type Err = TrustedProxiesError;

    fn from_str(text: &str) -> Result<Self, TrustedProxiesError> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let network: IpNet = text
            .parse()
            .map_err(|_| TrustedProxiesError::Malformed(text.to_owned()))?;
        let given = text.to_owned();
        if network.prefix_len() == 0 {
            return Err(TrustedProxiesError::Everybody(given));
        }
        if network.addr() != network.network() {
            let network = network.trunc();
            return Err(TrustedProxiesError::AddressInNetwork { given, network });
        }
        Ok(Self(canonical(network)))
    }
}

/// Clients are compared by their canonical address, so a network of IPv4 written as IPv6 must be one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_PREFIX: u8 = 96;
    let mapped = match network {
        IpNet::V6(network) => network.addr().to_ipv4_mapped(),
        IpNet::V4(_) => None,
    };
    let prefix = network.prefix_len().checked_sub(MAPPED_PREFIX);
    mapped
        .zip(prefix)
        .and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok())
        .map_or(network, IpNet::V4)
}

impl<'de> Deserialize<'de> for TrustedProxies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The address of the client: the peer's, or, when the peer is a trusted proxy, the last address in `X-Forwarded-For`
/// that no trusted proxy has. Whatever stands before that one may have been made up by the client.
#[must_use]
pub fn client_ip(peer: SocketAddr, headers: &HeaderMap, trusted: &[TrustedProxies]) -> IpAddr {
    let mut client = peer.ip().to_canonical();
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for hop in forwarded.into_iter().rev() {
        if !trusted.iter().any(|proxies| proxies.contains(client)) {
            break;
        }
        match hop.trim().parse::<IpAddr>() {
            Ok(address) => client = address.to_canonical(),
            Err(_) => break,
        }
    }
    client
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PROXIES: [&str; 4] = ["10.0.0.1", "10.0.0.2", "172.16.0.0/12", "fd00::/8"];

    fn check(peer: &str, forwarded: &[&str], expected: &str) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        let proxies = PROXIES.map(|text| text.parse().unwrap());
        let peer = SocketAddr::new(peer.parse().unwrap(), 4000);
        let found = client_ip(peer, &headers, &proxies);
        assert_eq!(
            found,
            expected.parse::<IpAddr>().unwrap(),
            "{peer} {forwarded:?}"
        );
    }

    #[test]
    fn only_what_trusted_proxies_say_counts() {
        check("203.0.113.9", &[], "203.0.113.9");
        check("203.0.113.9", &["198.51.100.1"], "203.0.113.9");
        check("10.0.0.1", &["198.51.100.1"], "198.51.100.1");
        check(
            "10.0.0.1",
            &["1.2.3.4, 198.51.100.1, 10.0.0.2"],
            "198.51.100.1",
        );
        check("10.0.0.1", &["1.2.3.4", "198.51.100.1"], "198.51.100.1");
        check("10.0.0.1", &["not an address"], "10.0.0.1");
        check("::ffff:10.0.0.1", &["198.51.100.1"], "198.51.100.1");
    }

    #[test]
    fn a_network_of_proxies_is_believed_and_its_neighbour_is_not() {
        check("172.31.255.254", &["198.51.100.1"], "198.51.100.1");
        check("172.32.0.1", &["198.51.100.1"], "172.32.0.1");
        check("fd12::3", &["198.51.100.1, 172.20.0.9"], "198.51.100.1");
        check("fe80::3", &["198.51.100.1"], "fe80::3");
    }

    #[test]
    fn a_network_of_ipv4_may_be_written_as_ipv6() {
        let mapped: TrustedProxies = "::ffff:10.0.0.0/104".parse().unwrap();
        assert_eq!(mapped, "10.0.0.0/8".parse().unwrap());
    }

    #[test]
    fn what_names_no_proxies_is_refused_with_what_to_write() {
        for (text, hint) in [
            ("proxy.internal", "10.0.0.0/8"),
            ("10.0.0.0/33", "10.0.0.0/8"),
            ("", "10.0.0.0/8"),
            ("10.0.0.5/8", "write 10.0.0.0/8"),
            ("fd00::1/8", "write fd00::/8"),
            ("0.0.0.0/0", "everybody"),
            ("::/0", "everybody"),
        ] {
            let error = text.parse::<TrustedProxies>().unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }
}
