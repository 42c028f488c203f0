//! Measures how attempts to sign in are counted.
//!
//! ```text
//! benches/attempts                     everything; about two minutes
//! benches/attempts --guesses 200       how many guesses race
//! benches/attempts --logins 1000000    how many distinct logins are weighed
//! benches/attempts --folder /var/tmp   where the files are: its disk is measured, too
//! benches/attempts --only race         one of memory, weight, sqlite, race, oracle
//! ```
//!
//! - **in memory**: reserve and settle of one attempt, by account alone and by account and IPv6 address
//!   (four counters), on one thread and on two. *CPU* is the thread's own time; allocations are those of
//!   one attempt.
//! - **memory**: what one distinct login that failed once keeps, as resident memory of this process.
//! - **in SQLite**: attempts a second that are durable before they are answered, one after the other and
//!   64 at once, beside how often the disk can make a small write durable.
//! - **race**: wrong guesses at once, at a limit of five: how many were granted. More than five is an error.
//! - **no oracle**: how long the answer takes for a login that exists and one that does not. No test
//!   compares times; this is for people to read.

use std::alloc::System;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Parser;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use portcullis::domain::attempts::{Outcome, Reservation, Scope};
use portcullis::domain::client::ClientAddr;
use portcullis::domain::login::{Login, TypedLogin};
use portcullis::domain::password::Password;
use portcullis::domain::standing::Lifecycle;
use portcullis::store::keyring::Keyring;
use portcullis::store::memory::SingleProcessAttempts;
use portcullis::store::sql::{SqlAttempts, SqlDirectory};
use portcullis::store::{AttemptStore, Counter, Directory, NewAccount};
use portcullis::{Clock, LockoutPolicy, Portcullis};
use portcullis_benches::clock;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures how attempts to sign in are counted.
#[derive(Debug, Parser)]
#[command(name = "benches/attempts")]
struct Arguments {
    /// How many wrong guesses race
    #[arg(long, default_value_t = 200)]
    guesses: usize,
    /// How many distinct logins are weighed
    #[arg(long, default_value_t = 1_000_000)]
    logins: usize,
    /// Take this measure only
    #[arg(long)]
    only: Option<Measure>,
    /// Where the database files are
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
enum Measure {
    Memory,
    Weight,
    Sqlite,
    Race,
    Oracle,
}

impl Measure {
    const ALL: [Self; 5] = [Self::Memory, Self::Weight, Self::Sqlite, Self::Race, Self::Oracle];

    fn take(self, arguments: &Arguments, folder: &Path) -> Result<Table> {
        match self {
            Self::Memory => in_memory(),
            Self::Weight => weight(arguments.logins),
            Self::Sqlite => in_sqlite(folder),
            Self::Race => race(folder, arguments.guesses),
            Self::Oracle => no_oracle(folder),
        }
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = match &arguments.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder = folder.context("no folder for the files")?;
    for measure in Measure::ALL {
        if arguments.only.is_none_or(|only| only == measure) {
            println!("{}\n", measure.take(&arguments, folder.path())?);
        }
    }
    Ok(())
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(head);
    table
}

fn key_of(login: &str) -> portcullis::store::keyring::AttemptKey {
    Keyring::new(&[1; 32]).attempt_key(&TypedLogin::new(login))
}

fn by_account(policy: &LockoutPolicy, login: &str) -> Result<Vec<Counter>> {
    let rules = policy
        .by_account()
        .context("the policy counts by account")?
        .clone();
    Ok(vec![Counter { key: key_of(login), rules, generation: 0, scope: Scope::Own }])
}

fn by_account_and_address(policy: &LockoutPolicy, login: &str) -> Result<Vec<Counter>> {
    let address: IpAddr = "2001:db8:1:2::3".parse()?;
    let keyring = Keyring::new(&[1; 32]);
    let mut counters = by_account(policy, login)?;
    counters.extend(
        policy
            .networks_of(ClientAddr::from(address))
            .map(|(network, rules)| {
                let (key, rules) = (keyring.address_attempt_key(network), rules.clone());
                Counter { key, rules, generation: 0, scope: Scope::Shared }
            }),
    );
    Ok(counters)
}

/// One attempt that is given back, so that the next finds the same record.
async fn attempt(store: &dyn AttemptStore, counters: &[Counter], outcome: Outcome) -> Result<bool> {
    let Reservation::Granted(tickets) = store.reserve(counters).await? else { return Ok(false) };
    store.settle(counters, &tickets, outcome).await?;
    Ok(true)
}

fn runtime(threads: usize) -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?)
}

