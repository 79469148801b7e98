//! One listening port: HTTP/1.1 and HTTP/2 without TLS, bounded, ended in peace.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use futures::FutureExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::service::StartError;

/// Beyond that, new connections wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 10_000;
/// A client that takes longer to send its request's head is a slow one on purpose.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(20);
/// When stopping: for a client that has just connected to send its request.
const LAST_WORD: Duration = Duration::from_millis(100);
/// After `accept` failed, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection on which nothing moves is asked for a sign of life after this time, then again after each interval. One
/// whose other side has vanished (pulled cable, sleeping laptop, forgetful NAT) thus ends within two minutes, and with it
/// whatever waited for its bytes.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

/// Who connects to a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Public,
    Internal,
}

impl Port {
    const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
        }
    }

    /// Requests that may be under way on one HTTP/2 connection. Another process of ours sends all its calls over one, live
    /// updates that last for minutes among them; a browser has no use for so many.
    const fn streams_per_connection_max(self) -> u32 {
        match self {
            Self::Public => 256,
            Self::Internal => 16_384,
        }
    }
}

#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    router: Router,
    port: Port,
    pub address: SocketAddr,
}

impl Listener {
    pub fn new(socket: TcpListener, router: Router, port: Port) -> Result<Self, StartError> {
        let address = socket.local_addr().map_err(|error| {
            StartError::Setup(format!("the {} port has no address: {error}", port.name()))
        })?;
        Ok(Self {
            socket,
            router,
            port,
            address,
        })
    }

    /// Serves until `stop`; then takes no new connection and lets those under way finish their requests. Returns when the
    /// last has. Dropping it cuts all connections.
    pub async fn serve(self, stop: CancellationToken) {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_ended) = connections.join_next() => continue,
                accepted = self.accept(&permits) => accepted,
            };
            if let Some(accepted) = accepted {
                connections.spawn(self.serve_connection(accepted, stop.clone()));
            }
        }
        // Whoever has connected already may have sent a request, and would see it end in a reset.
        tokio::task::yield_now().await;
        while let Some(Some(accepted)) = self.accept(&permits).now_or_never() {
            connections.spawn(self.serve_connection(accepted, stop.clone()));
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
        tracing::debug!(port = self.port.name(), "all connections are closed");
    }

    /// Serves one connection to its end; after `stop`, to the end of the requests under way.
    fn serve_connection(
        &self,
        (stream, peer, permit): Accepted,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let builder = connection_builder(self.port);
        let service = service_for(self.router.clone(), peer);
        async move {
            if !speaks(&stream, &stop).await {
                return;
            }
            let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                // First: a connection that was told to stop before it has read anything would drop what was sent to it.
                biased;
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            // An error here is a client that went away.
            if let Err(error) = ended {
                tracing::debug!(%peer, error, "connection ended");
            }
            drop(permit);
        }
    }

    async fn accept(&self, permits: &Arc<Semaphore>) -> Option<Accepted> {
        // The semaphore is never closed.
        let permit = Arc::clone(permits).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((stream, peer)) => {
                // Without it, small answers wait 40 ms for the other side's acknowledgement.
                stream.set_nodelay(true).ok();
                keep_alive(&stream);
                Some((stream, peer, permit))
            }
            Err(error) => {
                tracing::warn!(port = self.port.name(), %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

/// Without it a connection whose client has vanished in mid-request would last for good.
fn keep_alive(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    if let Err(error) = SockRef::from(stream).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "a connection has no TCP keepalive");
    }
}

/// Whether the client sends anything at all, in time. The timeout for a request's head begins with its first byte, so
/// without this a silent connection would keep its place for good.
async fn speaks(stream: &TcpStream, stop: &CancellationToken) -> bool {
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(HEADER_READ_TIMEOUT) => {}
            () = stop.cancelled() => tokio::time::sleep(LAST_WORD).await,
        }
    };
    let mut first = [0];
    tokio::select! {
        biased;
        peeked = stream.peek(&mut first) => matches!(peeked, Ok(1)),
        () = patience => false,
    }
}

fn connection_builder(port: Port) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(port.streams_per_connection_max())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .adaptive_window(true);
    builder
}

fn service_for(
    router: Router,
    peer: SocketAddr,
) -> impl hyper::service::Service<
    http::Request<Incoming>,
    Response = http::Response<axum::body::Body>,
    Error = std::convert::Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    hyper::service::service_fn(move |request: http::Request<Incoming>| {
        let router = router.clone();
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.oneshot(request)
    })
}
