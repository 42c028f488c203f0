//! For testing services that are guarded: a gate in memory, a clock that is
//! moved by hand, and people who are made in a line.
//!
//! ```
//! use std::time::Duration;
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode, header::COOKIE};
//! use portcullis::{CurrentAccount, GuardLayer, testing::TestGate};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let test = TestGate::new().await;
//! let app = Router::new()
//!     .route("/", get(|me: CurrentAccount| async move { me.login().to_string() }))
//!     .layer(GuardLayer::new(test.gate()));
//! let alice = test.account("alice").await;
//! let cookie = test.sign_in(&alice).await;
//! let visit = || Request::get("/").header(COOKIE, &cookie).body(Body::empty()).unwrap();
//!
//! assert_eq!(app.clone().oneshot(visit()).await.unwrap().status(), StatusCode::OK);
//! test.lock_for(&alice, Duration::from_secs(60)).await;
//! assert_eq!(app.clone().oneshot(visit()).await.unwrap().status(), StatusCode::FORBIDDEN);
//! test.clock().advance(Duration::from_secs(60));
//! // The lock is over, and what it ended stays ended.
//! assert_eq!(app.oneshot(visit()).await.unwrap().status(), StatusCode::UNAUTHORIZED);
//! # }
//! ```
//!
//! Everything here panics where something fails: that is what a test wants.

#![expect(clippy::missing_panics_doc, reason = "said above, once for all of it")]

use std::sync::Arc;
use std::time::Duration;

use crate::admin::{Actor, Admin, Target, TokenRequest, UnlockKind};
use crate::domain::account::Account;
use crate::domain::event::{Action, Note};
use crate::domain::lock::{End, Reason};
use crate::domain::login::Login;
use crate::domain::policy::MAX_LIMIT;
use crate::domain::standing::Lifecycle;
use crate::domain::time::{Clock, Timestamp};
use crate::engine::{Builder, CurrentAccount, OnStale, Portcullis, SignInError, SignedIn, Visitor};
use crate::store::memory::{SingleProcessAttempts, SingleProcessDirectory};
use crate::store::{Directory, NewAccount};

/// The first instant of a [`TestGate`]'s clock: 2027-01-15T08:00:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A gate over a directory in memory, with a clock that is moved by hand.
#[derive(Clone, Debug)]
pub struct TestGate {
    gate: Portcullis,
    admin: Admin,
    directory: Arc<dyn Directory>,
    clock: Clock,
}

impl TestGate {
    /// A gate with the defaults.
    pub async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// A gate with these words added to its description.
    pub async fn with(describe: impl FnOnce(Builder) -> Builder) -> Self {
        Self::on(Clock::manual(START), describe).await
    }

    /// The same by another clock: [`Clock::system`], where others go by it, too.
    pub async fn on(clock: Clock, describe: impl FnOnce(Builder) -> Builder) -> Self {
        let directory: Arc<dyn Directory> = Arc::new(SingleProcessDirectory::new(clock.clone()));
        // Moving the clock by hand must not look like a directory that is lost.
        let builder = Portcullis::builder()
            .shared_directory(Arc::clone(&directory))
            .attempts(SingleProcessAttempts::new(clock.clone()))
            .max_stale(Duration::MAX, OnStale::Strict);
        let gate = describe(builder).build().await.expect("a gate in memory");
        let admin = Admin::new(Arc::clone(&directory)).with_gate(gate.clone());
        Self { gate, admin, directory, clock }
    }

    /// The gate itself.
    pub fn gate(&self) -> Portcullis {
        self.gate.clone()
    }

