//! Deletes accounts for good.

use crate::admin::settings::{ACCOUNT_DELETION, SettingSource, SettingValue};
use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target, may_shut_out};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::Facts;

impl Admin {
    /// Deletes an account: its sessions end, its tokens open nothing, and nobody
    /// finds it any more. The record stays for the audit log, and the login is
    /// never given out again.
    ///
    /// Its records stay with it: [`Admin::begin_deletion`] gives them to somebody else.
    ///
    /// The switch is read just before the transaction: who switches deleting off
    /// does not take back what was asked for in the same moment.
    ///
    /// # Errors
    ///
    /// While account deletion is off, while the account is being deleted with a transfer,
    /// and if nobody could administer afterwards.
    pub async fn delete(
        &self,
        actor: &Actor,
        target: &Target,
        reason: Reason,
    ) -> Result<Outcome, AdminError> {
        let account = self.find(target).await?;
        actor.require_managing_to(Operation::DeleteUser, &account)?;
        self.deletion_is_on().await?;
        self.refuse_open(&account).await?;
        self.change(target, |facts| rule(facts, actor, &reason))
            .await
    }

    pub(crate) async fn deletion_is_on(&self) -> Result<(), AdminError> {
        let SettingValue { setting, value, source } = self.value_of(&ACCOUNT_DELETION).await?;
        match source {
            _ if value == "on" => Ok(()),
            SettingSource::Pinned(by) => Err(AdminError::Pinned { name: setting.name, by }),
            _ => Err(AdminError::DeletionIsOff),
        }
    }
}

fn rule(facts: &Facts<'_>, actor: &Actor, reason: &Reason) -> Result<Ruling, AdminError> {
    actor.require_managing_to(Operation::DeleteUser, facts.account)?;
    Transition::Delete.check(facts.account.lifecycle)?;
    let warning = may_shut_out(facts, actor, Transition::Delete)?;
    let mut account = facts.account.clone();
    account.lifecycle = Lifecycle::Deleted;
    account.generation = account.generation.next();
    let note = actor.note(Action::AccountDeleted, Some(reason));
    Ok(Ruling::write(account, note).with_warning(warning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Warning;
    use crate::admin::tests::{account, administrator, cli, facts, manager, person, written};

    fn left() -> Reason {
        "left".try_into().expect("a reason")
    }

    #[test]
    fn deleting_leaves_a_tombstone_and_no_session() {
        for lifecycle in [Lifecycle::Active, Lifecycle::Invited, Lifecycle::Registered] {
            let mut ada = account(7);
            ada.lifecycle = lifecycle;
            let (edit, warning) = written(rule(&facts(&ada), &administrator(1), &left()));
            assert_eq!((edit.account.lifecycle, warning), (Lifecycle::Deleted, None));
            assert_eq!(edit.account.generation, ada.generation.next());
            assert_eq!(edit.note.action, Action::AccountDeleted);
            assert_eq!(edit.note.reason.as_deref(), Some("left"));
        }
    }

    #[test]
    fn nobody_deletes_themselves_or_the_last_administrator() {
        let mut boss = account(7);
        boss.admin = true;
        let mut last = facts(&boss);
        last.other_active_admins = 0;
        let yourself = rule(&facts(&boss), &administrator(7), &left());
        assert!(matches!(yourself, Err(AdminError::Yourself { .. })));
        let refused = rule(&last, &administrator(1), &left());
        assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })));
        let (_, warning) = written(rule(&last, &cli(), &left()));
        assert_eq!(warning, Some(Warning::LastAdministrator));
    }

    #[test]
    fn only_who_manages_people_deletes_them() {
        let mut ada = account(7);
        assert!(rule(&facts(&ada), &manager(8), &left()).is_ok());
        let refused = rule(&facts(&ada), &person(8), &left());
        assert!(matches!(refused, Err(AdminError::Forbidden { .. })));
        ada.admin = true;
        let refused = rule(&facts(&ada), &manager(8), &left());
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
    }
}
