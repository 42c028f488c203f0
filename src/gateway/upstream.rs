//! The application behind the gateway, and the connections to it.
//!
//! A connection that was used waits for the next request. A request that never
//! left, because its connection had closed while it waited, goes out again on
//! another. One that left may have been acted on: it is sent once more only if
//! doing it twice does no harm and it has no body. All others go out on
//! connections that the upstream is not about to close, as far as anybody knows.

mod body;
mod pool;
mod waiting;

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::uri::Uri;
use http::{Method, Request, Response, StatusCode, Version};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use self::body::Lease;
pub(crate) use self::body::UpstreamBody;
use self::pool::{Http1, Need, Pool};
pub(crate) use self::waiting::{Unanswered, Waiting};
use crate::gateway::alarm::Alarm;
use crate::gateway::body::{Progress, RequestBody};
use crate::gateway::figures::Figures;
use crate::gateway::settings::Upstream as Settings;

/// The application, and the connections to it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Upstream(Arc<Shared>);

struct Shared {
    settings: Settings,
    figures: Figures,
    /// `host:port`, to connect to.
    address: String,
    pool: Pool,
    shared: tokio::sync::Mutex<Option<Http2>>,
}

type Http2 = http2::SendRequest<RequestBody>;

/// Why the upstream gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UpstreamError {
    /// Its answer has two ends.
    #[error("an answer whose length is said in two ways")]
    Ambiguous,
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
    /// No server of an upstream can be connected to, of so many.
    #[error("none of {0} servers is up")]
    NoneUp(usize),
    /// It switched to a protocol that nobody asked for.
    #[error("an upgrade that nobody asked for")]
    UnaskedUpgrade,
}

impl UpstreamError {
    /// Whether there was no connection, and so nothing was sent.
    pub(crate) const fn is_of_connecting(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::ConnectTimeout(_))
    }
}

impl Upstream {
    pub(crate) fn new(settings: Settings, figures: Figures) -> Self {
        let shared = Shared {
            address: settings.origin.address(),
            settings,
            pool: Pool::new(figures.clone()),
            figures,
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
        let (weak, keep) = (Arc::downgrade(&self.0), self.0.settings.idle_timeout);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep((keep / 2).max(Duration::from_millis(100))).await;
                let Some(shared) = weak.upgrade() else { return };
                shared.pool.sweep(keep);
            }
        });
    }

    /// Sends a request and gives the answer's head, with its body to come, unless
    /// whoever waits may not have it any more.
    ///
    /// A request that found no connection is left in `unsent`: nobody has seen anything
    /// of it.
    ///
    /// Dropping the future closes the connection, unless others use it.
    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
        waiting: &mut Waiting<'_>,
        unsent: &mut Option<Request<RequestBody>>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        if self.0.settings.http2 {
            self.send_http2(request, waiting, unsent).await
        } else {
            self.send_http1(request, waiting, unsent).await
        }
    }

    async fn send_http1(
        &self,
        mut request: Request<RequestBody>,
        waiting: &mut Waiting<'_>,
        unsent: &mut Option<Request<RequestBody>>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let progress = request.body().progress();
        let need = if is_repeatable(&request) { Need::AnyOpen } else { Need::Fresh };
        while let Some(mut connection) = self.0.pool.take(need) {
            let spare = (need == Need::AnyOpen).then(|| Spare::of(&request));
            let sent = connection.sender.try_send_request(request);
            let alarm = &mut connection.alarm;
            let sent = self
                .0
                .in_time(waiting, alarm, progress.as_deref(), sent)
                .await?;
            let mut error = match sent {
                Ok(response) => return self.receive(response, Some(connection)),
                Err(error) => error,
            };
            request = match (error.take_message(), spare) {
                (Some(unsent), _) => unsent,
                (None, Some(spare)) if broke_before_the_answer(&error) => spare.into_request(),
                (None, _) => return Err(UpstreamError::Http(error.into_error()).into()),
            };
        }
        let mut connection = match self.0.connect_http1(waiting).await {
            Ok(connection) => connection,
            Err(error) => {
                *unsent = Some(request);
                return Err(error);
            }
        };
        let sent = connection.sender.try_send_request(request);
        let alarm = &mut connection.alarm;
        let sent = self
            .0
            .in_time(waiting, alarm, progress.as_deref(), sent)
            .await?;
        match sent {
            Ok(response) => self.receive(response, Some(connection)),
            Err(error) => Err(UpstreamError::Http(error.into_error()).into()),
        }
    }

    async fn send_http2(
        &self,
        mut request: Request<RequestBody>,
        waiting: &mut Waiting<'_>,
        unsent: &mut Option<Request<RequestBody>>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let progress = request.body().progress();
        let mut alarm = Alarm::default();
        // One that was closed while it waited is found out by the first to use it.
        for _ in 0..2 {
            let shared = waiting.wait(&mut alarm, self.0.shared_http2()).await?;
            let mut sender = match shared {
                Ok(sender) => sender,
                Err(error) => {
                    *unsent = Some(request);
                    return Err(error.into());
                }
            };
            let sent = sender.try_send_request(request);
            let sent = self
                .0
                .in_time(waiting, &mut alarm, progress.as_deref(), sent)
                .await?;
            let mut error = match sent {
                Ok(response) => return self.receive(response, None),
                Err(error) => error,
            };
            request = match error.take_message() {
                Some(unsent) => unsent,
                None => return Err(UpstreamError::Http(error.into_error()).into()),
            };
        }
        let closed = io::Error::new(io::ErrorKind::ConnectionAborted, "closed as soon as made");
        Err(UpstreamError::Connect(closed).into())
    }

    /// Takes an answer whose end can be told in one way only.
    fn receive(
        &self,
        response: Response<Incoming>,
        connection: Option<Http1>,
    ) -> Result<Response<UpstreamBody>, Unanswered> {
        let headers = response.headers();
        if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
            return Err(UpstreamError::Ambiguous.into());
        }
        let home = Arc::downgrade(&self.0);
        let lease = connection
            .filter(|_| stays_open(&response))
            .map(|connection| Lease { home, connection });
        // Events come when something happens, and that may be tomorrow.
        let patience = self.0.settings.body_idle_timeout;
        let patience = (!is_of_events(headers)).then_some(patience);
        Ok(response.map(|body| UpstreamBody::new(body, patience, lease)))
    }
}

