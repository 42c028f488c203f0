//! The application behind the gateway, and the connections to it.
//!
//! A connection that was used waits for the next request. A request that never
//! left, because its connection had closed while it waited, goes out again on
//! another; one that left may have been acted on, and is sent once more only if
//! doing it twice does no harm and it has no body.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pin_project_lite::pin_project;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::gateway::body::RequestBody;
use crate::gateway::figures::Figures;
use crate::gateway::settings::Upstream as Settings;

/// A connection that has waited less than this was there a moment ago: that it
/// closed meanwhile is unlikely enough to spare each request a copy of its head.
const CERTAINLY_OPEN: Duration = Duration::from_millis(500);

/// How many connections wait at most for the next request.
const MAX_IDLE: usize = 4096;

/// The application, and the connections to it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Upstream(Arc<Shared>);

struct Shared {
    settings: Settings,
    figures: Figures,
    /// `host:port`, to connect to.
    address: String,
    idle: Mutex<Vec<Idle>>,
    shared: tokio::sync::Mutex<Option<Http2>>,
}

type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

struct Idle {
    sender: Http1,
    since: Instant,
}

/// Why the upstream gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UpstreamError {
    /// No connection could be made.
    #[error("no connection: {0}")]
    Connect(#[source] io::Error),
    /// It did not accept a connection in time.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// It did not begin to answer in time.
    #[error("no answer within {0:?}")]
    ResponseTimeout(Duration),
    /// The connection broke, or what came is no HTTP.
    #[error("no whole answer: {0}")]
    Http(#[source] hyper::Error),
    /// It switched to a protocol that nobody asked for.
    #[error("an upgrade that nobody asked for")]
    UnaskedUpgrade,
}

impl Upstream {
    pub(crate) fn new(settings: Settings, figures: Figures) -> Self {
        let shared = Shared {
            address: settings.origin.address(),
            settings,
            figures,
            idle: Mutex::default(),
            shared: tokio::sync::Mutex::default(),
        };
        Self(Arc::new(shared))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Closes connections that nobody has used for long, until the upstream is
    /// dropped.
    pub(crate) fn spawn_sweeper(&self) {
        let (weak, every) = (Arc::downgrade(&self.0), self.0.settings.idle_timeout / 2);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every.max(Duration::from_millis(100))).await;
                let Some(shared) = weak.upgrade() else { return };
                shared.sweep();
            }
        });
    }

    /// Sends a request and gives the answer's head, with its body to come.
    ///
    /// Dropping the future closes the connection.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let patience = self.0.settings.response_timeout;
        let answer = async {
            if self.0.settings.http2 {
                self.send_http2(request).await
            } else {
                self.send_http1(request).await
            }
        };
        timeout(patience, answer)
            .await
            .unwrap_or(Err(UpstreamError::ResponseTimeout(patience)))
    }

    async fn send_http1(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        while let Some(Idle { mut sender, since }) = self.0.take_idle() {
            let spare = spare_head(&request, since);
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok(self.receive(response, sender)),
                Err(error) => error,
            };
            request = match (error.take_message(), spare) {
                (Some(unsent), _) => unsent,
                (None, Some(head)) if broke_before_the_answer(&error) => head,
                (None, _) => return Err(UpstreamError::Http(error.into_error())),
            };
        }
        let mut sender = self.0.connect_http1().await?;
        let response = sender
            .try_send_request(request)
            .await
            .map_err(|error| UpstreamError::Http(error.into_error()))?;
        Ok(self.receive(response, sender))
    }

    async fn send_http2(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        // One that was closed while it waited is found out by the first to use it.
        for _ in 0..2 {
            let mut sender = self.0.shared_http2().await?;
            let mut error = match sender.try_send_request(request).await {
                Ok(response) => return Ok(response.map(UpstreamBody::shared)),
                Err(error) => error,
            };
            request = match error.take_message() {
                Some(unsent) => unsent,
                None => return Err(UpstreamError::Http(error.into_error())),
            };
        }
        let closed = io::Error::new(io::ErrorKind::ConnectionAborted, "closed as soon as made");
        Err(UpstreamError::Connect(closed))
    }

    fn receive(&self, response: Response<Incoming>, sender: Http1) -> Response<UpstreamBody> {
        let home = Arc::downgrade(&self.0);
        response.map(|body| UpstreamBody::new(body, Lease { home, sender }))
    }
}

