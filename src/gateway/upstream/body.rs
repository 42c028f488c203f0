//! The body of an upstream's answer.

use std::fmt;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use super::Shared;
use super::pool::Http1;
use crate::gateway::body::{BodyError, Patience};
use crate::gateway::untrusted;
use crate::gateway::upstreams::Place;

/// A connection in use, and where it goes afterwards.
pub(super) struct Lease {
    pub(super) home: Weak<Shared>,
    pub(super) connection: Http1,
}

pin_project! {
    /// The body of an upstream's answer. Its connection waits for the next
    /// request when the body has come to its end; dropped before, it is closed.
    pub(crate) struct UpstreamBody {
        #[pin]
        body: Incoming,
        lease: Option<Lease>,
        patience: Option<Patience>,
        place: Option<Place>,
    }
}

impl UpstreamBody {
    /// A body that may pause no longer than this; `None`: as long as it likes.
    /// Without a lease it comes over a connection that others use meanwhile.
    pub(super) fn new(body: Incoming, patience: Option<Duration>, lease: Option<Lease>) -> Self {
        let ended = body.is_end_stream();
        let mut body = Self { body, lease, patience: patience.map(Patience::new), place: None };
        if ended {
            give_back(&mut body.lease);
        }
        body
    }

    /// The same, under way until it is dropped.
    pub(crate) fn holding(self, place: Option<Place>) -> Self {
        Self { place, ..self }
    }

    /// What holds its place, for whatever it becomes.
    pub(crate) fn take_place(&mut self) -> Option<Place> {
        self.place.take()
    }
}

fn give_back(lease: &mut Option<Lease>) {
    let Some(Lease { home, connection }) = lease.take() else { return };
    if let Some(home) = home.upgrade() {
        home.pool.give_back(connection);
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
        let Poll::Ready(mut frame) = this.body.as_mut().poll_frame(context) else {
            let Some(patience) = this.patience else { return Poll::Pending };
            ready!(patience.poll_out(context));
            drop(this.lease.take());
            return Poll::Ready(Some(Err(BodyError::Silent)));
        };
        if let Some(patience) = this.patience {
            patience.renew();
        }
        match &mut frame {
            Some(Err(_)) => drop(this.lease.take()),
            Some(Ok(frame)) => {
                clean(frame);
                if this.body.is_end_stream() {
                    give_back(this.lease);
                }
            }
            None => give_back(this.lease),
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)))
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