    /// The gate's clock.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What administrators do.
    pub const fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The directory that the gate's accounts live in.
    pub const fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory
    }

    /// Makes an active account.
    pub async fn account(&self, login: &str) -> Account {
        self.account_with(login, Lifecycle::Active, None).await
    }

    /// Makes an account of somebody who was invited and has not come yet.
    pub async fn invited(&self, login: &str) -> Account {
        self.account_with(login, Lifecycle::Invited, None).await
    }

    /// Makes an active account with a password.
    #[cfg(feature = "passwords")]
    pub async fn account_with_password(&self, login: &str, password: &str) -> Account {
        let password = crate::domain::password::Password::new(password).expect("a password");
        let hash = crate::engine::passwords::Passwords::new()
            .hash(&password)
            .await;
        let hash = hash.expect("the system's randomness and memory");
        self.account_with(login, Lifecycle::Active, Some(hash))
            .await
    }

    async fn account_with(
        &self,
        login: &str,
        lifecycle: Lifecycle,
        password_hash: Option<String>,
    ) -> Account {
        let new = NewAccount {
            login: Login::new(login).expect("a login"),
            name: String::new(),
            email: None,
            admin: false,
            details: Default::default(),
            lifecycle,
            locks: Default::default(),
            password_hash,
        };
        self.directory
            .create(new, created())
            .await
            .expect("a login that is free")
    }

    /// Signs somebody in and gives the `Cookie` header of their browser.
    pub async fn sign_in(&self, account: &Account) -> String {
        let signed_in = self
            .gate
            .open_session(account.id, None)
            .await
            .expect("may sign in");
        cookie(&self.gate, signed_in.token().expose())
    }

    /// Signs somebody in from a browser that brings these cookies, if it has any,
    /// and gives its `Cookie` header as it is then: with the session, and with the
    /// device that it is known by.
    ///
    /// # Errors
    ///
    /// As [`Portcullis::attempt`] and [`Attempt::succeed`](crate::Attempt::succeed):
    /// a lockout refuses a browser that is not known.
    pub async fn sign_in_from(
        &self,
        account: &Account,
        cookies: &str,
    ) -> Result<String, SignInError> {
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::COOKIE, cookies.parse().expect("a header"));
        let here = std::net::IpAddr::from([127, 0, 0, 1]);
        let visitor = Visitor::from(here).with_headers(&headers);
        let attempt = self.gate.attempt(account.login.as_str(), visitor).await?;
        Ok(all_cookies(&attempt.succeed(account.id).await?))
    }

    /// Locks somebody until they are unlocked.
    pub async fn lock(&self, account: &Account) {
        self.lock_until(account, End::Never).await;
    }

    /// Locks somebody for this long.
    pub async fn lock_for(&self, account: &Account, time: Duration) {
        self.lock_until(account, End::At(self.clock.wall().after(time)))
            .await;
    }

    async fn lock_until(&self, account: &Account, end: End) {
        let locked = self
            .admin
            .lock(&Actor::System, &account.id.into(), end, None)
            .await;
        locked.expect("somebody who can be locked");
    }

    /// Lifts every lock.
    pub async fn unlock(&self, account: &Account) {
        let target: Target = account.id.into();
        let unlocked = self
            .admin
            .unlock(&Actor::System, &target, UnlockKind::All)
            .await;
        unlocked.expect("somebody who can be unlocked");
    }

    /// Disables somebody for good.
    pub async fn disable(&self, account: &Account) {
        let reason = Reason::try_from("left").expect("a reason");
        let system = Actor::System;
        self.admin
            .allow_disabling(&system, true)
            .await
            .expect("a setting");
        let disabled = self
            .admin
            .disable(&system, &account.id.into(), reason)
            .await;
        disabled.expect("somebody who can be disabled");
    }

    /// Ends all sessions of somebody.
    pub async fn sign_out(&self, account: &Account) {
        let ended = self
            .admin
            .sign_out(&Actor::System, &account.id.into())
            .await;
        ended.expect("somebody who can be signed out");
    }

    /// Fails to sign in as somebody until they are locked out.
    pub async fn lock_out(&self, account: &Account) {
        let elsewhere = std::net::IpAddr::from([192, 0, 2, 66]);
        for _ in 0..=MAX_LIMIT {
            match self.gate.attempt(account.login.as_str(), elsewhere).await {
                Ok(attempt) => drop(attempt.fail().await.expect("a store in memory")),
                Err(SignInError::LockedOut { .. }) => return,
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the gate's policy locks nobody out");
    }

    /// Makes an API token that acts for somebody, and gives the `Authorization`
    /// header that it goes in. The gate takes it if it was built with
    /// [`Builder::api_tokens`].
    pub async fn api_token(&self, account: &Account) -> String {
        let request = TokenRequest::default();
        let created = self
            .admin
            .create_token(&Actor::System, &account.id.into(), request)
            .await;
        format!("Bearer {}", created.expect("somebody who may act").secret.expose())
    }

    /// Puts a tombstone in somebody's place.
    pub async fn delete(&self, account: &Account) {
        self.edit(account, |account| {
            account.lifecycle = Lifecycle::Deleted;
            account.generation = account.generation.next();
        })
        .await;
    }

    /// Changes somebody's record past all rules, and tells the gate.
    pub async fn edit(&self, account: &Account, change: impl FnOnce(&mut Account) + Send) {
        let decide = |facts: crate::store::Facts<'_>| {
            let mut account = facts.account.clone();
            change(&mut account);
            Some(crate::store::Edit { account, password_hash: None, note: created() })
        };
        let changed = self.directory.change(account.id, Box::new(decide)).await;
        let changed = changed.expect("a store in memory").expect("an account");
        self.gate
            .standing_changed(&changed.account.key(), changed.account.standing());
    }
}

