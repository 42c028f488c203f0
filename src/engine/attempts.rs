//! An attempt to sign in: reserved before the password is looked at.
//!
//! The reservation is the only way to a session, so no path can forget to count.

mod budget;
mod counters;
mod lockouts;
#[cfg(feature = "passwords")]
mod renewal;

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "passwords")]
use std::time::Duration;

use self::counters::{Reserved, Verdict};
#[cfg(feature = "passwords")]
use self::renewal::Renewal;
#[cfg(feature = "passwords")]
use crate::domain::account::AccountId;
use crate::domain::account::{Account, AccountKey};
use crate::domain::attempts::{Guess, Outcome};
use crate::domain::denial::DenialReason;
use crate::domain::device::DeviceId;
use crate::domain::history::AttemptEnd;
use crate::domain::login::TypedLogin;
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::policy::{Enforcement, LockoutPolicy};
use crate::domain::standing::{Generation, Standing};
use crate::engine::devices::Offer;
use crate::engine::figures::Attempted;
use crate::engine::history::Beginning;
#[cfg(feature = "passwords")]
use crate::engine::passwords::{Asker, is_outdated};
use crate::engine::sign_in::{Entry, SignInError, SignedIn};
use crate::engine::visitor::Visitor;
use crate::engine::{Gate, Portcullis, Unanswered};

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
        let beginning = gate.beginning(&typed, account.as_ref(), known, &visitor);
        let reserve = gate.reserve(typed, account.as_ref(), known, &visitor);
        let (device, reserved) = match reserve.await {
            Ok(reserved) => reserved,
            Err(refusal) => {
                if let Some(end) = AttemptEnd::of(&refusal) {
                    gate.note_end(beginning, end, None);
                }
                return Err(refusal);
            }
        };
        let attempt = Attempt {
            gate: self.clone(),
            device,
            enforcement: reserved.enforcement(),
            reserved: Some(reserved),
            account,
            known,
            visitor,
            beginning,
            #[cfg(feature = "passwords")]
            outdated_hash: false,
        };
        match device {
            Some(_) => Ok(attempt),
            None => attempt.unless_locked_out().await,
        }
    }
}

impl Gate {
    /// Takes a guess from the known device's own counter, and says which device's it
    /// is; where there is none, from those of strangers. A device that used its own
    /// up gets none of theirs.
    async fn reserve(
        &self,
        typed: TypedLogin,
        account: Option<&Account>,
        known: Option<DeviceId>,
        visitor: &Visitor,
    ) -> Result<(Option<DeviceId>, Reserved), SignInError> {
        let policy = self.policy();
        if let Some((account, device)) = account.zip(known) {
            let reserved = self.reserve_on_device(&policy, account, device).await?;
            if let Some(reserved) = reserved {
                return Ok((Some(device), reserved));
            }
        }
        let counters = self.counters_of_stranger(&policy, typed, account, visitor);
        let reserved = self.reserve_from(&policy, counters, account).await?;
        Ok((None, reserved))
    }

    async fn reserve_on_device(
        &self,
        policy: &LockoutPolicy,
        account: &Account,
        device: DeviceId,
    ) -> Result<Option<Reserved>, SignInError> {
        let now = self.clock.wall();
        if let Some(lockout) = account.locks.device_lockout_at(device, now) {
            // Known to the directory, whatever the attempt store lost.
            return Err(SignInError::locked_out(lockout, now));
        }
        if policy.is_off() {
            return Ok(Some(Reserved::default()));
        }
        let Some(counters) = self.counters_of_device(policy, account, device) else {
            return Ok(None);
        };
        self.reserve_from(policy, counters, Some(account))
            .await
            .map(Some)
    }

    async fn resolve(&self, typed: &TypedLogin) -> Result<Option<Account>, Unanswered> {
        match &self.directory {
            Some(directory) => self.ask(directory.resolve(typed.clone())).await,
            None => Ok(None),
        }
    }
}

/// A reserved guess. Check the password, then say how it went.
///
/// Dropping it undecided, as a handler does that panics or whose client hung up,
/// counts as a failure.
#[must_use = "an attempt that is dropped counts as failed"]
pub struct Attempt {
    gate: Portcullis,
    /// The known device whose own guess it is.
    device: Option<DeviceId>,
    /// Taken when the attempt is settled.
    reserved: Option<Reserved>,
    enforcement: Enforcement,
    account: Option<Account>,
    /// The device of the account that the visitor proved to come from.
    known: Option<DeviceId>,
    visitor: Visitor,
    /// What is remembered of it, until it is told how it ended.
    beginning: Option<Beginning>,
    /// Whether the stored hash is not as it would be made now.
    #[cfg(feature = "passwords")]
    outdated_hash: bool,
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
        self.note_end(AttemptEnd::LockedOut, None);
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
    /// [`Attempt::fail_with`] is kinder to people whose programs try an old password
    /// again and again.
    ///
    /// # Errors
    ///
    /// If a store does not answer. The guess counts as failed all the same.
    pub async fn fail(self) -> Result<Failure, SignInError> {
        self.fail_as(Outcome::Failed(None)).await
    }

