//! The whole story, over real sockets, with two processes on one SQLite file:
//! a person signs in and works, an administrator's command locks them, the very
//! next request is refused in the client's own terms, and what was locked away
//! stays dead after the unlock.

use std::path::Path;
use std::time::Duration;

use http::HeaderMap;
use http::header::{RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE};
use portcullis::Account;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::login::TypedLogin;
use portcullis::domain::standing::Lifecycle;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{Directory, Edit, Facts};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{Answer, Browser, Example, portcullis};

const PASSWORD: &str = "correct horse battery";

/// A service in a process of its own, and a person who is signed in there.
struct World {
    folder: TempDir,
    _service: Example,
    browser: Browser,
    cookie: String,
}

impl World {
    async fn with(login: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        run(folder.path(), &["user", "add", "root", "--admin", "--password-stdin"]);
        run(folder.path(), &["user", "add", login, "--password-stdin"]);
        let service = Example::start("axum", folder.path());
        let browser = service.browser();
        let mut world = Self { folder, _service: service, browser, cookie: String::new() };
        world.cookie = world.sign_in(login).await;
        world
    }

    /// Runs a command of the program, as an administrator would.
    fn run(&self, args: &[&str]) {
        run(self.folder.path(), args);
    }

    async fn try_to_sign_in(&self, login: &str, password: &str) -> Answer {
        let fields = [("login", login), ("password", password), ("return_to", "/")];
        self.browser.post_form("/sign-in", "", &fields).await
    }

    async fn sign_in(&self, login: &str) -> String {
        let answer = self.try_to_sign_in(login, PASSWORD).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        answer.cookie()
    }

    async fn visit(&self) -> Answer {
        self.browser.get("/", &self.cookie).await
    }

    async fn visit_with(&self, headers: &[(&str, &str)]) -> Answer {
        let with_cookie: Vec<_> = headers
            .iter()
            .copied()
            .chain([("cookie", self.cookie.as_str())])
            .collect();
        self.browser.send("GET", "/", &with_cookie, "").await
    }

    /// Asks until the change of another process has taken hold here.
    async fn until(&self, status: u16) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.visit().await;
            if answer.status == status {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        }
    }
}

fn run(folder: &Path, args: &[&str]) {
    portcullis(folder, args, PASSWORD);
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .map_or("", |value| value.to_str().expect("visible letters"))
}

fn problem(answer: &Answer) -> Value {
    assert_eq!(header(&answer.headers, "content-type"), "application/problem+json");
    serde_json::from_str(&answer.body).expect("JSON")
}

/// What each kind of client is told, when the account is refused with this word.
async fn assert_refused_everywhere(world: &World, word: &str, notice: &str) {
    let browser = world.visit_with(&[("sec-fetch-mode", "navigate")]).await;
    assert_eq!(browser.status, 303, "{browser:?}");
    assert_eq!(browser.location(), format!("/sign-in?return_to=/&notice={notice}"));
    assert_eq!(header(&browser.headers, "cache-control"), "no-store");

    let program = world.visit_with(&[("accept", "application/json")]).await;
    assert_eq!(program.status, 403, "{program:?}");
    let told = problem(&program);
    assert_eq!(told["type"], format!("urn:portcullis:denial:{word}"));
    assert_eq!(told["status"], 403);
    assert!(
        told["sign_in_url"]
            .as_str()
            .is_some_and(|url| url.starts_with("/sign-in"))
    );

    let htmx = world.visit_with(&[("hx-request", "true")]).await;
    assert_eq!(htmx.status, 403, "{htmx:?}");
    assert!(header(&htmx.headers, "hx-redirect").starts_with("/sign-in"), "{htmx:?}");

    let grpc = [("content-type", "application/grpc"), ("cookie", world.cookie.as_str())];
    let grpc = world.browser.send("POST", "/", &grpc, "").await;
    assert_eq!((grpc.status, header(&grpc.headers, "grpc-status")), (200, "7"), "{grpc:?}");

    let handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let socket = world.visit_with(&handshake).await;
    assert_eq!(socket.status, 403, "{socket:?}");
}

