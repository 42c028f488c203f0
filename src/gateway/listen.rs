//! Sockets: who may connect, how long they may take, and how they end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;

use crate::engine::figures::Level;
use crate::gateway::alarm::OneAlarm;
use crate::gateway::body::Body;
use crate::gateway::door::Door;
use crate::gateway::entrance::{Entrance, Inside};
use crate::gateway::patient::{Patient, Sending};
use crate::gateway::places::Places;
use crate::gateway::screen::Peer;
use crate::gateway::settings::Limits;
use crate::gateway::tunnel::Place;

/// How long accepting pauses when the system has no room for another connection.
const BREATH: Duration = Duration::from_millis(50);

/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 200;

/// What is kept of one of its answers for a client that does not read it, in bytes.
const SEND_BUFFER: usize = 64 * 1024;

/// By how many bytes a head may be too large and be told so on a page; of a
/// larger one not even the end is waited for.
const SLACK: usize = 16 * 1024;

/// How many fields hyper has room for without being asked.
const FIELDS_OF_HYPER: usize = 100;

/// Answers the requests of a listener.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    /// Answers one request of this peer.
    fn answer(
        &self,
        peer: &Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// How long connections that wait for a request stay open after another process has taken
/// over: whoever asks once more is answered, and told to connect anew.
const HANDOVER: Duration = Duration::from_secs(2);

/// What waits in a socket's own queue is accepted for so long before the socket is closed,
/// or until nothing came for a moment.
const LAST_CALL: Duration = Duration::from_millis(200);
const MOMENT: Duration = Duration::from_millis(20);

/// A socket, and how its connections are treated.
pub(crate) struct Listener {
    door: Door,
    terms: Terms,
    open: Level,
    /// Whether answers say that their connection ends with them.
    closing: Arc<AtomicBool>,
}

/// How new connections are treated: replaced while the listener serves. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Terms {
    now: Arc<ArcSwap<Term>>,
    places: Places,
}

/// How a connection is treated from its beginning to its end.
struct Term {
    limits: Limits,
    http: auto::Builder<TokioExecutor>,
    entrance: Entrance,
}

impl Term {
    fn new(limits: &Limits, entrance: Entrance) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes.saturating_add(SLACK).max(MIN_HEAD_BYTES));
        if limits.head_fields != FIELDS_OF_HYPER {
            // Any other number costs memory of its own for each request.
            http.http1().max_headers(limits.head_fields);
        }
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .max_send_buf_size(SEND_BUFFER)
            .keep_alive_interval(limits.head_timeout)
            .keep_alive_timeout(limits.head_timeout);
        Self { limits: limits.clone(), http, entrance }
    }

    /// What is to be known of a connection before its first byte.
    fn meet<A: Answer>(
        &self,
        place: OwnedSemaphorePermit,
        (service, closing): (A, Arc<AtomicBool>),
        watcher: Watcher,
    ) -> Meeting<A> {
        let mut http = self.http.clone();
        http.http1().timer(OneAlarm::default());
        let limits = (self.limits.head_timeout, self.limits.body_idle_timeout);
        Meeting { service, closing, place: Arc::new(place), http, watcher, limits }
    }
}

impl Terms {
    fn new(limits: &Limits, entrance: Entrance) -> Self {
        Self {
            now: Arc::new(ArcSwap::from_pointee(Term::new(limits, entrance))),
            places: Places::new(limits.connections),
        }
    }

    /// For connections that are accepted from now on. Where there are more than now may
    /// be, none of them is closed: nobody new comes in before enough of them have ended.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn renew(&self, limits: &Limits, entrance: Entrance) {
        self.now.store(Arc::new(Term::new(limits, entrance)));
        self.places.resize(limits.connections);
    }
}

impl Listener {
    /// `open` counts the connections; all come in by this entrance.
    pub(crate) fn new(door: Door, limits: &Limits, open: Level, entrance: Entrance) -> Self {
        let (terms, closing) = (Terms::new(limits, entrance), Arc::default());
        Self { door, terms, open, closing }
    }

    /// How its connections are treated, to be replaced.
    pub(crate) fn terms(&self) -> Terms {
        self.terms.clone()
    }

