//! An attempt to sign in: reserved before the password is looked at.
//!
//! The reservation is the only way to a session, so no path can forget to count.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
#[cfg(feature = "passwords")]
use std::time::Duration;

#[cfg(feature = "passwords")]
use crate::domain::account::AccountId;
use crate::domain::account::{Account, AccountKey};
use crate::domain::attempts::{Outcome, Reservation, Settled, Ticket};
use crate::domain::denial::DenialReason;
use crate::domain::device::DeviceId;
use crate::domain::event::{Action, Note};
use crate::domain::lock::Lockout;
use crate::domain::login::TypedLogin;
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::standing::{Generation, Standing};
use crate::engine::devices::Offer;
use crate::engine::figures::Attempted;
#[cfg(feature = "passwords")]
use crate::engine::passwords::Asker;
use crate::engine::sign_in::{Entry, SignInError, SignedIn};
use crate::engine::visitor::Visitor;
use crate::engine::{Gate, Portcullis, Unanswered};
use crate::store::keyring::AttemptKey;
use crate::store::{Edit, Facts};

/// How long a password waits for its turn to be checked. A flood makes people
/// wait no longer, and holds no more memory than comes in this time.
#[cfg(feature = "passwords")]
const PATIENCE: Duration = Duration::from_millis(500);

impl From<Unanswered> for SignInError {
    fn from(Unanswered: Unanswered) -> Self {
        Self::Unavailable
    }
}

impl Portcullis {
    /// Reserves a guess for this login, **before** the password is looked at.
    ///
    /// The login is what the person typed: a login or an e-mail address, in any
    /// spelling, also of nobody. `from` is where the request comes from: an
    /// address, or a [`Visitor`] with what its headers say. Whoever comes from a
    /// known device of the account has guesses of their own, which strangers can't
    /// use up.
    ///
    /// # Errors
    ///
    /// [`SignInError::LockedOut`] and [`SignInError::Busy`]: the password must
    /// not be looked at. [`SignInError::Unavailable`]: a store did not answer.
    ///
    /// # Cancellation
    ///
    /// A guess that was reserved and not settled counts as failed.
    pub async fn attempt(
        &self,
        login: &str,
        from: impl Into<Visitor>,
    ) -> Result<Attempt, SignInError> {
        let attempt = self.begin_attempt(login, from.into()).await;
        let attempted = attempt
            .as_ref()
            .map_or_else(Attempted::of, |_| Attempted::Granted);
        self.0.figures.attempts.add(attempted);
        attempt
    }

    async fn begin_attempt(&self, login: &str, visitor: Visitor) -> Result<Attempt, SignInError> {
        let gate = &self.0;
        let typed = TypedLogin::new(login);
        let account = gate.resolve(&typed).await?;
        let known = gate.recognize(&visitor, account.as_ref()).await?;
        let (counter, ticket) = gate.reserve(typed, account.as_ref(), known).await?;
        let ticket = Some(ticket);
        let attempt = Attempt { gate: self.clone(), counter, ticket, account, known, visitor };
        match counter.device {
            Some(_) => Ok(attempt),
            None => attempt.unless_locked_out().await,
        }
    }
}

/// The counter that a guess is taken from: the account's, which all strangers
/// share, or that of one known device.
#[derive(Clone, Copy)]
struct Counter {
    key: AttemptKey,
    device: Option<DeviceId>,
}

impl Gate {
    /// Takes a guess from the known device's own counter. Where that is used up,
    /// or there is none, from the account's.
    async fn reserve(
        &self,
        typed: TypedLogin,
        account: Option<&Account>,
        known: Option<DeviceId>,
    ) -> Result<(Counter, Ticket), SignInError> {
        if let Some((account, device)) = account.zip(known) {
            let key = self.keyring.device_attempt_key(account.id, device);
            let counter = Counter { key, device: Some(device) };
            match self.reserve_from(counter, Some(account)).await {
                Err(SignInError::LockedOut { .. }) => {}
                decided => return decided,
            }
        }
        let name = account.map_or(typed, |account| (&account.login).into());
        let counter = Counter { key: self.keyring.attempt_key(&name), device: None };
        self.reserve_from(counter, account).await
    }

