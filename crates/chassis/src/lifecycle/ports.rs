//! The addresses of a process, taken before anything else is touched and listened on when all is ready.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

use super::Builder;
use crate::Role;
use crate::config::Config;
use crate::service::StartError;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: u32 = 1024;

/// An address that is taken but not yet listened on: nobody connects to a process that may still fail to start.
#[derive(Debug)]
pub(super) struct BoundPort {
    key: &'static str,
    address: SocketAddr,
    socket: TcpSocket,
}

#[derive(Debug)]
pub(super) struct Ports {
    pub internal: BoundPort,
    /// The gateway's alone.
    pub public: Option<BoundPort>,
}

impl Ports {
    pub fn bind(config: &Config, roles: &[(Role, Builder)]) -> Result<Self, StartError> {
        let server = &config.server;
        let has_gateway = roles.iter().any(|(role, _)| *role == Role::Gateway);
        let public = has_gateway.then(|| BoundPort::bind("server.listen", server.listen));
        Ok(Self {
            public: public.transpose()?,
            internal: BoundPort::bind("server.internal_listen", server.internal_listen)?,
        })
    }
}

impl BoundPort {
    fn bind(key: &'static str, address: SocketAddr) -> Result<Self, StartError> {
        match bind(address) {
            Ok(socket) => Ok(Self {
                key,
                address,
                socket,
            }),
            Err(source) => Err(StartError::Listen {
                key,
                address,
                source,
            }),
        }
    }

    pub fn listen(self) -> Result<TcpListener, StartError> {
        let Self {
            key,
            address,
            socket,
        } = self;
        socket.listen(BACKLOG).map_err(|source| StartError::Listen {
            key,
            address,
            source,
        })
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A restart must not wait for the connections of the process before it.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
