//! Connections from other processes and from probes.

use std::net::SocketAddr;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::refusal::in_words;
use super::{InternalTls, refusal};
use crate::Problem;
use crate::telemetry::Seldom;

/// The first byte of every TLS connection: a record with a handshake in it (RFC 8446 §5.1).
const HANDSHAKE: u8 = 22;

static REFUSED: Seldom = Seldom::new();

/// Noted on a request: whether its connection has shown a certificate of this installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HasCertificate(pub bool);

impl InternalTls {
    /// Shakes hands with whoever has connected. `None` when the connection is refused, which is logged. The caller bounds
    /// the time.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        first_byte: u8,
    ) -> Option<(TlsStream<TcpStream>, HasCertificate)> {
        if first_byte != HANDSHAKE {
            report(
                peer,
                "it does not speak TLS; is its internal_tls.kind \"mutual\", too?",
            );
            refuse_plain(stream).await;
            return None;
        }
        let acceptor = TlsAcceptor::from(std::sync::Arc::clone(&self.0.server));
        match acceptor.accept(stream).await {
            Ok(stream) => {
                let has_certificate = stream.get_ref().1.peer_certificates().is_some();
                Some((stream, HasCertificate(has_certificate)))
            }
            Err(error) => {
                let name = &self.0.current.get().name;
                let words = refusal::find(&error).map(|error| in_words(error, name));
                report(peer, &words.unwrap_or_else(|| error.to_string()));
                None
            }
        }
    }

    /// Changes when the files were taken anew.
    pub(crate) fn generation(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }
}

fn report(peer: SocketAddr, reason: &str) {
    metrics::counter!("internal.tls.connections.refused").increment(1);
    if REFUSED.may_say() {
        tracing::warn!(%peer, reason, "a connection to the internal port is refused");
    }
}

/// A person with a browser, or a process that was not told, learns it from the answer.
async fn refuse_plain(mut stream: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
        This port speaks TLS: use https://, with a certificate of this installation.\n";
    // What was sent is taken, at least in part: a close before that would reset the connection and the answer with it.
    let mut request = [0; 4096];
    if stream.read(&mut request).await.is_ok() {
        stream.write_all(ANSWER).await.ok();
        stream.shutdown().await.ok();
    }
}

/// A layer that lets nobody pass without a certificate of this installation.
pub(crate) async fn require_certificate(request: Request, next: Next) -> Response {
    if request.extensions().get() == Some(&HasCertificate(true)) {
        return next.run(request).await;
    }
    metrics::counter!("internal.tls.connections.refused").increment(1);
    if REFUSED.may_say() {
        let peer = request
            .extensions()
            .get::<axum::extract::ConnectInfo<SocketAddr>>()
            .map_or_else(|| "unknown".to_owned(), |peer| peer.0.to_string());
        tracing::warn!(
            peer,
            path = request.uri().path(),
            "a request to the internal port is refused: its client has shown no certificate"
        );
    }
    let problem = Problem::unauthenticated(
        "client_certificate_required",
        "Internal calls need a client certificate of this installation (`internal_tls`); without one only /livez, /readyz, \
         /metrics and the registry's clients are answered.",
    );
    let content_type = request.headers().get(header::CONTENT_TYPE);
    if content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        return tonic::Status::from(problem).into_http();
    }
    problem.into_response()
}
