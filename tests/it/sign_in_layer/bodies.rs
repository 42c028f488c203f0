//! What is read in a body, and that it is handed on as it came.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::{FromRequest, Request as AxumRequest};
use axum::{Form, Json};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt, StreamBody};
use portcullis::LockoutPolicy;
use portcullis::guard::sign_in::{BadSignIn, SignInFormat, SignInRefusal};

use super::*;

const CORPUS: &str = include_str!("../../corpus/sign_in.txt");

/// What a typed handler of axum reads.
#[derive(serde::Deserialize)]
pub(super) struct Credentials {
    pub(super) login: String,
    #[expect(dead_code, reason = "a body without it is refused")]
    password: String,
}

/// What a typed handler makes of a body.
pub(super) async fn read_by_handler(json: bool, body: Bytes) -> Result<String, u16> {
    let request = typed(if json { "application/json" } else { FORM }, Body::from(body));
    if json {
        let read = Json::<Credentials>::from_request(request, &()).await;
        return read
            .map(|read| read.0.login)
            .map_err(|no| no.status().as_u16());
    }
    let read = Form::<Credentials>::from_request(request, &()).await;
    read.map(|read| read.0.login)
        .map_err(|no| no.into_response().status().as_u16())
}

/// A service that counts without locking, and hands back what reached its handler:
/// the body, and the login for which the guess was counted.
pub(super) struct Mirror {
    router: Router,
    counted: Arc<Mutex<Option<String>>>,
}

impl Mirror {
    pub(super) async fn new() -> Self {
        let test = TestGate::with(|gate| gate.lockout(LockoutPolicy::off())).await;
        let account = test.account("somebody").await.key();
        let counted = Arc::<Mutex<Option<String>>>::default();
        let seen = Arc::clone(&counted);
        // Everybody comes in, and as the same person: their login is seen on the way.
        let account_of = move |login: &str| {
            *seen.lock().expect("unpoisoned") = Some(login.to_owned());
            let found = account.clone();
            async move { Ok::<_, Infallible>(Some(found)) }
        };
        let layer = described(test.gate())
            .format(SignInFormat::FormOrJson)
            .succeeds_when(Sign::status(StatusCode::OK))
            .account_of(account_of);
        let router = Router::new()
            .route("/login", post(|request: AxumRequest| async { request.into_body() }))
            .layer(layer.build().expect("a layer"));
        Self { router, counted }
    }

    /// The login that was counted for and the bytes that the handler got; or why
    /// the layer refused.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<(String, Bytes), BadSignIn> {
        self.counted.lock().expect("unpoisoned").take();
        let answer = ask(&self.router, request).await;
        if let Some(SignInRefusal::Request(bad)) = answer.extensions().get() {
            assert_eq!(answer.status(), bad.status());
            assert!(self.counted.lock().expect("unpoisoned").is_none(), "nobody came in");
            return Err(*bad);
        }
        assert_eq!(answer.status(), 200);
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        let counted = self.counted.lock().expect("unpoisoned").take();
        Ok((counted.expect("a guess was counted"), body))
    }
}

/// The bytes that a line of the corpus writes.
fn bytes(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(next) = rest.chars().next() {
        let (piece, used) = piece(rest, next);
        bytes.extend(piece);
        rest = &rest[used..];
    }
    bytes
}

fn piece(rest: &str, next: char) -> (Vec<u8>, usize) {
    let plain = || (next.to_string().into_bytes(), next.len_utf8());
    match (next, rest.as_bytes().get(1)) {
        ('\\', Some(b'x')) => (vec![u8::from_str_radix(&rest[2..4], 16).expect("two digits")], 4),
        ('\\', Some(b'r')) => (b"\r".to_vec(), 2),
        ('\\', Some(b'n')) => (b"\n".to_vec(), 2),
        ('\\', Some(b't')) => (b"\t".to_vec(), 2),
        ('\\', Some(b'0')) => (b"\0".to_vec(), 2),
        ('\\', Some(b'\\')) => (b"\\".to_vec(), 2),
        ('{', Some(repeated)) => {
            let inside = rest.split('}').next().unwrap_or_default();
            match inside
                .get(2..)
                .and_then(|rest| rest.strip_prefix('*')?.parse().ok())
            {
                Some(times) => (vec![*repeated; times], inside.len() + 1),
                None => plain(),
            }
        }
        _ => plain(),
    }
}

