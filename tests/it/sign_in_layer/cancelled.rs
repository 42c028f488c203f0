//! Handlers that fail, hang, panic or are given up, and a thousand at once.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use portcullis::guard::sign_in::SignInBody;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;

use super::*;

/// What the handler does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Fail,
    Hang,
    Panic,
}

/// A service without axum, whose body is text.
#[derive(Clone)]
struct Troubled(Deed);

type Answer = http::Response<String>;

impl Service<Request<SignInBody<Body>>> for Troubled {
    type Response = Answer;
    type Error = &'static str;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Answer, &'static str>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<SignInBody<Body>>) -> Self::Future {
        let deed = self.0;
        Box::pin(async move {
            match deed {
                Deed::Fail => Err("the handler failed"),
                Deed::Hang => std::future::pending().await,
                Deed::Panic => panic!("the handler panicked"),
            }
        })
    }
}

/// What was dropped is settled by a task of its own.
async fn settled() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn trouble_is_a_failure_each_time() {
    for deed in [Deed::Fail, Deed::Hang, Deed::Panic] {
        let test = TestGate::new().await;
        let service = layer(&test).layer(Troubled(deed));
        for turn in 0..5 {
            let guess = service
                .clone()
                .oneshot(credentials("alice", &format!("{turn}")));
            let guess = std::panic::AssertUnwindSafe(guess).catch_unwind();
            match (deed, tokio::time::timeout(Duration::from_millis(20), guess).await) {
                (Deed::Fail, Ok(Ok(Err(error)))) => assert_eq!(error, "the handler failed"),
                (Deed::Hang, Err(_)) | (Deed::Panic, Ok(Err(_))) => {}
                (_, other) => panic!("{deed:?}: {other:?}"),
            }
            settled().await;
        }
        let answer = service
            .oneshot(credentials("alice", RIGHT))
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 429, "{deed:?}");
        assert!(answer.headers().contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_request_that_is_given_up_before_the_handler_counts_for_nobody() {
    let test = TestGate::new().await;
    let service = layer(&test).layer(Troubled(Deed::Hang));
    for _ in 0..10 {
        let stalled = futures_util::stream::pending::<Result<Bytes, Infallible>>();
        let waiting = service
            .clone()
            .oneshot(typed(FORM, Body::from_stream(stalled)));
        assert!(
            tokio::time::timeout(Duration::from_millis(2), waiting)
                .await
                .is_err()
        );
    }
    let app = Application::default();
    assert!(!is_locked_out(&app.router(layer(&test)), "alice").await);
}

/// Over a socket: whoever hangs up while the handler works has used the guess.
#[tokio::test]
async fn a_client_that_hangs_up_has_used_its_guess() {
    /// Counts handlers that were given up.
    struct GivenUp(Arc<AtomicUsize>);
    impl Drop for GivenUp {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    let (test, given_up) = (TestGate::new().await, Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&given_up);
    let handler = move || {
        let held = GivenUp(Arc::clone(&count));
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    };
    let here = ClientAddr::from(IpAddr::from([127, 0, 0, 1]));
    let layer = described(test.gate()).client_address(move |_| Some(here));
    let router = Router::new().route("/login", post(handler));
    let router = router.layer(layer.build().expect("a layer"));
    let server = crate::guard::serve(router.clone()).await;
    for turn in 0..5 {
        let body = format!("login=alice&password=guess+{turn}");
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: a\r\ncontent-type: {FORM}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut client = TcpStream::connect(server).await.expect("a connection");
        client.write_all(request.as_bytes()).await.expect("sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(client);
        while given_up.load(Ordering::SeqCst) <= turn {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    settled().await;
    assert!(is_locked_out(&router, "alice").await);
    assert_eq!(given_up.load(Ordering::SeqCst), 5, "nobody was asked about the sixth");
}

/// Guesses that are in flight are as good as failed: only so many reach the handler.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_thousand_guesses_at_once_five_reach_the_handler() {
    let (test, asked) = (TestGate::new().await, Arc::new(AtomicUsize::new(0)));
    test.account("alice").await;
    let (count, gate) = (Arc::clone(&asked), Arc::new(Semaphore::new(0)));
    let held = Arc::clone(&gate);
    let handler = move || {
        let (count, held) = (Arc::clone(&count), Arc::clone(&held));
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            let _held = held.acquire().await.expect("open");
            Redirect::to("/login?error")
        }
    };
    let router = Router::new()
        .route("/login", post(handler))
        .layer(layer(&test));
    let guesses: Vec<_> = (0..1_000)
        .map(|turn| {
            let (router, spelling) = (router.clone(), ["alice", "ALICE", " alice"][turn % 3]);
            let guess = credentials(spelling, &format!("guess {turn}"));
            tokio::spawn(async move { status(&router, guess).await })
        })
        .collect();
    // The handler answers nobody until all others were refused.
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.add_permits(1_000);
    let mut answers = [0; 2];
    for guess in guesses {
        match guess.await.expect("a task") {
            303 => answers[0] += 1,
            429 => answers[1] += 1,
            other => panic!("{other}"),
        }
    }
    assert_eq!((answers, asked.load(Ordering::SeqCst)), ([5, 995], 5));
    assert!(is_locked_out(&router, "alice").await);
    // One after the other it is the same: none of them comes through.
    for turn in 0..20 {
        assert_eq!(status(&router, credentials("alice", &format!("late {turn}"))).await, 429);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 5);
}
