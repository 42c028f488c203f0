//! An attempt to sign in: reserved before the password is looked at.
//!
//! The reservation is the only way to a session, so no path can forget to count.

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "passwords")]
use std::time::Duration;

#[cfg(feature = "passwords")]
use crate::domain::account::AccountId;
use crate::domain::account::{Account, AccountKey};
use crate::domain::attempts::{Outcome, Reservation, Settled, Ticket};
use crate::domain::client::ClientAddr;
use crate::domain::denial::DenialReason;
use crate::domain::event::{Action, Note};
use crate::domain::lock::Lockout;
use crate::domain::login::TypedLogin;
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::standing::Standing;
use crate::engine::sign_in::{SignInError, SignedIn};
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
    /// spelling, also of nobody. `from` is where the request comes from.
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
        from: impl Into<ClientAddr>,
    ) -> Result<Attempt, SignInError> {
        let gate = &self.0;
        let typed = TypedLogin::new(login);
        let account = gate.resolve(&typed).await?;
        let name = account
            .as_ref()
            .map_or(typed, |account| (&account.login).into());
        let key = gate.keyring.attempt_key(&name);
        let generation = account
            .as_ref()
            .map_or(0, |account| account.attempts_generation);
        let policy = gate.policy();
        let reserve = gate.attempts.reserve(key, &policy, generation);
        match gate.ask(reserve).await? {
            Reservation::Granted(ticket) => {
                let attempt = Attempt {
                    gate: self.clone(),
                    key,
                    ticket: Some(ticket),
                    account,
                    from: from.into(),
                    user_agent: None,
                };
                attempt.unless_locked_out().await
            }
            Reservation::Busy => Err(SignInError::Busy),
            Reservation::LockedOut(lockout) => {
                gate.record_lockout(account.as_ref(), &lockout).await?;
                Err(SignInError::locked_out(&lockout, gate.clock.wall()))
            }
        }
    }
}

impl Gate {
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
        let decide = |facts: Facts<'_>| write_lockout(facts, lockout);
        let changed = self
            .ask(directory.change(account.id, Box::new(decide)))
            .await?;
        if let Some(changed) = changed {
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
        self.ask(self.attempts.settle(key, &policy, ticket, outcome))
            .await
    }
}

/// An unlock that came meanwhile forgets the lockout, and one that is written
/// already is not written again.
fn write_lockout(facts: Facts<'_>, lockout: &Lockout) -> Option<Edit> {
    let unlocked_since = facts.account.attempts_generation > lockout.id.generation;
    let written = facts.account.locks.lockout.as_ref() == Some(lockout);
    if unlocked_since || written || !lockout.is_on(facts.now) {
        return None;
    }
    let mut account = facts.account.clone();
    account.locks.lockout = Some(lockout.clone());
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
    key: AttemptKey,
    /// Taken when the attempt is settled.
    ticket: Option<Ticket>,
    account: Option<Account>,
    from: ClientAddr,
    user_agent: Option<String>,
}

/// Longer names of programs are cut.
const MAX_USER_AGENT_CHARS: usize = 200;

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
        let visible = user_agent.chars().filter(|c| !c.is_control());
        self.user_agent = Some(visible.take(MAX_USER_AGENT_CHARS).collect());
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
                self.gate
                    .0
                    .record_lockout(self.account.as_ref(), &lockout)
                    .await?;
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
    /// [`SignInError::Refused`] if the account may not sign in: then nothing was
    /// counted and nothing cleared. [`SignInError::Unavailable`] if the source of
    /// accounts does not answer: then nothing was counted.
    pub async fn succeed(
        mut self,
        account: impl Into<AccountKey>,
    ) -> Result<SignedIn, SignInError> {
        let account = account.into();
        self.clear_to_enter(&account).await?;
        let from = Some(self.from);
        self.gate
            .open_session_of(account, from, self.user_agent.take())
            .await
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
        let checked = passwords.verify_within(PATIENCE, &typed, hash.as_deref());
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
            return Err(SignInError::Refused { reason, at: now });
        }
        if let Settled::LockedOut(lockout) = self.settle(Outcome::Succeeded).await? {
            self.gate
                .0
                .record_lockout(self.account.as_ref(), &lockout)
                .await?;
            return Err(SignInError::locked_out(&lockout, now));
        }
        Ok(standing.unwrap_or_default())
    }

    /// A store failed before anything was decided: that is nobody's wrong guess.
    async fn give_back(&mut self, unanswered: Unanswered) -> SignInError {
        // Where this fails too, the guess stays counted.
        let _ = self.settle(Outcome::Released).await;
        unanswered.into()
    }

    async fn settle(&mut self, outcome: Outcome) -> Result<Settled, SignInError> {
        let Some(ticket) = self.ticket else { return Ok(Settled::Stale) };
        let settled = self.gate.0.settle(self.key, ticket, outcome).await?;
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
        let (gate, key, account) = (Arc::clone(&self.gate.0), self.key, self.account.take());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Ok(Settled::LockedOut(lockout)) = gate.settle(key, ticket, Outcome::Failed).await
            {
                let _ = gate.record_lockout(account.as_ref(), &lockout).await;
            }
        });
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