    /// Serves until `stop` is done. Then nobody new comes in, connections that wait
    /// for a request are closed, and what is open may end by itself for as long as
    /// the limits say. Says whether all did; connections that did not are cut.
    /// Tunnels have places too, and are waited for, but cut by whoever opened them.
    ///
    /// Where others accept at the same address, connections that wait for a request are
    /// closed after the next one, or after a moment: none is lost on its way.
    pub(crate) async fn serve(self, service: impl Answer, stop: impl Future<Output = ()>) -> bool {
        let mut talks = Talks {
            service,
            graceful: GracefulShutdown::new(),
            connections: JoinSet::new(),
            going_on: watch::channel(()).0,
        };
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => self.begin(accepted, &mut talks),
                // Only to let go of what they held.
                Some(_) = talks.connections.join_next() => {}
            }
        }
        if self.door.is_shared {
            self.closing.store(true, Ordering::Relaxed);
            self.accept_last(&mut talks).await;
        }
        let Self { door, terms, .. } = self;
        let Door { socket, is_shared } = door;
        let Talks { graceful, connections: _connections, going_on, .. } = talks;
        drop((socket, going_on));
        let all_ended = async {
            if is_shared {
                let _ = tokio::time::timeout(HANDOVER, terms.places.are_free()).await;
            }
            graceful.shutdown().await;
            // Tunnels have their places as well.
            terms.places.are_free().await;
        };
        let drain = terms.now.load().limits.drain;
        tokio::time::timeout(drain, all_ended).await.is_ok()
    }

    /// What waits in this socket's own queue nobody else gets.
    async fn accept_last<A: Answer>(&self, talks: &mut Talks<A>) {
        let end = tokio::time::Instant::now() + LAST_CALL;
        while tokio::time::Instant::now() < end {
            match tokio::time::timeout(MOMENT, self.accept()).await {
                Ok(accepted) => self.begin(accepted, talks),
                Err(_) => return,
            }
        }
    }

    /// Talks with somebody who has connected.
    fn begin<A: Answer>(
        &self,
        (stream, peer, place): (TcpStream, SocketAddr, OwnedSemaphorePermit),
        talks: &mut Talks<A>,
    ) {
        let term = self.terms.now.load_full();
        let open = self.open.raise();
        let service = (talks.service.clone(), Arc::clone(&self.closing));
        let meeting = term.meet(place, service, talks.graceful.watcher());
        if term.entrance.is_open() {
            let (stream, talk) = meeting.begin(stream, peer.ip());
            talks.connections.spawn(async move {
                let _open = open;
                talk.over(stream).await;
            });
            return;
        }
        let over = talks.going_on.subscribe();
        let inside = meeting.behind(term.entrance.clone(), stream, peer, over);
        talks.connections.spawn(async move {
            let _open = open;
            inside.await;
        });
    }

    async fn accept(&self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            // Who finds no room waits in the system's queue, not in ours.
            let Ok(place) = self.terms.places.take().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match self.door.socket.accept().await {
                Ok((stream, peer)) => return (stream, peer, place),
                Err(error) => {
                    if !is_of_client(&error) {
                        tracing::warn!(error = %error, "connection not accepted");
                        tokio::time::sleep(BREATH).await;
                    }
                }
            }
        }
    }
}

/// The connections of a listener.
struct Talks<A> {
    service: A,
    graceful: GracefulShutdown,
    connections: JoinSet<()>,
    /// Dropped when no handshake is worth its end.
    going_on: watch::Sender<()>,
}

/// A connection of which it is not known yet whose it is.
struct Meeting<A> {
    service: A,
    closing: Arc<AtomicBool>,
    place: Place,
    http: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    /// For heads, and for what moves afterwards.
    limits: (Duration, Duration),
}

impl<A: Answer> Meeting<A> {
    /// It is this one's.
    fn begin(self, stream: TcpStream, ip: IpAddr) -> (Patient, Talk<A>) {
        let Self { service, closing, place, http, watcher, limits: (patience, idle) } = self;
        let sending = Sending::default();
        let line = Arc::new(Line {
            service,
            peer: Peer::new(ip),
            place,
            sending: sending.clone(),
            began: AtomicBool::new(false),
            closing,
        });
        // Answers go out whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        (Patient::new(stream, idle, sending), Talk { line, http, watcher, patience })
    }

    /// Lets it in, and answers it to its end.
    async fn behind(
        self,
        entrance: Entrance,
        stream: TcpStream,
        peer: SocketAddr,
        over: watch::Receiver<()>,
    ) {
        let patience = self.limits.0;
        let begin = |stream, ip| self.begin(stream, ip);
        match entrance.let_in(stream, peer, begin, patience, over).await {
            Some(Inside::Plain(stream, talk)) => talk.over(stream).await,
            Some(Inside::Secure(stream, talk)) => talk.over(stream).await,
            None => {}
        }
    }
}

/// One connection, whatever it goes over.
struct Talk<A> {
    line: Arc<Line<A>>,
    http: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    patience: Duration,
}

impl<A: Answer> Talk<A> {
    /// Answers what comes over this stream, to its end.
    fn over<S>(self, stream: S) -> impl Future<Output = ()> + Send + 'static
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Self { line, http, watcher, patience } = self;
        let (seen, kept) = (Arc::clone(&line), Arc::clone(&line.place));
        let service = service_fn(move |request| Arc::clone(&line).answer(request));
        let connection = http
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let connection = watcher.watch(connection);
        async move {
            // hyper has no patience of its own while it finds out which HTTP this is.
            let mut silent = pin!(tokio::time::sleep(patience));
            let mut connection = pin!(connection);
            poll_fn(|context| {
                // What goes wrong on a connection is its client's to know.
                if connection.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                match seen.began.load(Ordering::Relaxed) {
                    true => Poll::Pending,
                    false => silent.as_mut().poll(context),
                }
            })
            .await;
            drop(kept);
        }
    }
}

/// What the requests of one connection share.
struct Line<A> {
    service: A,
    peer: Peer,
    place: Place,
    sending: Sending,
    /// Whether there was a request yet.
    began: AtomicBool,
    /// Whether the listener's answers end their connections.
    closing: Arc<AtomicBool>,
}

impl<A: Answer> Line<A> {
    async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        self.began.store(true, Ordering::Relaxed);
        if request.extensions().get::<OnUpgrade>().is_some() {
            request.extensions_mut().insert(Arc::clone(&self.place));
        }
        // HTTP/2 has answers of several people on one connection.
        let is_for_one = request.version() < Version::HTTP_2;
        let mut answer = self.service.answer(&self.peer, request).await;
        if is_for_one {
            answer.body_mut().goes_over(&self.sending);
            let switches = answer.status() == StatusCode::SWITCHING_PROTOCOLS;
            if self.closing.load(Ordering::Relaxed) && !switches {
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(CONNECTION, close);
            }
        }
        Ok(answer)
    }
}

/// hyper has no smaller one.
const MIN_HEAD_BYTES: usize = 8192;

/// Whether the client gave up before it was accepted.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
