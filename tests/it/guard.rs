//! The whole guard, over a gate in memory: as services are wrapped in it and as
//! clients meet it.

mod answers;
mod bulk;
mod grpc;
mod locks;
mod misses;
mod nobody;
mod service;
mod socket;
mod tokens;
mod wrapping;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use portcullis::{AccountKey, CurrentAccount, Denial, DenialReason, Standing, StatusSource};
use tokio::sync::watch;
use tower::ServiceExt;

/// What a response says, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    denial: Option<Denial>,
    pub(crate) body: String,
}

impl Answer {
    async fn read(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("the whole body").to_bytes();
        Self {
            status: head.status,
            headers: head.headers,
            denial: head.extensions.get().cloned(),
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    /// The value of a header that is there once or not at all.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values
            .next()
            .map(|value| value.to_str().expect("visible ASCII"));
        assert!(values.next().is_none(), "{name} is there twice");
        first
    }

    fn reason(&self) -> Option<DenialReason> {
        self.denial.as_ref().map(Denial::reason)
    }

    /// Whether the session's cookie is taken from the client.
    fn clears_cookie(&self) -> bool {
        let cookie = self.header("set-cookie");
        let cleared = cookie.is_some_and(|cookie| cookie.starts_with("portcullis=; "));
        assert_eq!(cookie.is_some(), cleared, "another cookie is set: {cookie:?}");
        assert!(!cleared || cookie.is_some_and(|cookie| cookie.contains("Max-Age=0;")));
        cleared
    }
}

pub(crate) async fn ask(app: &Router, request: Request<Body>) -> Answer {
    Answer::read(app.clone().oneshot(request).await.expect("axum can't fail")).await
}

/// A GET by a program, with this session.
async fn visit(app: &Router, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path).header(header::COOKIE, cookie);
    ask(app, request.body(Body::empty()).expect("a request")).await
}

async fn who(me: CurrentAccount) -> String {
    me.login().to_string()
}

async fn perhaps(me: Option<CurrentAccount>) -> String {
    me.map_or("nobody".to_owned(), |me| me.login().to_string())
}

/// Serves on a free port, for as long as the test's runtime lives.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// How a [`Register`] behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    Answers,
    Fails,
    /// Answers once it is in another mood.
    Waits,
}

/// An application's own people, whose standing is read and counted.
struct Register {
    people: Mutex<HashMap<AccountKey, Standing>>,
    mood: watch::Sender<Mood>,
    reads: AtomicUsize,
}

impl Register {
    /// Everybody in it is active and numbered from one.
    fn of(people: i64) -> Arc<Self> {
        let people = (1..=people).map(|number| (AccountKey::integer(number), Standing::active()));
        Arc::new(Self {
            people: Mutex::new(people.collect()),
            mood: watch::Sender::new(Mood::Answers),
            reads: AtomicUsize::new(0),
        })
    }

    fn be(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    fn write(&self, account: &AccountKey, standing: Standing) {
        self.people
            .lock()
            .expect("unpoisoned")
            .insert(account.clone(), standing);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

/// Looks into a shared [`Register`].
struct Clerk(Arc<Register>);

impl StatusSource for Clerk {
    type Error = std::io::Error;

    async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, Self::Error> {
        self.0.reads.fetch_add(1, Ordering::SeqCst);
        let mut mood = self.0.mood.subscribe();
        let ready = mood.wait_for(|mood| *mood != Mood::Waits).await;
        match *ready.expect("the register lives") {
            Mood::Fails => Err(std::io::Error::other("the register is shut")),
            _ => Ok(self
                .0
                .people
                .lock()
                .expect("unpoisoned")
                .get(account)
                .cloned()),
        }
    }
}
