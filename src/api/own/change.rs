//! What can be asked of an account, as it is sent.

use serde::{Deserialize, Deserializer, de};

use super::problem::Problem;
use super::view::Instant;
use crate::admin::{AdminError, NewPerson, PersonChange, Switch, UnlockKind};
use crate::domain::lock::{End, Reason};
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::domain::permission::Permissions;

/// What is to be changed; what is not sent stays. `null` takes away what can be
/// missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    login: Option<String>,
    name: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    #[serde(deserialize_with = "sent")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    language: Option<Option<String>>,
    #[serde(deserialize_with = "sent")]
    external_id: Option<Option<String>>,
    admin: Option<bool>,
    permissions: Option<Permissions>,
    password: Option<Chosen>,
    #[serde(deserialize_with = "sent")]
    admin_lock: Option<Option<Lock>>,
    #[serde(deserialize_with = "sent")]
    disablement: Option<Option<Disable>>,
}

/// A lock to be laid.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Lock {
    pub(super) until: Option<Instant>,
    pub(super) reason: Option<Reason>,
}

/// Which locks to lift.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Unlock {
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    #[default]
    All,
    AdminLock,
    Lockout,
}

/// A disablement to be laid.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Disable {
    pub(super) reason: Reason,
}

/// A password to be set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPassword {
    pub(super) password: Chosen,
}

/// A password that somebody chose.
#[derive(Debug)]
pub(super) struct Chosen(pub(super) Password);

impl<'de> Deserialize<'de> for Chosen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Password::new(&text).map(Self).map_err(de::Error::custom)
    }
}

impl Lock {
    pub(super) fn end(&self) -> End {
        self.until.map_or(End::Never, |until| End::At(until.0))
    }
}

impl From<Kind> for UnlockKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::All => Self::All,
            Kind::AdminLock => Self::AdminLock,
            Kind::Lockout => Self::Lockout,
        }
    }
}

impl Change {
    /// Somebody who is to have an account; `active` without a password, because
    /// somebody else signs them in.
    pub(super) fn read_new(self, active: bool) -> Result<NewPerson, Problem> {
        let login = self.login.as_deref();
        let login = read_login(login.ok_or_else(|| Problem::invalid("missing field `login`"))?)?;
        let person = NewPerson::new(login).with_change(&self.read()?);
        Ok(if active { person.active() } else { person })
    }

    /// As the operations take it.
    pub(super) fn read(self) -> Result<PersonChange, Problem> {
        let mut change = PersonChange::default();
        self.read_names(&mut change)?;
        if let Some(admin) = self.admin {
            change.admin(admin);
        }
        if let Some(permissions) = self.permissions {
            change.permissions(permissions);
        }
        if let Some(password) = self.password {
            change.password(password.0);
        }
        match self.admin_lock {
            Some(Some(lock)) => change.lock(lock.end(), lock.reason),
            Some(None) => change.unlock(UnlockKind::AdminLock),
            None => {}
        }
        match self.disablement {
            Some(Some(disable)) => change.disable(disable.reason, Switch::Heeded),
            Some(None) => change.enable(Switch::Heeded),
            None => {}
        }
        Ok(change)
    }

    fn read_names(&self, change: &mut PersonChange) -> Result<(), Problem> {
        type Set = fn(&mut PersonChange, &str) -> Result<(), AdminError>;
        if let Some(login) = &self.login {
            change.login(read_login(login)?);
        }
        let names: [(&Option<String>, Set); 3] = [
            (&self.name, PersonChange::name),
            (&self.first_name, PersonChange::first_name),
            (&self.last_name, PersonChange::last_name),
        ];
        for (name, set) in names {
            if let Some(name) = name {
                set(change, name)?;
            }
        }
        match &self.email {
            Some(Some(email)) => change.email(email)?,
            Some(None) => change.no_email(),
            None => {}
        }
        match &self.language {
            Some(Some(language)) => change.language(language)?,
            Some(None) => change.no_language(),
            None => {}
        }
        if let Some(id) = &self.external_id {
            change.external_id(id.as_deref())?;
        }
        Ok(())
    }
}

fn read_login(login: &str) -> Result<Login, Problem> {
    Login::new(login).map_err(|error| Problem::invalid(error.to_string()))
}

/// Tells `null` from what was not sent.
pub(super) fn sent<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
