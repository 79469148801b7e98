//! What handlers take from a request, refused with a problem when it is not of the expected form.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use amphi_chassis::Problem;
use amphi_chassis::http::client_ip;
use amphi_contracts::IdError;
use axum::extract::{ConnectInfo, FromRequestParts, Path};
use http::request::Parts;
use http::{HeaderMap, HeaderName};

use crate::gateway::Gateway;
use crate::rate_limits::Network;

/// The one id in a path.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T, S> FromRequestParts<S> for Id<T>
where
    T: FromStr<Err = IdError> + Send,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid("invalid_path", error.body_text()))?;
        text.parse()
            .map(Self)
            .map_err(|error: IdError| Problem::invalid("invalid_id", error.to_string()))
    }
}

/// The address of the client, as far as it can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    /// Whom limits by address count.
    #[must_use]
    pub fn network(self) -> Network {
        Network::of(self.0)
    }
}

impl FromRequestParts<Gateway> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, gateway: &Gateway) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // Requests that came over no socket are those of one nameless client.
        let peer = peer.map_or(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)), |info| info.0);
        let trusted = &gateway.settings().trusted_proxies;
        Ok(Self(client_ip(peer, &parts.headers, trusted)))
    }
}

/// A header's text, cut to a bounded length; empty when there is none.
#[must_use]
pub fn header_text(headers: &HeaderMap, name: &HeaderName, chars_max: usize) -> String {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(chars_max)
        .collect()
}
