//! Measures what the pages of the console cost with many accounts in the directory.
//!
//! ```text
//! benches/console                        1 000 000 accounts
//! benches/console --accounts 10000       fewer
//! ```
//!
//! Every page is asked for again and again by an administrator, inside one process: what is
//! told is the server's time and the size of the page. The first view of a browser loads its
//! stylesheets and scripts, too, compressed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use axum::body::Body;
use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use http_body_util::BodyExt;
use portcullis::admin::{Actor, Admin, NewPerson};
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{AdminLock, End, Locks};
use portcullis::domain::login::Login;
use portcullis::domain::password::Password;
use portcullis::domain::standing::Lifecycle;
use portcullis::pages::Console;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{Directory, NewAccount};
use portcullis::{ClientAddr, Portcullis, Timestamp};
use tower::ServiceExt;

/// How often each page is asked for.
const ROUNDS: usize = 20;

const PASSWORD: &str = "open the gate please";

/// Measures what the pages of the console cost with many accounts.
#[derive(Debug, Parser)]
#[command(name = "benches/console")]
struct Arguments {
    /// How many accounts there are
    #[arg(long, default_value_t = 1_000_000)]
    accounts: i64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let file = folder.path().join("accounts.db");
    people(&file, arguments.accounts).await?;
    let gate = Portcullis::open(&file).await?;
    let directory = gate.directory().context("a gate over a directory")?.clone();
    let admin = Admin::new(directory)
        .with_gate(gate.clone())
        .with_passwords(gate.passwords());
    let ada = NewPerson::new(Login::new("ada")?)
        .with_admin(true)
        .with_password(Password::new(PASSWORD)?);
    admin
        .add(&Actor::Cli { user: "bench".to_owned() }, ada)
        .await?;
    let console = Console::new(gate, admin)
        .client_address(|_| Some(ClientAddr::from(std::net::IpAddr::from([192, 0, 2, 1]))));
    let app = Router::new().nest_service("/console", console.into_router());
    println!("{}", measure(&app, arguments.accounts).await?);
    Ok(())
}

/// Every hundredth is locked, and every fiftieth invited.
async fn people(file: &std::path::Path, count: i64) -> Result<()> {
    let directory = SqlDirectory::open(file).await?;
    for n in 1..=count {
        let lock = AdminLock {
            laid_at: Timestamp::EPOCH,
            end: End::Never,
            reason: None,
            author: "cli:bench".to_owned(),
        };
        let new = NewAccount {
            login: Login::new(&format!("p{n}"))?,
            name: format!("Person {}", n * 7_919 % count),
            email: Some(format!("p{n}@example.org")),
            admin: false,
            details: Default::default(),
            lifecycle: if n % 50 == 7 { Lifecycle::Invited } else { Lifecycle::Active },
            locks: Locks { admin_lock: (n % 100 == 0).then_some(lock), ..Locks::default() },
            password_hash: None,
        };
        directory.create(new, note()).await?;
        if n % 100_000 == 0 {
            eprintln!("{n} accounts");
        }
    }
    directory.close().await;
    Ok(())
}

fn note() -> Note {
    let actor = "cli:bench".to_owned();
    Note { actor, action: Action::AccountCreated, reason: None, from: None }
}

struct Answered {
    took: Duration,
    body: Vec<u8>,
    cookie: Option<String>,
}

async fn ask(app: &Router, request: http::Request<Body>) -> Result<Answered> {
    let began = Instant::now();
    let answer = app.clone().oneshot(request).await?;
    let (head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    let took = began.elapsed();
    let cookies = head.headers.get_all(http::header::SET_COOKIE).iter();
    let cookies = cookies.filter_map(|line| line.to_str().ok()?.split(';').next());
    let cookie = cookies.collect::<Vec<_>>().join("; ");
    let good = head.status.is_success() || head.status.is_redirection();
    if !good {
        return Err(anyhow!("answered {}: {}", head.status, String::from_utf8_lossy(&body)));
    }
    Ok(Answered { took, body, cookie: Some(cookie).filter(|cookie| !cookie.is_empty()) })
}

fn get(path: &str, cookie: &str) -> Result<http::Request<Body>> {
    let request = http::Request::get(path)
        .header("host", "127.0.0.1")
        .header("accept-encoding", "gzip")
        .header("cookie", cookie);
    Ok(request.body(Body::empty())?)
}

async fn sign_in(app: &Router) -> Result<String> {
    let request = http::Request::post("/console/sign-in")
        .header("host", "127.0.0.1")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("login=ada&password={}", PASSWORD.replace(' ', "+"))))?;
    ask(app, request).await?.cookie.context("no session")
}

async fn measure(app: &Router, accounts: i64) -> Result<Table> {
    let cookie = sign_in(app).await?;
    let middle = accounts / 2;
    let pages = [
        ("overview", "/console/".to_owned()),
        ("users", "/console/users".to_owned()),
        ("users, searched", format!("/console/users?search=p{middle}")),
        ("users, locked", "/console/users?status=locked".to_owned()),
        ("users, a page in the middle", format!("/console/users?after={middle}")),
        ("users, by last sign-in", "/console/users?sort=-last_sign_in".to_owned()),
        ("one user", format!("/console/users/{middle}")),
        ("one user's history", format!("/console/users/{middle}/history")),
        ("audit log", "/console/audit".to_owned()),
        ("licences", "/console/licences".to_owned()),
        ("groups", "/console/groups".to_owned()),
    ];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "page",
        "median",
        "longest",
        "size",
        "first view",
    ]);
    for (name, path) in pages {
        let first = ask(app, get(&path, &cookie)?).await?;
        let assets = assets(app, &first.body).await?;
        let mut times = vec![first.took];
        for _ in 1..ROUNDS {
            times.push(ask(app, get(&path, &cookie)?).await?.took);
        }
        times.sort_unstable();
        table.add_row([
            name.to_owned(),
            millis(times[ROUNDS / 2]),
            millis(times[ROUNDS - 1]),
            kilobytes(first.body.len()),
            kilobytes(first.body.len() + assets),
        ]);
    }
    Ok(table)
}

/// How much a page loads beside itself.
async fn assets(app: &Router, page: &[u8]) -> Result<usize> {
    let text = String::from_utf8_lossy(page);
    let mut sum = 0;
    for part in text
        .split('"')
        .filter(|part| part.starts_with("/console/assets/"))
    {
        sum += ask(app, get(part, "")?).await?.body.len();
    }
    Ok(sum)
}

fn millis(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1_000.0)
}

fn kilobytes(bytes: usize) -> String {
    format!("{:.1} kB", bytes as f64 / 1_000.0)
}
