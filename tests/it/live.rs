//! What outlives its request ends with the account or the session.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::stream::{self, Stream, StreamExt};
use http::Request;
use http::header::COOKIE;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use portcullis::admin::Actor;
use portcullis::domain::session::SessionToken;
use portcullis::engine::Admission;
use portcullis::guard::CutLayer;
use portcullis::testing::TestGate;
use portcullis::{
    Account, AccountKey, CurrentAccount, GuardLayer, Portcullis, Standing, StatusSource,
};
use tokio::time::{sleep, timeout};

/// What is promised of live connections.
const SOON: Duration = Duration::from_secs(1);

/// Ticks until whoever listens may not any more.
async fn ticker(
    State(gate): State<Portcullis>,
    me: CurrentAccount,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let ticks = stream::unfold((), |()| async {
        sleep(Duration::from_millis(10)).await;
        Some((Ok(Event::default().data("tick")), ()))
    });
    let ended = Box::pin(async move {
        gate.ended(&me).await;
    });
    Sse::new(ticks.take_until(ended))
}

async fn serve(test: &TestGate) -> SocketAddr {
    let app = Router::new()
        .route("/", get(ticker))
        .layer(GuardLayer::new(test.gate()))
        .with_state(test.gate());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Handlers that know nothing of locks: one waits between its words, one never
/// does.
async fn serve_unaware(test: &TestGate) -> SocketAddr {
    let ticks = || async {
        let ticks = stream::unfold((), |()| async {
            sleep(Duration::from_millis(10)).await;
            Some((Ok::<_, Infallible>("tick"), ()))
        });
        axum::body::Body::from_stream(ticks)
    };
    let flood = || async {
        let words = stream::repeat_with(|| Ok::<_, Infallible>(vec![b'x'; 16 * 1024]));
        axum::body::Body::from_stream(words)
    };
    let app = Router::new()
        .route("/", get(ticks))
        .route("/flood", get(flood))
        .layer(CutLayer::new(test.gate()))
        .layer(GuardLayer::new(test.gate()).optional());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// An event stream that somebody listens to.
struct Listening(hyper::body::Incoming);

impl Listening {
    async fn at(address: SocketAddr, cookie: &str) -> Self {
        Self::to(address, "/", cookie).await
    }

    async fn to(address: SocketAddr, path: &str, cookie: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let request = Request::get(format!("http://{address}{path}")).header(COOKIE, cookie);
        let request = request.body(Empty::new()).expect("a request");
        let answer = client.request(request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let mut listening = Self(answer.into_body());
        listening.hear().await;
        listening
    }

    /// Waits for the next tick.
    async fn hear(&mut self) {
        let frame = timeout(SOON, self.0.frame()).await.expect("a tick in time");
        frame.expect("the stream goes on").expect("no error");
    }

    /// Waits for the end, as long as is promised.
    async fn end(&mut self) {
        let all = async { while let Some(Ok(_)) = self.0.frame().await {} };
        timeout(SOON, all).await.expect("the end of the stream");
    }
}

impl Listening {
    /// Waits until it is cut, as long as is promised: an error, and no end that
    /// could be taken for the whole of it.
    async fn cut(&mut self) {
        let cut = async {
            loop {
                match self.0.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(_)) => return true,
                    None => return false,
                }
            }
        };
        assert!(timeout(SOON, cut).await.expect("an end in time"), "it looks whole");
    }
}

async fn listening(test: &TestGate, address: SocketAddr, login: &str) -> (Account, Listening) {
    let account = test.account(login).await;
    let cookie = test.sign_in(&account).await;
    (account, Listening::at(address, &cookie).await)
}

#[tokio::test]
async fn a_stream_ends_with_its_account_and_no_other_does() {
    let test = TestGate::new().await;
    let address = serve(&test).await;
    let (alice, mut hers) = listening(&test, address, "alice").await;
    let (bob, mut his) = listening(&test, address, "bob").await;

    test.lock(&alice).await;
    hers.end().await;
    his.hear().await;
    test.disable(&bob).await;
    his.end().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_session_and_the_others_go_on() {
    let test = TestGate::new().await;
    let address = serve(&test).await;
    let (alice, mut first) = listening(&test, address, "alice").await;
    let second_cookie = test.sign_in(&alice).await;
    let mut second = Listening::at(address, &second_cookie).await;

    let (_, token) = second_cookie.split_once('=').expect("a cookie");
    let token = SessionToken::parse(token.as_bytes()).expect("a token");
    let ended = test
        .admin()
        .end_session(&Actor::System, token.key().id())
        .await;
    ended.expect("there was such a session");
    second.end().await;
    first.hear().await;
    test.sign_out(&alice).await;
    first.end().await;
}

#[tokio::test]
async fn a_layer_cuts_what_handlers_let_go_on() {
    for path in ["/", "/flood"] {
        let test = TestGate::new().await;
        let address = serve_unaware(&test).await;
        let alice = test.account("alice").await;
        let cookie = test.sign_in(&alice).await;
        let bob = test.account("bob").await;
        let mut hers = Listening::to(address, path, &cookie).await;
        let mut his = Listening::to(address, path, &test.sign_in(&bob).await).await;
        let mut anybodys = Listening::to(address, path, "").await;
        test.lock(&alice).await;
        hers.cut().await;
        his.hear().await;
        test.sign_out(&bob).await;
        his.cut().await;
        anybodys.hear().await;
    }
}

#[tokio::test]
async fn whoever_stops_waiting_can_wait_again() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let me = portcullis::testing::current_account(&test, &alice).await;
    let gate = test.gate();
    for _ in 0..100 {
        let waited = timeout(Duration::from_millis(1), gate.ended(&me)).await;
        assert!(waited.is_err(), "nothing stands against alice");
    }
    test.lock(&alice).await;
    let denial = timeout(SOON, gate.ended(&me)).await.expect("the end");
    assert_eq!(denial.reason().as_str(), "account-locked");
}

#[tokio::test]
async fn news_of_the_account_hide_no_end_of_the_session() {
    for _ in 0..20 {
        let test = TestGate::new().await;
        let alice = test.account("alice").await;
        let me = portcullis::testing::current_account(&test, &alice).await;
        let gate = test.gate();
        let mut ended = std::pin::pin!(gate.ended(&me));
        assert!(futures_util::poll!(&mut ended).is_pending());
        // Both before whoever waits has a turn.
        let id = me.session_id().expect("one of ours");
        let done = test.admin().end_session(&Actor::System, id).await;
        done.expect("there was such a session");
        gate.standing_changed(me.key(), alice.standing());
        let denial = timeout(SOON, ended).await.expect("the end");
        assert_eq!(denial.reason().as_str(), "session-ended");
    }
}

/// People of an application's own, who are locked in its table and nowhere else.
struct Table(AtomicBool);

impl StatusSource for &'static Table {
    type Error = Infallible;

    async fn standing(&self, _: &AccountKey) -> Result<Option<Standing>, Infallible> {
        let locked = self.0.load(Ordering::SeqCst);
        Ok(Some(if locked { Standing::locked() } else { Standing::active() }))
    }
}

#[tokio::test]
async fn a_source_that_pushes_nothing_is_asked_while_somebody_waits() {
    static TABLE: Table = Table(AtomicBool::new(false));
    let builder = Portcullis::builder().accounts(&TABLE);
    let gate = builder.refresh_every(Duration::from_millis(100)).build();
    let gate = gate.await.expect("a gate");
    let signed_in = gate.open_session(1, None).await.expect("may sign in");
    let cookie = format!("portcullis={}", signed_in.token().expose());
    let request = Request::get("/").header(COOKIE, cookie).body(());
    let (head, ()) = request.expect("a request").into_parts();
    let Admission::Look(look) = gate.admit_head(&head) else { panic!("nothing is known yet") };
    let me = look.await.expect("may pass");

    let waited = timeout(Duration::from_millis(300), gate.ended(&me)).await;
    assert!(waited.is_err(), "nothing stands against them");
    TABLE.0.store(true, Ordering::SeqCst);
    let denial = timeout(2 * SOON, gate.ended(&me)).await.expect("the end");
    assert_eq!(denial.reason().as_str(), "account-locked");
}
