//! Makes accounts.

use crate::admin::update::{PersonChange, address, shown_name};
use crate::admin::{Actor, Admin, AdminError, Outcome};
use crate::domain::account::Details;
use crate::domain::event::Action;
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::standing::Lifecycle;
use crate::store::NewAccount;

/// The longest name that is given in one piece, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Somebody who is to have an account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    login: Login,
    name: String,
    email: Option<String>,
    admin: bool,
    details: Details,
    active: bool,
    password: Option<Password>,
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
            password: None,
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

    /// The same, with what else is known of them. A lock that it names is left
    /// out: nobody is born locked.
    #[must_use]
    pub fn with_change(self, change: &PersonChange) -> Self {
        let PersonChange { first_name, last_name, email, language, .. } = change.clone();
        let (first, last) = (first_name.unwrap_or_default(), last_name.unwrap_or_default());
        let name = format!("{first} {last}").trim().to_owned();
        let details = Details {
            first_name: first,
            last_name: last,
            language: language.or(self.details.language),
            identity_url: change
                .identity_url
                .clone()
                .unwrap_or(self.details.identity_url),
            permissions: change
                .permissions
                .clone()
                .unwrap_or(self.details.permissions),
        };
        Self {
            name: if name.is_empty() { self.name } else { name },
            email: email.or(self.email),
            admin: change.admin.unwrap_or(self.admin),
            details,
            password: change.password.clone().or(self.password),
            ..self
        }
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
        actor.require(Permission::ManageUsers)?;
        if person.admin || person.details.permissions != Permissions::default() {
            actor.require_administrator()?;
        }
        let password_hash = self.hash_of(person.password.as_ref()).await?;
        let lifecycle = match password_hash {
            None if !person.active => Lifecycle::Invited,
            _ => Lifecycle::Active,
        };
        let NewPerson { login, name, email, admin, details, active: _, password: _ } = person;
        let new = NewAccount { login, name, email, admin, details, lifecycle, password_hash };
        let note = actor.note(Action::AccountCreated, None);
        let licences = self.licence_limit().await?;
        let account = self.directory.create_within(licences, new, note).await?;
        self.tell_gate(&account);
        self.count(Action::AccountCreated);
        Ok(Outcome { account, changed: true, sessions_ended: Some(0), warning: None })
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
