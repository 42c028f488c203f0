//! Gives the logins of deleted accounts out again, where a setting says so.

use crate::admin::settings::ACCOUNT_LOGINS_REUSED;
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::login::Login;
use crate::domain::standing::Lifecycle;
use crate::store::{Edit, Facts};

impl Admin {
    /// Whether the login of a deleted account is given out again.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn logins_are_reused(&self) -> Result<bool, AdminError> {
        Ok(self.value_of(&ACCOUNT_LOGINS_REUSED).await?.value == "on")
    }

    /// Moves a deleted account's login aside, so that somebody else can have it: its
    /// record stays, under its number. Says whether it was done; it is not while the
    /// setting is off, or of a login that a living account had before.
    pub(super) async fn set_login_aside(
        &self,
        actor: &Actor,
        login: &Login,
    ) -> Result<bool, AdminError> {
        if !self.logins_are_reused().await? {
            return Ok(false);
        }
        let Some(tombstone) = self.directory.tombstone(login.clone()).await? else {
            return Ok(false);
        };
        let decide = |facts: Facts<'_>| edit(&facts, actor, login);
        let changed = self
            .directory
            .change(tombstone.id, Box::new(decide))
            .await?;
        Ok(changed.is_some())
    }
}

fn edit(facts: &Facts<'_>, actor: &Actor, login: &Login) -> Option<Edit> {
    let mut account = facts.account.clone();
    if account.lifecycle != Lifecycle::Deleted || account.login != *login {
        return None;
    }
    account.login = login.set_aside(account.id.get());
    let reason = Reason::try_from("the login is given out again").ok();
    let note = actor.note(Action::AccountUpdated, reason.as_ref());
    Some(Edit { account, password_hash: None, note })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{account, cli, facts};

    #[test]
    fn only_a_deleted_account_gives_its_login_up() {
        let mut ada = account(7);
        let login = ada.login.clone();
        assert!(edit(&facts(&ada), &cli(), &login).is_none());
        ada.lifecycle = Lifecycle::Deleted;
        let edit = edit(&facts(&ada), &cli(), &login).expect("an edit");
        assert_eq!(edit.account.login, login.set_aside(7));
        assert_eq!(edit.note.action, Action::AccountUpdated);
    }
}
