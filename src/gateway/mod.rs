//! The gateway: a reverse proxy that stands before an application, with the
//! guard in it.
//!
//! ```text
//!              public listener                          admin listener
//!                    │                                         │
//!             screen: one host, one path              screen, own names only
//!                    │                                         │
//!                    │                                  probes, figures
//!                    │
//!      ┌─────────────┴──────────────┐
//!  /.portcullis/…               the rest
//!      │                            │
//!    pages                        guard
//!                                   │
//!                                 proxy ── connections ── upstream
//! ```

mod admin;
mod alarm;
mod answer;
pub(crate) mod assertion;
mod body;
mod figures;
mod forward_auth;
mod headers;
mod health;
mod listen;
mod patient;
mod process;
mod proxy;
mod public;
pub mod routes;
mod screen;
pub mod settings;
mod tls;
mod tunnel;
mod untrusted;
mod upstream;
mod upstreams;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use self::admin::Admin;
use self::assertion::Assertions;
use self::figures::Figures;
use self::health::Health;
use self::listen::Listener;
use self::public::Public;
use self::routes::Routes;
use self::tls::Tls;
use self::tunnel::Tunnels;
use crate::engine::Portcullis;
use crate::guard::RefusalPages;

pub use self::assertion::AssertionError;
pub use self::routes::RoutesError;
pub(crate) use self::screen::is_https;
pub use self::settings::{Origin, Settings};
pub use self::tls::{TlsError, UnusableFile};
pub(crate) use self::upstreams::MOST_SERVERS;

/// The path below which everything is the gateway's own.
pub const RESERVED: &str = "/.portcullis";

/// A gateway that is about to run: its sockets are open already.
#[derive(Debug)]
pub struct Gateway {
    gate: Portcullis,
    settings: Settings,
    routes: Arc<Routes>,
    assertions: Option<Assertions>,
    pages: Router,
    refusal_pages: Option<Arc<dyn RefusalPages>>,
    public: TcpListener,
    tls: Option<Tls>,
    admin: Option<TcpListener>,
    admin_tls: Option<Tls>,
    admin_routes: Router,
    figures_for: Option<crate::admin::Admin>,
}

