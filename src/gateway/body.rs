//! Bodies that go through the gateway, either way.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::gateway::headers::Untrusted;
use crate::gateway::upstream::UpstreamBody;
use crate::guard::{CutBody, CutError};

pin_project! {
    /// The body of an answer to a client.
    #[project = BodyProjection]
    pub(crate) enum Body {
        /// Words of the gateway's own; may be none.
        Text { #[pin] body: Full<Bytes> },
        /// What the upstream says, until whoever asked for it is refused.
        Upstream { #[pin] body: CutBody<UpstreamBody> },
        /// A page of the gateway's own.
        Page { #[pin] body: axum::body::Body },
    }
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum BodyError {
    /// The account or session that asked for it ended.
    #[error("the account or session that asked for this has ended")]
    Ended,
    /// A page of the gateway's own failed.
    #[error("a page broke off: {0}")]
    Page(#[source] axum::Error),
    /// The upstream, or the client, broke off.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// Nothing moved for too long.
    #[error("nothing came for too long")]
    Idle,
    /// More came than is taken.
    #[error("the body is larger than `limits.body` allows")]
    TooLarge,
}

impl Body {
    /// Words, or nothing at all.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::Text { body: Full::new(text.into()) }
    }

    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self::text(Bytes::new())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project() {
            BodyProjection::Text { body } => {
                body.poll_frame(context).map_err(|never| match never {})
            }
            BodyProjection::Upstream { body } => {
                body.poll_frame(context).map_err(|error| match error {
                    CutError::Body(error) => error.into(),
                    CutError::Ended => BodyError::Ended,
                })
            }
            BodyProjection::Page { body } => body.poll_frame(context).map_err(BodyError::Page),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text { body } => body.is_end_stream(),
            Self::Upstream { body } => body.is_end_stream(),
            Self::Page { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text { body } => body.size_hint(),
            Self::Upstream { body } => body.size_hint(),
            Self::Page { body } => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body(..)")
    }
}

pin_project! {
    /// A client's body on its way to the upstream: no larger and no slower than
    /// is allowed, and without trailers that the upstream would believe.
    pub(crate) struct RequestBody {
        #[pin]
        body: Option<Incoming>,
        bytes_left: Option<u64>,
        patience: Duration,
        // Boxed: most requests have no body, and none has to wait at first.
        asleep: Option<Pin<Box<Sleep>>>,
        untrusted: Option<Arc<Untrusted>>,
    }
}

impl RequestBody {
    pub(crate) fn new(
        body: Incoming,
        at_most: Option<u64>,
        patience: Duration,
        untrusted: Arc<Untrusted>,
    ) -> Self {
        let (body, untrusted) = (Some(body), Some(untrusted));
        Self { body, bytes_left: at_most, patience, asleep: None, untrusted }
    }

    /// No body at all.
    pub(crate) const fn none() -> Self {
        Self {
            body: None,
            bytes_left: None,
            patience: Duration::MAX,
            asleep: None,
            untrusted: None,
        }
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.project();
        let Some(body) = this.body.as_pin_mut() else { return Poll::Ready(None) };
        let Poll::Ready(frame) = body.poll_frame(context) else {
            ready!(poll_asleep(this.asleep, *this.patience, context));
            return Poll::Ready(Some(Err(BodyError::Idle)));
        };
        if let Some(asleep) = this.asleep {
            asleep.as_mut().reset(Instant::now() + *this.patience);
        }
        let Some(mut frame) = frame.transpose()? else { return Poll::Ready(None) };
        if let (Some(trailers), Some(untrusted)) = (frame.trailers_mut(), this.untrusted) {
            untrusted.remove_from(trailers);
        }
        if let (Some(left), Some(data)) = (this.bytes_left, frame.data_ref()) {
            match left.checked_sub(data.len() as u64) {
                Some(rest) => *left = rest,
                None => return Poll::Ready(Some(Err(BodyError::TooLarge))),
            }
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

fn poll_asleep(
    asleep: &mut Option<Pin<Box<Sleep>>>,
    patience: Duration,
    context: &mut Context<'_>,
) -> Poll<()> {
    asleep
        .get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)))
        .as_mut()
        .poll(context)
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestBody(..)")
    }
}