const PAIRS: usize = 200_000;

fn in_memory() -> Result<Table> {
    let mut table =
        table(&["in memory: reserve and settle", "CPU ns", "2 threads, x", "allocations"]);
    let policy = LockoutPolicy::balanced();
    for (name, counters) in [
        ("by account", by_account as fn(&LockoutPolicy, &str) -> Result<Vec<Counter>>),
        ("by account and IPv6 address", by_account_and_address),
    ] {
        let store = Arc::new(SingleProcessAttempts::new(Clock::system()));
        let one = counters(&policy, "alice")?;
        pairs(&store, &one)?;
        let region = Region::new(ALLOCATOR);
        let alone = (0..5)
            .map(|_| pairs(&store, &one))
            .collect::<Result<Vec<_>>>()?;
        let allocations = region.change().allocations as f64 / (5 * PAIRS) as f64;
        let alone = alone.into_iter().fold(f64::MAX, f64::min);
        let together = two_threads(&store, &policy, counters)?;
        let row = [
            format!("{alone:.0}"),
            format!("{:.2}", together / alone),
            format!("{allocations:.1}"),
        ];
        table.add_row(std::iter::once(name.to_owned()).chain(row));
    }
    Ok(table)
}

/// CPU nanoseconds of one attempt on this thread.
fn pairs(store: &SingleProcessAttempts, counters: &[Counter]) -> Result<f64> {
    let alone = tokio::runtime::Builder::new_current_thread().build()?;
    alone.block_on(async {
        let before = clock::thread_cpu();
        for _ in 0..PAIRS {
            attempt(store, counters, Outcome::Released).await?;
        }
        Ok((clock::thread_cpu() - before) as f64 / PAIRS as f64)
    })
}

/// The same on two threads at once, for two accounts.
fn two_threads(
    store: &Arc<SingleProcessAttempts>,
    policy: &LockoutPolicy,
    counters: fn(&LockoutPolicy, &str) -> Result<Vec<Counter>>,
) -> Result<f64> {
    let threads = ["alice", "bob"].map(|login| {
        let (store, counters) = (store.clone(), counters(policy, login));
        std::thread::spawn(move || pairs(&store, &counters?))
    });
    let mut slowest = 0.0_f64;
    for thread in threads {
        let took = thread
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
        slowest = slowest.max(took);
    }
    Ok(slowest)
}

/// What distinct logins keep that failed once each.
fn weight(logins: usize) -> Result<Table> {
    let store = SingleProcessAttempts::with_memory(Clock::system(), 1 << 40);
    let policy = LockoutPolicy::balanced();
    let alone = tokio::runtime::Builder::new_current_thread().build()?;
    let before = resident()?;
    let keyring = Keyring::new(&[1; 32]);
    alone.block_on(async {
        for n in 0..logins {
            let counters = by_account(&policy, &format!("nobody{n}"))?;
            let guess = keyring.guess(&counters[0].key, Default::default(), "192.0.2.1/32", "x");
            attempt(&store, &counters, Outcome::Failed(Some(guess))).await?;
        }
        anyhow::Ok(())
    })?;
    let bytes = (resident()? - before) / logins as f64;
    let mut table = table(&["memory: distinct logins that failed once", "bytes each"]);
    table.add_row([logins.to_string(), format!("{bytes:.0}")]);
    Ok(table)
}

fn resident() -> Result<f64> {
    let statm = fs::read_to_string("/proc/self/statm").context("can't read /proc/self/statm")?;
    let pages = statm
        .split_whitespace()
        .nth(1)
        .context("odd /proc/self/statm")?;
    Ok(pages.parse::<f64>()? * rustix::param::page_size() as f64)
}

