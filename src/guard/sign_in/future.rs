//! The response to come.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::store::BoxFuture;

pin_project! {
    /// The response of a [`SignIn`](super::SignIn).
    ///
    /// Dropping it drops the inner service's response. A guess that was reserved
    /// counts as failed then.
    pub struct SignInFuture<F, T, E> {
        #[pin]
        state: State<F, T, E>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, T, E> {
        Passing { #[pin] future: F },
        Refused { response: Option<Box<T>> },
        // Boxed: next to the check of a password that costs nothing.
        SigningIn { future: BoxFuture<'static, Result<T, E>> },
    }
}

impl<F, T, E> SignInFuture<F, T, E> {
    pub(super) const fn passing(future: F) -> Self {
        Self { state: State::Passing { future } }
    }

    pub(super) fn refused(response: T) -> Self {
        Self { state: State::Refused { response: Some(Box::new(response)) } }
    }

    pub(super) fn signing_in(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Self {
        Self { state: State::SigningIn { future: Box::pin(future) } }
    }
}

impl<F, T, E> Future for SignInFuture<F, T, E>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Passing { future } => future.poll(context),
            StateProjection::Refused { response } => {
                Poll::Ready(Ok(*response.take().expect("polled after completion")))
            }
            StateProjection::SigningIn { future } => future.as_mut().poll(context),
        }
    }
}

impl<F, T, E> fmt::Debug for SignInFuture<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInFuture(..)")
    }
}
