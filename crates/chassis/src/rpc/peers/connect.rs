//! Connections to a peer.

use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tonic::transport::{Channel, Endpoint};

use crate::config::RpcConfig;
use crate::tls::{Connector, InternalTls};

/// A connection that has died silently is noticed within the sum of these two.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTIONS_MAX: usize = 64;
/// Enough for one segment of video in flight at 100 ms round trip.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

pub(in super::super) type HttpClient = Client<Connector, axum::body::Body>;

/// An address of a role that cannot be connected to by its form.
#[derive(Debug, thiserror::Error)]
#[error("`{url}` is not an address of a service")]
pub struct BadAddress {
    url: String,
    #[source]
    source: tonic::transport::Error,
}

pub(super) fn lazy_channel(
    base_url: &str,
    settings: &RpcConfig,
    tls: Option<&InternalTls>,
) -> Result<Channel, BadAddress> {
    let endpoint = Endpoint::from_shared(base_url.to_owned()).map_err(|source| BadAddress {
        url: base_url.to_owned(),
        source,
    })?;
    let endpoint = endpoint
        .connect_timeout(settings.connect_timeout)
        // Without it, Nagle's algorithm and delayed acknowledgements make a small call take 40 ms.
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES);
    Ok(connect_lazy(&endpoint, settings.connect_timeout, tls))
}

/// A channel that is connected with its first call, over TLS where the installation has it.
pub(crate) fn connect_lazy(
    endpoint: &Endpoint,
    timeout: Duration,
    tls: Option<&InternalTls>,
) -> Channel {
    let Some(tls) = tls else {
        return endpoint.connect_lazy();
    };
    let mut tcp = HttpConnector::new();
    tcp.set_nodelay(true);
    endpoint.connect_with_connector_lazy(Connector::http2(tcp, tls, timeout))
}

/// HTTP/1.1 for the byte planes: one stream per connection has no flow control of its own to fight with.
pub(in super::super) fn http_client(settings: &RpcConfig, tls: Option<&InternalTls>) -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(settings.connect_timeout));
    connector.set_keepalive(Some(KEEPALIVE_INTERVAL));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
        .build(Connector::http1(connector, tls, settings.connect_timeout))
}
