//! Addresses of roles in other processes.

use std::fmt;

use serde::de::Unexpected;
use serde::{Deserialize, Deserializer};

use super::dump::without_password;
use super::registry_address::RegistryAddress;
use super::sections::parsed_origin;

const DNS_SCHEME: &str = "dns+";
const EUREKA_SCHEME: &str = "eureka+";

/// Where processes of a role are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceAddress {
    /// One process, or a balancer before several: `http://host:port`, without a trailing slash.
    Fixed(String),
    /// One process at each address that the name has now: `dns+http://host:port`.
    Dns {
        scheme: &'static str,
        host: String,
        port: u16,
    },
    /// The processes that a registry knows: `eureka+http://host:port/eureka`.
    Registry(RegistryAddress),
}

/// How calls to an address are kept from others on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    None,
    Tls,
    /// A registry of others, that is told where our processes are and a password of its own, and neither is asked for more.
    Foreign,
}

impl Protection {
    pub(super) fn of_url(url: &str) -> Self {
        if url.starts_with("https://") {
            Self::Tls
        } else {
            Self::None
        }
    }
}

/// Several, separated by commas.
#[derive(Debug, Clone)]
pub(super) struct ServiceAddresses(pub Vec<ServiceAddress>);

impl ServiceAddress {
    /// A base URL to connect to, whichever process is behind it; `None` when a registry is asked which there are.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        match self {
            Self::Fixed(url) => Some(url.clone()),
            Self::Dns { scheme, host, port } => Some(format!("{scheme}://{host}:{port}")),
            Self::Registry(_) => None,
        }
    }

    /// How calls to it are protected.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self {
            Self::Fixed(url) => Protection::of_url(url),
            Self::Dns {
                scheme: "https", ..
            } => Protection::Tls,
            Self::Dns { .. } => Protection::None,
            Self::Registry(address) => address.protection(),
        }
    }
}

impl fmt::Display for ServiceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(url) => f.write_str(url),
            Self::Dns { scheme, host, port } => write!(f, "{DNS_SCHEME}{scheme}://{host}:{port}"),
            Self::Registry(registry) => write!(f, "{EUREKA_SCHEME}{registry}"),
        }
    }
}

impl<'de> Deserialize<'de> for ServiceAddresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .split(',')
            .map(str::trim)
            .filter(|address| !address.is_empty())
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn parse<E: serde::de::Error>(text: &str) -> Result<ServiceAddress, E> {
    let shown = without_password(text);
    let refusal = |expected| E::invalid_value(Unexpected::Str(&shown), expected);
    if let Some(registry) = text.strip_prefix(EUREKA_SCHEME) {
        return RegistryAddress::parse(registry)
            .map(ServiceAddress::Registry)
            .ok_or_else(|| {
                refusal(&"an address of a registry such as eureka+http://registry:7000/eureka")
            });
    }
    let Some(name) = text.strip_prefix(DNS_SCHEME) else {
        return parsed_origin(text)
            .map(ServiceAddress::Fixed)
            .ok_or_else(|| refusal(&"an address such as http://10.0.0.5:7000, without a path"));
    };
    parsed_name(name).ok_or_else(|| refusal(&"a name with a port, such as dns+http://catalog:7000"))
}

fn parsed_name(name: &str) -> Option<ServiceAddress> {
    let uri: http::Uri = parsed_origin(name)?.parse().ok()?;
    Some(ServiceAddress::Dns {
        scheme: match uri.scheme_str() {
            Some("https") => "https",
            _ => "http",
        },
        host: uri.host()?.to_owned(),
        port: uri.port_u16()?,
    })
}
