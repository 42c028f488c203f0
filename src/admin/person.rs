//! What is to be changed of a person, checked as it is put together.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::admin::{AdminError, UnlockKind};
use crate::domain::account::{Account, Details};
use crate::domain::lock::{End, Reason};
use crate::domain::login::{Login, fold_email};
use crate::domain::password::Password;
use crate::domain::permission::Permissions;
use crate::domain::standing::Version;
#[cfg(feature = "passwords")]
use crate::engine::passwords::ImportedHash;

/// The longest part of a name, in characters.
const MAX_PART_CHARS: usize = 256;

/// The longest language tag, identity URL and external id, in bytes.
const MAX_LANGUAGE_BYTES: usize = 35;
const MAX_IDENTITY_BYTES: usize = 256;
const MAX_EXTERNAL_ID_BYTES: usize = 256;

/// The most that one interface keeps of a person in its own words, as JSON.
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// What is to be changed of a person; what is not named stays.
#[derive(Clone, Default)]
pub struct PersonChange {
    pub(super) login: Option<Login>,
    pub(super) name: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    pub(super) email: Option<Option<String>>,
    pub(super) language: Option<Option<String>>,
    pub(super) identity_url: Option<Option<String>>,
    pub(super) external_id: Option<Option<String>>,
    pub(super) documents: BTreeMap<String, Option<Value>>,
    pub(super) admin: Option<bool>,
    pub(super) permissions: Option<Permissions>,
    pub(super) lock: Option<LockChange>,
    pub(super) disablement: Option<DisablementChange>,
    pub(super) password: Option<Password>,
    /// The text of a hash that came from another system.
    pub(super) hash: Option<String>,
    pub(super) expected: Option<Version>,
}

/// The hash is left out of what is printed.
impl fmt::Debug for PersonChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PersonChange")
            .field("login", &self.login)
            .field("admin", &self.admin)
            .field("lock", &self.lock)
            .field("disablement", &self.disablement)
            .finish_non_exhaustive()
    }
}

/// What is to become of the locks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum LockChange {
    Lay { until: End, reason: Option<Reason> },
    Lift(UnlockKind),
}

/// What is to become of the disablement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum DisablementChange {
    Lay(Reason, Switch),
    Lift(Switch),
}

/// What the setting `accounts.disabling` means to whoever asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is asked or it is not")]
pub enum Switch {
    /// While it is off, nobody is disabled or enabled.
    Heeded,
    /// Whoever asks has no other way to say that somebody left.
    Ignored,
}

impl PersonChange {
    /// Renames: the new login is what the person types from now on, and the old one
    /// is never anybody else's.
    pub fn login(&mut self, login: Login) {
        self.login = Some(login);
    }

    /// Changes the name, in one piece.
    ///
    /// # Errors
    ///
    /// If it is too long, or no page could show it.
    pub fn name(&mut self, name: &str) -> Result<(), AdminError> {
        self.name = Some(shown_name(name, MAX_PART_CHARS)?);
        Ok(())
    }

    /// Changes the first part of the name.
    ///
    /// # Errors
    ///
    /// As [`PersonChange::name`].
    pub fn first_name(&mut self, name: &str) -> Result<(), AdminError> {
        self.first_name = Some(shown_name(name, MAX_PART_CHARS)?);
        Ok(())
    }

    /// Changes the last part of the name.
    ///
    /// # Errors
    ///
    /// As [`PersonChange::name`].
    pub fn last_name(&mut self, name: &str) -> Result<(), AdminError> {
        self.last_name = Some(shown_name(name, MAX_PART_CHARS)?);
        Ok(())
    }

    /// Changes the primary e-mail address.
    ///
    /// # Errors
    ///
    /// If it has not the form of an address.
    pub fn email(&mut self, email: &str) -> Result<(), AdminError> {
        self.email = Some(Some(address(email)?));
        Ok(())
    }

    /// Takes the primary e-mail address away.
    pub fn no_email(&mut self) {
        self.email = Some(None);
    }

    /// Changes the language.
    ///
    /// # Errors
    ///
    /// If it is not written as `en` or `pt-BR`.
    pub fn language(&mut self, tag: &str) -> Result<(), AdminError> {
        let word = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let begins = tag.starts_with(|c: char| c.is_ascii_alphabetic());
        if !begins || tag.len() > MAX_LANGUAGE_BYTES || !tag.split('-').all(word) {
            return Err(AdminError::InvalidLanguage { tag: tag.to_owned() });
        }
        self.language = Some(Some(tag.to_owned()));
        Ok(())
    }

