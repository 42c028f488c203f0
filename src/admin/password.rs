//! Sets passwords.

use crate::admin::{Actor, Ruling};
#[cfg(feature = "passwords")]
use crate::admin::{Admin, AdminError, Outcome, Target};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
#[cfg(feature = "passwords")]
use crate::domain::password::Password;
use crate::domain::standing::{Generation, Lifecycle};
use crate::store::{Edit, Facts};

#[cfg(feature = "passwords")]
impl Admin {
    /// Sets a password, signs the person out everywhere, and lets them in if
    /// they were invited or registered. Locks stay.
    ///
    /// # Errors
    ///
    /// If there is no such account, or whoever asks may not change it.
    pub async fn set_password(
        &self,
        actor: &Actor,
        target: &Target,
        password: &Password,
    ) -> Result<Outcome, AdminError> {
        let hash = self.hash_for(target, password).await?;
        self.change(target, |facts| {
            actor.require_managing(facts.account)?;
            // Who has an administrator's password can have it all.
            if facts.account.admin {
                actor.require_administrator()?;
            }
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
    let overtaken = standing.generation != proved_in;
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
    Ruling::Write(Box::new(Edit { account, password_hash: Some(hash), note }), None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{account, cli, facts, locked, written};
    use crate::domain::lock::End;

    #[test]
    fn a_password_lets_the_invited_in() {
        let mut alice = account(7);
        alice.lifecycle = Lifecycle::Invited;
        let (edit, _) = written(Ok(rule(&facts(&alice), &cli(), "hash".to_owned())));
        assert_eq!(edit.account.lifecycle, Lifecycle::Active);
        assert_eq!(edit.note.action, Action::AccountActivated);
        assert_eq!(edit.password_hash.as_deref(), Some("hash"));
        assert!(!format!("{edit:?}").contains("hash"), "{edit:?}");
    }

    #[test]
    fn a_persons_own_password_undoes_nothing() {
        let alice = account(7);
        let own = |alice: &_, proved_in| own_rule(&facts(alice), &cli(), proved_in, "hash".into());
        let kept = |ruling| matches!(ruling, Ruling::Keep);
        assert!(!kept(own(&alice, alice.generation)));
        assert!(kept(own(&alice, alice.generation.next())), "set or signed out meanwhile");
        let locked = locked(alice, End::Never);
        assert!(kept(own(&locked, locked.generation)), "locked meanwhile");
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
