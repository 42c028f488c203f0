//! Takes people over from another system, one at a time.

use crate::admin::{Actor, Admin, AdminError, NewPerson, PersonChange, Target};
use crate::domain::account::Account;
use crate::domain::login::{Login, TypedLogin};
use crate::engine::passwords::ImportedHash;

/// Somebody who is known to another system.
#[derive(Clone, Debug)]
pub struct ImportedPerson {
    login: Login,
    change: PersonChange,
    hash: Option<ImportedHash>,
    active: bool,
}

/// What became of somebody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Import {
    /// They have an account now.
    Added,
    /// Their account is as it was: it was there already.
    Kept,
    /// Their account was there, and is as asked for already.
    Unchanged,
    /// Their account was there, and was changed.
    Updated,
}

impl ImportedPerson {
    /// With this login, and what else is known of them.
    pub fn new(login: Login, change: PersonChange) -> Self {
        Self { login, change, hash: None, active: false }
    }

    /// The same, who signs in with the password that they have.
    #[must_use]
    pub fn with_hash(self, hash: ImportedHash) -> Self {
        Self { hash: Some(hash), ..self }
    }

    /// The same, active also without a password: somebody else signs them in.
    #[must_use]
    pub fn active(self) -> Self {
        Self { active: true, ..self }
    }

    /// The login.
    pub const fn login(&self) -> &Login {
        &self.login
    }
}

impl Admin {
    /// Makes an account for somebody, or changes the one that is there if that is asked
    /// for. A password that is set already stays: it may be newer. So the same people can
    /// be taken over again, and nothing more happens to them.
    ///
    /// # Errors
    ///
    /// As [`Admin::add`] and [`Admin::update`].
    pub async fn import(
        &self,
        actor: &Actor,
        person: ImportedPerson,
        update: bool,
    ) -> Result<Import, AdminError> {
        let Some(found) = self.who_is_called(&person.login).await? else {
            let ImportedPerson { login, mut change, hash, active } = person;
            if let Some(hash) = &hash {
                change.imported_hash(hash);
            }
            let new = NewPerson::new(login).with_change(&change);
            let new = if active { new.active() } else { new };
            self.add(actor, new).await?;
            return Ok(Import::Added);
        };
        if !update {
            return Ok(Import::Kept);
        }
        let ImportedPerson { mut change, hash, .. } = person;
        if let Some(hash) = hash.filter(|_| !found.has_password) {
            change.imported_hash(&hash);
        }
        let updated = self.update(actor, &Target::from(found.id), change).await?;
        Ok(if updated.changed { Import::Updated } else { Import::Unchanged })
    }

    /// Says what [`Admin::import`] would come to, but for the rules that only a change is
    /// held to.
    ///
    /// # Errors
    ///
    /// If the store can't answer, or an address is another account's.
    pub async fn preview_import(
        &self,
        person: &ImportedPerson,
        update: bool,
    ) -> Result<Import, AdminError> {
        let found = self.who_is_called(&person.login).await?;
        if let Some(Some(email)) = &person.change.email
            && self.taken(found.as_ref(), None, Some(email)).await?.email
        {
            let email = email.clone();
            return Err(AdminError::Create(crate::store::CreateError::EmailTaken { email }));
        }
        Ok(match found {
            None => Import::Added,
            Some(_) if update => Import::Updated,
            Some(_) => Import::Kept,
        })
    }

    /// The stored hash of a password, for a copy of the directory. A secret.
    ///
    /// # Errors
    ///
    /// If anybody but the host asks.
    pub async fn exported_hash(
        &self,
        actor: &Actor,
        account: &Account,
    ) -> Result<Option<String>, AdminError> {
        if !matches!(actor, Actor::Cli { .. }) {
            return Err(AdminError::AdministratorsOnly);
        }
        Ok(self.directory.password_hash(account.id).await?)
    }

    /// Whose login it is: an address that reads like it is another name.
    async fn who_is_called(&self, login: &Login) -> Result<Option<Account>, AdminError> {
        let found = self.directory.resolve(TypedLogin::from(login)).await?;
        Ok(found.filter(|found| found.login == *login))
    }
}
