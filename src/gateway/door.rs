//! Sockets: opened by this process, beside another one, or by whoever started it.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::TcpSocket;

use crate::gateway::ListenError;

/// A socket that people connect to.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) socket: TcpListener,
    /// Whether another process may accept at the same address, now or when this one has
    /// ended: then nobody shall notice which of them it is.
    pub(crate) is_shared: bool,
}

impl Door {
    /// Opens one; others of the same user may open the same, if it is to be shared.
    pub(crate) async fn open(address: SocketAddr, is_shared: bool) -> Result<Self, ListenError> {
        let opened = match is_shared {
            true => shared(address),
            false => TcpListener::bind(address).await,
        };
        let socket = opened.map_err(|error| ListenError { address, error })?;
        Ok(Self { socket, is_shared })
    }

    /// One that somebody else opened, who keeps it when this process ends.
    pub(crate) fn inherited(socket: std::net::TcpListener) -> Result<Self, ListenError> {
        let address = socket.local_addr();
        let taken = socket
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(socket));
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let socket =
            taken.map_err(|error| ListenError { address: address.unwrap_or(unknown), error })?;
        Ok(Self { socket, is_shared: true })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Opens a socket that other processes of this user may open, too.
#[cfg(unix)]
fn shared(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

#[cfg(not(unix))]
fn shared(_: SocketAddr) -> io::Result<TcpListener> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system lets nobody share a port"))
}

/// As many as the standard library lets wait to be accepted.
#[cfg(unix)]
const BACKLOG: u32 = 1024;
