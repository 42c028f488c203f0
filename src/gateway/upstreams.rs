//! The servers that requests go to: one, or several that do the same.

use std::sync::Arc;

use http::header::{HOST, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Response, Version};

use crate::domain::denial::Denial;
use crate::gateway::body::RequestBody;
use crate::gateway::figures::Figures;
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
}

#[derive(Debug)]
struct Server {
    upstream: Upstream,
    /// Its own name.
    host: HeaderValue,
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
    pub(crate) fn failed(self, error: UpstreamError) -> Failed {
        Failed { origin: self.0.upstream.settings().origin.clone(), error }
    }
}

impl Servers {
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn new(pool: &UpstreamPool, figures: &Figures) -> Self {
        let server = |origin: &Origin| {
            let settings = Settings { origin: origin.clone(), ..pool.settings.clone() };
            let upstream = Upstream::new(settings, figures.clone());
            upstream.spawn_sweeper();
            let host = HeaderValue::from_str(origin.authority().as_str());
            Server { upstream, host: host.unwrap_or_else(|_| HeaderValue::from_static("")) }
        };
        let servers = pool.origins.iter().map(server).collect();
        Self(Arc::new(Shared { servers, settings: pool.settings.clone() }))
    }

    /// How each of them is spoken to.
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Sends a request to one of them and gives the answer's head, with its body to
    /// come, unless whoever waits may not have it any more.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
        waiting: &mut Waiting<'_>,
    ) -> Result<(Response<UpstreamBody>, Served<'_>), Unserved> {
        let server = &self.0.servers[0];
        let request = server.address(request);
        let mut unsent = None;
        let sent = server.upstream.send(request, waiting, &mut unsent).await;
        match sent {
            Ok(response) => Ok((response, Served(server))),
            Err(Unanswered::Upstream(error)) => Err(Unserved::Failed(Served(server).failed(error))),
            Err(Unanswered::Ended(denial)) => Err(Unserved::Ended(denial)),
        }
    }
}

impl Server {
    /// Says in the request whose it is to be.
    fn address(&self, request: Request<RequestBody>) -> Request<RequestBody> {
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