#[tokio::test]
async fn the_corpus_gets_its_verdicts() {
    let (mirror, mut lines) = (Mirror::new().await, 0);
    for line in CORPUS.lines() {
        let Some((format, rest)) = line.split_once(':') else { continue };
        if !matches!(format, "form" | "json") {
            continue;
        }
        lines += 1;
        let (body, outcome) = rest.rsplit_once(" => ").expect("an arrow");
        let body = Bytes::from(bytes(body.strip_prefix(' ').unwrap_or(body)));
        let json = format == "json";
        let content_type = if json { "application/json" } else { FORM };
        let sent = mirror
            .send(typed(content_type, Body::from(body.clone())))
            .await;
        let read = match &sent {
            Ok((login, handed_on)) => {
                assert_eq!(*handed_on, body, "{line}");
                let by_handler = read_by_handler(json, body).await;
                assert_eq!(by_handler.as_deref(), Ok(login.as_str()), "{line}");
                format!("\"{login}\"")
            }
            Err(bad) => format!("{bad:?}"),
        };
        assert_eq!(read, String::from_utf8(bytes(outcome)).expect("text"), "{line}");
    }
    assert!(lines > 90, "{lines} lines");
}

#[tokio::test]
async fn one_content_type_in_utf_8_is_taken() {
    let test = TestGate::new().await;
    let app = Application::default();
    let forms = app.router(layer(&test));
    let both = described(test.gate())
        .format(SignInFormat::FormOrJson)
        .build();
    let both = app.router(both.expect("a layer"));
    let json = described(test.gate()).format(SignInFormat::Json).build();
    let json = app.router(json.expect("a layer"));
    let (body, document) = ("login=bob&password=a", r#"{"login":"bob","password":"a"}"#);

    for (content_type, taken) in [
        (FORM, true),
        ("Application/X-WWW-Form-URLencoded", true),
        ("application/x-www-form-urlencoded; charset=utf-8", true),
        ("application/x-www-form-urlencoded;charset=\"UTF-8\"", true),
        ("application/x-www-form-urlencoded;", true),
        ("application/x-www-form-urlencoded; charset=utf-16", false),
        ("application/x-www-form-urlencoded; charset=utf-7", false),
        ("application/x-www-form-urlencoded; charset=iso-8859-1", false),
        ("application/x-www-form-urlencoded; charset=utf-8; charset=utf-7", false),
        ("application/x-www-form-urlencoded; boundary=x", false),
        ("application/x-www-form-urlencodedx", false),
        ("application/x-www-form-urlencoded, application/json", false),
        ("multipart/form-data; boundary=x", false),
        ("multipart/form-data", false),
        ("text/plain", false),
        ("*/*", false),
        ("", false),
    ] {
        let expected = if taken { 303 } else { 415 };
        let test = content_type;
        assert_eq!(status(&forms, typed(test, Body::from(body))).await, expected, "{test}");
        assert_eq!(status(&both, typed(test, Body::from(body))).await, expected, "{test}");
        assert_eq!(status(&json, typed(test, Body::from(body))).await, 415, "{test}");
    }
    for (content_type, taken) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("application/json; charset=utf-32", false),
        ("application/vnd.api+json", false),
        ("text/json", false),
    ] {
        let expected = if taken { 303 } else { 415 };
        let test = content_type;
        assert_eq!(status(&json, typed(test, Body::from(document))).await, expected, "{test}");
        assert_eq!(status(&both, typed(test, Body::from(document))).await, expected, "{test}");
        assert_eq!(status(&forms, typed(test, Body::from(document))).await, 415, "{test}");
    }
}