    async fn reserve_from(
        &self,
        counter: Counter,
        account: Option<&Account>,
    ) -> Result<(Counter, Ticket), SignInError> {
        let now = self.clock.wall();
        let by_itself = account.zip(counter.device);
        let by_itself = by_itself.and_then(|(a, device)| a.locks.device_lockout_at(device, now));
        if let Some(lockout) = by_itself {
            // Known to the directory, whatever the attempt store lost.
            return Err(SignInError::locked_out(lockout, now));
        }
        let generation = account.map_or(0, |account| account.attempts_generation);
        let policy = self.policy();
        let reserve = self.attempts.reserve(counter.key, &policy, generation);
        match self.ask_attempts(reserve).await? {
            Reservation::Granted(ticket) => Ok((counter, ticket)),
            Reservation::Busy => Err(SignInError::Busy),
            Reservation::LockedOut(lockout) => {
                self.record(counter, account, &lockout).await?;
                Err(SignInError::locked_out(&lockout, self.clock.wall()))
            }
        }
    }

    /// Writes down what a counter laid, before anybody is told of it.
    async fn record(
        &self,
        counter: Counter,
        account: Option<&Account>,
        lockout: &Lockout,
    ) -> Result<(), Unanswered> {
        match counter.device {
            None => self.record_lockout(account, lockout).await,
            Some(device) => self.record_device_lockout(account, device, lockout).await,
        }
    }

    async fn resolve(&self, typed: &TypedLogin) -> Result<Option<Account>, Unanswered> {
        match &self.directory {
            Some(directory) => self.ask(directory.resolve(typed.clone())).await,
            None => Ok(None),
        }
    }

    /// Writes a lockout to the directory, with audit and feed, before anybody
    /// is told of it. Whoever lays it or meets it unwritten does this, so a
    /// crash in between loses nothing.
    async fn record_lockout(
        &self,
        account: Option<&Account>,
        lockout: &Lockout,
    ) -> Result<(), Unanswered> {
        let (Some(directory), Some(account)) = (&self.directory, account) else { return Ok(()) };
        if account.locks.lockout.as_ref() == Some(lockout) {
            return Ok(());
        }
        let spare = self.settings.known_devices;
        let decide = |facts: Facts<'_>| write_lockout(facts, lockout, spare);
        let changed = self
            .ask(directory.change(account.id, Box::new(decide)))
            .await?;
        if let Some(changed) = changed {
            self.figures.lockouts.fetch_add(1, Ordering::Relaxed);
            tracing::info!(account.id = %account.id, lockout.n = lockout.id.n, "account locked out");
            self.learn(&changed.account.key(), changed.account.standing());
        }
        Ok(())
    }

    async fn settle(
        &self,
        key: AttemptKey,
        ticket: Ticket,
        outcome: Outcome,
    ) -> Result<Settled, Unanswered> {
        let policy = self.policy();
        let settle = self.attempts.settle(key, &policy, ticket, outcome);
        let settled = self.ask_attempts(settle).await;
        self.figures.settled(outcome, settled.as_ref().ok());
        settled
    }
}

/// An unlock that came meanwhile forgets the lockout, and one that is written
/// already is not written again. Sessions on known devices are spared, or nobody's.
fn write_lockout(facts: Facts<'_>, lockout: &Lockout, spare: bool) -> Option<Edit> {
    let unlocked_since = facts.account.attempts_generation > lockout.id.generation;
    let written = facts.account.locks.lockout.as_ref() == Some(lockout);
    if unlocked_since || written || !lockout.is_on(facts.now) {
        return None;
    }
    let mut account = facts.account.clone();
    let spared = if spare { facts.devices } else { &[] };
    account.locks.lock_out(lockout.clone(), spared);
    let reason = format!("{} failed sign-ins", lockout.failures);
    let note = Note {
        actor: "engine".to_owned(),
        action: Action::AccountLockedOut,
        reason: Some(reason),
        from: None,
    };
    Some(Edit { account, password_hash: None, note })
}

/// A reserved guess. Check the password, then say how it went.
///
/// Dropping it undecided, as a handler does that panics or whose client hung up,
/// counts as a failure.
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt {
    gate: Portcullis,
    counter: Counter,
    /// Taken when the attempt is settled.
    ticket: Option<Ticket>,
    account: Option<Account>,
    /// The device of the account that the visitor proved to come from.
    known: Option<DeviceId>,
    visitor: Visitor,
}

/// A failed attempt, counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Failure {
    remaining: u32,
}

impl Failure {
    /// How many guesses are left before the account is locked out. For logs and
    /// metrics: told to the client, it would help nobody but a guesser.
    pub const fn remaining(self) -> u32 {
        self.remaining
    }
}

