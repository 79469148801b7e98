//! Addresses of registries that speak Eureka's protocol.

use std::fmt;

use serde::de::Unexpected;
use serde::{Deserialize, Deserializer};

use super::dump::without_password;
use super::service_address::Protection;
use crate::Secret;

/// Where a registry is, as its clients name it: `http://host:port/eureka` or `https://…`, with `user:password@` before the host if it asks
/// for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryAddress {
    /// Without credentials, without a trailing slash.
    url: String,
    credentials: Option<Credentials>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: Secret<String>,
}

impl RegistryAddress {
    /// An address in text; characters of the credentials that have a meaning in URLs are written `%40`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        if !matches!(scheme, "http" | "https") {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find('/')?);
        let (credentials, host) = match authority.rsplit_once('@') {
            Some((credentials, host)) => (Some(Credentials::parse(credentials)?), host),
            None => (None, authority),
        };
        let url = format!("{scheme}://{host}{}", path.trim_end_matches('/'));
        let uri: http::Uri = url.parse().ok()?;
        let has_path = !matches!(uri.path(), "" | "/") && uri.query().is_none();
        let has_host = uri.host().is_some_and(|host| !host.is_empty());
        // What stands for a port is not looked into until it is asked for.
        let has_port_if_any = uri.authority().is_some_and(|authority| {
            authority.as_str() == authority.host() || authority.port_u16().is_some()
        });
        (has_path && has_host && has_port_if_any && !text.contains('#'))
            .then_some(Self { url, credentials })
    }

    /// To append `/apps` to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// User and password, if the address has them.
    #[must_use]
    pub fn credentials(&self) -> Option<(&str, &Secret<String>)> {
        let credentials = self.credentials.as_ref()?;
        Some((&credentials.user, &credentials.password))
    }

    /// How calls to it are protected. Only a registry of others is given a password: ours is shown a token that all our
    /// processes believe.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match Protection::of_url(&self.url) {
            Protection::None if self.credentials.is_some() => Protection::Foreign,
            protection => protection,
        }
    }

    /// Whether its host is a name or an address that every machine has for itself.
    #[must_use]
    pub fn is_on_this_machine(&self) -> bool {
        let uri: Option<http::Uri> = self.url.parse().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }

    /// `host:port`.
    #[must_use]
    pub fn authority(&self) -> String {
        let uri: Option<http::Uri> = self.url.parse().ok();
        let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let port = uri
            .as_ref()
            .and_then(http::Uri::port_u16)
            .unwrap_or(match self.protection() {
                Protection::Tls => 443,
                _ => 80,
            });
        format!("{host}:{port}")
    }
}

impl Credentials {
    fn parse(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        Some(Self {
            user: percent_decoded(user)?,
            password: Secret::new(percent_decoded(password)?),
        })
    }
}

/// Without the credentials.
impl fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// For settings that name registries: addresses separated by commas.
///
/// # Errors
/// One of them is no address of a registry.
pub fn registry_addresses<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<RegistryAddress>, D::Error> {
    String::deserialize(deserializer)?
        .split(',')
        .map(str::trim)
        .filter(|address| !address.is_empty())
        .map(|address| {
            RegistryAddress::parse(address).ok_or_else(|| {
                serde::de::Error::invalid_value(
                    Unexpected::Str(&without_password(address)),
                    &"addresses such as http://registry:7000/eureka, separated by commas",
                )
            })
        })
        .collect()
}

/// What stands for `%40` and the like in credentials of URLs; none if that is no text.
pub(crate) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn credentials_are_taken_out_of_the_address_and_are_not_shown() {
        let address =
            RegistryAddress::parse("http://amphi:p%40ss:w@10.0.0.5:7000/eureka/").unwrap();
        assert_eq!(address.url(), "http://10.0.0.5:7000/eureka");
        assert_eq!(address.authority(), "10.0.0.5:7000");
        let (user, password) = address.credentials().unwrap();
        assert_eq!((user, password.expose().as_str()), ("amphi", "p@ss:w"));
        let shown = format!("{address} {address:?}");
        assert!(!shown.contains("ss:w"), "{shown}");
    }

    #[test]
    fn a_registry_on_this_machine_is_told_from_others() {
        for (host, is_here) in [
            ("localhost", true),
            ("127.0.0.7:80", true),
            ("[::1]:80", true),
            ("10.0.0.5:80", false),
            ("registry", false),
            ("[fd00::1]", false),
        ] {
            let address = RegistryAddress::parse(&format!("http://{host}/eureka")).unwrap();
            assert_eq!(address.is_on_this_machine(), is_here, "{host}");
        }
    }

    #[test]
    fn what_is_no_address_of_a_registry_is_refused() {
        for text in [
            "",
            "http://",
            "http:///eureka",
            "http://registry:7000",
            "http://registry:7000/",
            "ftp://registry:7000/eureka",
            "http://registry:7000/eureka?a=b",
            "http://registry:7000/eureka#a",
            "http://user@registry:7000/eureka",
            "http://user:%4@registry:7000/eureka",
            "http://registry:port/eureka",
        ] {
            assert_eq!(RegistryAddress::parse(text), None, "{text}");
        }
    }
}
