//! Sets passwords, and takes them away.

#[cfg(feature = "passwords")]
use crate::admin::Rights;
use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target, may_shut_out};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::standing::{Generation, Lifecycle, Transition};
use crate::store::{Edit, Facts, PasswordEdit};

impl Admin {
    /// Takes somebody's password away: whatever they type, it is wrong from now on, until
    /// one is set again. Their sessions go on, unless they are to be signed out. Of
    /// somebody without one only the sessions may end.
    ///
    /// # Errors
    ///
    /// If there is no such account, whoever asks may not change it or is whom it is
    /// about, or it is the last active administrator's.
    pub async fn remove_password(
        &self,
        actor: &Actor,
        target: &Target,
        sign_out: bool,
    ) -> Result<Outcome, AdminError> {
        self.change(target, |facts| removal(facts, actor, sign_out))
            .await
    }
}

#[cfg(feature = "passwords")]
impl Admin {
    /// Sets a password, signs the person out everywhere, and lets them in if
    /// they were invited or registered. Locks stay.
    ///
    /// # Errors
    ///
    /// If there is no such account, whoever asks may not change it, or it may do more
    /// than they may.
    pub async fn set_password(
        &self,
        actor: &Actor,
        target: &Target,
        password: &Password,
    ) -> Result<Outcome, AdminError> {
        self.require_reaching(actor, target).await?;
        let hash = self.hash_for(target, password).await?;
        self.change(target, |facts| {
            actor.require_managing(facts.account)?;
            // Who has an administrator's password can have it all.
            if facts.account.admin {
                actor.require_administrator()?;
            }
            actor.require_reaching(&Rights::of(facts.account))?;
            Ok(rule(facts, actor, hash))
        })
        .await
    }

    /// The same by the person, who proved the current password in this generation.
    /// Says whether it was done: a password that somebody else set meanwhile stays,
    /// and so does whatever locks the person out.
    #[cfg_attr(
        not(feature = "pages"),
        expect(dead_code, reason = "only people at their own page set their own")
    )]
    pub(crate) async fn set_own_password(
        &self,
        actor: &Actor,
        target: &Target,
        proved_in: Generation,
        password: &Password,
    ) -> Result<bool, AdminError> {
        let hash = self.hash_for(target, password).await?;
        let rule = |facts: &Facts<'_>| Ok(own_rule(facts, actor, proved_in, hash));
        Ok(self.change(target, rule).await?.changed)
    }

    async fn hash_for(&self, target: &Target, password: &Password) -> Result<String, AdminError> {
        // Before the work, which is dear; the transaction asks again.
        self.find(target).await?;
        let hash = self.passwords.hash(password).await;
        hash.map_err(|_| AdminError::Hashing)
    }
}

#[cfg_attr(
    not(any(feature = "passwords", test)),
    expect(dead_code, reason = "only a build that can hash passwords sets them")
)]
fn own_rule(facts: &Facts<'_>, actor: &Actor, proved_in: Generation, hash: String) -> Ruling {
    let standing = facts.account.standing();
    let overtaken = standing.generation != proved_in || !facts.account.has_password;
    if overtaken || standing.lasting_refusal(facts.now).is_some() {
        return Ruling::Keep;
    }
    rule(facts, actor, hash)
}

pub(super) fn rule(facts: &Facts<'_>, actor: &Actor, hash: String) -> Ruling {
    let mut account = facts.account.clone();
    let note = match account.lifecycle {
        Lifecycle::Invited | Lifecycle::Registered => {
            account.lifecycle = Lifecycle::Active;
            let reason = Reason::try_from("a password was set").ok();
            actor.note(Action::AccountActivated, reason.as_ref())
        }
        _ => actor.note(Action::PasswordSet, None),
    };
    account.generation = account.generation.next();
    Ruling::Write(
        Box::new(Edit { account, password_hash: Some(PasswordEdit::Set(hash)), note }),
        None,
    )
}

