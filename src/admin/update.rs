//! Changes what is kept of people.

use crate::admin::disable::{lay as lay_disablement, lift as lift_disablement};
use crate::admin::lock::{lay, not_over};
use crate::admin::person::{DisablementChange, LockChange};
use crate::admin::unlock::lift;
use crate::admin::{
    Actor, Admin, AdminError, Outcome, PersonChange, Ruling, Target, Warning, may_shut_out,
};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::{Edit, Facts, PasswordEdit};

impl Admin {
    /// Changes what is kept of a person, and what is laid on the account: all of it
    /// or nothing, and one record in the audit log, which is called by what matters
    /// most in it. People may change their own names, address and language; a new
    /// password signs out everywhere.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change this, a name is taken, nobody could administer
    /// afterwards, or the account is in another version than was expected.
    pub async fn update(
        &self,
        actor: &Actor,
        target: &Target,
        change: PersonChange,
    ) -> Result<Outcome, AdminError> {
        if change.heeds_the_switch() {
            self.disabling_is_on().await?;
        }
        let hash = self.hash_of(change.password.as_ref()).await?;
        let hash = hash.or_else(|| change.hash.clone());
        self.change(target, |facts| rule(facts, actor, &change, hash))
            .await
    }
}

/// An account on its way to what it is to be.
struct Draft<'a> {
    facts: &'a Facts<'a>,
    actor: &'a Actor,
    account: Account,
    /// What was done so far, by the word that matters most.
    action: Option<Action>,
    reason: Option<Reason>,
    warning: Option<Warning>,
}

pub(super) fn rule(
    facts: &Facts<'_>,
    actor: &Actor,
    change: &PersonChange,
    hash: Option<String>,
) -> Result<Ruling, AdminError> {
    allow(facts, actor, change)?;
    let found = facts.account.version;
    if change.expected.is_some_and(|expected| expected != found) {
        return Err(AdminError::Outdated { found });
    }
    let mut account = facts.account.clone();
    change.apply(&mut account);
    let action = (account != *facts.account).then_some(Action::AccountUpdated);
    let mut draft = Draft { facts, actor, account, action, reason: None, warning: None };
    draft.check_demotion()?;
    if hash.is_some() {
        draft.set_password();
    }
    if let Some(lock) = &change.lock {
        draft.set_lock(lock)?;
    }
    if let Some(disablement) = &change.disablement {
        draft.set_disablement(disablement)?;
    }
    let Draft { account, action, reason, warning, .. } = draft;
    let Some(action) = action else { return Ok(Ruling::Keep) };
    let note = actor.note(action, reason.as_ref());
    Ok(Ruling::Write(
        Box::new(Edit { account, password_hash: hash.map(PasswordEdit::Set), note }),
        warning,
    ))
}

/// People may change themselves, but not what they may do or whether they may come in.
fn allow(facts: &Facts<'_>, actor: &Actor, change: &PersonChange) -> Result<(), AdminError> {
    // Who gives an administrator a way in can have it all: a token that is for less
    // than that does not.
    if change.grants() || (change.opens() && facts.account.admin) {
        actor.require_administrator()?;
    } else if change.opens() {
        actor.require_administrator_to(Operation::UpdateUser)?;
    }
    if change.is_for_owners() {
        actor.require_changing(facts.account)
    } else {
        actor.require_managing(facts.account)
    }
}

