//! What a connection has to go through before its first request: what the proxy before it
//! says of it, and the handshake of TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use crate::domain::client::{ClientAddr, TrustedProxies};
use crate::gateway::figures::Figures;
use crate::gateway::patient::Patient;
use crate::gateway::proxy_protocol::{self, Told};
use crate::gateway::tls::{Tls, Unshaken};

/// The entrance of one listener. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entrance {
    /// Who must say by the PROXY protocol for whom it connects, and nobody else may.
    pub(crate) proxies: TrustedProxies,
    /// Without it, plain http is spoken.
    pub(crate) tls: Option<Tls>,
    pub(crate) figures: Figures,
}

/// Who came in, and how it is spoken with them.
pub(crate) enum Inside<T> {
    Plain(Patient, T),
    Secure(Box<TlsStream<Patient>>, T),
}

impl Entrance {
    /// Whether the first byte is one of HTTP already.
    pub(crate) const fn is_open(&self) -> bool {
        self.proxies.is_empty() && self.tls.is_none()
    }

    /// Lets somebody in, in time and as long as nobody stops the listener. `begin` makes
    /// what is needed, once it is known who it is.
    pub(crate) async fn let_in<T>(
        &self,
        stream: TcpStream,
        from: SocketAddr,
        begin: impl FnOnce(TcpStream, IpAddr) -> (Patient, T),
        patience: Duration,
        mut over: watch::Receiver<()>,
    ) -> Option<Inside<T>> {
        let way = Box::pin(self.way_in(stream, from, begin));
        let inside = tokio::select! {
            inside = tokio::time::timeout(patience, way) => inside,
            _ = over.changed() => return None,
        };
        inside.unwrap_or_else(|_| {
            self.is_unshaken(&Unshaken::Timeout);
            if self.tls.is_none() && self.proxies.contains(ClientAddr::from(from)) {
                refuse(from, &io::ErrorKind::TimedOut.into());
            }
            None
        })
    }

    fn is_unshaken(&self, why: &Unshaken) {
        if self.tls.is_some() {
            self.figures.handshake_failed(why.trouble());
            tracing::debug!(error = %why, "handshake failed");
        }
    }

    async fn way_in<T>(
        &self,
        mut stream: TcpStream,
        from: SocketAddr,
        begin: impl FnOnce(TcpStream, IpAddr) -> (Patient, T),
    ) -> Option<Inside<T>> {
        let who = self.who(&mut stream, from).await;
        let ip = who.inspect_err(|error| refuse(from, error)).ok()?;
        let (stream, talk) = begin(stream, ip);
        let Some(tls) = &self.tls else { return Some(Inside::Plain(stream, talk)) };
        let shaken = tls.shake_hands(stream, ip).await;
        let shaken = shaken.inspect_err(|why| self.is_unshaken(why));
        Some(Inside::Secure(Box::new(shaken.ok()?), talk))
    }

    /// Whose connection it is: the address that everything after goes by.
    async fn who(&self, stream: &mut TcpStream, from: SocketAddr) -> io::Result<IpAddr> {
        if self.proxies.is_empty() {
            return Ok(from.ip());
        }
        if self.proxies.contains(ClientAddr::from(from)) {
            return Ok(match proxy_protocol::read(stream).await? {
                Told::Client(ip) => ip,
                Told::Nobody => from.ip(),
            });
        }
        let mut first = [0];
        let came = stream.peek(&mut first).await?;
        match came > 0 && proxy_protocol::may_begin_with(first[0]) {
            true => Err(io::Error::other(
                "it speaks the PROXY protocol and is not one of `proxy_protocol`",
            )),
            false => Ok(from.ip()),
        }
    }
}

fn refuse(from: SocketAddr, error: &io::Error) {
    tracing::info!(client.ip = %from.ip(), %error, "connection refused");
}
