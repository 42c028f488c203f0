//! Lays admin locks.

use std::time::Duration;

use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target, may_shut_out};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::lock::{AdminLock, End, Reason};
use crate::domain::standing::Transition;
use crate::domain::time::Timestamp;
use crate::store::Facts;

impl Admin {
    /// Locks somebody until an end: refuses sign-in and requests, ends all their
    /// sessions for good.
    ///
    /// A lock that stands already is only ever made longer; an equal or earlier
    /// end without a new reason changes nothing.
    ///
    /// # Errors
    ///
    /// If the end is past, the person has not come yet, or nobody could
    /// administer afterwards.
    pub async fn lock(
        &self,
        actor: &Actor,
        target: &Target,
        until: End,
        reason: Option<Reason>,
    ) -> Result<Outcome, AdminError> {
        self.change(target, |facts| rule(facts, actor, until, reason))
            .await
    }
}

impl Admin {
    /// Locks somebody for this long, or until they are unlocked. One who has an admin
    /// lock already keeps it as it is: the clock does not begin anew.
    ///
    /// # Errors
    ///
    /// As [`Admin::lock`].
    pub async fn lock_for(
        &self,
        actor: &Actor,
        target: &Target,
        length: Option<Duration>,
        reason: Option<Reason>,
    ) -> Result<Outcome, AdminError> {
        self.change(target, |facts| {
            let end = length.map_or(End::Never, |length| End::At(facts.now.after(length)));
            let ruling = rule(facts, actor, end, reason)?;
            let locked = facts.account.locks.admin_lock_at(facts.now).is_some();
            Ok(if locked { Ruling::Keep } else { ruling })
        })
        .await
    }
}

fn rule(
    facts: &Facts<'_>,
    actor: &Actor,
    end: End,
    reason: Option<Reason>,
) -> Result<Ruling, AdminError> {
    actor.require_managing(facts.account)?;
    Transition::Lock.check(facts.account.lifecycle)?;
    not_over(end.instant(), facts.now)?;
    let warning = may_shut_out(facts, actor, Transition::Lock)?;

    let mut account = facts.account.clone();
    let note = actor.note(Action::AccountLocked, reason.as_ref());
    if !lay(facts, actor, &mut account, end, reason) {
        return Ok(Ruling::Keep);
    }
    Ok(Ruling::write(account, note).with_warning(warning))
}

/// Lays the lock on what the account is to be, and says whether that changes it.
pub(super) fn lay(
    facts: &Facts<'_>,
    actor: &Actor,
    account: &mut Account,
    end: End,
    reason: Option<Reason>,
) -> bool {
    let lock = AdminLock { laid_at: facts.now, end, reason, author: actor.name() };
    if !account.locks.lay_admin_lock(lock) {
        return false;
    }
    // A lock that is made longer, or gets a new reason, ended all sessions when
    // it was laid, and none was born since: the generation stays.
    if facts.account.locks.admin_lock_at(facts.now).is_none() {
        account.generation = account.generation.next();
    }
    true
}

/// Refuses an end that would be over before it began.
pub(super) fn not_over(end: Option<Timestamp>, now: Timestamp) -> Result<(), AdminError> {
    match end {
        Some(end) if now >= end => Err(AdminError::EndIsPast { end, now }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Warning;
    use crate::admin::tests::{NOW, account, administrator, at, cli, facts, reason, written};
    use crate::domain::standing::{Lifecycle, Status};

    #[test]
    fn laying_a_lock_ends_the_sessions() {
        let alice = account(7);
        let ruling = rule(&facts(&alice), &administrator(1), at(60), reason("left the company"));
        let (edit, warning) = written(ruling);
        assert_eq!(warning, None);
        assert_eq!(edit.account.standing().status(NOW), Status::Locked);
        assert_eq!(edit.account.generation, alice.generation.next());
        assert_eq!(edit.account.attempts_generation, alice.attempts_generation);
        assert_eq!(edit.note.actor, "user:1");
        assert_eq!(edit.note.reason.as_deref(), Some("left the company"));
        assert_eq!(edit.account.locks.admin_lock.map(|l| l.author).as_deref(), Some("user:1"));
    }

    #[test]
    fn a_standing_lock_is_only_made_longer() {
        let mut alice = account(7);
        let (edit, _) = written(rule(&facts(&alice), &cli(), at(60), reason("why")));
        alice = edit.account;
        for (end, words) in [(at(60), None), (at(5), None), (at(60), reason("why"))] {
            assert!(matches!(rule(&facts(&alice), &cli(), end, words), Ok(Ruling::Keep)));
        }
        for (end, words) in [(End::Never, None), (at(5), reason("another"))] {
            let (edit, _) = written(rule(&facts(&alice), &cli(), end, words));
            assert_eq!(edit.account.generation, alice.generation, "they are dead already");
        }
    }

    #[test]
    fn a_new_lock_after_one_that_is_over_ends_sessions_again() {
        let mut alice = account(7);
        alice = written(rule(&facts(&alice), &cli(), at(60), None))
            .0
            .account;
        let mut later = facts(&alice);
        later.now = Timestamp::from_secs(NOW.floor_secs() + 60);
        let (edit, _) = written(rule(&later, &cli(), End::Never, None));
        assert_eq!(edit.account.generation, alice.generation.next());
    }

    #[test]
    fn nobody_locks_themselves_or_the_last_administrator() {
        let mut alice = account(7);
        alice.admin = true;
        let mut last = facts(&alice);
        last.other_active_admins = 0;
        let by = |facts: &Facts<'_>, actor| rule(facts, &actor, End::Never, None);
        let yourself = by(&facts(&alice), administrator(7));
        assert!(matches!(yourself, Err(AdminError::Yourself { .. })));
        for actor in [administrator(1), Actor::System] {
            let refused = by(&last, actor);
            assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })));
        }
        assert!(by(&facts(&alice), administrator(1)).is_ok());
        let (_, warning) = written(by(&last, cli()));
        assert_eq!(warning, Some(Warning::LastAdministrator));
    }

    #[test]
    fn an_end_that_is_past_is_refused() {
        let refused = rule(&facts(&account(7)), &cli(), End::At(NOW), None);
        assert!(matches!(refused, Err(AdminError::EndIsPast { .. })));
    }

    #[test]
    fn who_has_not_come_cannot_be_locked() {
        for lifecycle in [Lifecycle::Invited, Lifecycle::Registered] {
            let mut alice = account(7);
            alice.lifecycle = lifecycle;
            let refused = rule(&facts(&alice), &cli(), End::Never, None);
            let Err(refused @ AdminError::InvalidTransition(_)) = refused else {
                panic!("{lifecycle:?} was locked");
            };
            assert!(
                refused
                    .to_string()
                    .ends_with("until somebody sets its password")
            );
        }
    }
}
