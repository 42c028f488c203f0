//! What an attempt is counted by, and what counting says.

use smallvec::SmallVec;

use crate::domain::account::Account;
use crate::domain::attempts::{Outcome, Reservation, Settled, Ticket};
use crate::domain::device::DeviceId;
use crate::domain::lock::Lockout;
use crate::domain::login::TypedLogin;
use crate::domain::policy::{By, Enforcement, LockoutPolicy};
use crate::domain::time::Timestamp;
use crate::engine::figures::CountedBy;
use crate::engine::sign_in::SignInError;
use crate::engine::visitor::Visitor;
use crate::engine::{Gate, Unanswered};
use crate::store::Counter;

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

impl From<By> for CountedBy {
    fn from(by: By) -> Self {
        match by {
            By::Account => Self::Account,
            By::AccountAtAddress => Self::AccountAtAddress,
            By::Address(_) => Self::Address,
            By::Device(_) => Self::Device,
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
        let own = account.map_or(0, |account| account.attempts_generation);
        let name = account.map_or(typed, |account| (&account.login).into());
        let is_proxy = self.settings().trusted_proxies.contains(address);
        if is_proxy && !visitor.is_go_between() {
            self.figures.note_uncounted_proxy(address);
        }
        let told = Some(address).filter(|_| !is_proxy && !visitor.is_go_between());
        for (by, rules) in policy.stranger_counts_by(!name.as_str().is_empty(), told) {
            let (key, generation) = match by {
                By::AccountAtAddress => {
                    (self.keyring.pair_attempt_key(&name, address.prefix()), own)
                }
                By::Address(network) => (self.keyring.address_attempt_key(network), 0),
                By::Account | By::Device(_) => (self.keyring.attempt_key(&name), own),
            };
            let scope = by.scope();
            counters.push(by, Counter { key, rules: rules.clone(), generation, scope });
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
        let by = By::Device(device);
        counters.push(by, Counter { key, rules, generation, scope: by.scope() });
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