fn removal(facts: &Facts<'_>, actor: &Actor, sign_out: bool) -> Result<Ruling, AdminError> {
    actor.require_managing(facts.account)?;
    if facts.account.admin {
        actor.require_administrator()?;
    }
    let warning = may_shut_out(facts, actor, Transition::RemovePassword)?;
    let mut account = facts.account.clone();
    if sign_out {
        account.generation = account.generation.next();
    }
    let (action, password_hash) = match (account.has_password, sign_out) {
        (true, _) => (Action::PasswordRemoved, Some(PasswordEdit::Remove)),
        (false, true) => (Action::SessionsEnded, None),
        (false, false) => return Ok(Ruling::Keep),
    };
    let note = actor.note(action, None);
    Ok(Ruling::Write(Box::new(Edit { account, password_hash, note }), warning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::Warning;
    use crate::admin::tests::{account, administrator, cli, facts, locked, person, written};
    use crate::domain::account::Account;
    use crate::domain::lock::End;

    #[test]
    fn a_password_lets_the_invited_in() {
        let mut alice = account(7);
        alice.lifecycle = Lifecycle::Invited;
        let (edit, _) = written(Ok(rule(&facts(&alice), &cli(), "hash".to_owned())));
        assert_eq!(edit.account.lifecycle, Lifecycle::Active);
        assert_eq!(edit.note.action, Action::AccountActivated);
        assert_eq!(edit.password_hash.as_ref().and_then(PasswordEdit::hash), Some("hash"));
        assert!(!format!("{edit:?}").contains("hash"), "{edit:?}");
    }

    #[test]
    fn a_persons_own_password_undoes_nothing() {
        let alice = Account { has_password: true, ..account(7) };
        let own = |alice: &_, proved_in| own_rule(&facts(alice), &cli(), proved_in, "hash".into());
        let kept = |ruling| matches!(ruling, Ruling::Keep);
        assert!(!kept(own(&alice, alice.generation)));
        assert!(kept(own(&alice, alice.generation.next())), "set or signed out meanwhile");
        let without = Account { has_password: false, ..alice.clone() };
        assert!(kept(own(&without, without.generation)), "taken away meanwhile");
        let locked = locked(alice, End::Never);
        assert!(kept(own(&locked, locked.generation)), "locked meanwhile");
    }

    #[test]
    fn a_password_that_is_taken_away_leaves_the_rest() {
        let alice = locked(Account { has_password: true, ..account(7) }, End::Never);
        let bare = Account { has_password: false, ..alice.clone() };
        for (before, sign_out, action) in [
            (&alice, false, Action::PasswordRemoved),
            (&alice, true, Action::PasswordRemoved),
            (&bare, true, Action::SessionsEnded),
        ] {
            let (edit, _) = written(removal(&facts(before), &cli(), sign_out));
            let ended = edit.account.generation == before.generation.next();
            assert_eq!((edit.note.action, ended), (action, sign_out));
            assert_eq!(edit.account.locks, before.locks);
            let removes = matches!(edit.password_hash, Some(PasswordEdit::Remove));
            assert_eq!(removes, before.has_password);
        }
        let nothing = removal(&facts(&bare), &cli(), false);
        assert!(matches!(nothing, Ok(Ruling::Keep)), "there is nothing to take away");
    }

    #[test]
    fn nobody_is_left_without_a_way_in_by_it() {
        let alice = Account { has_password: true, ..account(7) };
        let own = removal(&facts(&alice), &person(7), false).map(drop);
        assert!(matches!(own, Err(AdminError::Forbidden { .. })), "{own:?}");
        let root = Account { admin: true, ..alice };
        let other = administrator(8);
        assert!(removal(&facts(&root), &other, false).is_ok());
        let last = Facts { other_active_admins: 0, ..facts(&root) };
        let refused = removal(&last, &other, false).map(drop);
        assert!(matches!(refused, Err(AdminError::LastAdministrator { .. })), "{refused:?}");
        let myself = removal(&facts(&root), &administrator(7), false).map(drop);
        assert!(matches!(myself, Err(AdminError::Yourself { .. })), "{myself:?}");
        let (_, warning) = written(removal(&last, &cli(), false));
        assert_eq!(warning, Some(Warning::LastAdministrator), "the host says what it does");
    }

    #[test]
    fn a_password_ends_sessions_and_lifts_no_lock() {
        let alice = locked(account(7), End::Never);
        let (edit, _) = written(Ok(rule(&facts(&alice), &cli(), "hash".to_owned())));
        assert_eq!(edit.account.generation, alice.generation.next());
        assert_eq!(edit.account.locks, alice.locks);
        assert_eq!(edit.account.attempts_generation, alice.attempts_generation);
        assert_eq!(edit.note.action, Action::PasswordSet);
    }
}