/// Whether a request may be acted on twice, and can be sent twice.
fn is_repeatable(request: &Request<RequestBody>) -> bool {
    request.method().is_idempotent() && request.body().is_end_stream()
}

/// What it takes to make a request without a body once more. Lighter than the
/// request itself, since nothing is looked up in it.
struct Spare {
    method: Method,
    uri: Uri,
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Spare {
    fn of(request: &Request<RequestBody>) -> Self {
        let field = |(name, value): (&HeaderName, &HeaderValue)| (name.clone(), value.clone());
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            fields: request.headers().iter().map(field).collect(),
        }
    }

    fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::none());
        (*request.method_mut(), *request.uri_mut()) = (self.method, self.uri);
        for (name, value) in self.fields {
            request.headers_mut().append(name, value);
        }
        request
    }
}

/// Whether the upstream means to take another request on this connection.
fn stays_open(response: &Response<Incoming>) -> bool {
    let closes = |value: &HeaderValue| {
        let mut options = value.as_bytes().split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    };
    response.status() != StatusCode::SWITCHING_PROTOCOLS
        && response.version() == Version::HTTP_11
        && !response.headers().get_all(CONNECTION).iter().any(closes)
}

fn is_of_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let events = b"text/event-stream";
    kind.and_then(|kind| kind.get(..events.len()))
        .is_some_and(|kind| kind.eq_ignore_ascii_case(events))
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
    /// Waits for an answer to begin. While the client's body still comes, or
    /// still goes, it is not the upstream that is slow.
    async fn in_time<T>(
        &self,
        waiting: &mut Waiting<'_>,
        alarm: &mut Alarm,
        progress: Option<&Progress>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Unanswered> {
        let patience = waiting.patience().unwrap_or(self.settings.response_timeout);
        let mut answer = pin!(answer);
        // Further away than any timer goes: no limit.
        while let Some(until) = Instant::now().checked_add(patience) {
            let before = progress.map(Progress::so_far);
            let waited = waiting.wait_until(until, alarm, answer.as_mut());
            if let Some(answer) = waited.await? {
                return Ok(answer);
            }
            let moves = |body: &Progress| body.is_for_client() || Some(body.so_far()) != before;
            if !progress.is_some_and(moves) {
                return Err(UpstreamError::ResponseTimeout(patience).into());
            }
        }
        waiting.wait(alarm, answer).await
    }

    async fn connect_http1(
        self: &Arc<Self>,
        waiting: &mut Waiting<'_>,
    ) -> Result<Http1, Unanswered> {
        let mut alarm = Alarm::default();
        let stream = waiting.wait(&mut alarm, self.connect()).await??;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(UpstreamError::Http)?;
        let home = Arc::downgrade(self);
        let open = self.figures.upstream_connection();
        // In a task of its own, and not in that of whoever waits: what has come from
        // many clients is read before any of it is sent on, and whoever is at the
        // other end is woken up once for all of it.
        tokio::spawn(async move {
            let _open = open;
            // Whoever sent a request on it is told of what went wrong.
            let _ = connection.with_upgrades().await;
            if let Some(home) = home.upgrade() {
                home.pool.forget_closed();
            }
        });
        Ok(Http1 { sender, alarm })
    }

    async fn shared_http2(&self) -> Result<Http2, UpstreamError> {
        let mut shared = self.shared.lock().await;
        if let Some(sender) = shared.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = self.connect().await?;
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.settings.idle_timeout)
            .keep_alive_timeout(self.settings.connect_timeout)
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
            .field("idle", &self.pool.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
