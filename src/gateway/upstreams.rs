//! The servers that requests go to: one, or several that do the same.
//!
//! Of several, a request goes to the one with the fewest under way. A server to which no
//! connection can be made is left alone for a while, and one that fails its checks until
//! it passes them again. What went to a server is never sent to another; what found no
//! connection there is, for nobody has seen anything of it.

mod health;
mod place;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, Version};

use self::health::Health;
pub(crate) use self::place::Place;
use crate::domain::denial::Denial;
use crate::gateway::body::RequestBody;
use crate::gateway::figures::{Figures, ServerFigures};
use crate::gateway::settings::{Origin, Upstream as Settings, UpstreamPool};
use crate::gateway::upstream::{Unanswered, Upstream, UpstreamBody, UpstreamError, Waiting};

/// The servers of one upstream. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Servers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// At least one.
    servers: Vec<Server>,
    settings: Settings,
    /// Where the next search begins: of equals, each has its turn.
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Server {
    upstream: Upstream,
    /// Its own name.
    host: HeaderValue,
    /// Requests under way.
    busy: AtomicUsize,
    health: Health,
    figures: Arc<ServerFigures>,
}

/// A server that a request went to.
pub(crate) struct Served<'a>(&'a Server);

/// Why there is no answer, and whose it would have been.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) origin: Origin,
    pub(crate) error: UpstreamError,
}

/// Why a request has no answer.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// Whoever asked is refused meanwhile.
    Ended(Denial),
    Failed(Failed),
}

impl Served<'_> {
    /// What was an answer is none.
    pub(crate) fn failed(&self, error: UpstreamError) -> Failed {
        Failed { origin: self.0.upstream.settings().origin.clone(), error }
    }
}

impl Servers {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn new(pool: &UpstreamPool, figures: &Figures) -> Self {
        let server = |origin: &Origin| Server::new(pool, origin, figures);
        let servers = pool.origins.iter().map(server).collect();
        let (settings, turn) = (pool.settings.clone(), AtomicUsize::new(0));
        let shared = Arc::new(Shared { servers, settings, turn });
        if let Some(check) = &pool.check {
            health::check(&shared, check);
        }
        Self(shared)
    }

    /// How each of them is spoken to.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sends a request to one of them and gives the answer's head, with its body to
    /// come, unless whoever waits may not have it any more.
    pub(crate) async fn send(
        &self,
        mut request: Request<RequestBody>,
        waiting: &mut Waiting<'_>,
    ) -> Result<(Response<UpstreamBody>, Served<'_>), Unserved> {
        let mut tried = Tried::default();
        while let Some(at) = self.0.pick(&tried) {
            tried.note(at);
            let server = &self.0.servers[at];
            let place = (self.0.servers.len() > 1).then(|| Place::take(&self.0, at));
            let (mut unsent, addressed) = (None, server.address(request));
            let sent = server.upstream.send(addressed, waiting, &mut unsent).await;
            let error = match sent {
                Ok(response) => {
                    server.health.was_reached();
                    let response = response.map(|body| body.holding(place));
                    return Ok((response, Served(server)));
                }
                Err(Unanswered::Ended(denial)) => return Err(Unserved::Ended(denial)),
                Err(Unanswered::Upstream(error)) => error,
            };
            if error.is_of_connecting() {
                server.health.was_not_reached();
            }
            match unsent {
                Some(same) if self.0.servers.len() > 1 => request = same,
                _ => return Err(Unserved::Failed(Served(server).failed(error))),
            }
            server.figures.passed_by();
            tracing::debug!(server = server.figures.label(), %error, "another server is asked");
        }
        let first = Served(&self.0.servers[0]);
        Err(Unserved::Failed(first.failed(UpstreamError::NoneUp(self.0.servers.len()))))
    }
}

impl Shared {
    /// The server that a request goes to next, if any is left.
    #[inline]
    fn pick(&self, tried: &Tried) -> Option<usize> {
        if let [only] = self.servers.as_slice() {
            return (tried.is_new(0) && !only.health.is_down()).then_some(0);
        }
        let count = self.servers.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let all = (0..count).map(|n| first.wrapping_add(n) % count);
        let left = all.filter(|at| tried.is_new(*at) && !self.servers[*at].health.is_down());
        // One that is left alone is better than none.
        left.min_by_key(|at| {
            let server = &self.servers[*at];
            (server.health.is_left_alone(), server.busy.load(Ordering::Relaxed))
        })
    }
}

/// The servers that a request was meant for already.
#[derive(Debug, Default)]
struct Tried(u64);

/// How many servers an upstream has at most.
pub(crate) const MOST_SERVERS: usize = 64;

impl Tried {
    const fn is_new(&self, at: usize) -> bool {
        self.0 & 1 << (at % MOST_SERVERS) == 0
    }

    const fn note(&mut self, at: usize) {
        self.0 |= 1 << (at % MOST_SERVERS);
    }
}

impl Server {
    fn new(pool: &UpstreamPool, origin: &Origin, figures: &Figures) -> Self {
        let settings = Settings { origin: origin.clone(), ..pool.settings.clone() };
        let upstream = Upstream::new(settings, figures.clone());
        upstream.spawn_sweeper();
        let host = HeaderValue::from_str(origin.authority().as_str());
        let label = match pool.name.is_empty() {
            true => "upstream".to_owned(),
            false => format!("{} {}", pool.name, origin.authority()),
        };
        Self {
            upstream,
            host: host.unwrap_or_else(|_| HeaderValue::from_static("")),
            busy: AtomicUsize::new(0),
            health: Health::new(pool.left_alone_for),
            figures: figures.server(label),
        }
    }

    /// Says in a request that was picked for it whose it is to be.
    fn address(&self, request: Request<RequestBody>) -> Request<RequestBody> {
        self.figures.picked();
        self.address_check(request)
    }

    /// The same of one that is only to find out how it is.
    fn address_check(&self, request: Request<RequestBody>) -> Request<RequestBody> {
        let settings = self.upstream.settings();
        if !settings.own_host && !settings.http2 {
            return request;
        }
        let (mut head, body) = request.into_parts();
        if settings.own_host {
            head.headers.insert(HOST, self.host.clone());
        }
        if settings.http2 {
            head.version = Version::HTTP_2;
            head.uri = self.whole_uri(&head);
            head.headers.remove(HOST);
        }
        Request::from_parts(head, body)
    }

    fn whole_uri(&self, head: &Parts) -> Uri {
        let path = head.uri.path_and_query().cloned();
        let host = head.headers.get(HOST).map(HeaderValue::as_bytes);
        // One that was to be another server's has lost its header.
        let host = host.or(head.uri.authority().map(|host| host.as_str().as_bytes()));
        Uri::builder()
            .scheme(self.upstream.settings().origin.scheme().clone())
            .authority(host.unwrap_or(self.host.as_bytes()))
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .unwrap_or_default()
    }
}
