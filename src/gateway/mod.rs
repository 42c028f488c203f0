//! The gateway: a reverse proxy that stands before an application, with the
//! guard in it.
//!
//! ```text
//!              public listener                          admin listener
//!                    │                                         │
//!             screen: one host, one path                probes, figures
//!                    │
//!      ┌─────────────┴──────────────┐
//!  /.portcullis/…               the rest
//!      │                            │
//!    pages                        guard
//!                                   │
//!                                 proxy ── connections ── upstream
//! ```

mod answer;
mod body;
mod headers;
mod listen;
mod patient;
mod proxy;
mod public;
mod screen;
pub mod settings;
mod tunnel;
mod untrusted;
mod upstream;

use std::io;
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::listen::Listener;
use self::public::Public;
use self::tunnel::Tunnels;
use crate::engine::Portcullis;

pub use self::settings::{Origin, Settings};

/// The path below which everything is the gateway's own.
pub const RESERVED: &str = "/.portcullis";

/// A gateway that is about to run: its sockets are open already.
#[derive(Debug)]
pub struct Gateway {
    gate: Portcullis,
    settings: Settings,
    pages: Router,
    public: TcpListener,
}

/// Why a gateway can't listen.
#[derive(Debug, thiserror::Error)]
#[error("{address} can't be listened on: {error}")]
pub struct ListenError {
    /// Where.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub error: io::Error,
}

impl Gateway {
    /// Opens the sockets. `pages` answers below [`RESERVED`].
    ///
    /// # Errors
    ///
    /// If one can't be listened on, because another program does already.
    pub async fn bind(
        gate: Portcullis,
        settings: Settings,
        pages: Router,
    ) -> Result<Self, ListenError> {
        let public = listen::bind(settings.public).await?;
        Ok(Self { gate, settings, pages, public })
    }

    /// Where people come in: the port that was given, where any was asked for.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn public_address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Serves until `stop` is done, and then until what is open has ended, at
    /// most as long as [`settings::Limits::drain`] says. What is open then, requests
    /// and WebSockets alike, is cut. Dropping the future cuts everything at once.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (close, closing) = watch::channel(false);
        let tunnels = Tunnels::new(closing, self.settings.limits.body_idle_timeout);
        let public = Public::new(&self.gate, &self.settings, self.pages, tunnels);
        let listener = Listener::new(self.public, &self.settings.limits);
        let drained = listener.serve(public, stop).await;
        if !drained {
            tracing::warn!("connections closed unfinished");
        }
        // What has been joined by now would stay so for ever.
        let _ = close.send(true);
    }
}
