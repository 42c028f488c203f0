//! Measures a change of many accounts while a service goes on.
//!
//! ```text
//! benches/bulk                       100 000 accounts
//! benches/bulk --accounts 1000       fewer
//! benches/bulk --folder /var/tmp     where the files are: its disk is measured, too
//! ```
//!
//! Everybody is locked in one run. Meanwhile
//!
//! - requests of fifty people who are not locked pass the guard of the gate that works on the run,
//! - another gate follows the same file, and is watched for when it learns of fifty of the locks,
//! - somebody else writes a small change now and then, on a connection of their own, as another program
//!   would.
//!
//! Memory is that of the whole process, gates and load included.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use axum::body::Body;
use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use portcullis::admin::{Actor, Admin, BulkChange, BulkRequest, LockWish, Selection};
use portcullis::domain::event::{Action, Note};
use portcullis::domain::login::Login;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AccountFilter, Directory, NewAccount};
use portcullis::{AccountId, AccountKey, GuardLayer, Portcullis};
use tokio::task::JoinHandle;
use tower::{Layer, Service, ServiceExt};

/// How many people work meanwhile, and how many locks are watched.
const WATCHED: i64 = 50;

/// How often somebody else writes.
const WRITE_EVERY: Duration = Duration::from_millis(25);

/// Measures a change of many accounts while a service goes on.
#[derive(Debug, Parser)]
#[command(name = "benches/bulk")]
struct Arguments {
    /// How many accounts are locked
    #[arg(long, default_value_t = 100_000)]
    accounts: i64,
    /// Where the database files are
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.context("no folder for the files")?;
    people(folder.path(), arguments.accounts + WATCHED).await?;
    println!("{}", measure(&folder.path().join("accounts.db"), arguments.accounts).await?);
    Ok(())
}

/// Made where the machine has its fastest files, and copied: making them is not measured.
async fn people(folder: &Path, count: i64) -> Result<()> {
    let quick = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let directory = SqlDirectory::open(quick.path().join("accounts.db")).await?;
    for n in 1..=count {
        let new = NewAccount {
            login: Login::new(&format!("p{n}"))?,
            name: format!("Person {n}"),
            email: Some(format!("p{n}@example.org")),
            admin: false,
            details: Default::default(),
            lifecycle: Lifecycle::Active,
            locks: Default::default(),
            password_hash: None,
        };
        directory.create(new, note(Action::AccountCreated)).await?;
    }
    directory.close().await;
    for entry in fs::read_dir(quick.path())? {
        let entry = entry?;
        fs::copy(entry.path(), folder.join(entry.file_name()))?;
    }
    Ok(())
}

fn note(action: Action) -> Note {
    Note { actor: "cli:bench".to_owned(), action, reason: None, from: None }
}

async fn measure(file: &Path, accounts: i64) -> Result<Table> {
    let (ours, others) = (Portcullis::open(file).await?, Portcullis::open(file).await?);
    let at_work = cookies(&ours, accounts).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let quiet = load(&ours, &at_work, Arc::clone(&stop));
    tokio::time::sleep(Duration::from_secs(3)).await;
    stop.store(true, Ordering::Relaxed);
    let before = quiet.await??;

    let stop = Arc::new(AtomicBool::new(false));
    let requests = load(&ours, &at_work, Arc::clone(&stop));
    let writes = write(file.to_owned(), Arc::clone(&stop));
    let lag = watch(&ours, &others, accounts, Arc::clone(&stop)).await?;
    let memory = kib("VmRSS:")?;
    let began = Instant::now();
    lock_all(&ours, accounts).await?;
    let took = began.elapsed();
    tokio::time::sleep(Duration::from_millis(300)).await;
    stop.store(true, Ordering::Relaxed);
    let during = requests.await??;
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(["what", "figure"]);
    let rate = accounts as f64 / took.as_secs_f64();
    table.add_row(["accounts locked".to_owned(), accounts.to_string()]);
    table.add_row([
        "duration".to_owned(),
        format!("{:.1} s, {rate:.0} accounts a second", took.as_secs_f64()),
    ]);
    let peak = kib("VmHWM:")?;
    table.add_row([
        "memory before, highest".to_owned(),
        format!("{} MiB, {} MiB", memory / 1024, peak / 1024),
    ]);
    table.add_row(["a request, before".to_owned(), spread(before)?]);
    table.add_row(["a request, during".to_owned(), spread(during)?]);
    table.add_row(["another program's write, during".to_owned(), spread(writes.await??)?]);
    table.add_row(["another gate learns of a lock after".to_owned(), spread(lag.await??)?]);
    Ok(table)
}

/// Sessions of people who are not locked.
async fn cookies(gate: &Portcullis, accounts: i64) -> Result<Arc<[String]>> {
    let mut cookies = Vec::new();
    for n in 1..=WATCHED {
        let session = gate
            .open_session(AccountId::try_from(accounts + n)?, None)
            .await?;
        cookies.push(format!("{}={}", gate.cookie_name(), session.token().expose()));
    }
    Ok(cookies.into())
}