    /// Takes the language away: what a service speaks by itself is good enough.
    pub fn no_language(&mut self) {
        self.language = Some(None);
    }

    /// Changes who the person is at an identity provider.
    ///
    /// # Errors
    ///
    /// If it is too long, or has characters that can't be seen.
    pub fn identity_url(&mut self, url: Option<&str>) -> Result<(), AdminError> {
        let visible = |url: &str| !url.is_empty() && url.bytes().all(|b| b.is_ascii_graphic());
        if url.is_some_and(|url| url.len() > MAX_IDENTITY_BYTES || !visible(url)) {
            return Err(AdminError::InvalidIdentity { max: MAX_IDENTITY_BYTES });
        }
        self.identity_url = Some(url.map(str::to_owned));
        Ok(())
    }

    /// Changes what another system knows the person by.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, or has control characters.
    pub fn external_id(&mut self, id: Option<&str>) -> Result<(), AdminError> {
        let good = |id: &str| {
            (1..=MAX_EXTERNAL_ID_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)
        };
        if id.is_some_and(|id| !good(id)) {
            return Err(AdminError::InvalidExternalId { max: MAX_EXTERNAL_ID_BYTES });
        }
        self.external_id = Some(id.map(str::to_owned));
        Ok(())
    }

    /// Changes what an interface keeps of the person in its own words, all of it, or
    /// takes it away.
    ///
    /// # Errors
    ///
    /// If it is more than 64 KiB of JSON.
    pub fn document(
        &mut self,
        interface: &'static str,
        document: Option<Value>,
    ) -> Result<(), AdminError> {
        let bytes = document
            .as_ref()
            .map_or(0, |document| document.to_string().len());
        if bytes > MAX_DOCUMENT_BYTES {
            return Err(AdminError::DocumentTooLarge { bytes, max: MAX_DOCUMENT_BYTES });
        }
        self.documents.insert(interface.to_owned(), document);
        Ok(())
    }

    /// Makes them an administrator, or one no more.
    pub fn admin(&mut self, admin: bool) {
        self.admin = Some(admin);
    }

    /// Changes what they may do to other accounts.
    pub fn permissions(&mut self, permissions: Permissions) {
        self.permissions = Some(permissions);
    }

    /// Lays an admin lock without an end, or lifts all locks.
    pub fn locked(&mut self, locked: bool) {
        if locked {
            self.lock(End::Never, None);
        } else {
            self.unlock(UnlockKind::All);
        }
    }

    /// Lays an admin lock, as [`Admin::lock`](crate::admin::Admin::lock) does.
    pub fn lock(&mut self, until: End, reason: Option<Reason>) {
        self.lock = Some(LockChange::Lay { until, reason });
    }

    /// Lifts locks, as [`Admin::unlock`](crate::admin::Admin::unlock) does.
    pub fn unlock(&mut self, kind: UnlockKind) {
        self.lock = Some(LockChange::Lift(kind));
    }

    /// Disables, as [`Admin::disable`](crate::admin::Admin::disable) does.
    pub fn disable(&mut self, reason: Reason, switch: Switch) {
        self.disablement = Some(DisablementChange::Lay(reason, switch));
    }

    /// Lifts a disablement, as [`Admin::enable`](crate::admin::Admin::enable) does.
    pub fn enable(&mut self, switch: Switch) {
        self.disablement = Some(DisablementChange::Lift(switch));
    }

    /// Sets a password.
    #[cfg(feature = "passwords")]
    pub fn password(&mut self, password: Password) {
        self.password = Some(password);
    }

    /// Takes the hash of a password over that another system made.
    #[cfg(feature = "passwords")]
    pub fn imported_hash(&mut self, hash: &ImportedHash) {
        self.hash = Some(hash.expose().to_owned());
    }

    /// Changes the account only as it is in this version, which whoever asks has seen.
    pub fn expect(&mut self, version: Version) {
        self.expected = Some(version);
    }

    /// Whether the setting `accounts.disabling` has to be on for this.
    pub(super) fn heeds_the_switch(&self) -> bool {
        use DisablementChange::{Lay, Lift};
        matches!(self.disablement, Some(Lay(_, Switch::Heeded) | Lift(Switch::Heeded)))
    }