#[tokio::test]
async fn a_type_that_is_missing_or_there_twice_and_any_coding_are_refused() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    let mut twice = form("login=a&password=b");
    twice
        .headers_mut()
        .append(CONTENT_TYPE, "application/json".parse().expect("a value"));
    let mut none = form("login=a&password=b");
    none.headers_mut().remove(CONTENT_TYPE);
    let mut odd = form("login=a&password=b");
    odd.headers_mut()
        .insert(CONTENT_TYPE, http::HeaderValue::from_bytes(b"\xFF").expect("one"));
    for request in [twice, none, odd] {
        assert_eq!(status(&router, request).await, 415);
    }
    for coding in ["gzip", "br", "identity", "x", ""] {
        let mut coded = form("login=a&password=b");
        coded
            .headers_mut()
            .insert("content-encoding", coding.parse().expect("a value"));
        assert_eq!(status(&router, coded).await, 415, "{coding}");
    }
    assert_eq!(app.asked(), 0);
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_here() {
    let (test, app) = (TestGate::new().await, Application::default());
    let small = described(test.gate())
        .max_body(30)
        .build()
        .expect("a layer");
    let router = app.router(small);
    assert_eq!(status(&router, form("login=alice&password=345678901")).await, 303);
    assert_eq!(status(&router, form("login=alice&password=3456789012")).await, 413);

    /// Says that it is large, and is never asked for a byte.
    struct Announced;
    impl http_body::Body for Announced {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("nobody has to read this")
        }
        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(31)
        }
    }
    assert_eq!(status(&router, typed(FORM, Body::new(Announced))).await, 413);
    let endless = futures_util::stream::repeat(Ok::<_, Infallible>(Bytes::from("a=")));
    assert_eq!(status(&router, typed(FORM, Body::from_stream(endless))).await, 413);
    assert_eq!(app.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_not_waited_for() {
    let (test, app) = (TestGate::new().await, Application::default());
    let layer = described(test.gate())
        .body_within(Duration::from_secs(3))
        .build();
    let router = app.router(layer.expect("a layer"));
    let pending = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let begun = tokio::time::Instant::now();
    let slow = typed(FORM, Body::new(StreamBody::new(pending)));
    assert_eq!(status(&router, slow).await, 408);
    assert_eq!((begun.elapsed().as_secs(), app.asked()), (3, 0));
}

#[tokio::test]
async fn a_body_that_breaks_off_counts_for_nobody() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    for _ in 0..10 {
        let frames = [
            Ok(Frame::data(Bytes::from("login=alice&password=a"))),
            Err(std::io::Error::other("the client hung up")),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        assert_eq!(status(&router, typed(FORM, Body::new(body))).await, 400);
    }
    assert_eq!(app.asked(), 0);
    assert!(!is_locked_out(&router, "alice").await);
}

#[tokio::test]
async fn pieces_trailers_lengths_and_headers_are_handed_on() {
    let test = TestGate::new().await;
    let handler = |request: AxumRequest| async move {
        let (head, body) = request.into_parts();
        let length = http_body::Body::size_hint(&body).exact();
        assert!(!http_body::Body::is_end_stream(&body));
        let whole = body.collect().await.expect("a body");
        let trailer = whole.trailers().and_then(|them| them.get("x-sum")).cloned();
        let announced = head.headers.get("content-length").cloned();
        let bytes = whole.to_bytes();
        format!("{length:?} {announced:?} {trailer:?} {}", String::from_utf8_lossy(&bytes))
    };
    let router = Router::new()
        .route("/login", post(handler))
        .layer(layer(&test));
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "7".parse().expect("a value"));
    let pieces = ["lo", "", "gin=bo", "b&password=a+%20", "b"];
    let frames = pieces
        .map(|piece| Frame::data(Bytes::from(piece)))
        .into_iter();
    let frames = frames
        .chain([Frame::trailers(trailers)])
        .map(Ok::<_, Infallible>);
    let body = StreamBody::new(futures_util::stream::iter(frames));
    let mut request = typed(FORM, Body::new(body));
    request
        .headers_mut()
        .insert("content-length", "25".parse().expect("a value"));
    let seen = text(ask(&router, request).await).await;
    assert_eq!(seen, "Some(25) Some(\"25\") Some(\"7\") login=bob&password=a+%20b");
}

#[tokio::test]
async fn a_body_that_nobody_looks_at_is_not_read() {
    let (test, app) = (TestGate::new().await, Application::default());
    let by_session = SignInLayer::builder(test.gate())
        .at("/login")
        .login_from(|head| {
            head.headers
                .get("x-session-login")?
                .to_str()
                .ok()
                .map(str::to_owned)
        })
        .succeeds_when(sign())
        .build();
    let router = app.router(by_session.expect("a layer"));
    let mut large = typed("application/octet-stream", Body::from(vec![0xFF; 100_000]));
    assert_eq!(status(&router, large).await, 400);
    large = typed("application/octet-stream", Body::from(vec![0xFF; 100_000]));
    large
        .headers_mut()
        .insert("x-session-login", "alice".parse().expect("a value"));
    assert_eq!(status(&router, large).await, 303);
    assert_eq!(app.last_body().map(|body| body.len()), Some(100_000));
}
