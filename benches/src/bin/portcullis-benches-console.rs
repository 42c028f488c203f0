//! Measures what the pages of the console cost with many accounts in the directory.
//!
//! ```text
//! benches/console                        1 000 000 accounts
//! benches/console --accounts 10000       fewer
//! benches/console --folder DIR           in DIR, made there if it is empty, and kept
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
use portcullis::domain::history::{AttemptEnd, PastAttempt};
use portcullis::domain::lock::{
    AdminLock, Disablement, End, LiveSessions, Lockout, LockoutId, Locks, Reason,
};
use portcullis::domain::login::Login;
use portcullis::domain::password::Password;
use portcullis::domain::standing::Lifecycle;
use portcullis::pages::Console;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{Directory, NewAccount};
use portcullis::{ClientAddr, Clock, Portcullis};
use tower::ServiceExt;

/// How often each page is asked for.
const ROUNDS: usize = 20;

/// What a page is to stay within: the server's time, and what a first view transfers.
const MOST_TIME: Duration = Duration::from_millis(50);
const MOST_BYTES: usize = 60_000;

const PASSWORD: &str = "open the gate please";

/// Measures what the pages of the console cost with many accounts.
#[derive(Debug, Parser)]
#[command(name = "benches/console")]
struct Arguments {
    /// How many accounts there are
    #[arg(long, default_value_t = 1_000_000)]
    accounts: i64,

    /// Where the directory is kept from one run to the next; without, it is made anew and
    /// removed
    #[arg(long)]
    folder: Option<std::path::PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let temporary = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let folder = arguments.folder.as_deref().unwrap_or(temporary.path());
    let file = folder.join("accounts.db");
    if !file.exists() {
        people(&file, arguments.accounts).await?;
    }
    let gate = Portcullis::open(&file).await?;
    let directory = gate.directory().context("a gate over a directory")?.clone();
    let admin = Admin::new(directory)
        .with_gate(gate.clone())
        .with_passwords(gate.passwords());
    let ada = NewPerson::new(Login::new("ada")?)
        .with_admin(true)
        .with_password(Password::new(PASSWORD)?);
    let added = admin
        .add(&Actor::Cli { user: "bench".to_owned() }, ada)
        .await;
    if arguments.folder.is_none() {
        added?;
    }
    let console = Console::new(gate, admin)
        .client_address(|_| Some(ClientAddr::from(std::net::IpAddr::from([192, 0, 2, 1]))));
    let app = Router::new().nest_service("/console", console.into_router());
    println!("{}", measure(&app, arguments.accounts).await?);
    Ok(())
}

/// Of a hundred one is locked, one is locked out and one disabled; two are invited. One is
/// called otherwise than all others, and attempts were made by somebody.
async fn people(file: &std::path::Path, count: i64) -> Result<()> {
    let directory = SqlDirectory::open(file).await?;
    let began = Instant::now();
    for n in 1..=count {
        directory.create(person(n, count)?, note()).await?;
        if n % 100_000 == 0 {
            eprintln!("{n} accounts in {} s", began.elapsed().as_secs());
        }
    }
    attempts(&directory).await?;
    directory.close().await;
    Ok(())
}

fn person(n: i64, count: i64) -> Result<NewAccount> {
    let now = Clock::system().wall();
    let author = "cli:bench".to_owned();
    let lock = AdminLock { laid_at: now, end: End::Never, reason: None, author: author.clone() };
    let lockout = Lockout {
        id: LockoutId { generation: 0, n: 1 },
        laid_at: now,
        length: Some(Duration::from_secs(24 * 3_600)),
        failures: 5,
        live_sessions: LiveSessions::Refuse,
    };
    let reason = Reason::try_from("left")?;
    let locks = match n % 100 {
        0 => Locks { admin_lock: Some(lock), ..Locks::default() },
        1 => Locks { lockout: Some(lockout), ..Locks::default() },
        2 => {
            Locks { disablement: Some(Disablement { at: now, reason, author }), ..Locks::default() }
        }
        _ => Locks::default(),
    };
    let name = match n == count / 3 {
        true => "Zoë Quixote".to_owned(),
        false => format!("Person {}", n * 7_919 % count),
    };
    Ok(NewAccount {
        login: Login::new(&format!("p{n}"))?,
        name,
        email: Some(format!("p{n}@example.org")),
        admin: false,
        details: Default::default(),
        lifecycle: if n % 50 == 7 { Lifecycle::Invited } else { Lifecycle::Active },
        locks,
        password_hash: None,
    })
}