/// Requests, one after the other, until it is to stop.
fn load(
    gate: &Portcullis,
    cookies: &Arc<[String]>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<Result<Vec<Duration>>> {
    let cookies = Arc::clone(cookies);
    let inner = tower::service_fn(|_: http_of::Request<Body>| async {
        Ok::<_, Infallible>(http_of::Response::new(Body::empty()))
    });
    let mut service = GuardLayer::new(gate.clone()).layer(inner);
    tokio::spawn(async move {
        let mut seen = Vec::new();
        for cookie in cookies.iter().cycle() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let request = http_of::Request::get("/")
                .header("host", "localhost")
                .header("cookie", cookie)
                .body(Body::empty())?;
            let began = Instant::now();
            let answer = service.ready().await?.call(request).await?;
            seen.push(began.elapsed());
            if !answer.status().is_success() {
                bail!("somebody was refused who is not locked: {}", answer.status());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(seen)
    })
}

mod http_of {
    pub(super) use axum::http::{Request, Response};
}

/// Small changes on a connection of their own.
fn write(file: PathBuf, stop: Arc<AtomicBool>) -> JoinHandle<Result<Vec<Duration>>> {
    tokio::spawn(async move {
        let directory = SqlDirectory::open(file).await?;
        let mut seen = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let began = Instant::now();
            directory.note(note(Action::AddressUnlocked)).await?;
            seen.push(began.elapsed());
            tokio::time::sleep(WRITE_EVERY).await;
        }
        Ok(seen)
    })
}

/// How long after our gate the other one knows of some of the locks. Both ask nobody: what
/// they say is what their guard goes by.
async fn watch(
    ours: &Portcullis,
    others: &Portcullis,
    accounts: i64,
    stop: Arc<AtomicBool>,
) -> Result<JoinHandle<Result<Vec<Duration>>>> {
    let mut watched: Vec<(AccountKey, Option<Instant>, Option<Instant>)> = Vec::new();
    let mut held = Vec::new();
    for n in 1..=WATCHED.min(accounts) {
        let id = AccountId::try_from(n * accounts / WATCHED.min(accounts))?;
        // A session keeps the standing at hand, on both.
        for gate in [ours, others] {
            held.push(gate.open_session(id, None).await?);
            gate.standing(&id.into())
                .await
                .map_err(|reason| anyhow!("{reason}"))?;
        }
        watched.push((id.into(), None, None));
    }
    let (ours, others) = (ours.clone(), others.clone());
    Ok(tokio::spawn(async move {
        let _held = held;
        while !stop.load(Ordering::Relaxed) {
            for (key, mine, theirs) in &mut watched {
                if mine.is_none() && is_locked(&ours, key).await? {
                    *mine = Some(Instant::now());
                }
                if theirs.is_none() && is_locked(&others, key).await? {
                    *theirs = Some(Instant::now());
                }
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let lag = |(_, mine, theirs): (_, Option<Instant>, Option<Instant>)| {
            Some(theirs?.saturating_duration_since(mine?))
        };
        let told: Vec<_> = watched.into_iter().filter_map(lag).collect();
        if told.is_empty() {
            bail!("nobody was seen to be locked");
        }
        Ok(told)
    }))
}

async fn is_locked(gate: &Portcullis, key: &AccountKey) -> Result<bool> {
    let standing = gate
        .standing(key)
        .await
        .map_err(|reason| anyhow!("{reason}"))?;
    let standing = standing.context("nobody is there")?;
    Ok(standing.locks.admin_lock.is_some())
}

async fn lock_all(gate: &Portcullis, accounts: i64) -> Result<()> {
    let directory = gate.directory().context("a directory")?;
    let admin = Admin::new(Arc::clone(directory)).with_gate(gate.clone());
    let last = (accounts + 1..=accounts + WATCHED).map(AccountId::try_from);
    let others = AccountFilter::Ids(last.collect::<Result<_, _>>()?);
    let active = AccountFilter::Status { any_of: vec![Status::Active], negated: false };
    let selection = Selection::Search(vec![active, AccountFilter::Not(Box::new(others))]);
    let locked = LockWish::Yes { until: None, reason: None };
    let change = BulkChange { locked, ..BulkChange::default() };
    let host = Actor::Cli { user: "bench".to_owned() };
    let run = admin
        .begin_bulk(&host, BulkRequest { selection, change })
        .await?;
    let run = admin.finish_run(run.id, |_| {}).await?;
    if run.counts.changed != accounts.unsigned_abs() {
        bail!("not everybody was locked: {:?}", run.counts);
    }
    Ok(())
}

fn spread(mut all: Vec<Duration>) -> Result<String> {
    all.sort_unstable();
    let at = |share: f64| {
        all.get((all.len() as f64 * share) as usize)
            .or(all.last())
            .copied()
    };
    let (Some(half), Some(most), Some(last)) = (at(0.5), at(0.99), all.last()) else {
        bail!("nothing was measured");
    };
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let (half, most, last) = (ms(half), ms(most), ms(*last));
    Ok(format!(
        "median {half:.2} ms, 99 % {most:.2} ms, longest {last:.2} ms ({} times)",
        all.len()
    ))
}

fn kib(name: &str) -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").context("only on Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no such figure")?.parse()?)
}
