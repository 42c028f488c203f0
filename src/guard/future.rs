//! The response to come.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::engine::Look;
use crate::guard::layer::Shared;
use crate::guard::response::ResponseForDenial;

pin_project! {
    /// The response of a [`Guard`](crate::guard::Guard).
    ///
    /// Dropping it drops the inner service's response, or the look at the store.
    pub struct GuardFuture<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, R, ReqBody, ResBody>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, ReqBody, ResBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Inner { #[pin] future: S::Future },
        // Boxed, as the next: a pass must not carry the room for them around.
        Denied { response: Option<Box<Response<ResBody>>> },
        Looking { looking: Option<Box<Looking<S, R, ReqBody>>> },
    }
}

struct Looking<S, R, ReqBody> {
    ready: S,
    request: Request<ReqBody>,
    look: Look,
    shared: Arc<Shared<R>>,
}

impl<S, R, ReqBody, ResBody> GuardFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    pub(super) const fn inner(future: S::Future) -> Self {
        Self { state: State::Inner { future } }
    }

    pub(super) fn denied(response: Response<ResBody>) -> Self {
        Self { state: State::Denied { response: Some(Box::new(response)) } }
    }

    pub(super) fn looking(
        ready: S,
        request: Request<ReqBody>,
        look: Look,
        shared: Arc<Shared<R>>,
    ) -> Self {
        let looking = Looking { ready, request, look, shared };
        Self { state: State::Looking { looking: Some(Box::new(looking)) } }
    }
}

impl<S, R, ReqBody, ResBody> Future for GuardFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    R: ResponseForDenial<ResBody>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProjection::Inner { future } => return future.poll(context),
                StateProjection::Denied { response } => {
                    let response = response.take();
                    return Poll::Ready(Ok(*response.expect("polled after completion")));
                }
                StateProjection::Looking { looking } => {
                    let waiting = looking.as_mut().expect("polled after completion");
                    let looked = ready!(Pin::new(&mut waiting.look).poll(context));
                    let Looking { mut ready, mut request, shared, .. } =
                        *looking.take().expect("it was there just now");
                    let admitted = match looked {
                        Ok(account) => {
                            request.extensions_mut().insert(account);
                            Ok(request)
                        }
                        Err(denial) => shared.judge_denied(request, &denial),
                    };
                    match admitted {
                        Ok(request) => State::Inner { future: ready.call(request) },
                        Err(response) => return Poll::Ready(Ok(response)),
                    }
                }
            };
            state.set(next);
        }
    }
}

impl<S, R, ReqBody, ResBody> fmt::Debug for GuardFuture<S, R, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardFuture(..)")
    }
}
