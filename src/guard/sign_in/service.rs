//! The service that asks the gate before a sign-in reaches the service inside.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::attempt;
use super::body::SignInBody;
use super::future::SignInFuture;
use super::layer::Shared;
use super::response::ResponseForSignIn;

/// Asks the gate before a sign-in reaches the service inside, and settles the
/// attempt by what that answers. See [`SignInLayer`](super::SignInLayer).
pub struct SignIn<S, R> {
    pub(super) inner: S,
    pub(super) shared: Arc<Shared<R>>,
}

impl<S, R> SignIn<S, R> {
    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside, without its attempts.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for SignIn<S, R>
where
    S: Service<Request<SignInBody<ReqBody>>, Response = Response<ResBody>>,
    S: Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: ResponseForSignIn<ResBody> + Send + Sync + 'static,
    ReqBody: Body<Data = Bytes> + Send + 'static,
    ResBody: Send + 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = SignInFuture<S::Future, Response<ResBody>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (head, body) = request.into_parts();
        match self.shared.settings.is_sign_in(&head) {
            Ok(false) => {
                let request = Request::from_parts(head, SignInBody::passed(body));
                SignInFuture::passing(self.inner.call(request))
            }
            Ok(true) => {
                // The service that was polled ready is the one to call; the clone is
                // for the next request.
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let shared = Arc::clone(&self.shared);
                let request = Request::from_parts(head, body);
                SignInFuture::signing_in(attempt::sign_in(shared, ready, request))
            }
            Err(bad) => SignInFuture::refused(self.shared.responder.refuse(bad.into(), &head)),
        }
    }
}

impl<S: Clone, R> Clone for SignIn<S, R> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl<S: fmt::Debug, R> fmt::Debug for SignIn<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