impl Attempt {
    /// The account that the login names in the gate's directory, if any.
    ///
    /// Do the same work and give the same answer whether or not there is one.
    pub const fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// A lockout that the directory has and the attempt store lost, as one in
    /// memory does with its process, holds all the same.
    async fn unless_locked_out(mut self) -> Result<Self, SignInError> {
        let now = self.gate.0.clock.wall();
        let account = self.account.as_ref();
        let Some(lockout) = account
            .and_then(|account| account.locks.lockout_at(now))
            .cloned()
        else {
            return Ok(self);
        };
        self.settle(Outcome::Released).await?;
        Err(SignInError::locked_out(&lockout, now))
    }

    /// The same, by a program that calls itself so, in its `User-Agent`. It is
    /// kept with the session, for people who look through theirs.
    pub fn by_program(mut self, user_agent: &str) -> Self {
        self.visitor.name_program(user_agent);
        self
    }

    /// The password was wrong, or nobody has this login.
    ///
    /// # Errors
    ///
    /// If a store does not answer. The guess counts as failed all the same.
    pub async fn fail(mut self) -> Result<Failure, SignInError> {
        let remaining = match self.settle(Outcome::Failed).await? {
            Settled::LockedOut(lockout) => {
                self.record(&lockout).await?;
                0
            }
            Settled::Recorded { remaining } => remaining,
            Settled::Stale => 0,
        };
        Ok(Failure { remaining })
    }

    /// The whole sign-in succeeded, and this is whose account it is: clears the
    /// failures and opens a session.
    ///
    /// # Errors
    ///
    /// [`SignInError::Refused`] if the account may not sign in, and
    /// [`SignInError::Wrong`] if all of its sessions were ended since the attempt
    /// began, as by a new password: then nothing was counted and nothing cleared.
    /// Read the stored hash after the attempt began. [`SignInError::Unavailable`] if the source of
    /// accounts does not answer: then nothing was counted.
    pub async fn succeed(
        mut self,
        account: impl Into<AccountKey>,
    ) -> Result<SignedIn, SignInError> {
        let account = account.into();
        self.clear_to_enter(&account).await?;
        let (from, user_agent) = (self.visitor.address(), self.visitor.user_agent());
        let entry = Entry {
            expected: self.expected(&account),
            from: Some(from),
            user_agent: user_agent.map(str::to_owned),
            offer: self.offer(&account),
        };
        self.gate.open_session_of(account, entry).await
    }

    /// The generation that the account had when the attempt began, and so before
    /// its password was read. Nothing is known of another than the login names.
    fn expected(&self, account: &AccountKey) -> Option<Generation> {
        let own = self.account.as_ref().filter(|own| own.key() == *account);
        own.map(|own| own.generation)
    }

    /// What the client's device is offered to be known by, if it would keep it. A
    /// device of one account is none of another's.
    fn offer(&self, account: &AccountKey) -> Option<Offer> {
        let gate = &self.gate.0;
        let offered = gate.settings.known_devices && gate.directory.is_some();
        if !offered || !self.visitor.has_cookies() {
            return None;
        }
        let own = self
            .account
            .as_ref()
            .is_some_and(|own| own.key() == *account);
        let known = self.known.filter(|_| own);
        let past_lockout = known.is_some() && self.counter.device.is_some();
        Some(Offer { known, past_lockout })
    }

    /// As [`Attempt::succeed`], for an application that keeps its own sessions:
    /// clears the failures, and says the standing that the account has. Keep its
    /// generation in the session, and give it back in
    /// [`SessionClaim::born_in`](crate::SessionClaim::born_in).
    ///
    /// # Errors
    ///
    /// As [`Attempt::succeed`].
    pub async fn succeed_elsewhere(
        mut self,
        account: impl Into<AccountKey>,
    ) -> Result<Standing, SignInError> {
        self.clear_to_enter(&account.into()).await
    }

    /// Compares a password with the hash in the gate's directory, and signs the
    /// person in if it is right.
    ///
    /// The same work is done whether or not there is such an account.
    ///
    /// # Errors
    ///
    /// [`SignInError::Wrong`], counted; [`SignInError::Unavailable`], not counted,
    /// also where so many passwords wait that this one has no turn in half a
    /// second; otherwise as [`Attempt::succeed`].
    #[cfg(feature = "passwords")]
    pub async fn check_password(mut self, password: &str) -> Result<SignedIn, SignInError> {
        match self.owner_of(password).await? {
            Some(account) => self.succeed(account).await,
            None => self.wrong().await,
        }
    }

    /// As [`Attempt::check_password`], for an application that keeps its own
    /// sessions: says whose password it was, and the standing to keep the
    /// generation of.
    ///
    /// # Errors
    ///
    /// As [`Attempt::check_password`].
    #[cfg(feature = "passwords")]
    pub async fn check_password_elsewhere(
        mut self,
        password: &str,
    ) -> Result<(AccountId, Standing), SignInError> {
        match self.owner_of(password).await? {
            Some(account) => {
                let standing = self.succeed_elsewhere(account).await?;
                Ok((account, standing))
            }
            None => self.wrong().await,
        }
    }

