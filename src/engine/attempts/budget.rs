//! How many guesses are left, for whoever looks after accounts.

use crate::domain::account::Account;
use crate::domain::attempts::{Budget, Scope};
use crate::domain::login::TypedLogin;
use crate::domain::policy::Enforcement;
use crate::engine::sign_in::SignInError;
use crate::engine::{Gate, Portcullis};
use crate::store::Counter;

impl Portcullis {
    /// How many more guesses strangers have at this account before it is locked out.
    /// `None` where nobody is ever locked out by failures at one account.
    ///
    /// For whoever looks after accounts: told to who signs in, it helps a guesser.
    ///
    /// # Errors
    ///
    /// [`SignInError::Unavailable`], if the store does not answer.
    pub async fn guesses_left(&self, account: &Account) -> Result<Option<u32>, SignInError> {
        let gate = &self.0;
        let Some(counter) = gate.counter_of(account) else { return Ok(None) };
        if account.locks.lockout_at(gate.clock.wall()).is_some() {
            return Ok(Some(0));
        }
        let counters = [counter];
        Ok(match gate.ask_attempts(gate.attempts.budget(&counters)).await? {
            Budget::LockedOut(_) => Some(0),
            Budget::Open { remaining } => Some(remaining),
        })
    }
}

impl Gate {
    fn counter_of(&self, account: &Account) -> Option<Counter> {
        let policy = self.policy();
        if policy.is_off() || policy.enforcement() == Enforcement::Monitor {
            return None;
        }
        let rules = policy.by_account()?.clone();
        let key = self.keyring.attempt_key(&TypedLogin::from(&account.login));
        let generation = account.attempts_generation;
        Some(Counter { key, rules, generation, scope: Scope::Own })
    }
}