/// A gate on the machine's clock with so many people, each signed in, and their
/// `Cookie` headers: for measuring.
pub async fn populated(people: usize) -> (Portcullis, Vec<String>) {
    let directory = SingleProcessDirectory::new(Clock::system());
    let builder = Portcullis::builder()
        .directory(directory)
        .session_capacity(2 * people);
    let gate = builder.build().await.expect("a gate in memory");
    let directory = Arc::clone(gate.directory().expect("it was just given"));
    let mut cookies = Vec::with_capacity(people);
    for number in 0..people {
        let login = Login::new(&format!("person{number}")).expect("a login");
        let new = NewAccount {
            login,
            name: String::new(),
            email: None,
            admin: false,
            details: Default::default(),
            lifecycle: Lifecycle::Active,
            locks: Default::default(),
            password_hash: None,
        };
        let account = directory
            .create(new, created())
            .await
            .expect("a login that is free");
        let signed_in = gate
            .open_session(account.id, None)
            .await
            .expect("may sign in");
        cookies.push(cookie(&gate, signed_in.token().expose()));
    }
    (gate, cookies)
}

/// A session as a handler sees it, for calling handlers without a guard.
pub async fn current_account(test: &TestGate, account: &Account) -> CurrentAccount {
    let mut headers = http::HeaderMap::new();
    let cookie = test.sign_in(account).await;
    headers.insert(http::header::COOKIE, cookie.parse().expect("a header"));
    match test.gate.admit(&headers) {
        crate::engine::Admission::Pass(account) => account,
        crate::engine::Admission::Look(look) => look.await.expect("a live session"),
        crate::engine::Admission::Deny(denial) => panic!("{denial}"),
    }
}

fn cookie(gate: &Portcullis, token: &str) -> String {
    format!("{}={token}", gate.cookie_name())
}

/// What a browser sends back that is given this.
fn all_cookies(signed_in: &SignedIn) -> String {
    let pair = |cookie: &http::HeaderValue| {
        let text = cookie.to_str().expect("visible ASCII");
        text.split(';').next().unwrap_or_default().to_owned()
    };
    let pairs: Vec<String> = signed_in.set_cookies().map(pair).collect();
    pairs.join("; ")
}

fn created() -> Note {
    Note { actor: "test".to_owned(), action: Action::AccountCreated, reason: None, from: None }
}
