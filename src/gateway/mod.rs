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

mod access_log;
mod admin;
mod alarm;
mod answer;
pub(crate) mod assertion;
mod body;
mod door;
mod entrance;
mod figures;
mod forward_auth;
mod headers;
mod health;
mod listen;
mod patient;
mod places;
mod process;
mod proxy;
mod proxy_protocol;
mod public;
mod reload;
mod request_id;
pub mod routes;
mod screen;
pub mod settings;
mod shed;
mod sign_in;
mod tls;
mod trace_context;
mod tunnel;
pub(crate) mod under_way;
mod untrusted;
mod upstream;
mod upstreams;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use tokio::sync::{mpsc, oneshot, watch};

use self::access_log::AccessLog;
use self::admin::Admin;
use self::assertion::Assertions;
use self::door::Door;
use self::entrance::Entrance;
use self::figures::Figures;
use self::health::Health;
use self::listen::Listener;
use self::public::{Lasting, Public};
use self::reload::{Current, Renewal, Renewing};
use self::routes::Routes;
use self::shed::Slots;
use self::tls::Tls;
use self::tunnel::Tunnels;
use crate::engine::Portcullis;
use crate::guard::RefusalPages;

pub use self::access_log::AccessLogError;
pub use self::assertion::AssertionError;
pub use self::reload::{Prepared, Reload, Rooms};
pub use self::routes::RoutesError;
pub(crate) use self::screen::is_https;
pub use self::settings::{Origin, Settings};
pub use self::tls::{Ending, TlsError, UnusableFile};
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
    rooms: Rooms,
    public: Door,
    tls: Option<Tls>,
    admin: Option<Door>,
    admin_tls: Option<Tls>,
    access_log: AccessLog,
    reload: Reload,
    renewals: mpsc::UnboundedReceiver<Renewal>,
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
    /// The access log can't be written.
    #[error(transparent)]
    AccessLog(#[from] AccessLogError),
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

/// Sockets that somebody else has opened and keeps: whoever starts gateways one after the
/// other, so that nobody who connects meanwhile finds none.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Sockets {
    /// Where people come in, in the place of [`Settings::public`].
    pub public: Option<std::net::TcpListener>,
    /// Where administrators and machines come in, in the place of [`Settings::admin`].
    pub admin: Option<std::net::TcpListener>,
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
        Self::on(Sockets::default(), gate, settings, pages).await
    }

    /// The same on these sockets, where there are any.
    ///
    /// # Errors
    ///
    /// As [`Gateway::bind`].
    pub async fn on(
        sockets: Sockets,
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
        let access_log = AccessLog::open(&settings.access_log)?;
        let is_shared = settings.reuse_port;
        let public = match sockets.public {
            Some(socket) => Door::inherited(socket)?,
            None => Door::open(settings.public, is_shared).await?,
        };
        let admin = match (sockets.admin, settings.admin) {
            (Some(socket), _) => Some(Door::inherited(socket)?),
            (None, Some(address)) => Some(Door::open(address, is_shared).await?),
            (None, None) => None,
        };
        let (rooms, (reload, renewals)) = (Rooms::new(pages), Reload::new());
        Ok(Self {
            gate,
            settings,
            routes,
            assertions,
            rooms,
            public,
            tls,
            admin,
            admin_tls,
            access_log,
            reload,
            renewals,
        })
    }

    /// The same, with all of these.
    #[must_use]
    pub fn with_rooms(self, rooms: Rooms) -> Self {
        Self { rooms, ..self }
    }

    /// The same, with refused people reading pages in these looks.
    #[must_use]
    pub fn with_refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        let rooms = self.rooms.clone().with_refusal_pages(pages);
        self.with_rooms(rooms)
    }

    /// The same, with these served by the admin listener: see
    /// [`Rooms::with_admin_routes`].
    #[must_use]
    pub fn with_admin_routes(self, routes: Router) -> Self {
        let rooms = self.rooms.clone().with_admin_routes(routes);
        self.with_rooms(rooms)
    }

    /// The same, with `/metrics` for those alone who bring a token: see
    /// [`Rooms::with_figures_by_token`].
    #[must_use]
    pub fn with_figures_by_token(self, admin: crate::admin::Admin) -> Self {
        let rooms = self.rooms.clone().with_figures_by_token(admin);
        self.with_rooms(rooms)
    }

    /// What hands it other settings while it runs.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Where people come in: the port that was given, where any was asked for.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn public_address(&self) -> io::Result<SocketAddr> {
        self.public.address()
    }

    /// Where administrators and machines come in, if anywhere.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn admin_address(&self) -> io::Result<Option<SocketAddr>> {
        self.admin.as_ref().map(Door::address).transpose()
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
        figures.listeners_show([self.tls.clone(), self.admin_tls.clone()]);
        figures.listeners_show([self.tls.clone(), self.admin_tls.clone()]);
        let half_open = self.settings.limits.body_idle_timeout;
        let tunnels = Tunnels::new(closing, half_open, figures.tunnels());
        let upstream = self.settings.upstream.clone();
        let slots = Slots::new(&self.settings.limits);
        let health = Health::new(self.gate.clone(), figures.clone(), upstream, slots.clone());
        // A socket that does not know its address has none that anybody could call.
        let own = self.admin.as_ref().and_then(|door| door.address().ok());
        let own = own.or(self.settings.admin);
        let access_log = ArcSwap::from_pointee(self.access_log);
        let assertions = self.assertions;
        let house = House { tunnels, figures, health, own, assertions, access_log, slots };
        let limits = &self.settings.limits;
        let listener = Listener::new(
            self.public,
            limits,
            house.figures.public_connections(),
            house.of_people(&self.settings, self.tls.clone()),
        );
        let keys = Box::pin(follow_keys(house.assertions.clone()));
        let people =
            Current::new(house.public(&self.gate, &self.settings, self.routes, &self.rooms));
        let (stop_admin, admin) = match self.admin.zip(house.admin(&self.settings, &self.rooms)) {
            Some((socket, first)) => {
                let open = house.figures.admin_connections();
                let limits = of_admin(limits);
                let entrance = house.of_administrators(&self.settings, self.admin_tls.clone());
                let listener = Listener::new(socket, &limits, open, entrance);
                let (drained, stop) = oneshot::channel::<()>();
                (Some(drained), Some((listener, Current::new(first), stop)))
            }
            None => (None, None),
        };
        let renew = Renewing {
            house: &house,
            people: (people.clone(), listener.terms()),
            admins: admin
                .as_ref()
                .map(|(listener, now, _)| (now.clone(), listener.terms())),
            tls: (self.settings.tls.clone(), self.tls),
            admin_tls: (self.settings.admin_tls.clone(), self.admin_tls),
        };
        let administer = Box::pin(async {
            let Some((listener, now, stop)) = admin else { return };
            // Whatever goes on there may be asked for again.
            let _ = listener.serve(now, async { drop(stop.await) }).await;
        });
        let stop = async {
            stop.await;
            house.health.drain();
        };
        let public = async {
            if !listener.serve(people, stop).await {
                tracing::warn!("connections closed unfinished");
            }
            // What has been joined by now would stay so for ever.
            let _ = close.send(true);
            drop(stop_admin);
        };
        tokio::select! {
            _ = async { tokio::join!(public, administer) } => {}
            () = renew.follow(self.renewals) => {}
            () = keys => {}
        }
        // The last attempts are told of, too. Where the store does not answer, the log
        // says so.
        let _ = self.gate.write_attempts().await;
        AccessLog::clone(&house.access_log.load()).flush().await;
    }
}

