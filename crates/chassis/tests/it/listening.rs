//! What a port does with clients that do not behave.

#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use amphi_chassis::testing::{TestProcess, eventually};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stand_ins::Observatory;

async fn process() -> TestProcess {
    TestProcess::builder()
        .stand_in(|| Observatory::answering(async |_| Ok(())).service())
        .start()
        .await
}

/// Beyond the time that a client has for its request's head.
const LONGER_THAN_ALLOWED: Duration = Duration::from_secs(40);

async fn ends(mut stream: TcpStream) -> bool {
    let mut rest = Vec::new();
    let read = tokio::time::timeout(LONGER_THAN_ALLOWED, stream.read_to_end(&mut rest)).await;
    read.is_ok()
}

#[tokio::test]
async fn clients_that_keep_silent_or_dawdle_lose_their_connection() {
    let process = process().await;
    let silent = TcpStream::connect(process.internal()).await.unwrap();
    let mut dawdling = TcpStream::connect(process.internal()).await.unwrap();
    dawdling
        .write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    // The first byte of HTTP/2, and of PUT: it is not known yet which is spoken.
    let mut undecided = TcpStream::connect(process.internal()).await.unwrap();
    undecided.write_all(b"P").await.unwrap();
    let mut idle = TcpStream::connect(process.internal()).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let ended = tokio::join!(ends(silent), ends(dawdling), ends(undecided), ends(idle));
    assert_eq!(ended, (true, true, true, true));
}

#[tokio::test]
async fn a_silent_client_does_not_keep_the_process_from_stopping() {
    let process = process().await;
    let silent = TcpStream::connect(process.internal()).await.unwrap();
    let stopped = tokio::time::timeout(Duration::from_secs(8), process.stop()).await;
    assert!(stopped.is_ok());
    drop(silent);
}

#[tokio::test]
async fn whoever_has_connected_when_a_process_stops_is_answered() {
    for _ in 0..20 {
        let process = process().await;
        // This test and the process share one thread, so that all of these wait to be accepted when it is told to stop.
        let clients: Vec<_> = (0..20)
            .map(|_| {
                let mut client = std::net::TcpStream::connect(process.internal()).unwrap();
                let request = b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
                client.write_all(request).unwrap();
                client
            })
            .collect();
        process.stop().await;
        for mut client in clients {
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
        }
    }
}

/// What becomes of a client that is sent away while it keeps a connection, and comes back at once.
fn comes_back(mut kept: std::net::TcpStream) -> std::io::Result<()> {
    let address = kept.peer_addr()?;
    let mut rest = Vec::new();
    kept.read_to_end(&mut rest)?;
    std::net::TcpStream::connect(address).map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_sent_away_when_a_process_stops_cannot_connect_again() {
    for _ in 0..20 {
        let process = process().await;
        let clients: Vec<_> = (0..8)
            .map(|_| {
                let mut client = std::net::TcpStream::connect(process.internal()).unwrap();
                let request = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
                client.write_all(request).unwrap();
                let mut answer = [0; 12];
                client.read_exact(&mut answer).unwrap();
                assert_eq!(&answer, b"HTTP/1.1 200");
                tokio::task::spawn_blocking(move || comes_back(client))
            })
            .collect();
        process.stop().await;
        for client in clients {
            let error = client.await.unwrap().unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
        }
    }
}

/// Whether the kernel will ask the other side of an accepted connection for a sign of life: `proc_pid_net(5)`, the column
/// `tr`, where 2 is the timer of keepalives.
#[cfg(target_os = "linux")]
fn is_kept_alive(server: SocketAddr, client: SocketAddr) -> bool {
    let port = |address: SocketAddr| format!(":{:04X}", address.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().skip(1).any(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        columns[1].ends_with(&port(server))
            && columns[2].ends_with(&port(client))
            && columns[5].starts_with("02:")
    })
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_that_vanishes_is_noticed_by_the_kernel() {
    let process = process().await;
    let client = TcpStream::connect(process.internal()).await.unwrap();
    let address = client.local_addr().unwrap();
    eventually("the accepted connection to be kept alive", async || {
        is_kept_alive(process.internal(), address).then_some(())
    })
    .await;
}
