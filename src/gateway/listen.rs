//! Sockets: who may connect, how long they may take, and how they end.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;

use crate::engine::figures::Level;
use crate::gateway::ListenError;
use crate::gateway::alarm::OneAlarm;
use crate::gateway::body::Body;
use crate::gateway::entrance::{Entrance, Inside};
use crate::gateway::patient::{Patient, Sending};
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

/// Opens a socket.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| ListenError { address, error })
}

/// A socket, and how its connections are treated.
pub(crate) struct Listener {
    socket: TcpListener,
    terms: Terms,
    open: Level,
}

/// How new connections are treated: replaced while the listener serves. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Terms {
    now: Arc<ArcSwap<Term>>,
    room: Arc<Semaphore>,
    /// How many places there are, taken or not.
    places: Arc<AtomicU32>,
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
        service: A,
        watcher: Watcher,
    ) -> Meeting<A> {
        let mut http = self.http.clone();
        http.http1().timer(OneAlarm::default());
        let limits = (self.limits.head_timeout, self.limits.body_idle_timeout);
        Meeting { service, place: Arc::new(place), http, watcher, limits }
    }
}

impl Terms {
    fn new(limits: &Limits, entrance: Entrance) -> Self {
        let places = places(limits);
        Self {
            now: Arc::new(ArcSwap::from_pointee(Term::new(limits, entrance))),
            room: Arc::new(Semaphore::new(places as usize)),
            places: Arc::new(AtomicU32::new(places)),
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
        let wanted = places(limits);
        let before = self.places.swap(wanted, Ordering::Relaxed);
        self.room
            .add_permits(wanted.saturating_sub(before) as usize);
        let surplus = before.saturating_sub(wanted);
        if surplus > 0 {
            let room = Arc::clone(&self.room);
            tokio::spawn(async move {
                if let Ok(places) = room.acquire_many(surplus).await {
                    places.forget();
                }
            });
        }
    }
}

/// How many connections there is room for.
fn places(limits: &Limits) -> u32 {
    u32::try_from(limits.connections)
        .unwrap_or(MAX_PLACES)
        .min(MAX_PLACES)
}

impl Listener {
    /// `open` counts the connections; all come in by this entrance.
    pub(crate) fn new(
        socket: TcpListener,
        limits: &Limits,
        open: Level,
        entrance: Entrance,
    ) -> Self {
        Self { socket, terms: Terms::new(limits, entrance), open }
    }

    /// How its connections are treated, to be replaced.
    pub(crate) fn terms(&self) -> Terms {
        self.terms.clone()
    }

    /// Serves until `stop` is done. Then nobody new comes in, connections that wait
    /// for a request are closed, and what is open may end by itself for as long as
    /// the limits say. Says whether all did; connections that did not are cut.
    /// Tunnels have places too, and are waited for, but cut by whoever opened them.
    pub(crate) async fn serve(self, service: impl Answer, stop: impl Future<Output = ()>) -> bool {
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let (going_on, over) = watch::channel(());
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                (stream, peer, place) = self.accept() => {
                    let term = self.terms.now.load_full();
                    let open = self.open.raise();
                    let meeting = term.meet(place, service.clone(), graceful.watcher());
                    if term.entrance.is_open() {
                        let (stream, talk) = meeting.begin(stream, peer.ip());
                        connections.spawn(async move {
                            let _open = open;
                            talk.over(stream).await;
                        });
                        continue;
                    }
                    let inside = meeting.behind(term.entrance.clone(), stream, peer, over.clone());
                    connections.spawn(async move {
                        let _open = open;
                        inside.await;
                    });
                }
                // Only to let go of what they held.
                Some(_) = connections.join_next() => {}
            }
        }
        let Self { socket, terms, .. } = self;
        drop((socket, going_on));
        let all_ended = async {
            graceful.shutdown().await;
            // Tunnels have their places as well.
            let places = terms.places.load(Ordering::Relaxed);
            let _ = terms.room.acquire_many(places).await;
        };
        let drain = terms.now.load().limits.drain;
        tokio::time::timeout(drain, all_ended).await.is_ok()
    }

    async fn accept(&self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            // Who finds no room waits in the system's queue, not in ours.
            let Ok(place) = Arc::clone(&self.terms.room).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            match self.socket.accept().await {
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

/// A connection of which it is not known yet whose it is.
struct Meeting<A> {
    service: A,
    place: Place,
    http: auto::Builder<TokioExecutor>,
    watcher: Watcher,
    /// For heads, and for what moves afterwards.
    limits: (Duration, Duration),
}

impl<A: Answer> Meeting<A> {
    /// It is this one's.
    fn begin(self, stream: TcpStream, ip: IpAddr) -> (Patient, Talk<A>) {
        let Self { service, place, http, watcher, limits: (patience, idle) } = self;
        let sending = Sending::default();
        let line = Arc::new(Line {
            service,
            peer: Peer::new(ip),
            place,
            sending: sending.clone(),
            began: AtomicBool::new(false),
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
        }
        Ok(answer)
    }
}

/// More than any machine has room for, and few enough to be counted together.
const MAX_PLACES: u32 = 1 << 28;

/// hyper has no smaller one.
const MIN_HEAD_BYTES: usize = 8192;

/// Whether the client gave up before it was accepted.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