/// Why a gateway can't be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// An address can't be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A certificate or its key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The routes contradict each other.
    #[error(transparent)]
    Routes(#[from] RoutesError),
    /// Nothing can be signed for upstreams.
    #[error(transparent)]
    Assertion(#[from] AssertionError),
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

/// How long requests of administrators may go on at most when all others have
/// ended.
const ADMIN_DRAIN: Duration = Duration::from_secs(5);

impl Gateway {
    /// Opens the sockets, and reads the certificates of those that speak TLS. `pages`
    /// answers below [`RESERVED`].
    ///
    /// # Errors
    ///
    /// If one can't be listened on, because another program does already, a
    /// certificate can't be used, the routes contradict each other, or nothing can be
    /// signed for upstreams.
    pub async fn bind(
        gate: Portcullis,
        settings: Settings,
        pages: Router,
    ) -> Result<Self, BindError> {
        let routes = Arc::new(settings.routes()?);
        let assertions = match settings.assertion.clone() {
            Some(assertion) => Some(Box::pin(Assertions::open(&gate, assertion)).await?),
            None => None,
        };
        let tls = settings.tls.as_ref().map(Tls::open).transpose()?;
        let admin_tls = settings.admin_tls.as_ref().map(Tls::open).transpose()?;
        let public = listen::bind(settings.public).await?;
        let admin = match settings.admin {
            Some(address) => Some(listen::bind(address).await?),
            None => None,
        };
        let (admin_routes, refusal_pages, figures_for) = (Router::new(), None, None);
        Ok(Self {
            gate,
            settings,
            routes,
            assertions,
            pages,
            refusal_pages,
            public,
            tls,
            admin,
            admin_tls,
            admin_routes,
            figures_for,
        })
    }

    /// The same, with refused people reading pages in these looks.
    #[must_use]
    pub fn with_refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        Self { refusal_pages: Some(Arc::new(pages)), ..self }
    }

    /// The same, with these served by the admin listener beside `/livez`, `/readyz`
    /// and `/metrics`. Requests come to them under the listener's own names only,
    /// and those that change something from its own pages only; each has a
    /// [`ClientAddr`](crate::ClientAddr) in its extensions. Who asks is theirs to
    /// find out.
    #[must_use]
    pub fn with_admin_routes(self, routes: Router) -> Self {
        Self { admin_routes: self.admin_routes.merge(routes), ..self }
    }

    /// The same, with `/metrics` for those alone who bring a token of this directory that
    /// may be used to read the figures. The probes stay open.
    #[must_use]
    pub fn with_figures_by_token(self, admin: crate::admin::Admin) -> Self {
        Self { figures_for: Some(admin), ..self }
    }

    /// Where people come in: the port that was given, where any was asked for.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn public_address(&self) -> io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where administrators and machines come in, if anywhere.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn admin_address(&self) -> io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(TcpListener::local_addr).transpose()
    }

    /// Serves until `stop` is done, and then until what is open has ended, at
    /// most as long as [`settings::Limits::drain`] says. What is open then, requests
    /// and WebSockets alike, is cut. From `stop` on `/readyz` says that nobody shall
    /// be sent here; it is served until the end. Dropping the future cuts everything
    /// at once.
    ///
    /// # Panics
    ///
    /// If a route of [`Gateway::with_admin_routes`] is one of the listener's own.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (close, closing) = watch::channel(false);
        let figures = Figures::default();
        let half_open = self.settings.limits.body_idle_timeout;
        let tunnels = Tunnels::new(closing, half_open, figures.tunnels());
        let upstream = self.settings.upstream.clone();
        let health = Health::new(self.gate.clone(), figures.clone(), upstream);
        let (drained, stop_admin) = oneshot::channel::<()>();
        let certificates = follow_files(self.tls.clone(), self.admin_tls.clone());
        let admin = administer(
            self.admin.map(|socket| (socket, self.admin_tls)),
            &self.settings,
            health.router(self.figures_for).merge(self.admin_routes),
            &figures,
            stop_admin,
        );
        let limits = &self.settings.limits;
        let listener = Listener::new(self.public, limits, figures.public_connections(), self.tls);
        let pages = (self.pages, self.refusal_pages);
        let keys = Box::pin(follow_keys(self.assertions.clone()));
        let proxy = (self.routes, self.assertions, tunnels, figures.clone());
        let public = Public::new(&self.gate, &self.settings, pages, proxy);
        let stop = async {
            stop.await;
            health.drain();
        };
        let public = async {
            if !listener.serve(public, stop).await {
                tracing::warn!("connections closed unfinished");
            }
            // What has been joined by now would stay so for ever.
            let _ = close.send(true);
            drop(drained);
        };
        tokio::select! {
            _ = async { tokio::join!(public, admin) } => {}
            () = certificates => {}
            () = keys => {}
        }
        // The last attempts are told of, too. Where the store does not answer, the log
        // says so.
        let _ = self.gate.write_attempts().await;
    }
}

/// Serves the admin listener, where there is one, until `stop` says or is dropped.
async fn administer(
    socket: Option<(TcpListener, Option<Tls>)>,
    settings: &Settings,
    routes: Router,
    figures: &Figures,
    stop: oneshot::Receiver<()>,
) {
    let Some((socket, tls)) = socket else { return };
    // A socket that does not know its address has none that anybody could call.
    let own = socket.local_addr().ok().or(settings.admin);
    let Some(own) = own else { return };
    let limits = settings::Limits {
        drain: settings.limits.drain.min(ADMIN_DRAIN),
        ..settings.limits.clone()
    };
    let listener = Listener::new(socket, &limits, figures.admin_connections(), tls);
    let admin = Admin::new(own.ip(), settings, routes);
    let stop = async {
        let _ = stop.await;
    };
    // Whatever goes on there may be asked for again.
    let _ = listener.serve(admin, stop).await;
}

/// Takes new keys that assertions are signed with, as long as it is polled.
async fn follow_keys(assertions: Option<Assertions>) {
    if let Some(assertions) = assertions {
        assertions.follow().await;
    }
    std::future::pending::<()>().await;
}

/// Takes certificates whose files have changed, as long as it is polled.
async fn follow_files(public: Option<Tls>, admin: Option<Tls>) {
    let follow = async |tls: Option<Tls>| match tls {
        Some(tls) => tls.follow_files().await,
        None => std::future::pending().await,
    };
    tokio::join!(follow(public), follow(admin));
}
