//! Ends sessions.

use crate::admin::{Actor, Admin, AdminError, Outcome, Ruling, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::session::{Session, SessionId};
use crate::store::{Facts, SessionPage, SessionQuery};

impl Admin {
    /// Signs somebody out everywhere. They may sign in again at once.
    ///
    /// # Errors
    ///
    /// If there is no such account, or it is not theirs to sign out.
    pub async fn sign_out(&self, actor: &Actor, target: &Target) -> Result<Outcome, AdminError> {
        self.change(target, |facts| {
            actor.require_changing(facts.account)?;
            Ok(rule(facts, actor))
        })
        .await
    }

    /// Ends one session: one's own, or that of somebody whom one may change.
    ///
    /// # Errors
    ///
    /// If there is no such session, it was ended before, or it is not theirs to end.
    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<Session, AdminError> {
        let found = self.directory.session_named(id).await?;
        let session = found.ok_or(AdminError::NoSuchSession { id })?;
        match self.holder(session.account.account_id()).await? {
            Some(account) => actor.require_changing(&account)?,
            None => actor.require(Operation::UpdateUser)?,
        }
        let note = actor.note(Action::SessionEnded, None);
        let ended = self.directory.end_session(id, note).await?;
        self.tell_gate_of_end(id);
        let ended = ended.ok_or(AdminError::NoSuchSession { id })?;
        self.count(Action::SessionEnded);
        Ok(ended)
    }

    /// The account of a session or a token, also of one that is deleted.
    pub(super) async fn holder(
        &self,
        id: Option<AccountId>,
    ) -> Result<Option<Account>, AdminError> {
        match id {
            Some(id) => self.record(id).await,
            None => Ok(None),
        }
    }
}

impl Admin {
    /// Sessions with what has become of them, newest first.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is, or the store can't answer.
    pub async fn sessions(
        &self,
        actor: &Actor,
        query: SessionQuery,
    ) -> Result<SessionPage, AdminError> {
        actor.require(Operation::ViewUser)?;
        Ok(self.directory.sessions(query).await?)
    }
}

/// Writes also where no session is known: tokens that other systems signed are
/// no rows of ours, and die with the generation as well.
fn rule(facts: &Facts<'_>, actor: &Actor) -> Ruling {
    let mut account = facts.account.clone();
    account.generation = account.generation.next();
    Ruling::write(account, actor.note(Action::SessionsEnded, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{account, administrator, facts, written};

    #[test]
    fn people_may_sign_themselves_out() {
        let alice = account(7);
        let (edit, _) = written(Ok(rule(&facts(&alice), &administrator(7))));
        assert_eq!(edit.account.generation, alice.generation.next());
        assert_eq!(edit.account.locks, alice.locks);
    }
}
