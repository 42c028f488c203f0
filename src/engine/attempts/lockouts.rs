//! Lockouts, written down before anybody is told of them.

use super::counters::Laid;
use crate::domain::account::Account;
use crate::domain::device::DeviceId;
use crate::domain::event::{Action, Note};
use crate::domain::lock::Lockout;
use crate::domain::policy::{By, Enforcement};
use crate::engine::figures::CountedBy;
use crate::engine::{Gate, Unanswered};
use crate::store::{Edit, Facts};

impl Gate {
    /// Writes down what counters laid. Whoever lays a lockout or meets one that is
    /// not written does this, so a crash in between loses nothing.
    ///
    /// A lockout of an account, also at one address alone, or of a device goes to the
    /// directory, with audit and feed: an unlock lifts it. Those of addresses are the
    /// attempt store's alone: they refuse nobody who is signed in.
    pub(super) async fn record(
        &self,
        laid: &[Laid],
        account: Option<&Account>,
    ) -> Result<(), Unanswered> {
        for (by, lockout) in laid {
            match by {
                By::Account => self.record_lockout(account, lockout).await?,
                By::Device(device) => {
                    self.record_device_lockout(account, *device, lockout)
                        .await?;
                }
                By::AccountAtAddress => self.record_address_lockout(account, lockout).await?,
                By::Address(_) => {}
            }
        }
        Ok(())
    }

    /// Does what follows from lockouts that an attempt just laid.
    pub(super) async fn lay(
        &self,
        laid: &[Laid],
        account: Option<&Account>,
        enforcement: Enforcement,
    ) -> Result<(), Unanswered> {
        if enforcement == Enforcement::Monitor {
            return self.tell_whom(laid, account).await;
        }
        self.record(laid, account).await?;
        for (by, lockout) in laid {
            self.count_of_address(*by, lockout);
        }
        Ok(())
    }

    async fn record_lockout(
        &self,
        account: Option<&Account>,
        lockout: &Lockout,
    ) -> Result<(), Unanswered> {
        let (Some(directory), Some(account)) = (&self.directory, account) else { return Ok(()) };
        if account.locks.lockout.as_ref() == Some(lockout) {
            return Ok(());
        }
        let spare = self.settings().known_devices;
        let decide = |facts: Facts<'_>| write_lockout(facts, lockout, spare);
        let changed = self
            .ask(directory.change(account.id, Box::new(decide)))
            .await?;
        if let Some(changed) = changed {
            self.figures.lockouts.add(CountedBy::Account);
            tracing::info!(account.id = %account.id, lockout.n = lockout.id.n, "account locked out");
            self.learn_here(&changed.account);
        }
        Ok(())
    }

    /// Writes a device's own lockout to the directory, so that no gate spares its
    /// sessions while it lasts.
    async fn record_device_lockout(
        &self,
        account: Option<&Account>,
        device: DeviceId,
        lockout: &Lockout,
    ) -> Result<(), Unanswered> {
        let (Some(directory), Some(account)) = (&self.directory, account) else { return Ok(()) };
        let decide = |facts: Facts<'_>| write_device_lockout(facts, device, lockout);
        let change = directory.change(account.id, Box::new(decide));
        if let Some(changed) = self.ask(change).await? {
            self.figures.lockouts.add(CountedBy::Device);
            tracing::info!(account.id = %account.id, lockout.n = lockout.id.n, "device locked out");
            self.learn_here(&changed.account);
        }
        Ok(())
    }

    /// Notes in the directory that there is something for an unlock to lift.
    async fn record_address_lockout(
        &self,
        account: Option<&Account>,
        lockout: &Lockout,
    ) -> Result<(), Unanswered> {
        let (Some(directory), Some(account)) = (&self.directory, account) else { return Ok(()) };
        if !account
            .locks
            .clone()
            .lock_out_at_address(lockout, self.clock.wall())
        {
            return Ok(());
        }
        let decide = |facts: Facts<'_>| write_address_lockout(facts, lockout);
        let change = directory.change(account.id, Box::new(decide));
        if let Some(changed) = self.ask(change).await? {
            self.learn_here(&changed.account);
        }
        Ok(())
    }

    fn count_of_address(&self, by: By, lockout: &Lockout) {
        match by {
            By::Address(network) => {
                tracing::info!(client.network = %network, failures = lockout.failures, "address locked out");
            }
            By::AccountAtAddress => {
                tracing::info!(failures = lockout.failures, "account locked out at address");
            }
            By::Account | By::Device(_) => return,
        }
        self.figures.lockouts.add(CountedBy::from(by));
    }

    /// Tells whom the policy would have locked, and refuses nobody.
    async fn tell_whom(&self, laid: &[Laid], account: Option<&Account>) -> Result<(), Unanswered> {
        for (by, lockout) in laid {
            self.figures.would_lock.add(CountedBy::from(*by));
            let (id, failures) = (account.map(|account| account.id), lockout.failures);
            let account_id = id.map(tracing::field::display);
            tracing::info!(account.id = account_id, lockout.of = ?CountedBy::from(*by), failures, "would lock out");
            let (By::Account, Some(id), Some(directory)) = (by, id, &self.directory) else {
                continue;
            };
            let decide = |facts: Facts<'_>| {
                let note = note(Action::AccountWouldBeLockedOut, failures_of(lockout));
                Some(Edit { account: facts.account.clone(), password_hash: None, note })
            };
            self.ask(directory.change(id, Box::new(decide))).await?;
        }
        Ok(())
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
    let note = note(Action::AccountLockedOut, failures_of(lockout));
    Some(Edit { account, password_hash: None, note })
}

/// The same for a device.
fn write_device_lockout(facts: Facts<'_>, device: DeviceId, lockout: &Lockout) -> Option<Edit> {
    let locks = &facts.account.locks;
    let unlocked_since = facts.account.attempts_generation > lockout.id.generation;
    let written = locks.device_lockout_at(device, facts.now) == Some(lockout);
    let known = facts.devices.contains(&device);
    if unlocked_since || written || !known || !lockout.is_on(facts.now) {
        return None;
    }
    let mut account = facts.account.clone();
    account
        .locks
        .lock_device_out(device, lockout.clone(), facts.now);
    let reason = format!("device {device}, {}", failures_of(lockout));
    let note = note(Action::DeviceLockedOut, reason);
    Some(Edit { account, password_hash: None, note })
}

/// The same for the account at one address.
fn write_address_lockout(facts: Facts<'_>, lockout: &Lockout) -> Option<Edit> {
    let unlocked_since = facts.account.attempts_generation > lockout.id.generation;
    let mut account = facts.account.clone();
    let is_on = lockout.is_on(facts.now);
    if unlocked_since || !is_on || !account.locks.lock_out_at_address(lockout, facts.now) {
        return None;
    }
    let note = note(Action::AccountLockedOutAtAddress, failures_of(lockout));
    Some(Edit { account, password_hash: None, note })
}

fn failures_of(lockout: &Lockout) -> String {
    format!("{} failed sign-ins", lockout.failures)
}

fn note(action: Action, reason: String) -> Note {
    Note { actor: "engine".to_owned(), action, reason: Some(reason), from: None }
}
