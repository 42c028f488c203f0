//! What an attempt is counted by, and what counting says.

use ipnet::IpNet;
use smallvec::SmallVec;

use crate::domain::account::Account;
use crate::domain::attempts::{Outcome, Reservation, Scope, Settled, Ticket};
use crate::domain::device::DeviceId;
use crate::domain::lock::Lockout;
use crate::domain::login::TypedLogin;
use crate::domain::policy::{Enforcement, LockoutPolicy};
use crate::domain::time::Timestamp;
use crate::engine::figures::CountedBy;
use crate::engine::sign_in::SignInError;
use crate::engine::visitor::Visitor;
use crate::engine::{Gate, Unanswered};
use crate::store::Counter;

/// What one counter counts by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum By {
    /// The account, or the login that nobody has: all strangers share it.
    Account,
    /// The account, from one network.
    AccountAtAddress,
    /// The network, whosever account it is.
    Address(IpNet),
    /// One known device of the account.
    Device(DeviceId),
}

/// The counters that one attempt is counted by.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    counters: SmallVec<[Counter; 4]>,
    by: SmallVec<[By; 4]>,
}

/// Guesses that were taken from all of them. Where nobody counts, from none.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    counters: Counters,
    tickets: Vec<Ticket>,
    enforcement: Enforcement,
}

/// A lockout that an attempt laid or met, and what it is a lockout of.
pub(super) type Laid = (By, Lockout);

/// What came of settling.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) laid: SmallVec<[Laid; 1]>,
    /// How many guesses are left; none where nothing counts or nothing changed.
    pub(super) remaining: Option<u32>,
}

impl By {
    pub(super) const fn word(self) -> CountedBy {
        match self {
            Self::Account => CountedBy::Account,
            Self::AccountAtAddress => CountedBy::AccountAtAddress,
            Self::Address(_) => CountedBy::Address,
            Self::Device(_) => CountedBy::Device,
        }
    }
}

impl Counters {
    fn push(&mut self, by: By, counter: Counter) {
        self.by.push(by);
        self.counters.push(counter);
    }

    /// Which counter this is.
    fn by(&self, at: usize) -> By {
        self.by.get(at).copied().unwrap_or(By::Account)
    }

    /// The one that remembers wrong passwords.
    pub(super) fn first(&self) -> Option<&Counter> {
        self.counters.first()
    }
}

impl Reserved {
    /// The one that remembers wrong passwords.
    pub(super) fn first(&self) -> Option<&Counter> {
        self.counters.first()
    }

    pub(super) const fn enforcement(&self) -> Enforcement {
        self.enforcement
    }
}

impl Verdict {
    /// Until when the longest of the lockouts refuses.
    pub(super) fn refusal(&self, now: Timestamp) -> Option<SignInError> {
        let lockouts = self.laid.iter().map(|(_, lockout)| lockout);
        let longest = lockouts.max_by_key(|lockout| lockout.end_at(now));
        longest.map(|lockout| SignInError::locked_out(lockout, now))
    }
}

impl Gate {
    /// What a stranger's attempt is counted by. A login of nothing is nobody's, and
    /// is counted by where it comes from alone.
    pub(super) fn counters_of_stranger(
        &self,
        policy: &LockoutPolicy,
        typed: TypedLogin,
        account: Option<&Account>,
        visitor: &Visitor,
    ) -> Counters {
        let (address, mut counters) = (visitor.address(), Counters::default());
        let generation = account.map_or(0, |account| account.attempts_generation);
        let name = account.map_or(typed, |account| (&account.login).into());
        let own = |key, rules| Counter { key, rules, generation, scope: Scope::Own };
        let named = !name.as_str().is_empty();
        if let Some(rules) = policy.by_account().filter(|_| named) {
            counters.push(By::Account, own(self.keyring.attempt_key(&name), rules.clone()));
        }
        let is_proxy = self.settings.trusted_proxies.contains(address);
        if let Some(rules) = policy
            .by_account_at_address()
            .filter(|_| named && !is_proxy)
        {
            let key = self.keyring.pair_attempt_key(&name, address.prefix());
            counters.push(By::AccountAtAddress, own(key, rules.clone()));
        }
        if is_proxy {
            self.figures.note_uncounted_proxy(address);
            return counters;
        }
        for (network, rules) in policy.networks_of(address) {
            let key = self.keyring.address_attempt_key(network);
            let counter =
                Counter { key, rules: rules.clone(), generation: 0, scope: Scope::Shared };
            counters.push(By::Address(network), counter);
        }
        counters
    }

    /// What an attempt from a known device is counted by; `None`: as a stranger's.
    pub(super) fn counters_of_device(
        &self,
        policy: &LockoutPolicy,
        account: &Account,
        device: DeviceId,
    ) -> Option<Counters> {
        let rules = policy.by_device()?.clone();
        let key = self.keyring.device_attempt_key(account.id, device);
        let generation = account.attempts_generation;
        let mut counters = Counters::default();
        counters.push(By::Device(device), Counter { key, rules, generation, scope: Scope::Own });
        Some(counters)
    }

    /// Takes a guess from each of these counters.
    pub(super) async fn reserve_from(
        &self,
        policy: &LockoutPolicy,
        counters: Counters,
        account: Option<&Account>,
    ) -> Result<Reserved, SignInError> {
        let enforcement = policy.enforcement();
        if counters.counters.is_empty() {
            return Ok(Reserved { enforcement, ..Reserved::default() });
        }
        let reserve = self.attempts.reserve(&counters.counters);
        let refused = match self.ask_attempts(reserve).await? {
            Reservation::Granted(tickets) => {
                return Ok(Reserved { counters, tickets, enforcement });
            }
            Reservation::Busy => SignInError::Busy,
            Reservation::LockedOut { counter, lockout } => {
                let by = counters.by(counter);
                if enforcement == Enforcement::Lock {
                    self.record(&[(by, lockout.clone())], account).await?;
                }
                SignInError::locked_out(&lockout, self.clock.wall())
            }
        };
        match enforcement {
            Enforcement::Lock => Err(refused),
            Enforcement::Monitor => {
                self.figures.would_refuse();
                Ok(Reserved { enforcement, ..Reserved::default() })
            }
        }
    }

    /// Says how an attempt went. What it laid is still to be recorded.
    pub(super) async fn settle(
        &self,
        reserved: &Reserved,
        outcome: Outcome,
    ) -> Result<Verdict, Unanswered> {
        if reserved.tickets.is_empty() {
            self.figures.settled(outcome, Some(false));
            return Ok(Verdict::default());
        }
        let Counters { counters, by } = &reserved.counters;
        let settle = self.attempts.settle(counters, &reserved.tickets, outcome);
        let settled = self.ask_attempts(settle).await;
        let mut verdict = Verdict::default();
        for (by, settled) in by.iter().zip(settled.as_deref().unwrap_or_default()) {
            match settled {
                Settled::LockedOut(lockout) => verdict.laid.push((*by, lockout.clone())),
                Settled::Recorded { remaining } => {
                    let left = verdict.remaining.unwrap_or(u32::MAX).min(*remaining);
                    verdict.remaining = Some(left);
                }
                Settled::Stale => {}
            }
        }
        let locked_out = settled.is_ok().then_some(!verdict.laid.is_empty());
        self.figures.settled(outcome, locked_out);
        settled.map(|_| verdict)
    }
}
