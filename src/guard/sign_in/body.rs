//! Bodies of sign-ins: read whole, bounded, and handed on as they came.

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::refusal::BadSignIn;

pin_project! {
    /// The body of a request behind a [`SignIn`](super::SignIn): the client's own,
    /// or the same bytes and trailers once more, after they were read.
    pub struct SignInBody<B> {
        #[pin]
        state: State<B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<B> {
        Passed { #[pin] body: B },
        Read { read: ReadBody },
    }
}

/// A body that was read to its end.
#[derive(Default)]
pub(super) struct ReadBody {
    pub(super) bytes: Bytes,
    trailers: Option<HeaderMap>,
}

impl<B> SignInBody<B> {
    pub(super) const fn passed(body: B) -> Self {
        Self { state: State::Passed { body } }
    }

    pub(super) const fn read(read: ReadBody) -> Self {
        Self { state: State::Read { read } }
    }
}

impl ReadBody {
    /// Reads a body of at most so many bytes, in at most this time.
    pub(super) async fn of<B>(body: B, most: usize, within: Duration) -> Result<Self, BadSignIn>
    where
        B: Body<Data = Bytes>,
    {
        if body.size_hint().lower() > most as u64 {
            return Err(BadSignIn::TooLarge(most));
        }
        let read = tokio::time::timeout(within, Self::collect(body, most)).await;
        read.unwrap_or(Err(BadSignIn::TooSlow))
    }

    async fn collect<B>(body: B, most: usize) -> Result<Self, BadSignIn>
    where
        B: Body<Data = Bytes>,
    {
        let (mut body, mut read, mut bytes) = (pin!(body), Self::default(), Vec::new());
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let frame = frame.map_err(|_| BadSignIn::Malformed)?;
            match frame.into_data() {
                Ok(data) if bytes.len() + data.len() > most => {
                    return Err(BadSignIn::TooLarge(most));
                }
                Ok(data) => bytes.extend_from_slice(&data),
                Err(other) => read.trailers = other.into_trailers().ok(),
            }
        }
        Ok(Self { bytes: bytes.into(), ..read })
    }

    fn next(&mut self) -> Option<Frame<Bytes>> {
        if !self.bytes.is_empty() {
            return Some(Frame::data(std::mem::take(&mut self.bytes)));
        }
        self.trailers.take().map(Frame::trailers)
    }
}

impl<B> Body for SignInBody<B>
where
    B: Body<Data = Bytes>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().state.project() {
            StateProjection::Passed { body } => body.poll_frame(context),
            StateProjection::Read { read } => Poll::Ready(read.next().map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.state {
            State::Passed { body } => body.is_end_stream(),
            State::Read { read } => read.bytes.is_empty() && read.trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Passed { body } => body.size_hint(),
            State::Read { read } => SizeHint::with_exact(read.bytes.len() as u64),
        }
    }
}

/// Without what is in it: a password.
impl<B> fmt::Debug for SignInBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInBody(..)")
    }
}