const FOR: Duration = Duration::from_secs(5);

fn in_sqlite(folder: &Path) -> Result<Table> {
    let mut table = table(&["in SQLite, durable before it is answered", "a second"]);
    table.add_row([
        "small writes that the disk makes durable".to_owned(),
        format!("{:.0}", syncs(folder)?),
    ]);
    for at_once in [1, 64] {
        let file = folder.join(format!("{at_once}.db"));
        let rate = runtime(2)?.block_on(sqlite_attempts(file, at_once))?;
        table.add_row([
            format!("attempts, {at_once} at once, by account and address"),
            format!("{rate:.0}"),
        ]);
    }
    Ok(table)
}

/// How often a second four kilobytes reach the disk.
fn syncs(folder: &Path) -> Result<f64> {
    let mut file = fs::File::create(folder.join("syncs"))?;
    let (began, mut writes) = (Instant::now(), 0);
    while began.elapsed() < FOR {
        file.write_all(&[0; 4096])?;
        file.sync_data()?;
        writes += 1;
    }
    Ok(f64::from(writes) / began.elapsed().as_secs_f64())
}

async fn sqlite_attempts(file: PathBuf, at_once: usize) -> Result<f64> {
    let store = SqlAttempts::open(file, Clock::system()).await?;
    let (policy, began) = (LockoutPolicy::balanced(), Instant::now());
    let mut workers = Vec::new();
    for worker in 0..at_once {
        let (store, policy) = (store.clone(), policy.clone());
        workers.push(tokio::spawn(async move {
            let mut made = 0;
            while began.elapsed() < FOR {
                let counters = by_account_and_address(&policy, &format!("{worker} {made}"))?;
                attempt(&store, &counters, Outcome::Released).await?;
                made += 1;
            }
            anyhow::Ok(made)
        }));
    }
    let mut made = 0;
    for worker in workers {
        made += worker.await??;
    }
    Ok(f64::from(made) / began.elapsed().as_secs_f64())
}

fn race(folder: &Path, guesses: usize) -> Result<Table> {
    let mut table = table(&["race at a limit of 5", "guesses at once", "granted"]);
    let memory: Arc<dyn AttemptStore> = Arc::new(SingleProcessAttempts::new(Clock::system()));
    let runtime = runtime(2)?;
    let file = folder.join("race.db");
    let (one, other) = runtime.block_on(async {
        let one = SqlAttempts::open(&file, Clock::system()).await?;
        anyhow::Ok((one, SqlAttempts::open(&file, Clock::system()).await?))
    })?;
    let rows: [(&str, Vec<Arc<dyn AttemptStore>>); 2] = [
        ("in memory", vec![memory]),
        ("in SQLite, two handles on one file", vec![Arc::new(one), Arc::new(other)]),
    ];
    for (name, stores) in rows {
        let granted = runtime.block_on(granted(&stores, guesses))?;
        table.add_row([name.to_owned(), guesses.to_string(), granted.to_string()]);
        if granted != 5 {
            bail!("{name}: {granted} guesses were granted at a limit of 5");
        }
    }
    Ok(table)
}

async fn granted(stores: &[Arc<dyn AttemptStore>], guesses: usize) -> Result<usize> {
    let policy = LockoutPolicy::balanced();
    let mut racing = Vec::new();
    for n in 0..guesses {
        let (store, policy) = (stores[n % stores.len()].clone(), policy.clone());
        racing.push(tokio::spawn(async move {
            let counters = by_account(&policy, "alice")?;
            attempt(&*store, &counters, Outcome::Failed(None)).await
        }));
    }
    let mut granted = 0;
    for guess in racing {
        granted += usize::from(guess.await??);
    }
    Ok(granted)
}

const SAMPLES: usize = 60;

