//! Makes accounts.

use std::fmt;

use crate::admin::lock::not_over;
use crate::admin::person::{DisablementChange, LockChange, address, shown_name};
use crate::admin::{Actor, Admin, AdminError, Outcome, PersonChange, Switch};
use crate::domain::account::Details;
use crate::domain::event::Action;
use crate::domain::lock::{AdminLock, Disablement, Locks};
use crate::domain::login::Login;
use crate::domain::operation::Operation;
use crate::domain::password::Password;
use crate::domain::permission::Permissions;
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::{CreateError, NewAccount};

/// The longest name that is given in one piece, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Somebody who is to have an account.
#[derive(Clone)]
pub struct NewPerson {
    login: Login,
    name: String,
    email: Option<String>,
    admin: bool,
    details: Details,
    active: bool,
    lock: Option<LockChange>,
    disablement: Option<DisablementChange>,
    password: Option<Password>,
    /// The text of a hash that came from another system.
    hash: Option<String>,
}

/// The hash is left out of what is printed.
impl fmt::Debug for NewPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewPerson")
            .field("login", &self.login)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

impl NewPerson {
    /// With this login, and nothing else yet: invited.
    pub fn new(login: Login) -> Self {
        Self {
            login,
            name: String::new(),
            email: None,
            admin: false,
            details: Details::default(),
            active: false,
            lock: None,
            disablement: None,
            password: None,
            hash: None,
        }
    }

    /// The same, called this.
    ///
    /// # Errors
    ///
    /// If the name is too long, or no page could show it.
    pub fn with_name(self, name: &str) -> Result<Self, AdminError> {
        Ok(Self { name: shown_name(name, MAX_NAME_CHARS)?, ..self })
    }

    /// The same, reached at this e-mail address.
    ///
    /// # Errors
    ///
    /// If it has not the form of an address.
    pub fn with_email(self, email: &str) -> Result<Self, AdminError> {
        Ok(Self { email: Some(address(email)?), ..self })
    }

    /// The same, an administrator or not.
    #[must_use]
    pub fn with_admin(self, admin: bool) -> Self {
        Self { admin, ..self }
    }

    /// The same, with what else is known of them. A lock or a disablement is laid from
    /// the beginning; what it says of unlocking and of a version means nothing here.
    #[must_use]
    pub fn with_change(mut self, change: &PersonChange) -> Self {
        let given = |new: &Option<String>, old: String| new.clone().unwrap_or(old);
        let details = &mut self.details;
        details.first_name = given(&change.first_name, std::mem::take(&mut details.first_name));
        details.last_name = given(&change.last_name, std::mem::take(&mut details.last_name));
        let parts = format!("{} {}", details.first_name, details.last_name);
        if !parts.trim().is_empty() {
            parts.trim().clone_into(&mut self.name);
        }
        self.name = given(&change.name, self.name);
        self.login = change.login.clone().unwrap_or(self.login);
        self.email = change.email.clone().unwrap_or(self.email);
        self.admin = change.admin.unwrap_or(self.admin);
        self.password = change.password.clone().or(self.password);
        self.hash = change.hash.clone().or(self.hash);
        self.lock = change.lock.clone().or(self.lock);
        self.disablement = change.disablement.clone().or(self.disablement);
        change.apply_details(&mut self.details);
        self
    }

    /// The same, active without a password: somebody else signs them in.
    #[must_use]
    pub fn active(self) -> Self {
        Self { active: true, ..self }
    }

    /// The same, who may do this to other accounts.
    #[must_use]
    pub fn with_permissions(self, permissions: Permissions) -> Self {
        Self { details: Details { permissions, ..self.details }, ..self }
    }

    /// The same, with a password: active at once.
    #[cfg(feature = "passwords")]
    #[must_use]
    pub fn with_password(self, password: Password) -> Self {
        Self { password: Some(password), ..self }
    }
}

impl Admin {
    /// Makes an account: active with a password, invited without one.
    ///
    /// # Errors
    ///
    /// If whoever asks may not make accounts, the login or the address is taken, or
    /// the login was a deleted account's.
    pub async fn add(&self, actor: &Actor, person: NewPerson) -> Result<Outcome, AdminError> {
        actor.require(Operation::CreateUser)?;
        if person.admin || person.details.permissions != Permissions::default() {
            actor.require_administrator()?;
        }
        let password_hash = self.hash_of(person.password.as_ref()).await?;
        let password_hash = password_hash.or_else(|| person.hash.clone());
        let lifecycle = match password_hash {
            None if !person.active => Lifecycle::Invited,
            _ => Lifecycle::Active,
        };
        let locks = self.laid_on(actor, &person, lifecycle).await?;
        let NewPerson { login, name, email, admin, details, .. } = person;
        let new =
            NewAccount { login, name, email, admin, details, lifecycle, locks, password_hash };
        let note = actor.note(Action::AccountCreated, None);
        let licences = self.licence_limit().await?;
        let made = self
            .directory
            .create_within(licences, new.clone(), note.clone())
            .await;
        let account = match made {
            Err(CreateError::LoginRetired { login })
                if self.set_login_aside(actor, &login).await? =>
            {
                self.directory.create_within(licences, new, note).await?
            }
            made => made?,
        };
        self.tell_gate(&account);
        self.count(Action::AccountCreated);
        Ok(Outcome { account, changed: true, sessions_ended: Some(0), warning: None })
    }

    /// What is laid on somebody from the beginning.
    async fn laid_on(
        &self,
        actor: &Actor,
        person: &NewPerson,
        lifecycle: Lifecycle,
    ) -> Result<Locks, AdminError> {
        let (now, author) = (self.now(), actor.name());
        let mut locks = Locks::default();
        if let Some(LockChange::Lay { until, reason }) = &person.lock {
            Transition::Lock.check(lifecycle)?;
            not_over(until.instant(), now)?;
            let (author, reason) = (author.clone(), reason.clone());
            locks.lay_admin_lock(AdminLock { laid_at: now, end: *until, reason, author });
        }
        if let Some(DisablementChange::Lay(reason, switch)) = &person.disablement {
            Transition::Disable.check(lifecycle)?;
            if *switch == Switch::Heeded {
                self.disabling_is_on().await?;
            }
            locks.disable(Disablement { at: now, reason: reason.clone(), author });
        }
        Ok(locks)
    }

    #[cfg(feature = "passwords")]
    pub(super) async fn hash_of(
        &self,
        password: Option<&Password>,
    ) -> Result<Option<String>, AdminError> {
        let Some(password) = password else { return Ok(None) };
        let hash = self.passwords.hash(password).await;
        hash.map(Some).map_err(|_| AdminError::Hashing)
    }

    #[cfg(not(feature = "passwords"))]
    pub(super) async fn hash_of(&self, _: Option<&Password>) -> Result<Option<String>, AdminError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_a_name_and_address_that_can_be_shown() {
        let person = || NewPerson::new(Login::new("alice").expect("a login"));
        assert!(person().with_name("Alice Ä.").is_ok());
        assert!(person().with_name("Alice\u{1b}[2J").is_err());
        assert!(person().with_name(&"x".repeat(201)).is_err());
        let alice = person()
            .with_email(" Alice@Example.ORG ")
            .expect("an address");
        assert_eq!(alice.email.as_deref(), Some("Alice@Example.ORG"));
        let refused = person().with_email("alice").expect_err("no address");
        assert!(refused.to_string().contains("name@example.org"), "{refused}");
    }
}