#[tokio::test]
async fn a_lock_from_another_process_bites_for_every_kind_of_client() {
    let mut world = World::with("alice").await;
    assert!(world.visit().await.body.contains("Hello alice"));

    world.run(&["user", "lock", "alice", "--reason", "left the company"]);
    let refused = world.until(303).await;
    assert!(header(&refused.headers, SET_COOKIE.as_str()).starts_with("portcullis=;"));
    assert!(!refused.body.contains("company"), "the reason is the administrators'");
    assert_refused_everywhere(&world, "account-locked", "locked").await;
    assert_eq!(world.try_to_sign_in("alice", PASSWORD).await.status, 403);
    assert_eq!(world.try_to_sign_in("alice", "a wrong guess").await.status, 401);

    world.run(&["user", "unlock", "alice"]);
    // The session that was locked away is dead for good.
    let dead = world.visit_with(&[("accept", "application/json")]).await;
    let dead = if dead.status == 401 { dead } else { world.until_program(401).await };
    assert_eq!(problem(&dead)["type"], "urn:portcullis:denial:session-ended");
    assert!(header(&dead.headers, WWW_AUTHENTICATE.as_str()).starts_with("Session"));
    world.cookie = world.sign_in("alice").await;
    assert_eq!(world.visit().await.status, 200);
}

impl World {
    async fn until_program(&self, status: u16) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.visit_with(&[("accept", "application/json")]).await;
            if answer.status == status {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_timed_lock_says_when_it_opens() {
    let world = World::with("alice").await;
    world.run(&["user", "lock", "alice", "--until", "2h"]);
    world.until(303).await;
    let program = world.visit_with(&[("accept", "application/json")]).await;
    let wait: u64 = header(&program.headers, RETRY_AFTER.as_str())
        .parse()
        .expect("seconds");
    assert!((7_100..=7_200).contains(&wait), "{wait}");
    assert!(
        problem(&program)["until"]
            .as_str()
            .is_some_and(|until| until.ends_with('Z'))
    );
}

#[tokio::test]
async fn disabled_people_and_signed_out_sessions_are_refused() {
    let mut world = World::with("alice").await;
    world.run(&["settings", "account-disabling", "on"]);
    world.run(&["user", "disable", "alice", "--reason", "retired"]);
    world.until(303).await;
    assert_refused_everywhere(&world, "account-disabled", "disabled").await;
    let told = world.try_to_sign_in("alice", PASSWORD).await;
    assert_eq!(told.status, 403);
    assert!(told.body.contains("This account is disabled."), "{told:?}");

    world.run(&["user", "enable", "alice"]);
    world.until_program(401).await;
    world.cookie = world.sign_in("alice").await;
    assert_eq!(world.visit().await.status, 200);
    world.run(&["user", "sign-out", "alice"]);
    world.until_program(401).await;
}

/// The rest of the order of precedence, laid by another program on the same file:
/// each graver reason hides the one before.
#[tokio::test]
async fn graver_reasons_hide_lesser_ones_for_every_kind_of_client() {
    let world = World::with("alice").await;
    let directory = SqlDirectory::open(world.folder.path().join("portcullis.db")).await;
    let directory = directory.expect("the same file");
    let alice = TypedLogin::new("alice");
    let alice = directory
        .resolve(alice)
        .await
        .expect("answers")
        .expect("alice")
        .id;
    let set = async |lifecycle| {
        let decide = move |facts: Facts<'_>| {
            let account = Account { lifecycle, ..facts.account.clone() };
            let note = Note {
                actor: "test".to_owned(),
                action: Action::AccountActivated,
                reason: None,
                from: None,
            };
            Some(Edit { account, password_hash: None, note })
        };
        let changed = directory
            .change(alice, Box::new(decide))
            .await
            .expect("answers");
        changed.expect("changed");
    };

    let nobody = world
        .browser
        .send("GET", "/", &[("accept", "application/json")], "")
        .await;
    assert_eq!(problem(&nobody)["type"], "urn:portcullis:denial:no-session");
    set(Lifecycle::Invited).await;
    world.until(303).await;
    assert_refused_everywhere(&world, "account-not-yet-active", "not-yet-active").await;

    set(Lifecycle::Active).await;
    world.until(200).await;
    world.run(&["user", "lock", "alice"]);
    world.until(303).await;
    assert_refused_everywhere(&world, "account-locked", "locked").await;

    world.run(&["settings", "account-disabling", "on"]);
    world.run(&["user", "disable", "alice", "--reason", "retired"]);
    world.until_told("account-disabled").await;
    assert_refused_everywhere(&world, "account-disabled", "disabled").await;

    set(Lifecycle::Deleted).await;
    world.until_told("account-deleted").await;
    assert_refused_everywhere(&world, "account-deleted", "deleted").await;
}

impl World {
    /// Asks until a program is told this reason.
    async fn until_told(&self, word: &str) {
        let began = Instant::now();
        let expected = format!("urn:portcullis:denial:{word}");
        loop {
            let answer = self.visit_with(&[("accept", "application/json")]).await;
            if answer.body.contains(&expected) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(5), "{answer:?}");
        }
    }
}

