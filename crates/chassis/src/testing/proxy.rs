//! A line that can fail: a TCP proxy between a client and a server.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// What the line does with what is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// It passes.
    Open,
    /// It passes, so much later in each direction.
    Delayed(Duration),
    /// Connections stand and nothing passes: neither side learns that the other is gone.
    Silent,
    /// Connections are cut and new ones refused.
    Refused,
}

/// Stands before a server until it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    cut: watch::Sender<CancellationToken>,
    _serving: AbortOnDropHandle<()>,
}

impl Proxy {
    /// # Panics
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, line_seen) = watch::channel(Line::Open);
        let (cut, cut_seen) = watch::channel(CancellationToken::new());
        let serving = tokio::spawn(serve(listener, server, line_seen, cut_seen));
        Self {
            address,
            line,
            cut,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
        if line == Line::Refused {
            self.cut();
        }
    }

    /// Ends every connection there is; new ones are as the line says.
    pub fn cut(&self) {
        self.cut.send_replace(CancellationToken::new()).cancel();
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    mut line: watch::Receiver<Line>,
    cut: watch::Receiver<CancellationToken>,
) {
    let address = listener.local_addr().unwrap();
    let mut listener = Some(listener);
    loop {
        let is_refused = *line.borrow_and_update() == Line::Refused;
        if is_refused {
            listener = None;
            if line.changed().await.is_err() {
                return;
            }
            continue;
        }
        let Some(open) = &listener else {
            listener = TcpListener::bind(address).await.ok();
            continue;
        };
        tokio::select! {
            changed = line.changed() => if changed.is_err() { return },
            Ok((client, _)) = open.accept() => {
                let (line, cut) = (line.clone(), cut.borrow().clone());
                tokio::spawn(async move {
                    cut.run_until_cancelled(pass(client, server, line)).await;
                });
            }
        }
    }
}

async fn pass(client: TcpStream, server: SocketAddr, line: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).ok();
    }
    let (client, server) = (client.into_split(), server.into_split());
    let line = Arc::new(line);
    tokio::join!(
        one_way(client.0, server.1, Arc::clone(&line)),
        one_way(server.0, client.1, line)
    );
}

async fn one_way(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    line: Arc<watch::Receiver<Line>>,
) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            to.shutdown().await.ok();
            return;
        };
        let mut line = line.as_ref().clone();
        let now = *line.borrow_and_update();
        match now {
            Line::Open => {}
            Line::Delayed(delay) => tokio::time::sleep(delay).await,
            Line::Silent | Line::Refused => {
                let speaks = |line: &Line| !matches!(line, Line::Silent | Line::Refused);
                if line.wait_for(speaks).await.is_err() {
                    return;
                }
            }
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
