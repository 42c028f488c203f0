//! Lifts locks.

use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::standing::Transition;
use crate::store::Facts;

/// Which locks to lift.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum UnlockKind {
    /// Both kinds.
    #[default]
    All,
    /// What a person or an API laid.
    AdminLock,
    /// What the attempt engine laid: for callers who may only help people in.
    Lockout,
}

impl UnlockKind {
    const fn lifts_admin_lock(self) -> bool {
        matches!(self, Self::All | Self::AdminLock)
    }

    const fn lifts_lockout(self) -> bool {
        matches!(self, Self::All | Self::Lockout)
    }
}

impl Admin {
    /// Lifts locks; unlocking the unlocked succeeds and changes nothing.
    ///
    /// A lockout goes with its whole record of attempts. Sessions that an admin
    /// lock ended stay dead; those that a lockout held back resume. If the account is
    /// being deleted, lifting its admin lock calls that off.
    ///
    /// # Errors
    ///
    /// If the person has not come yet.
    pub async fn unlock(
        &self,
        actor: &Actor,
        target: &Target,
        which: UnlockKind,
    ) -> Result<Outcome, AdminError> {
        self.change(target, |facts| rule(facts, actor, which)).await
    }
}

fn rule(facts: &Facts<'_>, actor: &Actor, which: UnlockKind) -> Result<Ruling, AdminError> {
    let managing = actor.require_managing(facts.account);
    if which.lifts_admin_lock() {
        managing?;
    } else if managing.is_err() {
        actor.require(Operation::UnlockUser)?;
    }
    Transition::Unlock.check(facts.account.lifecycle)?;
    let mut account = facts.account.clone();
    if !lift(facts, &mut account, which) {
        return Ok(Ruling::Keep);
    }
    Ok(Ruling::write(account, actor.note(Action::AccountUnlocked, None)))
}

/// Lifts the locks from what the account is to be, and says whether there were any.
pub(super) fn lift(facts: &Facts<'_>, account: &mut Account, which: UnlockKind) -> bool {
    let locks = &facts.account.locks;
    let admin_lock = which.lifts_admin_lock() && locks.admin_lock_at(facts.now).is_some();
    let lockout = which.lifts_lockout() && locks.any_lockout_at(facts.now);
    if !admin_lock && !lockout {
        return false;
    }
    if admin_lock {
        account.locks.admin_lock = None;
        account.generation = account.generation.next();
    }
    // Whoever lifts all wants the person in: failures short of a lockout go too.
    if which.lifts_lockout() {
        account.locks.lift_lockouts();
        account.attempts_generation += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, account, at, cli, facts, locked, locked_out, written};
    use crate::domain::lock::End;
    use crate::domain::standing::{Lifecycle, Status};

    fn both() -> crate::domain::account::Account {
        locked_out(locked(account(7), End::Never))
    }

    #[test]
    fn each_kind_is_lifted_on_its_own() {
        let both = both();
        let (edit, _) = written(rule(&facts(&both), &cli(), UnlockKind::Lockout));
        assert!(edit.account.locks.admin_lock.is_some() && edit.account.locks.lockout.is_none());
        assert_eq!(edit.account.generation, both.generation, "sessions resume after a lockout");
        assert_eq!(edit.account.attempts_generation, both.attempts_generation + 1);

        let (edit, _) = written(rule(&facts(&both), &cli(), UnlockKind::AdminLock));
        assert!(edit.account.locks.admin_lock.is_none() && edit.account.locks.lockout.is_some());
        assert_eq!(edit.account.generation, both.generation.next(), "they stay dead");
        assert_eq!(edit.account.attempts_generation, both.attempts_generation);
    }

    #[test]
    fn all_lifts_both_and_forgets_the_attempts() {
        for locked in [both(), locked(account(7), at(60))] {
            let (edit, _) = written(rule(&facts(&locked), &cli(), UnlockKind::All));
            assert_eq!(edit.account.standing().status(NOW), Status::Active);
            assert_eq!(edit.account.attempts_generation, locked.attempts_generation + 1);
        }
    }

    #[test]
    fn unlocking_the_unlocked_changes_nothing() {
        let over = locked(account(7), End::At(NOW));
        for (unlocked, kind) in [
            (account(7), UnlockKind::All),
            (over, UnlockKind::All),
            (locked(account(7), End::Never), UnlockKind::Lockout),
            (locked_out(account(7)), UnlockKind::AdminLock),
        ] {
            assert!(matches!(rule(&facts(&unlocked), &cli(), kind), Ok(Ruling::Keep)));
        }
    }

    #[test]
    fn who_has_not_come_cannot_be_unlocked() {
        let mut invited = account(7);
        invited.lifecycle = Lifecycle::Invited;
        let refused = rule(&facts(&invited), &cli(), UnlockKind::All);
        assert!(matches!(refused, Err(AdminError::InvalidTransition(_))));
    }
}