/// What a gateway has once, whatever its settings are.
struct House {
    tunnels: Tunnels,
    figures: Figures,
    health: Health,
    /// Where administrators come in.
    own: Option<SocketAddr>,
    assertions: Option<Assertions>,
    access_log: ArcSwap<AccessLog>,
    slots: Slots,
}

impl House {
    fn public(
        &self,
        gate: &Portcullis,
        settings: &Settings,
        routes: Arc<Routes>,
        rooms: &Rooms,
    ) -> Public {
        let pages = (rooms.pages.clone(), rooms.refusal_pages.clone());
        let tunnels = self.tunnels.lasting(settings.limits.body_idle_timeout);
        let (figures, slots) = (self.figures.clone(), self.slots.clone());
        let access_log = AccessLog::clone(&self.access_log.load());
        let assertions = self.assertions.clone();
        let lasting = Lasting { assertions, tunnels, figures, access_log, slots };
        Public::new(gate, settings, pages, (routes, lasting))
    }

    fn admin(&self, settings: &Settings, rooms: &Rooms) -> Option<Admin> {
        let own = self.own?.ip();
        let probes = self.health.router(rooms.figures_for.clone());
        Some(Admin::new(own, settings, probes.merge(rooms.admin_routes.clone())))
    }

    /// How people come in.
    fn of_people(&self, settings: &Settings, tls: Option<Tls>) -> Entrance {
        let proxies = settings.client_address.proxy_protocol.clone();
        Entrance { proxies, tls, figures: self.figures.clone() }
    }

    /// How administrators and machines come in.
    fn of_administrators(&self, settings: &Settings, tls: Option<Tls>) -> Entrance {
        let proxies = settings.admin_proxy_protocol.clone();
        Entrance { proxies, tls, figures: self.figures.clone() }
    }
}

/// How connections of administrators are treated.
fn of_admin(limits: &settings::Limits) -> settings::Limits {
    settings::Limits { drain: limits.drain.min(ADMIN_DRAIN), ..limits.clone() }
}

/// Takes new keys that assertions are signed with, as long as it is polled.
async fn follow_keys(assertions: Option<Assertions>) {
    if let Some(assertions) = assertions {
        assertions.follow().await;
    }
    std::future::pending::<()>().await;
}