    /// Whether this says what somebody may do.
    pub(super) fn grants(&self) -> bool {
        self.admin.is_some() || self.permissions.is_some()
    }

    /// Whether this gives somebody a way in.
    pub(super) fn opens(&self) -> bool {
        let secret = self.password.is_some() || self.hash.is_some();
        secret || self.identity_url.is_some()
    }

    /// Whether people may ask this of their own account: names, address and language.
    pub(super) fn is_for_owners(&self) -> bool {
        let named = self.login.is_some() || self.external_id.is_some();
        let barred = self.lock.is_some() || self.disablement.is_some();
        !named && !barred && self.documents.is_empty()
    }

    /// The names and the rest, without locks and passwords, as they are then.
    pub(super) fn apply(&self, account: &mut Account) {
        self.apply_names(account);
        set(&mut account.login, self.login.clone());
        set(&mut account.email, self.email.clone());
        set(&mut account.admin, self.admin);
        self.apply_details(&mut account.details);
    }

    /// What is kept beside names, address and standing.
    pub(super) fn apply_details(&self, details: &mut Details) {
        set(&mut details.language, self.language.clone());
        set(&mut details.identity_url, self.identity_url.clone());
        set(&mut details.external_id, self.external_id.clone());
        set(&mut details.permissions, self.permissions.clone());
        for (interface, document) in self.documents.clone() {
            match document {
                Some(document) => details.documents.insert(interface, document),
                None => details.documents.remove(&interface),
            };
        }
    }

    fn apply_names(&self, account: &mut Account) {
        if self.first_name.is_some() || self.last_name.is_some() {
            let (first, last) = account.names();
            let first = self.first_name.clone().unwrap_or_else(|| first.to_owned());
            let last = self.last_name.clone().unwrap_or_else(|| last.to_owned());
            account.name = format!("{first} {last}").trim().to_owned();
            (account.details.first_name, account.details.last_name) = (first, last);
        } else if self.name.is_some() {
            (account.details.first_name, account.details.last_name) = Default::default();
        }
        set(&mut account.name, self.name.clone());
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

/// Reads a name that people are shown.
pub(super) fn shown_name(name: &str, max: usize) -> Result<String, AdminError> {
    let name = name.trim();
    if name.chars().count() > max || name.chars().any(char::is_control) {
        return Err(AdminError::InvalidName { max });
    }
    Ok(name.to_owned())
}

/// Reads an e-mail address.
pub(super) fn address(email: &str) -> Result<String, AdminError> {
    let email = email.trim().to_owned();
    match fold_email(&email) {
        Some(_) => Ok(email),
        None => Err(AdminError::InvalidEmail { email }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_page_could_show_is_refused() {
        let mut change = PersonChange::default();
        assert!(change.first_name("Ada\u{1b}[2J").is_err());
        assert!(change.last_name(&"x".repeat(257)).is_err());
        assert!(change.email("ada").is_err());
        for tag in ["", "english please", "en_GB", "-", "en-", "1", "ä", &"a".repeat(36)] {
            assert!(change.language(tag).is_err(), "{tag:?}");
        }
        for tag in ["en", "EN", "pt-BR", "zh-Hant-TW"] {
            assert!(change.language(tag).is_ok(), "{tag:?}");
        }
        for url in ["", "a b", "a\u{200b}", &"x".repeat(257)] {
            assert!(change.identity_url(Some(url)).is_err(), "{url:?}");
        }
        assert!(change.identity_url(Some("saml:12345")).is_ok());
    }

    #[test]
    fn what_programs_keep_is_bounded() {
        let mut change = PersonChange::default();
        let long = Value::String("x".repeat(MAX_DOCUMENT_BYTES - 2));
        assert!(change.document("scim", Some(long)).is_ok());
        let longer = Value::String("x".repeat(MAX_DOCUMENT_BYTES - 1));
        let refused = change.document("scim", Some(longer)).expect_err("too long");
        assert!(matches!(refused, AdminError::DocumentTooLarge { .. }), "{refused}");
        for id in ["", "a\u{7}", &"x".repeat(257)] {
            assert!(change.external_id(Some(id)).is_err(), "{id:?}");
        }
        assert!(change.external_id(Some("HR-0042 ä")).is_ok());
    }
}
