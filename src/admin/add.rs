//! Makes accounts.

use crate::admin::{Actor, Admin, AdminError, Outcome};
use crate::domain::event::Action;
use crate::domain::login::{Login, fold_email};
use crate::domain::password::Password;
use crate::domain::standing::Lifecycle;
use crate::store::NewAccount;

/// The longest name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// Somebody who is to have an account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    login: Login,
    name: String,
    email: Option<String>,
    admin: bool,
    password: Option<Password>,
}

impl NewPerson {
    /// With this login, and nothing else yet: invited.
    pub fn new(login: Login) -> Self {
        Self { login, name: String::new(), email: None, admin: false, password: None }
    }

    /// The same, called this.
    ///
    /// # Errors
    ///
    /// If the name is too long, or no page could show it.
    pub fn with_name(self, name: &str) -> Result<Self, AdminError> {
        let name = name.trim();
        if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            return Err(AdminError::InvalidName { max: MAX_NAME_CHARS });
        }
        Ok(Self { name: name.to_owned(), ..self })
    }

    /// The same, reached at this e-mail address.
    ///
    /// # Errors
    ///
    /// If it has not the form of an address.
    pub fn with_email(self, email: &str) -> Result<Self, AdminError> {
        let email = email.trim().to_owned();
        match fold_email(&email) {
            Some(_) => Ok(Self { email: Some(email), ..self }),
            None => Err(AdminError::InvalidEmail { email }),
        }
    }

    /// The same, an administrator or not.
    #[must_use]
    pub fn with_admin(self, admin: bool) -> Self {
        Self { admin, ..self }
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
    /// If the login or the address is taken, or the login was a deleted account's.
    pub async fn add(&self, actor: &Actor, person: NewPerson) -> Result<Outcome, AdminError> {
        let password_hash = self.hash_of(person.password.as_ref()).await?;
        let lifecycle = match password_hash {
            Some(_) => Lifecycle::Active,
            None => Lifecycle::Invited,
        };
        let NewPerson { login, name, email, admin, password: _ } = person;
        let new = NewAccount { login, name, email, admin, lifecycle, password_hash };
        let note = actor.note(Action::AccountCreated, None);
        let account = self.directory.create(new, note).await?;
        self.tell_gate(&account);
        self.count(Action::AccountCreated);
        Ok(Outcome { account, changed: true, sessions_ended: Some(0), warning: None })
    }

    #[cfg(feature = "passwords")]
    async fn hash_of(&self, password: Option<&Password>) -> Result<Option<String>, AdminError> {
        let Some(password) = password else { return Ok(None) };
        let hash = self.passwords.hash(password).await;
        hash.map(Some).map_err(|_| AdminError::Hashing)
    }

    #[cfg(not(feature = "passwords"))]
    async fn hash_of(&self, _: Option<&Password>) -> Result<Option<String>, AdminError> {
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