/// A hundred thousand, from as many addresses as a flood has.
async fn attempts(directory: &SqlDirectory) -> Result<()> {
    let now = Clock::system().wall();
    for batch in 0..100_u8 {
        let attempt = |n: u8, m: u8| PastAttempt {
            at: now,
            account: None,
            login: u64::from(m),
            from: Some(ClientAddr::from(std::net::IpAddr::from([192, 0, n, m]))),
            device: None,
            end: AttemptEnd::Wrong,
            mark: None,
        };
        let attempts = (0..1_000_u16).map(|m| attempt(batch, (m % 250) as u8));
        let attempts = attempts.collect();
        directory.history().remember(attempts, 1_000_000).await?;
    }
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
    let user = format!("/console/users/{middle}");
    let users = |query: &str| format!("/console/users?{query}");
    let pages = [
        ("overview", "/console/".to_owned()),
        ("users", "/console/users".to_owned()),
        ("users, a page in the middle", users(&format!("after={middle}"))),
        ("users, by name", users("sort=name")),
        ("users, by last sign-in", users("sort=-last_sign_in")),
        ("users, active", users("status=active")),
        ("users, locked", users("status=locked")),
        ("users, locked, by name", users("status=locked&sort=name")),
        ("users, locked out", users("status=locked-out")),
        ("users, disabled", users("status=disabled")),
        ("users, invited", users("status=invited")),
        ("users, registered: none", users("status=registered")),
        ("users, search: all match", users("q=example")),
        ("users, search: a tenth match", users("q=77")),
        ("users, search: one matches", users("q=Quixote")),
        ("users, search: one matches one letter", users("q=%C3%8B")),
        ("users, search: few match a login", users(&format!("q=p{middle}"))),
        ("users, search: none match", users("q=nobody+is+called+so")),
        ("users, search: none match two letters", users("q=qq")),
        ("users, search: a login begins so", users("q=p9")),
        ("users, search: none match and locked", users("q=zzz&status=locked")),
        ("one user", user.clone()),
        ("one user's attempts", format!("{user}/attempts")),
        ("one user's sessions", format!("{user}/sessions")),
        ("one user's history", format!("{user}/history")),
        ("one user's records", format!("{user}/records")),
        ("one user's password", format!("{user}/password")),
        ("audit log", "/console/audit".to_owned()),
        ("audit log, one action", "/console/audit?action=account.created".to_owned()),
        ("licences", "/console/licences".to_owned()),
        ("groups", "/console/groups".to_owned()),
        ("tokens", "/console/tokens".to_owned()),
        ("applications", "/console/applications".to_owned()),
        ("attack protection", "/console/protection".to_owned()),
        ("runs", "/console/runs".to_owned()),
        ("deletions", "/console/deletions".to_owned()),
    ];
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header([
        "page",
        "median",
        "longest",
        "size",
        "first view",
        "beyond 50 ms or 60 kB",
    ]);
    for (name, path) in pages {
        let first = ask(app, get(&path, &cookie)?).await.context(name)?;
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
            beside_bounds(times[ROUNDS - 1], first.body.len() + assets),
        ]);
    }
    Ok(table)
}

/// What is beyond a bound, in a word. It is told and nothing more: machines differ.
fn beside_bounds(longest: Duration, first_view: usize) -> String {
    let slow = (longest > MOST_TIME).then_some("slow");
    let large = (first_view > MOST_BYTES).then_some("large");
    [slow, large]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
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
