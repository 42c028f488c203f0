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
use crate::gateway::BindError;
use crate::gateway::access_log::AccessLog;
use crate::gateway::body::Body;
use crate::gateway::listen::Answer;
use crate::gateway::routes::Routes;
use crate::gateway::screen::Peer;
use crate::gateway::settings::Settings;
use crate::gateway::tls::Tls;
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