impl Draft<'_> {
    fn check_demotion(&mut self) -> Result<(), AdminError> {
        if self.facts.account.admin && !self.account.admin {
            self.warn(Transition::Demote)?;
        }
        Ok(())
    }

    /// As [`Admin::set_password`] does it.
    fn set_password(&mut self) {
        let account = &mut self.account;
        account.generation = account.generation.next();
        if matches!(account.lifecycle, Lifecycle::Invited | Lifecycle::Registered) {
            account.lifecycle = Lifecycle::Active;
            self.action = Some(Action::AccountActivated);
        } else if self.action.is_none() {
            self.action = Some(Action::PasswordSet);
        }
    }

    fn set_lock(&mut self, change: &LockChange) -> Result<(), AdminError> {
        let lifecycle = self.facts.account.lifecycle;
        match change {
            LockChange::Lift(kind) => {
                Transition::Unlock.check(lifecycle)?;
                if lift(self.facts, &mut self.account, *kind) {
                    self.action = Some(Action::AccountUnlocked);
                }
            }
            LockChange::Lay { until, reason } => {
                Transition::Lock.check(lifecycle)?;
                not_over(until.instant(), self.facts.now)?;
                if lay(self.facts, self.actor, &mut self.account, *until, reason.clone()) {
                    self.warn(Transition::Lock)?;
                    self.action = Some(Action::AccountLocked);
                    self.reason.clone_from(reason);
                }
            }
        }
        Ok(())
    }

    fn set_disablement(&mut self, change: &DisablementChange) -> Result<(), AdminError> {
        let lifecycle = self.facts.account.lifecycle;
        match change {
            DisablementChange::Lift(_) => {
                Transition::Enable.check(lifecycle)?;
                if lift_disablement(&mut self.account) {
                    self.action = Some(Action::AccountEnabled);
                }
            }
            DisablementChange::Lay(reason, _) => {
                Transition::Disable.check(lifecycle)?;
                if lay_disablement(self.facts, self.actor, &mut self.account, reason.clone()) {
                    self.warn(Transition::Disable)?;
                    self.action = Some(Action::AccountDisabled);
                    self.reason = Some(reason.clone());
                }
            }
        }
        Ok(())
    }

    /// Refuses what would leave nobody who can administer, or says that it does.
    fn warn(&mut self, change: Transition) -> Result<(), AdminError> {
        let warning = may_shut_out(self.facts, self.actor, change)?;
        self.warning = self.warning.or(warning);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{
        NOW, account, administrator, cli, facts, locked, manager, person, written,
    };
    use crate::admin::{Switch, Warning};
    use crate::domain::lock::End;
    use crate::domain::permission::{Permission, Permissions};
    use crate::domain::standing::Status;

    fn change(make: impl FnOnce(&mut PersonChange)) -> PersonChange {
        let mut change = PersonChange::default();
        make(&mut change);
        change
    }

    fn named(first: &str) -> PersonChange {
        change(|change| change.first_name(first).expect("a name"))
    }

    #[test]
    fn the_name_follows_its_parts() {
        let mut ada = account(7);
        ada.name = "Ada King Lovelace".to_owned();
        let (edit, _) = written(rule(&facts(&ada), &cli(), &named("Augusta"), None));
        assert_eq!(edit.account.name, "Augusta Lovelace");
        assert_eq!(edit.account.names(), ("Augusta", "Lovelace"));
        assert_eq!(edit.note.action, Action::AccountUpdated);
        assert_eq!(edit.account.generation, ada.generation, "nobody is signed out");
    }

    #[test]
    fn what_is_so_already_changes_nothing() {
        let mut ada = account(7);
        for asked in [PersonChange::default(), change(|change| change.locked(false))] {
            assert!(matches!(rule(&facts(&ada), &cli(), &asked, None), Ok(Ruling::Keep)));
        }
        named("Ada").apply(&mut ada);
        assert!(matches!(rule(&facts(&ada), &cli(), &named("Ada"), None), Ok(Ruling::Keep)));
    }

    #[test]
    fn people_change_their_names_and_nothing_that_matters() {
        let ada = account(7);
        let own = |asked: &PersonChange| rule(&facts(&ada), &person(7), asked, None);
        assert!(own(&named("Augusta")).is_ok());
        let strangers = rule(&facts(&ada), &person(8), &named("Eve"), None);
        assert!(matches!(strangers, Err(AdminError::Forbidden { .. })));
        let manage = [Permission::ManageUsers]
            .into_iter()
            .collect::<Permissions>();
        for refused in [
            change(|change| change.admin(true)),
            change(|change| change.permissions(manage)),
            change(|change| change.locked(false)),
            change(|change| change.identity_url(None).expect("none")),
        ] {
            assert!(own(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn who_manages_people_manages_no_administrators() {
        let mut boss = account(7);
        assert!(rule(&facts(&boss), &manager(8), &named("Ada"), None).is_ok());
        let promoted = rule(&facts(&boss), &manager(8), &change(|c| c.admin(true)), None);
        assert!(matches!(promoted, Err(AdminError::AdministratorsOnly)));
        boss.admin = true;
        let refused = rule(&facts(&boss), &manager(8), &named("Ada"), None);
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
    }

    #[test]
    fn the_last_administrator_stays_one() {
        let mut boss = account(7);
        boss.admin = true;
        let mut last = facts(&boss);
        last.other_active_admins = 0;
        for asked in [change(|c| c.admin(false)), change(|c| c.locked(true))] {
            let refused = rule(&last, &administrator(1), &asked, None);
            assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })), "{asked:?}");
            let own = rule(&facts(&boss), &administrator(7), &asked, None);
            assert!(matches!(own, Err(AdminError::Yourself { .. })), "{asked:?}");
            let (_, warning) = written(rule(&last, &cli(), &asked, None));
            assert_eq!(warning, Some(Warning::LastAdministrator));
        }
    }

    #[test]
    fn a_lock_is_one_wherever_it_is_asked_for() {
        let ada = account(7);
        let mut asked = named("Augusta");
        asked.locked(true);
        let (edit, _) = written(rule(&facts(&ada), &administrator(1), &asked, None));
        assert_eq!(edit.account.standing().status(NOW), Status::Locked);
        assert_eq!(edit.account.generation, ada.generation.next());
        assert_eq!(edit.account.names().0, "Augusta");
        assert_eq!(edit.note.action, Action::AccountLocked);
        let invited = Account { lifecycle: Lifecycle::Invited, ..ada };
        let refused = rule(&facts(&invited), &administrator(1), &asked, None);
        assert!(matches!(refused, Err(AdminError::InvalidTransition(_))));
    }

    #[test]
    fn a_password_ends_sessions_and_lets_the_invited_in() {
        let nothing = PersonChange::default();
        let hash = || Some("hash".to_owned());
        let (edit, _) = written(rule(&facts(&account(7)), &cli(), &nothing, hash()));
        assert_eq!(edit.note.action, Action::PasswordSet);
        assert_eq!(edit.account.generation, account(7).generation.next());
        let invited = Account { lifecycle: Lifecycle::Invited, ..account(7) };
        let (edit, _) = written(rule(&facts(&invited), &cli(), &named("Ada"), hash()));
        assert_eq!(edit.account.lifecycle, Lifecycle::Active);
        assert_eq!(edit.note.action, Action::AccountActivated);
    }

    #[test]
    fn who_has_seen_another_version_changes_nothing() {
        let ada = account(7);
        let mut asked = named("Augusta");
        asked.expect(ada.version.next());
        let refused = rule(&facts(&ada), &cli(), &asked, None);
        assert!(matches!(refused, Err(AdminError::Outdated { found }) if found == ada.version));
        asked.expect(ada.version);
        written(rule(&facts(&ada), &cli(), &asked, None));
    }

    #[test]
    fn what_matters_most_gives_the_record_its_name() {
        let ada = locked(account(7), End::Never);
        let mut asked = named("Augusta");
        asked.locked(false);
        asked.disable("left".try_into().expect("a reason"), Switch::Ignored);
        let (edit, _) = written(rule(&facts(&ada), &administrator(1), &asked, None));
        assert_eq!(edit.note.action, Action::AccountDisabled);
        assert_eq!(edit.note.reason.as_deref(), Some("left"));
        assert_eq!(edit.account.standing().status(NOW), Status::Disabled);
        assert!(edit.account.locks.admin_lock_at(NOW).is_none());
        let mut back = PersonChange::default();
        back.enable(Switch::Ignored);
        let (edit, _) = written(rule(&facts(&edit.account), &administrator(1), &back, None));
        assert_eq!(edit.note.action, Action::AccountEnabled);
        assert_eq!(edit.account.standing().status(NOW), Status::Active);
        let own = rule(&facts(&account(7)), &person(7), &back, None);
        assert!(matches!(own, Err(AdminError::Forbidden { .. })));
    }

    #[test]
    fn a_name_in_one_piece_forgets_its_parts() {
        let mut ada = account(7);
        named("Ada").apply(&mut ada);
        let whole = change(|change| change.name("Countess of Lovelace").expect("a name"));
        whole.apply(&mut ada);
        assert_eq!(ada.names(), ("Countess of", "Lovelace"));
    }
}
