//! Finds accounts.

use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::domain::login::{Login, TypedLogin, fold_email};
use crate::domain::operation::Operation;
use crate::store::{AccountPage, AccountSearch};

/// Which of somebody's names another account has already.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Taken {
    /// The login.
    pub login: bool,
    /// The e-mail address.
    pub email: bool,
}

impl Admin {
    /// The accounts that a search finds, one page of them.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn search(
        &self,
        actor: &Actor,
        search: AccountSearch,
    ) -> Result<AccountPage, AdminError> {
        actor.require(Operation::ListUsers)?;
        Ok(self.directory.search(search).await?)
    }

    /// One account that is not deleted.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn account(&self, target: &Target) -> Result<Account, AdminError> {
        self.find(target).await
    }

    /// Which of these names somebody else than `own` has now, so that all can be
    /// said at once. What decides in the end is the change itself.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn taken(
        &self,
        own: Option<&Account>,
        login: Option<&Login>,
        email: Option<&str>,
    ) -> Result<Taken, AdminError> {
        let others = |found: &Account| own.is_none_or(|own| own.id != found.id);
        let mut taken = Taken::default();
        if let Some(login) = login {
            let found = self.directory.resolve(login.into()).await?;
            taken.login = found.is_some_and(|found| found.login == *login && others(&found));
        }
        if let Some(email) = email {
            let found = self.directory.resolve(TypedLogin::new(email)).await?;
            let same =
                |found: &Account| found.email.as_deref().map(fold_email) == Some(fold_email(email));
            taken.email = found.is_some_and(|found| same(&found) && others(&found));
        }
        Ok(taken)
    }
}
