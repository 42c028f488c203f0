//! Bodies that go through the gateway, either way.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::Full;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep};

use crate::gateway::access_log::Entry;
use crate::gateway::patient::Sending;
use crate::gateway::under_way::UnderWay;
use crate::gateway::untrusted::Untrusted;
use crate::gateway::upstream::UpstreamBody;
use crate::guard::cut::Watch;
use crate::guard::{CutBody, CutError};

pin_project! {
    /// The body of an answer to a client.
    pub(crate) struct Body {
        #[pin]
        said: Said,
        // The line that is written once it has gone out.
        entry: Option<Entry>,
        // What is asked for by it, where that may be told of.
        request: Option<UnderWay>,
    }
}

pin_project! {
    /// What an answer says.
    #[project = SaidProjection]
    enum Said {
        /// Words of the gateway's own; may be none.
        Text { #[pin] body: Full<Bytes> },
        /// What the upstream says, until whoever asked for it is refused.
        Upstream {
            #[pin]
            body: CutBody<UpstreamBody>,
            watched: Watched,
        },
        /// A page of the gateway's own.
        Page { #[pin] body: axum::body::Body },
    }
}

/// Who looks after what a body has said while nobody asks it for more.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    sending: Option<Sending>,
    bytes: usize,
}

/// What goes into a system's buffers at once. An answer that is no larger than
/// this costs nothing.
const SENT_AT_ONCE: usize = 16 * 1024;

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
    /// The client sent nothing for too long.
    #[error("nothing came for too long")]
    Idle,
    /// The upstream sent nothing for too long.
    #[error("the application fell silent")]
    Silent,
    /// More came than is taken.
    #[error("the body is larger than `limits.body` allows")]
    TooLarge,
}

impl Body {
    /// What the upstream says.
    pub(crate) fn upstream(body: CutBody<UpstreamBody>) -> Self {
        Self::of(Said::Upstream { body, watched: Watched::default() })
    }

    /// A page of the gateway's own.
    pub(crate) fn page(body: axum::body::Body) -> Self {
        Self::of(Said::Page { body })
    }

    const fn of(said: Said) -> Self {
        Self { said, entry: None, request: None }
    }

    /// It answers this request: what is told of the one is told of the other.
    pub(crate) fn answers(&mut self, request: UnderWay) {
        if matches!(self.said, Said::Upstream { .. }) {
            self.request = Some(request);
        }
    }

    /// Its bytes are counted in this line, which is written when it ends.
    pub(crate) fn counted_in(&mut self, mut entry: Entry) {
        if self.is_end_stream() {
            entry.is_whole();
        }
        self.entry = Some(entry);
    }

    /// It goes out over this connection, after all others.
    pub(crate) fn goes_over(&mut self, connection: &Sending) {
        connection.of(None);
        if let Said::Upstream { watched, .. } = &mut self.said {
            watched.sending = Some(connection.clone());
        }
    }

    /// Words, or nothing at all.
    pub(crate) fn text(text: impl Into<Bytes>) -> Self {
        Self::of(Said::Text { body: Full::new(text.into()) })
    }

    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self::text(Bytes::new())
    }
}

