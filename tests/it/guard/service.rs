//! The guard as a tower service: what it calls, clones and weighs.

use std::convert::Infallible;
use std::future::{Pending, Ready, pending, ready};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response, header};
use portcullis::guard::{DefaultResponseForDenial, GuardFuture};
use portcullis::testing::TestGate;
use portcullis::{Guard, GuardLayer};
use tower::{Layer, Service, ServiceExt};

/// Panics when it is called without having been polled ready, and counts.
#[derive(Debug, Default)]
struct Careful {
    ready: bool,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    polls: AtomicUsize,
    calls: AtomicUsize,
    clones: AtomicUsize,
}

impl Counts {
    /// Polls, calls and clones.
    fn read(&self) -> [usize; 3] {
        [&self.polls, &self.calls, &self.clones].map(|count| count.load(Ordering::SeqCst))
    }
}

impl Clone for Careful {
    /// A clone has never been ready, as tower warns.
    fn clone(&self) -> Self {
        self.counts.clones.fetch_add(1, Ordering::SeqCst);
        Self { ready: false, counts: Arc::clone(&self.counts) }
    }
}

impl Service<Request<()>> for Careful {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.counts.polls.fetch_add(1, Ordering::SeqCst);
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(mem::take(&mut self.ready), "called without having been ready");
        self.counts.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new("inside".to_owned())))
    }
}

fn request(cookie: &str) -> Request<()> {
    Request::get("/")
        .header(header::COOKIE, cookie)
        .body(())
        .expect("a request")
}

async fn status(guard: &mut Guard<Careful, DefaultResponseForDenial>, cookie: &str) -> u16 {
    let ready = ServiceExt::<Request<()>>::ready(guard)
        .await
        .expect("infallible");
    ready
        .call(request(cookie))
        .await
        .expect("infallible")
        .status()
        .as_u16()
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_and_a_pass_clones_nothing() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let inner = Careful::default();
    let counts = Arc::clone(&inner.counts);
    let mut guard = GuardLayer::new(test.gate()).layer(inner);

    assert_eq!(status(&mut guard, &cookie).await, 200);
    assert_eq!(counts.read(), [1, 1, 1], "a miss clones once, for the next request");
    for _ in 0..100 {
        assert_eq!(status(&mut guard, &cookie).await, 200);
    }
    assert_eq!(counts.read(), [101, 101, 1], "a pass clones nothing");

    test.lock(&alice).await;
    assert_eq!(status(&mut guard, &cookie).await, 403);
    assert_eq!(counts.read(), [102, 101, 1], "who is refused never comes in");
    assert_eq!(status(&mut guard, "a=b").await, 401);
    assert_eq!(counts.read(), [103, 101, 1]);
}

#[tokio::test]
async fn the_service_that_was_ready_is_called_where_everybody_passes() {
    let test = TestGate::new().await;
    let inner = Careful::default();
    let counts = Arc::clone(&inner.counts);
    let layer = GuardLayer::new(test.gate()).optional();
    let mut guard = layer.layer(inner);
    assert_eq!(status(&mut guard, "a=b").await, 200);
    assert_eq!(counts.read(), [1, 1, 0]);
    // A token that opens nothing is a miss first, and known then.
    let unknown = format!("portcullis={}", "A".repeat(43));
    assert_eq!(status(&mut guard, &unknown).await, 200);
    assert_eq!(status(&mut guard, &unknown).await, 200);
    assert_eq!(counts.read(), [3, 3, 1]);
}

/// A service whose response takes as much room as `F`.
#[derive(Clone, Copy, Debug)]
struct Taking<F>(fn() -> F);

impl<F: Future<Output = Result<Response<String>, Infallible>>> Service<Request<()>> for Taking<F> {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = F;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> F {
        (self.0)()
    }
}

type Answer = Result<Response<String>, Infallible>;

/// How much more room a guarded response takes than the response alone.
fn overhead<F: Future<Output = Answer>>(_: fn() -> F) -> usize {
    mem::size_of::<GuardFuture<Taking<F>, DefaultResponseForDenial, (), String>>()
        - mem::size_of::<F>()
}

async fn small() -> Answer {
    pending().await
}

async fn large() -> Answer {
    let room = [0_u8; 4096];
    pending::<()>().await;
    Ok(Response::new(room.len().to_string()))
}

#[test]
fn a_guarded_response_takes_hardly_more_room() {
    fn pending_answer() -> Pending<Answer> {
        pending()
    }
    let word = mem::size_of::<usize>();
    for (kind, overhead) in [
        ("empty", overhead(pending_answer)),
        ("small", overhead(small)),
        ("large", overhead(large)),
    ] {
        assert!(overhead <= 2 * word, "{kind}: {overhead} bytes more");
    }
}
