//! A guard written by hand that keeps its sessions in somebody else's cache.
//!
//! It does what the product's warm path must do and nothing else: finds the cookie, hashes the token
//! with a key, looks the session up, asks its expiry and its account's standing, and leaves the account
//! in the request. No box, no clone of the inner service, no change that could arrive. So the
//! difference between two such guards is the difference between their tables.

use std::{
    future::{Ready, ready},
    hash::{BuildHasherDefault, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, Response, StatusCode, header},
};
use futures_util::future::Either;
use rustix::time::{ClockId, clock_gettime};
use siphasher::sip128::{Hasher128, SipHasher13};
use tower::{Layer, Service};

use crate::{
    drive::{Carrier, Clients},
    variant::{router, token},
};

const COOKIE: &[u8] = b"session=";
const ADMITTED: u64 = 0;

#[derive(Debug)]
struct Session {
    account: Arc<Account>,
    expires: i64,
}

#[derive(Debug)]
struct Account {
    #[expect(dead_code, reason = "what a handler would read")]
    id: u64,
    standing: AtomicU64,
}

/// What a handler finds in the request.
#[derive(Debug, Clone)]
struct Current(#[expect(dead_code, reason = "as above")] Arc<Account>);

/// Where the sessions are.
trait Table: Clone + Send + Sync + 'static {
    fn find(&self, key: u128) -> Option<Arc<Session>>;
    fn keep(&self, key: u128, session: Arc<Session>);
}

type Moka = moka::sync::Cache<u128, Arc<Session>, BuildHasherDefault<Uniform>>;

impl Table for Moka {
    fn find(&self, key: u128) -> Option<Arc<Session>> {
        self.get(&key)
    }

    fn keep(&self, key: u128, session: Arc<Session>) {
        self.insert(key, session);
    }
}

type Quick = quick_cache::sync::Cache<
    u128,
    Arc<Session>,
    quick_cache::UnitWeighter,
    BuildHasherDefault<Uniform>,
>;

impl Table for Arc<Quick> {
    fn find(&self, key: u128) -> Option<Arc<Session>> {
        self.get(&key)
    }

    fn keep(&self, key: u128, session: Arc<Session>) {
        self.insert(key, session);
    }
}

/// The guard over moka.
pub(crate) fn moka(count: usize) -> (Router, Clients) {
    let room = u64::try_from(count * 2).unwrap_or(u64::MAX);
    let table: Moka = moka::sync::Cache::builder()
        .max_capacity(room)
        .build_with_hasher(Default::default());
    let served = populated(table.clone(), count);
    table.run_pending_tasks();
    served
}

/// The guard over quick_cache.
pub(crate) fn quick_cache(count: usize) -> (Router, Clients) {
    let room = count * 2;
    let table = Quick::with(
        room,
        room as u64,
        quick_cache::UnitWeighter,
        BuildHasherDefault::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    populated(Arc::new(table), count)
}

fn populated<T: Table>(table: T, count: usize) -> (Router, Clients) {
    let mut random = fastrand::Rng::with_seed(2);
    let mut credentials = Vec::with_capacity(count);
    for id in 0..count as u64 {
        let token = token(&mut random);
        let account = Arc::new(Account { id, standing: AtomicU64::new(ADMITTED) });
        let session = Session { account, expires: now() + 12 * 3600 };
        table.keep(key(token.as_bytes()), Arc::new(session));
        credentials.push(format!("session={token}"));
    }
    (router().layer(GuardLayer(table)), Clients::new(credentials, Carrier::Cookie))
}

/// The session's key: nobody without the secret can choose what collides.
fn key(token: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new_with_keys(0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
    hasher.write(token);
    hasher.finish128().as_u128()
}

/// Takes a key for its own hash, as it is one.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u128");
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = (key >> 64) as u64;
    }
}

fn now() -> i64 {
    clock_gettime(ClockId::RealtimeCoarse).tv_sec
}

#[derive(Clone)]
struct GuardLayer<T>(T);

impl<S, T: Clone> Layer<S> for GuardLayer<T> {
    type Service = Guard<S, T>;

    fn layer(&self, inner: S) -> Guard<S, T> {
        Guard { inner, table: self.0.clone() }
    }
}

#[derive(Clone)]
struct Guard<S, T> {
    inner: S,
    table: T,
}

impl<S, T> Service<Request<Body>> for Guard<S, T>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    T: Table,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<Body>, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match admitted(&self.table, request.headers()) {
            Some(account) => {
                request.extensions_mut().insert(Current(account));
                Either::Left(self.inner.call(request))
            }
            None => Either::Right(ready(Ok(refusal()))),
        }
    }
}

fn admitted<T: Table>(table: &T, headers: &HeaderMap) -> Option<Arc<Account>> {
    let session = table.find(key(session_cookie(headers)?))?;
    let admits = session.account.standing.load(Ordering::Acquire) == ADMITTED;
    (admits && now() < session.expires).then(|| Arc::clone(&session.account))
}

/// The only cookie of the session's name; several are none.
fn session_cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| pair.trim_ascii_start().strip_prefix(COOKIE));
    let only = found.next()?;
    found.next().is_none().then_some(only)
}

fn refusal() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    response
}
