//! One listening port: HTTP/1.1 and HTTP/2, bounded, ended in peace; the internal one over TLS where the installation has it.

use std::net::{Shutdown, SocketAddr};
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::service::StartError;
use crate::tls::{HasCertificate, InternalTls};

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

/// A connection over TLS is ended in peace after this time, so that whose certificate has run out meanwhile is found out.
const TLS_CONNECTION_AGE_MAX: Duration = Duration::from_secs(3600);

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
    tls: Option<InternalTls>,
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
            tls: None,
            address,
        })
    }

    /// Speaks TLS, if there is any.
    pub fn with_tls(self, tls: Option<InternalTls>) -> Self {
        Self { tls, ..self }
    }

    /// Serves until `stop`; then takes no new connection and lets those under way finish their requests. Returns when the
    /// last has. Dropping it cuts all connections.
    pub async fn serve(self, stop: CancellationToken) {
        // Connections are told to end only once nobody can connect any more: who is sent away comes back at once, and would be
        // reset if that were between the last look into the kernel's queue and its end. As it is, it is refused, which says for
        // certain that nothing of what it wanted was done.
        let ending = CancellationToken::new();
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => break,
                Some(_ended) = connections.join_next() => continue,
                accepted = self.accept(&permits) => accepted,
            };
            if let Some(accepted) = accepted {
                connections.spawn(self.serve_connection(accepted, ending.clone()));
            }
        }
        // Whoever has connected already may have sent a request, and would see it end in a reset.
        tokio::task::yield_now().await;
        while let Some(Some(accepted)) = self.accept(&permits).now_or_never() {
            connections.spawn(self.serve_connection(accepted, ending.clone()));
        }
        // A child that is being started has the socket open, too, until it has become its program.
        if let Err(error) = SockRef::from(&self.socket).shutdown(Shutdown::Read) {
            tracing::debug!(%error, "the socket could not be shut down");
        }
        drop(self.socket);
        ending.cancel();
        while connections.join_next().await.is_some() {}
        tracing::debug!(port = self.port.name(), "all connections are closed");
    }

    /// Serves one connection to its end; after `stop`, to the end of the requests under way.
    fn serve_connection(
        &self,
        (stream, peer, permit): Accepted,
        stop: CancellationToken,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (port, router, tls) = (self.port, self.router.clone(), self.tls.clone());
        async move {
            let Some(first_byte) = first_byte(&stream, &stop).await else {
                return;
            };
            match tls {
                None => {
                    converse(port, stream, (router, peer, None), stop.cancelled()).await;
                }
                Some(tls) => {
                    // Before the handshake, which is by the files as they are now.
                    let generation = tls.generation();
                    let shaking_hands = tls.accept(stream, peer, first_byte);
                    let Some(Some((stream, has_certificate))) = in_time(shaking_hands, &stop).await
                    else {
                        return;
                    };
                    let end = end_of_trust(generation, stop);
                    converse(port, stream, (router, peer, Some(has_certificate)), end).await;
                }
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

/// The first that the client sends, if it sends anything at all in time; it can be read again. The timeout for a request's
/// head begins with its first byte, so without this a silent connection would keep its place for good.
async fn first_byte(stream: &TcpStream, stop: &CancellationToken) -> Option<u8> {
    let mut first = [0];
    match in_time(stream.peek(&mut first), stop).await {
        Some(Ok(1)) => Some(first[0]),
        _ => None,
    }
}

/// What a client does before its request: `None` when it takes too long.
async fn in_time<T>(doing: impl Future<Output = T>, stop: &CancellationToken) -> Option<T> {
    let patience = async {
        tokio::select! {
            () = tokio::time::sleep(HEADER_READ_TIMEOUT) => {}
            () = stop.cancelled() => tokio::time::sleep(LAST_WORD).await,
        }
    };
    tokio::select! {
        biased;
        done = doing => Some(done),
        () = patience => None,
    }
}

/// When a connection over TLS is to be made anew, or the process stops.
async fn end_of_trust(mut generation: watch::Receiver<u64>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        _ = generation.changed() => {}
        () = tokio::time::sleep(TLS_CONNECTION_AGE_MAX) => {}
    }
}

/// Answers what is asked over one connection to its end; after `stop`, to the end of the requests under way. Whoever has not
/// asked anything in time loses it: the bounds on heads of requests hold only once it is known which HTTP is spoken.
async fn converse(
    port: Port,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    (router, peer, certificate): (Router, SocketAddr, Option<HasCertificate>),
    stop: impl Future<Output = ()> + Send,
) {
    let has_asked = CancellationToken::new();
    let service = service_for(router, peer, certificate, has_asked.clone());
    let dawdles = async {
        let asking = tokio::time::timeout(HEADER_READ_TIMEOUT, has_asked.cancelled());
        if asking.await.is_ok() {
            std::future::pending::<()>().await;
        }
    };
    let builder = connection_builder(port);
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        // First: a connection that was told to stop before it has read anything would drop what was sent to it.
        biased;
        ended = connection.as_mut() => ended,
        () = dawdles => {
            tracing::debug!(%peer, "a client that asked nothing in time loses its connection");
            return;
        }
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // An error here is a client that went away.
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection ended");
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

/// What hyper serves.
trait AnswersRequests:
    hyper::service::Service<
        http::Request<Incoming>,
        Response = http::Response<axum::body::Body>,
        Error = std::convert::Infallible,
        Future: Send + 'static,
    > + Send
    + 'static
{
}

impl<S> AnswersRequests for S where
    S: hyper::service::Service<
            http::Request<Incoming>,
            Response = http::Response<axum::body::Body>,
            Error = std::convert::Infallible,
            Future: Send + 'static,
        > + Send
        + 'static
{
}

/// `certificate` is noted on each request, where there is TLS; `has_asked` is told of the first.
fn service_for(
    router: Router,
    peer: SocketAddr,
    certificate: Option<HasCertificate>,
    has_asked: CancellationToken,
) -> impl AnswersRequests {
    hyper::service::service_fn(move |request: http::Request<Incoming>| {
        has_asked.cancel();
        let router = router.clone();
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        router.oneshot(request)
    })
}
