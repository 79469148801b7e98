//! Ports that are chosen before somebody listens on them.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections, which would take a port between its choice and its use.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// Each process begins elsewhere, so that test programs that run at the same time do not meet.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(0..COUNT)));

/// An address on which nobody listens, and which is not given out again for a long time. For servers that must know their
/// address, or each other's, beforehand; others listen on port 0.
///
/// # Panics
/// When all ports are taken.
#[must_use]
pub fn free_address() -> SocketAddr {
    (0..COUNT)
        .map(|_| {
            let offset = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset))
        })
        // Asked by a call: a listener would live on for a moment in whatever process another thread is starting.
        .find(|address| {
            let called = TcpStream::connect(address);
            called.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        })
        .unwrap_or_else(|| panic!("no port is free from {FIRST} on"))
}
