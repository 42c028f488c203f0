//! Disables accounts for good, and takes that back.

use crate::admin::settings::{ACCOUNT_DISABLING, SettingSource, SettingValue};
use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target, may_shut_out};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::lock::{Disablement, Reason};
use crate::domain::standing::Transition;
use crate::store::Facts;

impl Admin {
    /// Disables an account for good; disabling the disabled changes nothing.
    ///
    /// The switch is read just before the transaction: who switches disabling
    /// off does not take back what was asked for in the same moment.
    ///
    /// # Errors
    ///
    /// While account disabling is off, which a configuration may pin, and if nobody could
    /// administer afterwards.
    pub async fn disable(
        &self,
        actor: &Actor,
        target: &Target,
        reason: Reason,
    ) -> Result<Outcome, AdminError> {
        self.disabling_is_on().await?;
        self.change(target, |facts| disable(facts, actor, reason))
            .await
    }

    /// Lifts a disablement; enabling the enabled changes nothing. Locks stay.
    ///
    /// # Errors
    ///
    /// While account disabling is off: accounts disabled earlier stay so.
    pub async fn enable(&self, actor: &Actor, target: &Target) -> Result<Outcome, AdminError> {
        self.disabling_is_on().await?;
        self.change(target, |facts| enable(facts, actor)).await
    }

    pub(super) async fn disabling_is_on(&self) -> Result<(), AdminError> {
        let SettingValue { setting, value, source } = self.value_of(&ACCOUNT_DISABLING).await?;
        match source {
            _ if value == "on" => Ok(()),
            SettingSource::Pinned(by) => Err(AdminError::Pinned { name: setting.name, by }),
            _ => Err(AdminError::DisablingIsOff),
        }
    }
}

fn disable(facts: &Facts<'_>, actor: &Actor, reason: Reason) -> Result<Ruling, AdminError> {
    actor.require_managing(facts.account)?;
    Transition::Disable.check(facts.account.lifecycle)?;
    let warning = may_shut_out(facts, actor, Transition::Disable)?;
    let mut account = facts.account.clone();
    let note = actor.note(Action::AccountDisabled, Some(&reason));
    if !lay(facts, actor, &mut account, reason) {
        return Ok(Ruling::Keep);
    }
    Ok(Ruling::write(account, note).with_warning(warning))
}

/// Disables what the account is to be, and says whether that changes it.
pub(super) fn lay(facts: &Facts<'_>, actor: &Actor, account: &mut Account, reason: Reason) -> bool {
    let disablement = Disablement { at: facts.now, reason, author: actor.name() };
    if !account.locks.disable(disablement) {
        return false;
    }
    account.generation = account.generation.next();
    true
}

/// Takes the disablement from what the account is to be, and says whether that
/// changes it.
pub(super) fn lift(account: &mut Account) -> bool {
    if account.locks.disablement.take().is_none() {
        return false;
    }
    account.generation = account.generation.next();
    true
}

fn enable(facts: &Facts<'_>, actor: &Actor) -> Result<Ruling, AdminError> {
    actor.require_managing(facts.account)?;
    Transition::Enable.check(facts.account.lifecycle)?;
    let mut account = facts.account.clone();
    if !lift(&mut account) {
        return Ok(Ruling::Keep);
    }
    Ok(Ruling::write(account, actor.note(Action::AccountEnabled, None)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Warning;
    use crate::admin::tests::{NOW, account, administrator, cli, facts, locked, reason, written};
    use crate::domain::lock::End;
    use crate::domain::standing::Status;

    fn left() -> Reason {
        reason("left").expect("a reason")
    }

    #[test]
    fn disabling_ends_sessions_and_so_does_enabling() {
        let alice = locked(account(7), End::Never);
        let (edit, _) = written(disable(&facts(&alice), &cli(), left()));
        let disabled = edit.account;
        assert_eq!(disabled.standing().status(NOW), Status::Disabled);
        assert_eq!(disabled.generation, alice.generation.next());
        assert!(matches!(disable(&facts(&disabled), &cli(), left()), Ok(Ruling::Keep)));

        let (edit, _) = written(enable(&facts(&disabled), &cli()));
        assert_eq!(edit.account.generation, disabled.generation.next());
        assert_eq!(edit.account.standing().status(NOW), Status::Locked, "the lock stands");
        assert!(matches!(enable(&facts(&edit.account), &cli()), Ok(Ruling::Keep)));
    }

    #[test]
    fn nobody_disables_themselves_or_the_last_administrator() {
        let mut alice = account(7);
        alice.admin = true;
        let mut last = facts(&alice);
        last.other_active_admins = 0;
        let yourself = disable(&facts(&alice), &administrator(7), left());
        assert!(matches!(yourself, Err(AdminError::Yourself { .. })));
        let refused = disable(&last, &administrator(1), left());
        assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })));
        let (_, warning) = written(disable(&last, &cli(), left()));
        assert_eq!(warning, Some(Warning::LastAdministrator));
    }
}
