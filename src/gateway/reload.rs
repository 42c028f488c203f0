//! Other settings, while the gateway runs.
//!
//! What answers is made of the settings as a whole, and made anew as a whole: there is
//! no list of settings that may change, so none can be forgotten in it. What a process
//! has only once stays: its sockets, its figures, its tunnels, its gate.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::mpsc;

use crate::admin::Admin;
use crate::engine::Portcullis;
use crate::gateway::access_log::AccessLog;
use crate::gateway::admin::Admin as AdminRoom;
use crate::gateway::body::Body;
use crate::gateway::listen::{Answer, Terms};
use crate::gateway::public::Public;
use crate::gateway::routes::Routes;
use crate::gateway::screen::Peer;
use crate::gateway::settings::{Settings, Tls as TlsSettings};
use crate::gateway::tls::Tls;
use crate::gateway::{BindError, House, of_admin};
use crate::guard::RefusalPages;

/// What a gateway serves of its own, beside what it passes on.
#[derive(Clone)]
#[must_use]
pub struct Rooms {
    pub(super) pages: Router,
    pub(super) refusal_pages: Option<Arc<dyn RefusalPages>>,
    pub(super) admin_routes: Router,
    pub(super) figures_for: Option<Admin>,
}

impl Rooms {
    /// These pages, below [`RESERVED`](crate::gateway::RESERVED).
    pub fn new(pages: Router) -> Self {
        let (refusal_pages, admin_routes, figures_for) = (None, Router::new(), None);
        Self { pages, refusal_pages, admin_routes, figures_for }
    }

    /// The same, with refused people reading pages in these looks.
    pub fn with_refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        Self { refusal_pages: Some(Arc::new(pages)), ..self }
    }

    /// The same, with these served by the admin listener beside `/livez`, `/readyz`
    /// and `/metrics`. Requests come to them under the listener's own names only,
    /// and those that change something from its own pages only; each has a
    /// [`ClientAddr`](crate::ClientAddr) in its extensions. Who asks is theirs to
    /// find out.
    pub fn with_admin_routes(self, routes: Router) -> Self {
        Self { admin_routes: self.admin_routes.merge(routes), ..self }
    }

    /// The same, with `/metrics` for those alone who bring a token of this directory that
    /// may be used to read the figures. The probes stay open.
    pub fn with_figures_by_token(self, admin: Admin) -> Self {
        Self { figures_for: Some(admin), ..self }
    }
}

impl fmt::Debug for Rooms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooms").finish_non_exhaustive()
    }
}

/// Hands a running gateway other settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reload(mpsc::UnboundedSender<Renewal>);

/// What a gateway is to be from now on.
#[derive(Debug)]
pub(super) struct Renewal {
    /// As the gate's handles say: what happens while the directory is not heard of.
    pub(super) gate: Portcullis,
    pub(super) settings: Settings,
    pub(super) routes: Arc<Routes>,
    pub(super) rooms: Rooms,
    pub(super) tls: Option<Tls>,
    pub(super) admin_tls: Option<Tls>,
    pub(super) access_log: AccessLog,
}

impl Reload {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Renewal>) {
        let (give, take) = mpsc::unbounded_channel();
        (Self(give), take)
    }

    /// Makes ready what can be wrong with settings, and changes nothing yet.
    ///
    /// # Errors
    ///
    /// If a certificate can't be used, the routes contradict each other, or the access log
    /// can't be written. The log's file is opened anew each time, so that one that was
    /// moved away is let go.
    pub fn prepare(&self, settings: Settings) -> Result<Prepared, BindError> {
        let routes = Arc::new(settings.routes()?);
        let tls = settings.tls.as_ref().map(Tls::open).transpose()?;
        let admin_tls = settings.admin_tls.as_ref().map(Tls::open).transpose()?;
        let access_log = AccessLog::open(&settings.access_log)?;
        Ok(Prepared { to: self.0.clone(), settings, routes, tls, admin_tls, access_log })
    }
}

/// Settings that a running gateway can take.
#[derive(Debug)]
#[must_use = "they are in force once they are taken"]
pub struct Prepared {
    to: mpsc::UnboundedSender<Renewal>,
    settings: Settings,
    routes: Arc<Routes>,
    tls: Option<Tls>,
    admin_tls: Option<Tls>,
    access_log: AccessLog,
}