    /// The same, saying which password was wrong: tried again from the same network
    /// or device, it is not a new guess. It is remembered as a keyed hash, cut short.
    ///
    /// # Errors
    ///
    /// As [`Attempt::fail`].
    pub async fn fail_with(self, password: &str) -> Result<Failure, SignInError> {
        let guess = self.guess(password);
        self.fail_as(Outcome::Failed(guess)).await
    }

    async fn fail_as(mut self, outcome: Outcome) -> Result<Failure, SignInError> {
        let guess = if let Outcome::Failed(guess) = outcome { guess } else { None };
        self.note_end(AttemptEnd::Wrong, guess);
        let verdict = self.settle(outcome).await?;
        self.lay(&verdict).await?;
        let remaining = if verdict.laid.is_empty() { verdict.remaining } else { None };
        Ok(Failure { remaining: remaining.unwrap_or(0) })
    }

    /// What this password is as a guess, for whoever remembers it.
    fn guess(&self, password: &str) -> Option<Guess> {
        let counter = self.reserved.as_ref()?.first()?;
        let generation = self.account.as_ref().map(|account| account.generation);
        let source = match self.device {
            Some(device) => device.to_string(),
            None => self.visitor.address().prefix().to_string(),
        };
        let keyring = &self.gate.0.keyring;
        Some(keyring.guess(&counter.key, generation.unwrap_or_default(), &source, password))
    }

    /// One factor of several was right. Nothing is counted and nothing cleared: the
    /// next factor is an attempt of its own, on the same counters, and only the whole
    /// sign-in clears them.
    ///
    /// # Errors
    ///
    /// If a store does not answer, or a lockout came meanwhile.
    pub async fn pass_factor(mut self) -> Result<(), SignInError> {
        let verdict = self.settle(Outcome::Passed).await?;
        self.unless_laid(&verdict).await?;
        self.note_end(AttemptEnd::Passed, None);
        Ok(())
    }

