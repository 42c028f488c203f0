//! A client's socket that does not wait for ever to be read from.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::gateway::body::Patience;
use crate::gateway::under_way::UnderWay;
use crate::guard::cut::{Watch, log_cut};

/// Whose answer a connection of HTTP/1 is sending. Cheap to clone: the socket and
/// the answer's body share it.
///
/// A body says when it must end as long as it is asked for more, and nobody asks
/// while the socket is full. So the socket looks itself then.
#[derive(Clone, Default)]
pub(crate) struct Sending(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Whether there is a watch. Most answers need none, and lock nothing.
    is_watched: AtomicBool,
    watch: Mutex<Option<Watched>>,
}

/// Who is watched, and what they asked for.
struct Watched {
    watch: Watch,
    request: Option<UnderWay>,
}

impl Sending {
    /// From now on the answer is this one's; `None`: nobody's in particular.
    pub(crate) fn of(&self, watch: Option<Watch>) {
        if watch.is_none() && !self.is_watched() {
            return;
        }
        let mut kept = self.watch();
        self.0.is_watched.store(watch.is_some(), Ordering::Release);
        *kept = watch.map(|watch| Watched { watch, request: UnderWay::current() });
    }

    /// Whether what is being sent must not go on. A socket that was never full
    /// registers nothing.
    fn poll_ended(&self, is_full: bool, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_watched() {
            return Poll::Pending;
        }
        let mut watch = self.watch();
        let Some(on) = watch.as_mut().filter(|on| is_full || on.watch.is_on()) else {
            return Poll::Pending;
        };
        let denial = ready!(on.watch.poll_ended(context));
        match &on.request {
            Some(request) => request.within(|| log_cut(&denial)),
            None => log_cut(&denial),
        }
        *watch = None;
        Poll::Ready(())
    }

    fn is_watched(&self) -> bool {
        self.0.is_watched.load(Ordering::Acquire)
    }

    fn watch(&self) -> MutexGuard<'_, Option<Watched>> {
        self.0.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending(..)")
    }
}

/// A socket whose writes fail when the other side takes nothing for too long:
/// whoever asks for much and reads nothing would hold what it asked for. They
/// fail, too, when whoever is being answered is refused.
#[derive(Debug)]
pub(crate) struct Patient {
    stream: TcpStream,
    patience: Patience,
    sending: Sending,
}

impl Patient {
    pub(crate) const fn new(stream: TcpStream, at_most: Duration, sending: Sending) -> Self {
        Self { stream, patience: Patience::new(at_most), sending }
    }

    fn in_time<T>(
        &mut self,
        polled: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if self
            .sending
            .poll_ended(polled.is_pending(), context)
            .is_ready()
        {
            // What the system still holds is not to be sent, either.
            let _ = self.stream.set_zero_linger();
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if polled.is_ready() {
            self.patience.renew();
            return polled;
        }
        ready!(self.patience.poll_out(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(polled, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.in_time(polled, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
