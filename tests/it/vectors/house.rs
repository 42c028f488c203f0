//! A gate for one vector: its people, their devices and their live sessions.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use http::HeaderMap;
use http::header::COOKIE;
use portcullis::admin::Admin;
use portcullis::domain::login::{Login, TypedLogin};
use portcullis::engine::{Admission, Builder, OnStale};
use portcullis::store::Directory;
use portcullis::store::memory::{SingleProcessAttempts, SingleProcessDirectory};
use portcullis::store::sql::SqlDirectory;
use portcullis::{Account, Clock, Portcullis, SignedIn, Timestamp, Visitor};

use super::format::{Action, Step, Surface, Vector};
use super::policy::lockout_policy;
use crate::engine::person;
use crate::stores::folder;

pub(super) const PASSWORD: &str = "correct horse battery";

/// Where a step comes from that does not say it.
const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Longer than any vector's story: it is about locks, not about how long sessions
/// last.
const ALWAYS: Duration = Duration::from_secs(100_000_000_000);

/// Where facts are kept.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stores {
    InMemory,
    InSqlite,
}

/// Who checks passwords, and so who must be there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Checked {
    /// The engine does, and everybody who can has an account.
    ByTheEngine,
    /// The application does. Only those have an account who sign in, are locked or
    /// bring something along: guesses at all others are at nobody's login.
    ByTheApplication,
}

/// Whose device it is, and what the vector calls it; the empty name is no device.
type Place = (String, String);

pub(super) struct House {
    pub(super) gate: Portcullis,
    pub(super) admin: Admin,
    pub(super) directory: Arc<dyn Directory>,
    pub(super) clock: Clock,
    pub(super) checked: Checked,
    people: HashMap<String, Account>,
    devices: HashMap<Place, String>,
    sessions: HashMap<Place, HeaderMap>,
    _kept: Box<dyn Any + Send>,
}

impl House {
    /// At the instant 0, with everybody and everything that the vector's steps name.
    pub(super) async fn of(
        vector: &Vector,
        stores: Stores,
        checked: Checked,
    ) -> Result<Self, String> {
        let clock = Clock::manual(Timestamp::EPOCH);
        let policy = lockout_policy(&vector.policy)?;
        let builder = Portcullis::builder()
            .lockout(policy)
            .session_lasts(ALWAYS, ALWAYS)
            .store_timeout(Duration::from_secs(120))
            // Moving the clock by hand must not look like a directory that is lost.
            .max_stale(Duration::MAX, OnStale::Strict);
        let (builder, kept) = with_stores(builder, stores, &clock).await;
        let gate = builder.build().await.map_err(|error| error.to_string())?;
        let directory = Arc::clone(gate.directory().expect("it was just given"));
        let admin = Admin::new(Arc::clone(&directory)).with_gate(gate.clone());
        let (people, devices, sessions) = Default::default();
        let mut house =
            Self { gate, admin, directory, clock, checked, people, devices, sessions, _kept: kept };
        for step in &vector.steps {
            house.prepare(step).await?;
        }
        Ok(house)
    }

    async fn prepare(&mut self, step: &Step) -> Result<(), String> {
        let needed = step.action == Action::Success
            || matches!(step.action, Action::AdminLock | Action::AdminUnlock)
            || step.surface == Surface::Session
            || step.device.is_some();
        if !needed && self.checked == Checked::ByTheApplication {
            return Ok(());
        }
        let name = folded(&step.account);
        if !self.people.contains_key(&name) {
            match Login::new(&step.account) {
                Ok(login) => {
                    let account = person(&*self.directory, login.as_str(), Some(cheap_hash()));
                    self.people.insert(name, account.await);
                }
                Err(error) if needed => return Err(format!("{:?}: {error}", step.account)),
                // Nobody can have it; guesses at it are counted all the same.
                Err(_) => return Ok(()),
            }
        }
        if step.device.is_some() && !self.devices.contains_key(&place(step)) {
            let signed_in = self.sign_in(step).await?;
            self.keep(step, &signed_in);
        }
        if step.surface == Surface::Session && !self.sessions.contains_key(&place(step)) {
            let signed_in = self.sign_in(step).await?;
            self.keep(step, &signed_in);
        }
        Ok(())
    }

