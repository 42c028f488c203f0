//! Sockets: who may connect, how long they may take, and how they end.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::engine::figures::Level;
use crate::gateway::ListenError;
use crate::gateway::body::Body;
use crate::gateway::screen::Peer;
use crate::gateway::settings::Limits;

/// How long accepting pauses when the system has no room for another connection.
const BREATH: Duration = Duration::from_millis(50);

/// Requests at once on one connection of HTTP/2.
const STREAMS: u32 = 200;

/// Answers the requests of a listener.
pub(crate) trait Answer: Clone + Send + Sync + 'static {
    /// Answers one request of this peer.
    fn answer(
        self,
        peer: Peer,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Body>> + Send + 'static;
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
    limits: Limits,
    http: auto::Builder<TokioExecutor>,
    room: Arc<Semaphore>,
    open: Level,
}

impl Listener {
    /// `open` counts the connections.
    pub(crate) fn new(socket: TcpListener, limits: &Limits, open: Level) -> Self {
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .max_buf_size(limits.head_bytes.max(MIN_HEAD_BYTES))
            .max_headers(limits.head_fields);
        http.http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(limits.head_timeout)
            .keep_alive_timeout(limits.head_timeout);
        let room = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        Self { socket, limits: limits.clone(), http, room, open }
    }

    /// Serves until `stop` is done. Then nobody new comes in, and what is open may
    /// end by itself for as long as the limits say. Says whether all did.
    pub(crate) async fn serve(self, service: impl Answer, stop: impl Future<Output = ()>) -> bool {
        let graceful = GracefulShutdown::new();
        let mut stop = pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = self.accept() => accepted,
            };
            let (stream, peer, place) = accepted;
            let connection = self.connection(stream, peer, service.clone(), &graceful);
            let open = self.open.raise();
            tokio::spawn(async move {
                let (_place, _open) = (place, open);
                connection.await;
            });
        }
        drop(self.socket);
        tokio::time::timeout(self.limits.drain, graceful.shutdown())
            .await
            .is_ok()
    }

    async fn accept(&self) -> (TcpStream, SocketAddr, Place) {
        loop {
            // Who finds no room waits in the system's queue, not in ours.
            let Ok(place) = Arc::clone(&self.room).acquire_owned().await else {
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

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        service: impl Answer,
        graceful: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (peer, began) = (Peer::new(peer.ip()), Arc::new(AtomicBool::new(false)));
        let seen = Arc::clone(&began);
        let service = service_fn(move |request| {
            seen.store(true, Ordering::Relaxed);
            let answer = service.clone().answer(peer.clone(), request);
            async move { Ok::<_, std::convert::Infallible>(answer.await) }
        });
        // Answers go out whole: waiting for more would only delay them.
        let _ = stream.set_nodelay(true);
        let connection = self
            .http
            .serve_connection_with_upgrades(TokioIo::new(stream), service)
            .into_owned();
        let (connection, patience) = (graceful.watch(connection), self.limits.head_timeout);
        async move {
            let mut connection = pin!(connection);
            // hyper has no patience of its own while it finds out which HTTP this is.
            let first = tokio::time::timeout(patience, connection.as_mut()).await;
            if first.is_err() && began.load(Ordering::Relaxed) {
                // What goes wrong on a connection is its client's to know.
                let _ = connection.await;
            }
        }
    }
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// hyper has no smaller one.
const MIN_HEAD_BYTES: usize = 8192;

/// Whether the client gave up before it was accepted.
fn is_of_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