impl Prepared {
    /// Goes by these settings from now on, whoever asks. What is under way ends as it
    /// began; connections stay open, and the next request on them meets the new
    /// settings. Limits of connections themselves, and certificates, are for
    /// connections that are made from now on.
    ///
    /// Where it listens is settled once: other addresses are not looked at. `gate` is a
    /// handle of the gate that the gateway was built with.
    pub fn take(self, gate: Portcullis, rooms: Rooms) {
        let Self { to, settings, routes, tls, admin_tls, access_log } = self;
        // Nobody takes it of a gateway that has ended.
        let renewal = Renewal { gate, settings, routes, rooms, tls, admin_tls, access_log };
        let _ = to.send(renewal);
    }
}

/// Whoever answers at the moment: a request meets one of them, to its end.
#[derive(Debug)]
pub(super) struct Current<A>(Arc<ArcSwap<A>>);

impl<A> Current<A> {
    pub(super) fn new(first: A) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    pub(super) fn replace(&self, next: A) {
        self.0.store(Arc::new(next));
    }
}

impl<A> Clone for Current<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Answer> Answer for Current<A> {
    async fn answer(&self, peer: &Peer, request: Request<Incoming>) -> Response<Body> {
        let now = self.0.load_full();
        now.answer(peer, request).await
    }
}

/// The settings of TLS that are in force, and what was made of them.
pub(super) type TlsNow = (Option<TlsSettings>, Option<Tls>);

/// Takes other settings, one after the other.
pub(super) struct Renewing<'a> {
    pub(super) house: &'a House,
    pub(super) people: (Current<Public>, Terms),
    pub(super) admins: Option<(Current<AdminRoom>, Terms)>,
    pub(super) tls: TlsNow,
    pub(super) admin_tls: TlsNow,
}

impl Renewing<'_> {
    /// Takes what comes, and certificates whose files have changed, as long as it is
    /// polled.
    pub(super) async fn follow(mut self, mut renewals: mpsc::UnboundedReceiver<Renewal>) {
        loop {
            let files = follow_files(self.tls.1.clone(), self.admin_tls.1.clone());
            let renewal = tokio::select! {
                renewal = renewals.recv() => renewal,
                () = files => None,
            };
            match renewal {
                Some(renewal) => self.take(renewal),
                // Nobody has any more.
                None => return std::future::pending().await,
            }
        }
    }

    fn take(&mut self, renewal: Renewal) {
        let Renewal { gate, settings, routes, rooms, tls, admin_tls, access_log } = renewal;
        self.house.access_log.store(Arc::new(access_log));
        renew_tls(&mut self.tls, &settings.tls, tls);
        renew_tls(&mut self.admin_tls, &settings.admin_tls, admin_tls);
        let shown = [self.tls.1.clone(), self.admin_tls.1.clone()];
        self.house.figures.listeners_show(shown);
        self.house.health.goes_to(settings.upstream.clone());
        self.house.slots.go_by(&settings.limits);
        let (people, terms) = &self.people;
        terms.renew(&settings.limits, self.house.of_people(&settings, self.tls.1.clone()));
        people.replace(self.house.public(&gate, &settings, routes, &rooms));
        let next = self.house.admin(&settings, &rooms);
        if let Some(((now, terms), next)) = self.admins.as_ref().zip(next) {
            let tls = self.admin_tls.1.clone();
            terms.renew(&of_admin(&settings.limits), self.house.of_administrators(&settings, tls));
            now.replace(next);
        }
    }
}

/// What clients were given to come back with is good as long as the certificates are the
/// same.
fn renew_tls(now: &mut TlsNow, settings: &Option<TlsSettings>, opened: Option<Tls>) {
    if now.0 != *settings {
        *now = (settings.clone(), opened);
    }
}

/// Takes certificates whose files have changed, as long as it is polled.
async fn follow_files(public: Option<Tls>, admin: Option<Tls>) {
    let follow = async |tls: Option<Tls>| match tls {
        Some(tls) => tls.follow_files().await,
        None => std::future::pending().await,
    };
    tokio::join!(follow(public), follow(admin));
}
