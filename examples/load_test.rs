//! How fast is a guarded service, and how soon does a lock bite under load? A load test
//! of one's own router, in one process, over loopback.
//!
//! ```text
//! cargo run --release --example load_test
//! ```
//!
//! Put your router in the place of `app`. For a service that runs already there is
//! `portcullis bench`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::header::{COOKIE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use portcullis::admin::{Actor, Admin, ScratchRun};
use portcullis::domain::lock::End;
use portcullis::{AccountId, CurrentAccount, GuardLayer, Portcullis};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const ACCOUNTS: u32 = 50;
const CONNECTIONS: usize = 8;

type Failed = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let seconds = match std::env::args().nth(1) {
        Some(seconds) => seconds.parse()?,
        None => 5,
    };
    // Gone when this ends.
    let folder = tempfile::tempdir()?;
    // Opened as a service opens it: what is measured is what will run.
    let gate = Portcullis::open(folder.path().join("accounts.db")).await?;
    let people = people(&gate).await?;
    let address = serve(app(gate.clone())).await?;

    let end = Instant::now() + Duration::from_secs(seconds);
    let cookies: Arc<[String]> = people.iter().map(|(_, cookie)| cookie.clone()).collect();
    let drivers: Vec<_> = (0..CONNECTIONS)
        .map(|number| tokio::spawn(drive(address, Arc::clone(&cookies), number, end)))
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds) / 2).await;
    let bite = lock(&gate, address, &people[0]).await?;

    let mut seen = Seen::default();
    for driver in drivers {
        seen.add(driver.await??);
    }
    print(seen, seconds, bite);
    Ok(())
}

/// The service under test.
fn app(gate: Portcullis) -> Router {
    Router::new()
        .route("/", get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) }))
        .layer(GuardLayer::new(gate))
}

async fn serve(app: Router) -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

/// People with a session each, and the `Cookie` header of their browser.
async fn people(gate: &Portcullis) -> Result<Vec<(AccountId, String)>, Failed> {
    let admin = admin(gate)?;
    let run = ScratchRun::from_random([0; 4]);
    let mut people = Vec::new();
    for number in 1..=ACCOUNTS {
        let made = admin.add_scratch(&Actor::System, &run, number).await?;
        let session = gate.open_session(made.account.id, None).await?;
        let cookie = format!("{}={}", gate.cookie_name(), session.token().expose());
        people.push((made.account.id, cookie));
    }
    Ok(people)
}

/// With the gate: when a lock returns, it stands.
fn admin(gate: &Portcullis) -> Result<Admin, Failed> {
    let directory = gate
        .directory()
        .ok_or("the gate has a directory of its own")?;
    Ok(Admin::new(Arc::clone(directory)).with_gate(gate.clone()))
}

/// Locks somebody under load, and says how long it took until they were refused.
async fn lock(
    gate: &Portcullis,
    address: SocketAddr,
    (account, cookie): &(AccountId, String),
) -> Result<Duration, Failed> {
    let mut line = connect(address).await?;
    let target = (*account).into();
    admin(gate)?
        .lock(&Actor::System, &target, End::Never, None)
        .await?;
    let returned = Instant::now();
    while ask(&mut line, cookie).await? == StatusCode::OK {}
    Ok(returned.elapsed())
}

// === The load ===

/// What came back.
#[derive(Default)]
struct Seen {
    latencies: Vec<Duration>,
    refused: usize,
    wrong: usize,
}

impl Seen {
    fn add(&mut self, more: Self) {
        self.latencies.extend(more.latencies);
        self.refused += more.refused;
        self.wrong += more.wrong;
    }
}

/// One connection, kept alive, that asks again as soon as it is answered.
async fn drive(
    address: SocketAddr,
    cookies: Arc<[String]>,
    number: usize,
    end: Instant,
) -> Result<Seen, Failed> {
    let mut line = connect(address).await?;
    let mut seen = Seen::default();
    let from = number * cookies.len() / CONNECTIONS;
    for cookie in cookies.iter().cycle().skip(from) {
        let began = Instant::now();
        if began >= end {
            break;
        }
        match ask(&mut line, cookie).await? {
            StatusCode::OK => seen.latencies.push(began.elapsed()),
            StatusCode::FORBIDDEN => seen.refused += 1,
            _ => seen.wrong += 1,
        }
    }
    Ok(seen)
}

type Line = SendRequest<Empty<Bytes>>;

async fn connect(address: SocketAddr) -> Result<Line, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (line, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(line)
}

async fn ask(line: &mut Line, cookie: &str) -> Result<StatusCode, Failed> {
    let request = Request::get("/")
        .header(HOST, "localhost")
        .header(COOKIE, cookie)
        .body(Empty::new())?;
    line.ready().await?;
    let answer = line.send_request(request).await?;
    let status = answer.status();
    answer.into_body().collect().await?;
    Ok(status)
}

// === The report ===

fn print(mut seen: Seen, seconds: u64, bite: Duration) {
    seen.latencies.sort_unstable();
    let passed = seen.latencies.len();
    let at = |share: f64| {
        let index = (passed as f64 * share) as usize;
        seen.latencies
            .get(index.min(passed.saturating_sub(1)))
            .copied()
    };
    println!("passed a second  {:>12}", passed as u64 / seconds.max(1));
    println!("passed           {passed:>12}");
    println!("refused          {:>12}", seen.refused);
    println!("wrong            {:>12}", seen.wrong);
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
        println!("{name}              {:>12.1?}", at(share).unwrap_or_default());
    }
    println!("lock to bite     {bite:>12.1?}");
}
