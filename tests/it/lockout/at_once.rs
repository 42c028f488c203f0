//! A thousand at once: as many guesses are looked at as are allowed, in one process
//! and in two, and the owner is not kept out by coming many times.

use std::any::Any;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::sql::SqlDirectory;
use portcullis::{Account, Clock, LockoutPolicy, Portcullis, SignInError};
use tokio::sync::Barrier;

use super::how_many;
use crate::engine::person;
use crate::stores::folder;

const LIMIT: u32 = 5;

const PLACE: &str = "PORTCULLIS_TEST_PLACE";

const FROM: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// What a thousand got.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Count {
    looked_at: u32,
    signed_in: u32,
}

fn policy() -> LockoutPolicy {
    let policy = LockoutPolicy::after(LIMIT).lasting(Duration::from_secs(3600));
    policy.build().expect("a policy")
}

async fn gate(directory: SqlDirectory) -> Portcullis {
    let builder = Portcullis::builder()
        .attempts(directory.attempts())
        .directory(directory);
    let builder = builder
        .lockout(policy())
        .store_timeout(Duration::from_secs(120));
    builder.build().await.expect("a gate")
}

async fn in_memory() -> (Portcullis, Box<dyn Any>) {
    let directory = SingleProcessDirectory::new(Clock::system());
    let builder = Portcullis::builder().directory(directory).lockout(policy());
    (builder.build().await.expect("a gate"), Box::new(()))
}

async fn in_sqlite() -> (Portcullis, Box<dyn Any>) {
    let folder = folder();
    let directory = SqlDirectory::open(folder.path().join("accounts.db")).await;
    (gate(directory.expect("opens")).await, Box::new(folder))
}

/// So many guesses at once, of which the ones with a right password sign in. All
/// begin together, and each has taken its slot or not before any is settled.
async fn at_once(gate: &Portcullis, account: &Account, wrong: usize, right: usize) -> Count {
    let begin = Arc::new(Barrier::new(wrong + right));
    let begun = Arc::new(Barrier::new(wrong + right));
    let looked_at = Arc::new(AtomicU32::new(0));
    let guesses = (0..wrong + right).map(|n| {
        let (gate, login, id) = (gate.clone(), account.login.clone(), account.id);
        let (begin, begun, looked_at) = (begin.clone(), begun.clone(), looked_at.clone());
        tokio::spawn(async move {
            begin.wait().await;
            let attempt = gate.attempt(login.as_str(), FROM).await;
            begun.wait().await;
            let attempt = match attempt {
                Ok(attempt) => attempt,
                Err(SignInError::Busy | SignInError::LockedOut { .. }) => return 0,
                Err(other) => panic!("{other}"),
            };
            looked_at.fetch_add(1, Ordering::Relaxed);
            if n < wrong {
                attempt
                    .fail_with(&format!("wrong {n}"))
                    .await
                    .expect("it answers");
                return 0;
            }
            attempt.succeed(id).await.expect("it took a slot");
            1
        })
    });
    let guesses: Vec<_> = guesses.collect();
    let mut signed_in = 0;
    for guess in guesses {
        signed_in += guess.await.expect("it ends");
    }
    Count { looked_at: looked_at.load(Ordering::Relaxed), signed_in }
}

async fn rounds((gate, _kept): (Portcullis, Box<dyn Any>), store: &str) {
    let rounds = how_many("PORTCULLIS_ROUNDS", 20);
    let directory = Arc::clone(gate.directory().expect("it was given"));
    let mut owner_in = 0;
    for round in 0..rounds {
        let of = |who: &str| format!("{who}{round}");
        let alice = person(&*directory, &of("alice"), None).await;
        let count = at_once(&gate, &alice, 1000, 0).await;
        assert_eq!(count, Count { looked_at: LIMIT, signed_in: 0 }, "{store}, round {round}");

        // With one right password among them: it takes a slot or it is not looked at.
        let bob = person(&*directory, &of("bob"), None).await;
        let count = at_once(&gate, &bob, 999, 1).await;
        assert_eq!(count.looked_at, LIMIT, "{store}, round {round}");
        owner_in += count.signed_in;
        let open = gate.attempt(bob.login.as_str(), FROM).await.is_ok();
        assert!(!open || count.signed_in == 1, "{store}: nobody signed in and it is not locked");

        let carol = person(&*directory, &of("carol"), None).await;
        let count = at_once(&gate, &carol, 0, LIMIT as usize).await;
        assert_eq!(count, Count { looked_at: LIMIT, signed_in: LIMIT }, "{store}: the owner's own");
    }
    println!("{store}: {rounds} times 1000 wrong at once, {LIMIT} looked at each time");
    println!("{store}: {rounds} times 999 wrong and 1 right, {owner_in} times it was in time");
    println!("{store}: {rounds} times {LIMIT} right at once, all signed in");
}

/// Twenty rounds, or as many as `PORTCULLIS_ROUNDS` says.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_in_memory() {
    rounds(in_memory().await, "memory").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_in_sqlite() {
    rounds(in_sqlite().await, "SQLite").await;
}

/// One of two programs on one file: for each name that it is told, five hundred
/// guesses at once.
async fn guess_for_whoever_is_named(place: &Path) {
    let directory = SqlDirectory::open(place.join("accounts.db")).await;
    let gate = gate(directory.expect("opens")).await;
    println!("child: ready");
    for line in std::io::stdin().lock().lines() {
        let login = line.expect("a line");
        let directory = gate.directory().expect("it was given");
        let typed = portcullis::domain::login::TypedLogin::new(&login);
        let account = directory.resolve(typed).await.expect("it answers");
        let count = at_once(&gate, &account.expect("an account"), 500, 0).await;
        println!("child: {}", count.looked_at);
    }
}

fn child(place: &Path) -> Child {
    let this = std::env::current_exe().expect("a path");
    let test = "lockout::at_once::a_thousand_at_once_from_two_processes";
    let mut command = Command::new(this);
    command
        .args([test, "--exact", "--nocapture"])
        .env(PLACE, place);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().expect("starts")
}

/// What the child says, until it ends.
fn said(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = out.lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once("child: ").map(|(_, said)| said.to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_at_once_from_two_processes() {
    use std::io::Write;

    if let Some(place) = std::env::var_os(PLACE) {
        return guess_for_whoever_is_named(Path::new(&place)).await;
    }
    let folder = folder();
    let directory = SqlDirectory::open(folder.path().join("accounts.db")).await;
    let directory = directory.expect("opens");
    let mut children = [child(folder.path()), child(folder.path())];
    let mut said = children.each_mut().map(said);
    for said in &mut said {
        assert_eq!(said.next().as_deref(), Some("ready"));
    }
    let mut inputs = children
        .each_mut()
        .map(|child| child.stdin.take().expect("a pipe"));
    let rounds = how_many("PORTCULLIS_ROUNDS", 20);
    let mut shares = Vec::new();
    for round in 0..rounds {
        let login = person(&directory, &format!("alice{round}"), None)
            .await
            .login;
        for input in &mut inputs {
            writeln!(input, "{}", login.as_str()).expect("the child listens");
        }
        let counts = said.each_mut().map(|said| {
            said.next()
                .expect("an answer")
                .parse::<u32>()
                .expect("a number")
        });
        assert_eq!(counts.iter().sum::<u32>(), LIMIT, "round {round}: {counts:?}");
        shares.push(counts);
    }
    drop(inputs);
    for child in &mut children {
        assert!(child.wait().expect("ends").success());
    }
    println!(
        "two processes: {rounds} times 1000 wrong at once, {LIMIT} looked at; by each {shares:?}"
    );
}