impl Watched {
    /// Sees to it that somebody looks as soon as much has been said.
    fn said(&mut self, frame: &Frame<Bytes>, watch: impl FnOnce() -> Option<Watch>) {
        self.bytes = self
            .bytes
            .saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if self.bytes > SENT_AT_ONCE
            && let Some(sending) = self.sending.take()
        {
            sending.of(watch());
        }
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
        let mut this = self.project();
        let said = this.said.as_mut();
        let polled = match &*this.request {
            Some(request) => request.within(|| said.poll_frame(context)),
            None => said.poll_frame(context),
        };
        let polled = ready!(polled);
        if let Some(entry) = this.entry {
            entry.sent(polled.as_ref());
            // Whoever sends it may ask no further.
            if this.said.is_end_stream() {
                entry.is_whole();
            }
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.said.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.said.size_hint()
    }
}

impl HttpBody for Said {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.project() {
            SaidProjection::Text { body } => {
                body.poll_frame(context).map_err(|never| match never {})
            }
            SaidProjection::Upstream { mut body, watched } => {
                let polled = body.as_mut().poll_frame(context);
                if let Poll::Ready(Some(Ok(frame))) = &polled {
                    watched.said(frame, || body.another_watch());
                }
                polled.map_err(|error| match error {
                    CutError::Body(error) => error,
                    CutError::Ended => BodyError::Ended,
                })
            }
            SaidProjection::Page { body } => body.poll_frame(context).map_err(BodyError::Page),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Text { body } => body.is_end_stream(),
            Self::Upstream { body, .. } => body.is_end_stream(),
            Self::Page { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Text { body } => body.size_hint(),
            Self::Upstream { body, .. } => body.size_hint(),
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
        patience: Patience,
        untrusted: Option<Arc<Untrusted>>,
        progress: Option<Arc<Progress>>,
    }
}

/// How a client's body gets on, for whoever waits for the answer to it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    frames: AtomicU64,
    waiting: AtomicBool,
}

impl Progress {
    /// How much has come: another number each time that something did.
    pub(crate) fn so_far(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Whether it is the client that everybody waits for.
    pub(crate) fn is_for_client(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl RequestBody {
    pub(crate) fn new(
        body: Incoming,
        at_most: Option<u64>,
        patience: Duration,
        untrusted: Arc<Untrusted>,
    ) -> Self {
        if body.is_end_stream() {
            return Self::none();
        }
        Self {
            body: Some(body),
            bytes_left: at_most,
            patience: Patience::new(patience),
            untrusted: Some(untrusted),
            progress: Some(Arc::default()),
        }
    }

    /// No body at all.
    pub(crate) const fn none() -> Self {
        Self {
            body: None,
            bytes_left: None,
            patience: Patience::new(Duration::MAX),
            untrusted: None,
            progress: None,
        }
    }

    /// How it gets on; `None`: there is nothing to come.
    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
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
        let polled = body.poll_frame(context);
        if let Some(progress) = this.progress {
            progress
                .waiting
                .store(polled.is_pending(), Ordering::Relaxed);
        }
        let Poll::Ready(frame) = polled else {
            ready!(this.patience.poll_out(context));
            return Poll::Ready(Some(Err(BodyError::Idle)));
        };
        this.patience.renew();
        if let Some(progress) = this.progress {
            progress.frames.fetch_add(1, Ordering::Relaxed);
        }
        let Some(mut frame) = frame.transpose()? else { return Poll::Ready(None) };
        if let (Some(trailers), Some(untrusted)) = (frame.trailers_mut(), this.untrusted) {
            untrusted.remove_from_trailers(trailers);
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

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestBody(..)")
    }
}

/// How long one pause may be. Only pauses count: whoever is not asked for more
/// is not slow.
#[derive(Debug)]
pub(crate) struct Patience {
    at_most: Duration,
    waiting: bool,
    // Boxed: most bodies are there at once, and nobody has to wait.
    asleep: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) const fn new(at_most: Duration) -> Self {
        Self { at_most, waiting: false, asleep: None }
    }

    /// Waits on. Ready when the pause has been too long.
    pub(crate) fn poll_out(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(asleep) = &mut self.asleep else {
            self.waiting = true;
            let asleep = self
                .asleep
                .insert(Box::pin(tokio::time::sleep(self.at_most)));
            return asleep.as_mut().poll(context);
        };
        if !self.waiting {
            self.waiting = true;
            // Further away than any timer goes: no limit.
            if let Some(end) = Instant::now().checked_add(self.at_most) {
                asleep.as_mut().reset(end);
            }
        }
        asleep.as_mut().poll(context)
    }

    /// The pause is over.
    pub(crate) const fn renew(&mut self) {
        self.waiting = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pause(patience: &mut Patience, long: Duration) -> bool {
        let out = std::future::poll_fn(|context| patience.poll_out(context));
        let over = tokio::time::timeout(long, out).await.is_ok();
        patience.renew();
        over
    }

    #[tokio::test(start_paused = true)]
    async fn each_pause_is_measured_by_itself() {
        let mut patience = Patience::new(Duration::from_secs(10));
        for _ in 0..5 {
            assert!(!pause(&mut patience, Duration::from_secs(9)).await);
        }
        // Nobody asked for more meanwhile, so this was no pause.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(!pause(&mut patience, Duration::from_secs(9)).await);
        assert!(pause(&mut patience, Duration::from_secs(11)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn no_limit_is_never_reached() {
        let mut patience = Patience::new(Duration::MAX);
        assert!(!pause(&mut patience, Duration::from_secs(3600)).await);
        assert!(!pause(&mut patience, Duration::from_secs(3600)).await);
    }
}
