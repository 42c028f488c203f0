//! The gate from outside: what it says to requests and sign-ins while accounts
//! change, clocks move and stores fail.

mod attempts;
mod counters;
#[cfg(feature = "sqlite")]
mod devices;
pub(crate) mod faulty;
mod gateways;
#[cfg(feature = "sqlite")]
mod history;
mod live;
mod sessions;
mod source;
mod staleness;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use portcullis::admin::{Actor, Admin};
use portcullis::domain::denial::DenialReason;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::End;
use portcullis::domain::login::Login;
use portcullis::domain::standing::Lifecycle;
use portcullis::engine::{Admission, Builder};
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::{Directory, NewAccount};
use portcullis::testing::START;
use portcullis::{Account, Clock, CurrentAccount, Denial, Portcullis, SignedIn};

use self::faulty::Faulty;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

type Answer = Result<CurrentAccount, Denial>;

/// A gate over a directory that can fail, on a clock that is moved by hand.
struct House {
    clock: Clock,
    directory: Faulty,
    admin: Admin,
    gate: Portcullis,
}

impl House {
    async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    async fn with(describe: impl FnOnce(Builder) -> Builder) -> Self {
        let clock = Clock::manual(START);
        let inner = SingleProcessDirectory::new(clock.clone());
        let directory = Faulty::new(inner.clone());
        let builder = describe(Portcullis::builder().directory(directory.clone()));
        let gate = builder.build().await.expect("a gate");
        // Administrators reach the directory whatever the gate's way to it is.
        let admin = Admin::new(Arc::new(inner)).with_gate(gate.clone());
        Self { clock, directory, admin, gate }
    }

    async fn account(&self, login: &str) -> Account {
        person(&self.directory, login, None).await
    }

    async fn lock(&self, account: &Account) {
        lock(&self.admin, account).await;
    }
}

pub(crate) async fn person(
    directory: &dyn Directory,
    login: &str,
    hash: Option<String>,
) -> Account {
    let new = NewAccount {
        login: Login::new(login).expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: hash,
    };
    directory
        .create(new, note(Action::AccountCreated))
        .await
        .expect("a login that is free")
}

fn note(action: Action) -> Note {
    Note { actor: "test".to_owned(), action, reason: None, from: None }
}

async fn lock(admin: &Admin, account: &Account) {
    let locked = admin
        .lock(&Actor::System, &account.id.into(), End::Never, None)
        .await;
    locked.expect("somebody who can be locked");
}

async fn sign_in(gate: &Portcullis, account: &Account) -> SignedIn {
    gate.open_session(account.id, None)
        .await
        .expect("may sign in")
}

fn cookie(gate: &Portcullis, session: &SignedIn) -> HeaderMap {
    let pair = format!("{}={}", gate.cookie_name(), session.token().expose());
    HeaderMap::from_iter([(COOKIE, pair.parse().expect("a header"))])
}

fn bearer(secret: &str) -> HeaderMap {
    let value = format!("Bearer {secret}");
    HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a header"))])
}

/// A request that brings this.
async fn ask(gate: &Portcullis, headers: &HeaderMap) -> Answer {
    match gate.admit(headers) {
        Admission::Pass(account) => Ok(account),
        Admission::Deny(denial) => Err(denial),
        Admission::Look(look) => look.await,
    }
}

async fn visit(gate: &Portcullis, session: &SignedIn) -> Answer {
    ask(gate, &cookie(gate, session)).await
}

fn is_locked(answer: &Answer) -> bool {
    matches!(answer, Err(denial) if matches!(denial.reason(), DenialReason::Locked { .. }))
}

#[track_caller]
fn assert_unknown(answer: Answer) {
    let denial = answer.expect_err("nobody can say");
    assert!(matches!(denial.reason(), DenialReason::Unknown { .. }), "{denial:?}");
    assert!(!denial.session_is_dead(), "not knowing ends no session");
    assert!(denial.retry_after_secs().is_some());
}

#[track_caller]
fn assert_ended(answer: Answer) {
    let denial = answer.expect_err("the session is over");
    assert_eq!(denial.reason(), DenialReason::SessionEnded);
    assert!(denial.session_is_dead());
}

/// Asks until it is so, for as long as that may take at most.
async fn eventually<Fut: Future<Output = bool>>(
    what: &str,
    within: Duration,
    mut is_so: impl FnMut() -> Fut,
) -> Duration {
    let began = tokio::time::Instant::now();
    let so = tokio::time::timeout(within, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(so.await.is_ok(), "not within {within:?}: {what}");
    began.elapsed()
}