    /// Whose password it is: the account's that the login names, or nobody's.
    #[cfg(feature = "passwords")]
    async fn owner_of(&mut self, password: &str) -> Result<Option<AccountId>, SignInError> {
        let right = match self.is_right(password).await {
            Ok(right) => right,
            Err(unanswered) => return Err(self.give_back(unanswered).await),
        };
        Ok(self
            .account
            .as_ref()
            .filter(|_| right)
            .map(|account| account.id))
    }

    #[cfg(feature = "passwords")]
    async fn wrong<T>(self) -> Result<T, SignInError> {
        self.fail().await?;
        Err(SignInError::Wrong)
    }

    #[cfg(feature = "passwords")]
    async fn is_right(&self, password: &str) -> Result<bool, Unanswered> {
        let hash = self.stored_hash().await?;
        let (passwords, typed) = (&self.gate.0.passwords, Password::typed(password));
        let asker = match self.counter.device {
            Some(device) => Asker::Device(device),
            None => Asker::Stranger(Some(self.visitor.address().prefix())),
        };
        let checked = passwords.verify_for(asker, PATIENCE, &typed, hash.as_deref());
        checked.await.map_err(|_| {
            tracing::warn!("sign-in put off");
            Unanswered
        })
    }

    #[cfg(feature = "passwords")]
    async fn stored_hash(&self) -> Result<Option<String>, Unanswered> {
        let gate = &self.gate.0;
        match (&gate.directory, &self.account) {
            (Some(directory), Some(account)) => gate.ask(directory.password_hash(account.id)).await,
            _ => Ok(None),
        }
    }

    /// Settles as succeeded if the account may sign in, otherwise as neither.
    async fn clear_to_enter(&mut self, account: &AccountKey) -> Result<Standing, SignInError> {
        let standing = match self.gate.read_standing_now(account).await {
            Ok(standing) => standing,
            Err(unanswered) => return Err(self.give_back(unanswered).await),
        };
        let now = self.gate.0.clock.wall();
        let refusal = match &standing {
            None => Some(DenialReason::Deleted),
            Some(standing) => standing.lasting_refusal(now),
        };
        if let Some(reason) = refusal {
            self.settle(Outcome::Released).await?;
            self.gate.0.figures.attempts.add(Attempted::Refused);
            return Err(SignInError::Refused { reason, at: now });
        }
        let standing = standing.unwrap_or_default();
        let expected = self.expected(account);
        if expected.is_some_and(|generation| generation != standing.generation) {
            self.settle(Outcome::Released).await?;
            self.gate.0.figures.attempts.add(Attempted::Wrong);
            return Err(SignInError::Wrong);
        }
        if let Settled::LockedOut(lockout) = self.settle(Outcome::Succeeded).await? {
            self.record(&lockout).await?;
            return Err(SignInError::locked_out(&lockout, now));
        }
        Ok(standing)
    }

    async fn record(&self, lockout: &Lockout) -> Result<(), Unanswered> {
        let account = self.account.as_ref();
        self.gate.0.record(self.counter, account, lockout).await
    }

    /// A store failed before anything was decided: that is nobody's wrong guess.
    async fn give_back(&mut self, unanswered: Unanswered) -> SignInError {
        self.gate.0.figures.attempts.add(Attempted::Unavailable);
        // Where this fails too, the guess stays counted.
        let _ = self.settle(Outcome::Released).await;
        unanswered.into()
    }

    async fn settle(&mut self, outcome: Outcome) -> Result<Settled, SignInError> {
        let Some(ticket) = self.ticket else { return Ok(Settled::Stale) };
        let settled = self
            .gate
            .0
            .settle(self.counter.key, ticket, outcome)
            .await?;
        // Only now: a future that is dropped before is settled by the drop.
        self.ticket = None;
        Ok(settled)
    }
}

impl Drop for Attempt {
    /// The slot counts as failed anyway. Saying so at once lets the next attempt
    /// know that it is not in flight any more.
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        let (gate, counter, account) =
            (Arc::clone(&self.gate.0), self.counter, self.account.take());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let settled = gate.settle(counter.key, ticket, Outcome::Failed).await;
            if let Ok(Settled::LockedOut(lockout)) = settled {
                let _ = gate.record(counter, account.as_ref(), &lockout).await;
            }
        });
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("key", &self.counter.key)
            .finish_non_exhaustive()
    }
}
