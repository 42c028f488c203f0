//! A connection of HTTP/1 to the upstream.
//!
//! hyper's connection does nothing unless somebody drives it. Whoever waits for an
//! answer does, in their own task: what comes from the upstream wakes up one task,
//! once, and no other has to be woken to hand it over.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use crate::engine::figures::Raised;
use crate::gateway::alarm::Alarm;
use crate::gateway::body::RequestBody;

/// What became of a request. One that was not sent comes back.
pub(super) type Sent = Result<Response<Incoming>, TrySendError<Request<RequestBody>>>;

/// A connection, for one request after the other. Dropping it closes it.
pub(super) struct Connection {
    sender: http1::SendRequest<RequestBody>,
    /// `None`: it has come to its end.
    driver: Option<Driver>,
    /// Wakes up whoever drives it now.
    call: Arc<Call>,
    /// Whoever waits for an answer on it uses this one.
    pub(super) alarm: Alarm,
    /// When it was last given back.
    pub(super) idle_since: Instant,
    _open: Raised,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection(..)")
    }
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Connection {
    pub(super) async fn over(stream: TcpStream, alarm: Alarm, open: Raised) -> hyper::Result<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let driver: Driver = Box::pin(connection.with_upgrades());
        let idle_since = Instant::now();
        let call = Arc::default();
        Ok(Self { sender, driver: Some(driver), call, alarm, idle_since, _open: open })
    }

    /// Is driven no longer by whoever did.
    pub(super) fn leave(&self) {
        drop(self.call.0.take());
    }

    /// Does what can be done now, and wakes the task up when there is more to do.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, &self.call, context);
    }

    /// Whether it waits for a request, as far as was seen when it was last driven.
    pub(super) fn is_idle(&self) -> bool {
        self.driver.is_some() && self.sender.is_ready()
    }

    pub(super) const fn is_closed(&self) -> bool {
        self.driver.is_none()
    }

    /// Sends a request, and drives the connection until the answer begins. The
    /// alarm is for whoever waits.
    ///
    /// The first thing to be seen is whether the upstream has closed it meanwhile:
    /// then nothing is sent.
    pub(super) fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> (impl Future<Output = Sent> + Send + '_, &mut Alarm) {
        let Self { sender, driver, call, alarm, .. } = self;
        // The answer is handed over while the connection is driven, and only then:
        // nobody has to be woken up for it.
        let answer = unconstrained(sender.try_send_request(request));
        let sent = async move {
            let mut answer = pin!(answer);
            poll_fn(|context| {
                drive(driver, call, context);
                answer
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop()))
            })
            .await
        };
        (sent, alarm)
    }

    /// Drives it until it waits for a request, or has come to its end.
    pub(super) async fn settle(&mut self) {
        poll_fn(|context| {
            self.drive(context);
            if self.is_idle() || self.is_closed() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

fn drive(driver: &mut Option<Driver>, call: &Arc<Call>, context: &mut Context<'_>) {
    let Some(running) = driver else { return };
    call.0.register(context.waker());
    let waker = Waker::from(Arc::clone(call));
    // What went wrong on it is told to whoever sent a request.
    if running
        .as_mut()
        .poll(&mut Context::from_waker(&waker))
        .is_ready()
    {
        *driver = None;
    }
}

/// Whom a connection wakes up. hyper remembers who drove it last, and wakes that
/// one up for the next request as well, which may be somebody else's.
#[derive(Default)]
struct Call(AtomicWaker);

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}