    async fn sign_in(&self, step: &Step) -> Result<SignedIn, String> {
        let account = self.account_of(step)?;
        let attempt = self.gate.attempt(&step.account, self.visitor(step)).await;
        let attempt = attempt.map_err(|error| format!("a first sign-in: {error}"))?;
        let signed_in = attempt.succeed(account.id).await;
        signed_in.map_err(|error| format!("a first sign-in: {error}"))
    }

    /// A live session, and the device that it was signed in on, are what the next
    /// steps from there bring.
    pub(super) fn keep(&mut self, step: &Step, signed_in: &SignedIn) {
        let pair = |cookie: &http::HeaderValue| {
            let text = cookie.to_str().expect("visible ASCII");
            text.split(';').next().unwrap_or_default().to_owned()
        };
        let mut cookies = signed_in.set_cookies().map(pair);
        let session = cookies.next().expect("a session's cookie");
        let headers = HeaderMap::from_iter([(COOKIE, session.parse().expect("a header"))]);
        self.sessions.insert(place(step), headers);
        if step.device.is_some() {
            let device = cookies.next().expect("a device's cookie");
            self.devices.insert(place(step), device);
        }
    }

    /// Where a step's attempt comes from, with what the device's browser keeps.
    pub(super) fn visitor(&self, step: &Step) -> Visitor {
        let visitor = Visitor::from(step.address.unwrap_or(SOMEWHERE));
        if step.device.is_none() {
            return visitor;
        }
        let mut headers = HeaderMap::new();
        if let Some(cookie) = self.devices.get(&place(step)) {
            headers.insert(COOKIE, cookie.parse().expect("a header"));
        }
        visitor.with_headers(&headers)
    }

    pub(super) fn account_of(&self, step: &Step) -> Result<&Account, String> {
        let account = self.people.get(&folded(&step.account));
        account.ok_or_else(|| format!("nobody has the login {:?}", step.account))
    }

    /// Whether the live session of this place is let in now.
    pub(super) async fn admits_session(&self, step: &Step) -> bool {
        let nobody = HeaderMap::new();
        let headers = self.sessions.get(&place(step)).unwrap_or(&nobody);
        match self.gate.admit(headers) {
            Admission::Pass(_) => true,
            Admission::Deny(_) => false,
            Admission::Look(look) => look.await.is_ok(),
        }
    }

    pub(super) fn set_clock(&self, to: Timestamp) {
        let now = self.clock.wall();
        if to >= now {
            self.clock.advance(to.since(now));
        } else {
            self.clock.step_wall_to(to);
        }
    }
}

async fn with_stores(
    builder: Builder,
    stores: Stores,
    clock: &Clock,
) -> (Builder, Box<dyn Any + Send>) {
    match stores {
        Stores::InMemory => {
            let attempts = SingleProcessAttempts::new(clock.clone());
            let directory = SingleProcessDirectory::new(clock.clone());
            (builder.attempts(attempts).directory(directory), Box::new(()))
        }
        Stores::InSqlite => {
            let folder = folder();
            let file = folder.path().join("accounts.db");
            let directory = SqlDirectory::open_with_clock(file, clock.clone()).await;
            let directory = directory.expect("a new directory");
            (builder.attempts(directory.attempts()).directory(directory), Box::new(folder))
        }
    }
}

/// The hash of [`PASSWORD`] at the least cost there is: what is tested is who gets
/// to the check, not the check.
fn cheap_hash() -> String {
    let params = Params::new(8, 1, 1, None).expect("the least there are");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16])
        .expect("hashed")
        .to_string()
}

fn folded(login: &str) -> String {
    TypedLogin::new(login).as_str().to_owned()
}

fn place(step: &Step) -> Place {
    (folded(&step.account), step.device.clone().unwrap_or_default())
}