    /// Nothing was guessed, as with an empty password: nothing is counted.
    ///
    /// # Errors
    ///
    /// If a store does not answer. The guess counts as failed then.
    pub async fn withdraw(mut self) -> Result<(), SignInError> {
        self.beginning = None;
        self.settle(Outcome::Released).await.map(drop)
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
            door: self.visitor.door(),
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
        let offered = gate.knows_devices() && gate.directory.is_some();
        if !offered || !self.visitor.has_cookies() {
            return None;
        }
        let own = self
            .account
            .as_ref()
            .is_some_and(|own| own.key() == *account);
        let known = self.known.filter(|_| own);
        let past_lockout = known.is_some() && self.device.is_some();
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
            Some(account) => {
                let renewal = self.renewal(password);
                let signed_in = self.succeed(account).await?;
                if let Some(renewal) = renewal {
                    renewal.write().await;
                }
                Ok(signed_in)
            }
            None => self.wrong(password).await,
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
                let renewal = self.renewal(password);
                let standing = self.succeed_elsewhere(account).await?;
                if let Some(renewal) = renewal {
                    renewal.write().await;
                }
                Ok((account, standing))
            }
            None => self.wrong(password).await,
        }
    }

    /// Compares a password with the hash in the gate's directory, for a program that
    /// asks no more than that: nobody is signed in, so a right one clears nothing.
    ///
    /// # Errors
    ///
    /// As [`Attempt::check_password`].
    #[cfg(feature = "passwords")]
    pub async fn verify_password(mut self, password: &str) -> Result<AccountId, SignInError> {
        match self.owner_of(password).await? {
            Some(account) => {
                self.clear_for(&account.into(), Outcome::Passed).await?;
                Ok(account)
            }
            None => self.wrong(password).await,
        }
    }

    /// Whose password it is: the account's that the login names, or nobody's.
    #[cfg(feature = "passwords")]
    async fn owner_of(&mut self, password: &str) -> Result<Option<AccountId>, SignInError> {
        if password.is_empty() {
            // Nobody's, and no guess.
            return Ok(None);
        }
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
    async fn wrong<T>(self, password: &str) -> Result<T, SignInError> {
        if password.is_empty() {
            self.withdraw().await?;
        } else {
            self.fail_with(password).await?;
        }
        Err(SignInError::Wrong)
    }

    #[cfg(feature = "passwords")]
    async fn is_right(&mut self, password: &str) -> Result<bool, Unanswered> {
        let hash = self.stored_hash().await?;
        self.outdated_hash = hash.as_deref().is_some_and(is_outdated);
        let (passwords, typed) = (&self.gate.0.passwords, Password::typed(password));
        let asker = match self.device {
            Some(device) => Asker::Device(device),
            None if self.visitor.is_go_between() => Asker::Stranger(None),
            None => Asker::Stranger(Some(self.visitor.address().prefix())),
        };
        let checked = passwords.verify_for(asker, PATIENCE, &typed, hash.as_deref());
        checked.await.map_err(|_| {
            tracing::warn!("sign-in put off");
            Unanswered
        })
    }

    /// What makes the hash anew, once the sign-in was let through.
    #[cfg(feature = "passwords")]
    fn renewal(&self, password: &str) -> Option<Renewal> {
        let account = self.account.as_ref().filter(|_| self.outdated_hash)?;
        Some(Renewal::new(&self.gate, account, Password::typed(password)))
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
        self.clear_for(account, Outcome::Succeeded).await
    }

    /// Settles so if the account may sign in, otherwise as neither.
    async fn clear_for(
        &mut self,
        account: &AccountKey,
        outcome: Outcome,
    ) -> Result<Standing, SignInError> {
        let standing = match self.gate.read_standing_now(account).await {
            Ok(standing) => standing,
            Err(unanswered) => return Err(self.give_back(unanswered).await),
        };
        let now = self.gate.0.clock.wall();
        let refusal = match &standing {
            None => Some(DenialReason::Deleted),
            Some(standing) => standing.lasting_refusal(now),
        };
        let refusal = match refusal {
            None => match self
                .gate
                .refused_elsewhere(account, self.visitor.door())
                .await
            {
                Ok(refusal) => refusal,
                Err(unanswered) => return Err(self.give_back(unanswered).await),
            },
            refusal => refusal,
        };
        if let Some(reason) = refusal {
            self.settle(Outcome::Released).await?;
            self.note_end(AttemptEnd::Refused, None);
            self.gate.0.figures.attempts.add(Attempted::Refused);
            return Err(SignInError::Refused { reason, at: now });
        }
        let standing = standing.unwrap_or_default();
        let expected = self.expected(account);
        if expected.is_some_and(|generation| generation != standing.generation) {
            self.settle(Outcome::Released).await?;
            self.note_end(AttemptEnd::Wrong, None);
            self.gate.0.figures.attempts.add(Attempted::Wrong);
            return Err(SignInError::Wrong);
        }
        let verdict = self.settle(outcome).await?;
        self.unless_laid(&verdict).await?;
        self.note_end(
            if clears(outcome) { AttemptEnd::Succeeded } else { AttemptEnd::Passed },
            None,
        );
        Ok(standing)
    }

    /// Refuses what came back so late that a lockout has been laid meanwhile.
    async fn unless_laid(&mut self, verdict: &Verdict) -> Result<(), SignInError> {
        let enforcement = self.enforcement;
        match verdict.refusal(self.gate.0.clock.wall()) {
            Some(refusal) if enforcement == Enforcement::Lock => {
                self.gate
                    .0
                    .record(&verdict.laid, self.account.as_ref())
                    .await?;
                self.note_end(AttemptEnd::LockedOut, None);
                Err(refusal)
            }
            _ => Ok(()),
        }
    }

    async fn lay(&self, verdict: &Verdict) -> Result<(), Unanswered> {
        let account = self.account.as_ref();
        self.gate
            .0
            .lay(&verdict.laid, account, self.enforcement)
            .await
    }

    /// A store failed before anything was decided: that is nobody's wrong guess.
    async fn give_back(&mut self, unanswered: Unanswered) -> SignInError {
        self.beginning = None;
        self.gate.0.figures.attempts.add(Attempted::Unavailable);
        // Where this fails too, the guess stays counted.
        let _ = self.settle(Outcome::Released).await;
        unanswered.into()
    }

    /// Notes how it ended, once.
    fn note_end(&mut self, end: AttemptEnd, guess: Option<Guess>) {
        self.gate.0.note_end(self.beginning.take(), end, guess);
    }

    async fn settle(&mut self, outcome: Outcome) -> Result<Verdict, SignInError> {
        let Some(reserved) = &self.reserved else { return Ok(Verdict::default()) };
        let verdict = self.gate.0.settle(reserved, outcome).await?;
        // Only now: a future that is dropped before is settled by the drop.
        self.reserved = None;
        Ok(verdict)
    }
}

impl Drop for Attempt {
    /// The slot counts as failed anyway. Saying so at once lets the next attempt
    /// know that it is not in flight any more.
    fn drop(&mut self) {
        self.note_end(AttemptEnd::Wrong, None);
        let Some(reserved) = self.reserved.take() else { return };
        let (gate, account, enforcement) =
            (Arc::clone(&self.gate.0), self.account.take(), self.enforcement);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Ok(verdict) = gate.settle(&reserved, Outcome::Failed(None)).await {
                let _ = gate.lay(&verdict.laid, account.as_ref(), enforcement).await;
            }
        });
    }
}

/// Whether an attempt that is settled so was a whole sign-in.
const fn clears(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded)
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}
