//! Responses that outlive their admission: cut when their account or session is
//! refused.
//!
//! A guard decides when a request begins. [`CutLayer`], inside of it, goes on
//! asking while the response's body flows, so that a download or an event stream
//! of a locked person ends within a second.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::domain::denial::Denial;
use crate::engine::{CurrentAccount, Portcullis};

/// Wraps services so that their responses are cut when whoever asked for them is
/// refused meanwhile.
///
/// It belongs inside of a [`GuardLayer`](crate::GuardLayer), which says whose a
/// request is; the responses to nobody in particular are left alone. A handler
/// that upgrades its connection, to a WebSocket for one, waits for
/// [`Portcullis::ended`] itself: no response body tells of it.
///
/// ```
/// use axum::{Router, routing::get};
/// use portcullis::guard::CutLayer;
/// use portcullis::{GuardLayer, Portcullis};
///
/// # async fn events() {}
/// # fn app(gate: Portcullis) -> Router {
/// Router::new()
///     .route("/events", get(events))
///     .layer(CutLayer::new(gate.clone()))
///     .layer(GuardLayer::new(gate))
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CutLayer {
    gate: Portcullis,
}

impl CutLayer {
    /// Cuts what this gate refuses.
    pub const fn new(gate: Portcullis) -> Self {
        Self { gate }
    }
}

impl<S> Layer<S> for CutLayer {
    type Service = Cut<S>;

    fn layer(&self, inner: S) -> Cut<S> {
        Cut { inner, gate: self.gate.clone() }
    }
}

/// Cuts the responses of the service inside. See [`CutLayer`].
#[derive(Clone, Debug)]
pub struct Cut<S> {
    inner: S,
    gate: Portcullis,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Cut<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
{
    type Response = Response<CutBody<ResBody>>;
    type Error = S::Error;
    type Future = CutFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let account = request.extensions().get::<CurrentAccount>().cloned();
        let watch = account.map(|account| (self.gate.clone(), account));
        CutFuture { future: self.inner.call(request), watch }
    }
}

pin_project! {
    /// The response of a [`Cut`] service.
    pub struct CutFuture<F> {
        #[pin]
        future: F,
        watch: Option<(Portcullis, CurrentAccount)>,
    }
}

impl<F, B, E> Future for CutFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<CutBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(context))?;
        let watch = this.watch.take();
        Poll::Ready(Ok(response.map(|body| match watch {
            Some((gate, account)) => CutBody::of(body, gate, account),
            None => CutBody::uncut(body),
        })))
    }
}

impl<F> fmt::Debug for CutFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CutFuture(..)")
    }
}

/// How many frames that are there at once go by before news is asked for.
///
/// A body that has to wait asks each time it waits; this is for one that never
/// does, and every so often is enough: a frame takes well under a millisecond.
const FRAMES_UNASKED: u8 = 32;

pin_project! {
    /// A response's body, which fails with [`CutError::Ended`] as soon as its
    /// account or session is refused: HTTP tells the client that the response is
    /// not whole.
    ///
    /// A body that is there at once costs nothing. One that is waited for
    /// registers once, for all that is still to come.
    pub struct CutBody<B> {
        #[pin]
        body: B,
        watch: Option<Watch>,
    }
}

/// Whose body it is, and who tells that it must end.
pub(crate) struct Watch {
    gate: Portcullis,
    account: CurrentAccount,
    ended: Option<Ended>,
    unasked: u8,
}

type Ended = Pin<Box<dyn Future<Output = Denial> + Send>>;

impl<B> CutBody<B> {
    /// A body for this account.
    pub const fn of(body: B, gate: Portcullis, account: CurrentAccount) -> Self {
        Self { body, watch: Some(Watch::new(gate, account)) }
    }

    /// A body for nobody in particular.
    pub const fn uncut(body: B) -> Self {
        Self { body, watch: None }
    }

    /// A watch of its own, for whoever still holds what the body has said.
    #[cfg(feature = "gateway")]
    pub(crate) fn another_watch(&self) -> Option<Watch> {
        let watch = self.watch.as_ref()?;
        Some(Watch::new(watch.gate.clone(), watch.account.clone()))
    }
}

impl Watch {
    const fn new(gate: Portcullis, account: CurrentAccount) -> Self {
        Self { gate, account, ended: None, unasked: 0 }
    }

    /// Ready when the account or session is refused. Registers at the first call.
    pub(crate) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Denial> {
        self.unasked = 0;
        let ended = self.ended.get_or_insert_with(|| {
            let (gate, account) = (self.gate.clone(), self.account.clone());
            Box::pin(async move { gate.ended(&account).await })
        });
        ended.as_mut().poll(context)
    }

    /// Whether it has been registered.
    #[cfg(feature = "gateway")]
    pub(crate) const fn is_on(&self) -> bool {
        self.ended.is_some()
    }

    /// Whether a frame that is there may go out.
    fn poll_ended_now_and_then(&mut self, context: &mut Context<'_>) -> Poll<Denial> {
        self.unasked += 1;
        if self.unasked < FRAMES_UNASKED {
            return Poll::Pending;
        }
        self.poll_ended(context)
    }
}

pub(crate) fn log_cut(denial: &Denial) {
    tracing::info!(
        denial.reason = denial.reason().as_str(),
        account.id = denial.account().map(tracing::field::display),
        "response cut"
    );
}

impl<B: Body> Body for CutBody<B> {
    type Data = B::Data;
    type Error = CutError<B::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        let polled = this.body.poll_frame(context).map_err(CutError::Body);
        let Some(watch) = this.watch else { return polled };
        let ended = match &polled {
            Poll::Ready(None) => return polled,
            Poll::Ready(Some(_)) => watch.poll_ended_now_and_then(context),
            Poll::Pending => watch.poll_ended(context),
        };
        match ended {
            Poll::Ready(denial) => {
                log_cut(&denial);
                Poll::Ready(Some(Err(CutError::Ended)))
            }
            Poll::Pending => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: fmt::Debug> fmt::Debug for CutBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CutBody")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// Why a body did not come to its end.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[expect(clippy::exhaustive_enums, reason = "the body failed or it was cut")]
pub enum CutError<E> {
    /// The body failed.
    #[error(transparent)]
    Body(E),
    /// Its account or session is refused now.
    #[error("the account or session that asked for this has ended")]
    Ended,
}