/// A copy of a request that may be sent twice, if its connection waited so long
/// that it may be closed.
fn spare_head(request: &Request<RequestBody>, since: Instant) -> Option<Request<RequestBody>> {
    let harmless = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !harmless || !request.body().is_end_stream() || since.elapsed() < CERTAINLY_OPEN {
        return None;
    }
    let mut spare = Request::new(RequestBody::none());
    *spare.method_mut() = request.method().clone();
    *spare.uri_mut() = request.uri().clone();
    *spare.version_mut() = request.version();
    spare.headers_mut().clone_from(request.headers());
    Some(spare)
}

fn broke_before_the_answer(error: &TrySendError<Request<RequestBody>>) -> bool {
    let error = error.error();
    error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_reset(error)
}

fn is_reset(error: &hyper::Error) -> bool {
    let cause =
        std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| {
        matches!(cause.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
    })
}

impl Shared {
    /// The connection that waited least: the likeliest to be open, and so the
    /// others get a chance to be closed.
    fn take_idle(&self) -> Option<Idle> {
        let mut idle = self.idle();
        // One that has not noticed yet that its answer ended is left for later.
        let ready = idle.iter().rposition(|idle| idle.sender.is_ready())?;
        let taken = idle.remove(ready);
        self.figures.upstream_idle(idle.len());
        Some(taken)
    }

    fn give_back(&self, sender: Http1) {
        if sender.is_closed() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
            self.figures.upstream_idle(idle.len());
        }
    }

    fn sweep(&self) {
        let keep = self.settings.idle_timeout;
        let mut idle = self.idle();
        idle.retain(|idle| !idle.sender.is_closed() && idle.since.elapsed() < keep);
        self.figures.upstream_idle(idle.len());
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect_http1(&self) -> Result<Http1, UpstreamError> {
        let stream = self.connect().await?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(false)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(UpstreamError::Http)?;
        let open = self.figures.upstream_connection();
        tokio::spawn(async move {
            let _open = open;
            // Whoever sent a request on it is told of what went wrong.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    async fn shared_http2(&self) -> Result<Http2, UpstreamError> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = self.connect().await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .handshake(TokioIo::new(stream))
            .await
            .map_err(UpstreamError::Http)?;
        let open = self.figures.upstream_connection();
        tokio::spawn(async move {
            let _open = open;
            let _ = connection.await;
        });
        Ok(shared.insert(sender).clone())
    }

    async fn connect(&self) -> Result<TcpStream, UpstreamError> {
        let patience = self.settings.connect_timeout;
        let stream = timeout(patience, TcpStream::connect(&self.address))
            .await
            .map_err(|_| UpstreamError::ConnectTimeout(patience))?
            .map_err(UpstreamError::Connect)?;
        // Requests go out whole: waiting for more would only delay them.
        stream.set_nodelay(true).map_err(UpstreamError::Connect)?;
        Ok(stream)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("settings", &self.settings)
            .field("idle", &self.idle().len())
            .finish_non_exhaustive()
    }
}

/// A connection in use, and where it goes afterwards.
struct Lease {
    home: Weak<Shared>,
    sender: Http1,
}

pin_project! {
    /// The body of an upstream's answer. Its connection waits for the next
    /// request when the body has come to its end; dropped before, it is closed.
    pub(crate) struct UpstreamBody {
        #[pin]
        body: Incoming,
        lease: Option<Lease>,
    }
}

impl UpstreamBody {
    fn new(body: Incoming, lease: Lease) -> Self {
        let ended = body.is_end_stream();
        let mut body = Self { body, lease: Some(lease) };
        if ended {
            give_back(&mut body.lease);
        }
        body
    }

    /// Of a connection that others use meanwhile.
    const fn shared(body: Incoming) -> Self {
        Self { body, lease: None }
    }
}

fn give_back(lease: &mut Option<Lease>) {
    let Some(Lease { home, sender }) = lease.take() else { return };
    if let Some(home) = home.upgrade() {
        home.give_back(sender);
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(context));
        match &frame {
            Some(Err(_)) => drop(this.lease.take()),
            Some(Ok(_)) if !this.body.is_end_stream() => {}
            Some(Ok(_)) | None => give_back(this.lease),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamBody(..)")
    }
}
