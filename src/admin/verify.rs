//! Compares passwords, for programs that ask on behalf of people.

use std::net::{IpAddr, Ipv4Addr};

use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::engine::{SignInError, Visitor};

impl Admin {
    /// Whether this is the account's password. It is an attempt like any other: a
    /// guess is reserved before the password is looked at, by the account but not by
    /// the address of the program that asks. A right one clears nothing, because
    /// nobody is signed in.
    ///
    /// The inner error is why it is not.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change the account; [`AdminError::NoGate`], where
    /// nothing counts attempts.
    ///
    /// # Cancellation
    ///
    /// A guess that was reserved and not settled counts as failed.
    pub async fn verify_password(
        &self,
        actor: &Actor,
        target: &Target,
        password: &str,
    ) -> Result<Result<(), SignInError>, AdminError> {
        let account = self.find(target).await?;
        actor.require_managing(&account)?;
        let gate = self.gate.as_ref().ok_or(AdminError::NoGate)?;
        let visitor = Visitor::from(address_of(actor)).through_a_go_between();
        let attempt = match gate.attempt(account.login.as_str(), visitor).await {
            Ok(attempt) => attempt,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(attempt.verify_password(password).await.map(drop))
    }

    /// How many more guesses strangers have at this account. `None` where nobody is
    /// ever locked out by failures at one account, or nothing counts.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn guesses_left(&self, account: &Account) -> Result<Option<u32>, SignInError> {
        match &self.gate {
            Some(gate) => gate.guesses_left(account).await,
            None => Ok(None),
        }
    }
}

/// Nothing is counted by it.
fn address_of(actor: &Actor) -> IpAddr {
    let from = actor.from();
    from.and_then(|from| from.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