/// Failed attempts lock out by themselves. The browser that its owner signed in from
/// goes on.
#[tokio::test]
async fn failed_attempts_lock_strangers_out_and_the_owner_goes_on() {
    let world = World::with("alice").await;
    let signed_in = world.try_to_sign_in("alice", PASSWORD).await;
    let device = signed_in.cookies().pop().expect("a device's cookie");
    assert!(device.starts_with("portcullis-device="), "{device}");
    for n in 0..5 {
        let guess = format!("guess {n}");
        assert_eq!(world.try_to_sign_in("alice", &guess).await.status, 401);
    }
    let locked_out = world.try_to_sign_in("alice", PASSWORD).await;
    assert_eq!(locked_out.status, 429, "the right password is not looked at");
    let wait: u64 = header(&locked_out.headers, "retry-after")
        .parse()
        .expect("seconds");
    assert!((290..=300).contains(&wait), "{wait}");
    assert!(world.visit().await.body.contains("Hello alice"), "the live session goes on");
    let fields = [("login", "alice"), ("password", PASSWORD)];
    let known = world.browser.post_form("/sign-in", &device, &fields).await;
    assert_eq!(known.status, 303, "and the owner comes in: {known:?}");
    let again = known.cookies().pop().expect("a device's cookie");
    assert!(again != device && again[..30] == device[..30], "the same device, a fresh secret");

    // Another process forgets all devices, and the lockout stands.
    world.run(&["user", "sign-out", "alice"]);
    assert_eq!(world.until(303).await.location(), "/sign-in?return_to=/&notice=locked-out");
    let forgotten = world.browser.post_form("/sign-in", &again, &fields).await;
    assert_eq!(forgotten.status, 429);
    world.run(&["user", "unlock", "alice", "--lockout"]);
    assert_eq!(world.try_to_sign_in("alice", PASSWORD).await.status, 303);
}

/// 1000 wrong guesses at once, at a limit of five: exactly five are checked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_parallel_guesses_exactly_five_are_checked() {
    let world = World::with("alice").await;
    let browser = &world.browser;
    let guesses = (0..1000).map(|n| async move {
        let guess = format!("guess number {n}");
        let fields = [("login", "alice"), ("password", guess.as_str())];
        loop {
            let answer = browser.post_form("/sign-in", "", &fields).await;
            // While five are being checked, or four of one source, the others are
            // told to come again.
            let busy = header(&answer.headers, "retry-after") == "1";
            if !busy {
                return answer.status;
            }
        }
    });
    let answers = futures_util::future::join_all(guesses).await;
    let checked = answers.iter().filter(|status| **status == 401).count();
    let refused = answers.iter().filter(|status| **status == 429).count();
    assert_eq!((checked, refused), (5, 995));
}

/// From the end of the command to the first refusal in the service's process.
#[tokio::test]
async fn a_lock_from_another_process_bites_within_100_ms() {
    const ROUNDS: usize = 20;
    let mut world = World::with("alice").await;
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        world.run(&["user", "lock", "alice"]);
        let answered = Instant::now();
        world.until(303).await;
        took.push(answered.elapsed());
        world.run(&["user", "unlock", "alice"]);
        world.until_program(401).await;
        world.cookie = world.sign_in("alice").await;
    }
    took.sort_unstable();
    let (median, slowest) = (took[ROUNDS / 2], took[ROUNDS - 1]);
    println!("a lock took hold after {median:?} (median of {ROUNDS}), at most {slowest:?}");
    // The machine may be busy with something else for a while, not half of the time.
    assert!(median <= Duration::from_millis(100), "{took:?}");
}
