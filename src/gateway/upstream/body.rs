//! The body of an upstream's answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::Shared;
use super::connection::Connection;
use crate::gateway::body::{BodyError, Patience};
use crate::gateway::untrusted;

/// A connection in use, and where it goes afterwards.
pub(super) struct Lease {
    pub(super) connection: Connection,
    /// Whether there can be a next request.
    pub(super) reusable: bool,
    pub(super) home: Weak<Shared>,
}

impl Lease {
    /// Gives the connection back, or sees to it that this happens, when the answer
    /// has come to its end.
    fn end(self) {
        if self.reusable && !self.connection.is_closed() {
            self.settle();
        }
    }

    /// Lets the connection do by itself what it still has to do: to send the rest
    /// of a request, or to become what it was switched to.
    pub(super) fn settle(mut self) {
        if self.connection.is_idle() {
            return self.give_back();
        }
        tokio::spawn(async move {
            self.connection.settle().await;
            self.give_back();
        });
    }

    fn give_back(self) {
        if let Some(home) = self.home.upgrade()
            && self.reusable
        {
            home.pool.give_back(self.connection);
        }
    }
}

pin_project! {
    /// The body of an upstream's answer. Its connection waits for the next
    /// request when the body has come to its end; dropped before, it is closed.
    pub(crate) struct UpstreamBody {
        #[pin]
        body: Incoming,
        // Boxed: most answers are there as a whole, and carry no room for it around.
        lease: Option<Box<Lease>>,
        patience: Option<Patience>,
        broken: Option<BodyError>,
    }
}

impl UpstreamBody {
    /// A body that may pause no longer than this; `None`: as long as it likes.
    /// Without a lease it comes by itself, or is there already.
    pub(super) fn new(body: Incoming, patience: Option<Duration>, lease: Option<Lease>) -> Self {
        let ended = body.is_end_stream();
        let lease = lease.map(Box::new);
        let mut body = Self { body, lease, patience: patience.map(Patience::new), broken: None };
        if ended {
            end(&mut body.lease);
        }
        body
    }
}

fn end(lease: &mut Option<Box<Lease>>) {
    if let Some(lease) = lease.take() {
        lease.end();
    }
}

impl HttpBody for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut this = self.project();
        if let Some(error) = this.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = if let Some(lease) = this.lease {
            lease.connection.drive(context);
            // It gets what it gets while the connection is driven.
            let mut unheard = Context::from_waker(Waker::noop());
            this.body.as_mut().poll_frame(&mut unheard)
        } else {
            this.body.as_mut().poll_frame(context)
        };
        let Poll::Ready(mut frame) = polled else {
            let Some(patience) = this.patience else { return Poll::Pending };
            ready!(patience.poll_out(context));
            drop(this.lease.take());
            return Poll::Ready(Some(Err(BodyError::Silent)));
        };
        if let Some(patience) = this.patience {
            patience.renew();
        }
        match &mut frame {
            Some(Ok(frame)) => {
                clean(frame);
                if this.body.is_end_stream() {
                    end(this.lease);
                }
            }
            Some(Err(_)) => drop(this.lease.take()),
            None => end(this.lease),
        }
        match frame.transpose() {
            Ok(frame) => Poll::Ready(frame.map(Ok)),
            Err(error) => {
                // Whoever sends the answer on drops what they still hold of it when
                // it breaks off. What came before goes out first.
                *this.broken = Some(error.into());
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Takes out of trailers what means something in a head only.
fn clean(frame: &mut Frame<Bytes>) {
    if let Some(trailers) = frame.trailers_mut() {
        untrusted::remove(trailers, untrusted::is_never_a_trailer);
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UpstreamBody(..)")
    }
}