fn no_oracle(folder: &Path) -> Result<Table> {
    let runtime = runtime(2)?;
    let head = ["no oracle: the answer after", "ms: fastest", "median", "9 of 10 under", "shape"];
    let mut table = table(&head);
    runtime.block_on(async {
        let gate = gate_with_alice(&folder.join("accounts.db")).await?;
        for (answer, locked) in [("a wrong password", false), ("a lockout", true)] {
            let (exists, unknown) = timings(&gate, locked).await?;
            add_timing(&mut table, &format!("{answer}, a login that exists"), exists);
            add_timing(&mut table, &format!("{answer}, a login that nobody has"), unknown);
        }
        anyhow::Ok(())
    })?;
    Ok(table)
}

async fn gate_with_alice(file: &Path) -> Result<Portcullis> {
    let directory = SqlDirectory::open(file).await?;
    let attempts = directory.attempts();
    let gate = Portcullis::builder()
        .directory(directory)
        .attempts(attempts)
        .lockout(LockoutPolicy::after(1_000).build()?)
        .build()
        .await?;
    let directory = gate.directory().context("a gate over a directory")?.clone();
    let hash = gate
        .passwords()
        .hash(&Password::new("correct horse battery")?)
        .await?;
    for login in ["exists", "shut"] {
        add(&*directory, login, &hash).await?;
    }
    Ok(gate)
}

async fn add(directory: &dyn Directory, login: &str, hash: &str) -> Result<()> {
    let new = NewAccount {
        login: Login::new(login)?,
        name: String::new(),
        email: None,
        admin: false,
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: Some(hash.to_owned()),
    };
    let note = portcullis::domain::event::Note {
        actor: "cli:bench".to_owned(),
        action: portcullis::domain::event::Action::AccountCreated,
        reason: None,
        from: None,
    };
    directory.create(new, note).await?;
    Ok(())
}

/// Taken in turns, so that whatever else the machine does meets both alike.
async fn timings(gate: &Portcullis, locked: bool) -> Result<(Vec<f64>, Vec<f64>)> {
    let (exists, unknown) = if locked { ("shut", "shut nobody") } else { ("exists", "nobody") };
    if locked {
        for login in [exists, unknown] {
            lock_out(gate, login).await?;
        }
    }
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for n in 0..SAMPLES {
        of_one.push(sign_in(gate, exists, n).await);
        of_other.push(sign_in(gate, unknown, n).await);
    }
    Ok((of_one, of_other))
}

async fn lock_out(gate: &Portcullis, login: &str) -> Result<()> {
    let from: IpAddr = "192.0.2.1".parse()?;
    loop {
        match gate.attempt(login, from).await {
            Ok(attempt) => drop(attempt.fail().await?),
            Err(portcullis::SignInError::LockedOut { .. }) => return Ok(()),
            Err(other) => bail!("{other}"),
        }
    }
}

/// Milliseconds until the answer.
async fn sign_in(gate: &Portcullis, login: &str, n: usize) -> f64 {
    let began = clock::wall();
    if let Ok(attempt) = gate.attempt(login, IpAddr::from([192, 0, 2, 1])).await {
        let _ = attempt.check_password(&format!("guess {n}")).await;
    }
    (clock::wall() - began) as f64 / 1e6
}

fn add_timing(table: &mut Table, name: &str, mut millis: Vec<f64>) {
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| millis[((millis.len() - 1) as f64 * share) as usize];
    let [fastest, median, high] = [at(0.0), at(0.5), at(0.9)].map(|ms| format!("{ms:.2}"));
    table.add_row([name.to_owned(), fastest, median, high, shape(&millis)]);
}

/// A histogram of one line, from nothing to twice the median.
fn shape(sorted: &[f64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = 2.0 * sorted[sorted.len() / 2];
    let mut counts = [0_usize; 20];
    for millis in sorted {
        let bin = (millis / most * counts.len() as f64) as usize;
        counts[bin.min(counts.len() - 1)] += 1;
    }
    let highest = counts.into_iter().max().unwrap_or(1).max(1);
    counts
        .iter()
        .map(|count| LEVELS[count * (LEVELS.len() - 1) / highest])
        .collect()
}
