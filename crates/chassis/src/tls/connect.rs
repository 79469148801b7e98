//! Connections to other processes, over TLS where the installation has it.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::InternalTls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Connects over TCP and, where the installation has it, TLS: both within one time.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    lane: Lane,
    timeout: Duration,
}

#[derive(Debug, Clone)]
enum Lane {
    Plain(HttpConnector),
    /// Refuses addresses of `http://`: nothing found by whatever way makes a call go unprotected.
    Tls(HttpsConnector<HttpConnector>),
}

impl Connector {
    /// For HTTP/1.1.
    pub fn http1(tcp: HttpConnector, tls: Option<&InternalTls>, timeout: Duration) -> Self {
        let lane = match tls {
            None => Lane::Plain(tcp),
            Some(tls) => Lane::Tls(
                HttpsConnectorBuilder::new()
                    .with_tls_config(tls.client_config())
                    .https_only()
                    .enable_http1()
                    .wrap_connector(any_scheme(tcp)),
            ),
        };
        Self { lane, timeout }
    }

    /// For HTTP/2, over TLS.
    pub fn http2(tcp: HttpConnector, tls: &InternalTls, timeout: Duration) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls.client_config())
            .https_only()
            .enable_http2()
            .wrap_connector(any_scheme(tcp));
        Self {
            lane: Lane::Tls(https),
            timeout,
        }
    }
}

/// What is beneath TLS sees `https://`.
fn any_scheme(mut tcp: HttpConnector) -> HttpConnector {
    tcp.enforce_http(false);
    tcp
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match &mut self.lane {
            Lane::Plain(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Lane::Tls(tls) => tls.poll_ready(context),
        }
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting: Self::Future = match &mut self.lane {
            Lane::Plain(tcp) => {
                let connecting = tcp.call(address);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Lane::Tls(tls) => tls.call(address),
        };
        let timeout = self.timeout;
        Box::pin(async move {
            tokio::time::timeout(timeout, connecting)
                .await
                .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        })
    }
}
