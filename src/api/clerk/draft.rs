//! What a request wants a user to be, read field by field.

use std::time::Duration;

use serde_json::{Map, Value};

use super::document::{Document, INTERFACE, METADATA, REMEMBERED, same};
use super::fault::Fault;
use super::{fields, id};
use crate::admin::{AdminError, NewPerson, PersonChange, Switch};
use crate::domain::account::Account;
use crate::domain::lock::{End, Reason};
use crate::domain::login::{Login, fold_email};
use crate::domain::password::Password;
use crate::domain::time::Timestamp;

/// What neither request says anything about, and may be said all the same.
const IGNORED: [&str; 7] = [
    "notify_primary_email_address_changed",
    "sign_out_of_other_sessions",
    "skip_legal_checks",
    "skip_password_checks",
    "skip_password_requirement",
    "skip_user_requirement",
    "email_address_identification_status",
];

/// What Clerk keeps of a person, and we don't.
const NOT_KEPT: [&str; 9] = [
    "backup_codes",
    "password_digest",
    "password_hasher",
    "phone_number",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "profile_image_id",
    "totp_secret",
    "web3_wallet",
];

/// The most addresses that are kept of one person.
const MAX_EMAILS: usize = 50;

/// What a new user is to be.
#[derive(Debug)]
pub(super) struct NewUser {
    change: PersonChange,
    document: Document,
    username: Option<String>,
    emails: Vec<String>,
    banned: bool,
    locked: bool,
}

/// How a request for a new user is carried out.
#[derive(Debug)]
pub(super) struct Terms {
    /// How long a lock lasts that is laid from the beginning.
    pub(super) lock_for: Option<Duration>,
    pub(super) reason: Reason,
    pub(super) now: Timestamp,
}

impl NewUser {
    pub(super) fn read(body: &Map<String, Value>) -> Result<Self, Fault> {
        let mut new = Self {
            change: PersonChange::default(),
            document: Document::default(),
            username: None,
            emails: Vec::new(),
            banned: false,
            locked: false,
        };
        for (name, value) in body {
            new.take(name, value)?;
        }
        Ok(new)
    }

    fn take(&mut self, name: &str, value: &Value) -> Result<(), Fault> {
        match name {
            "username" => self.username = fields::text_or_null(name, value)?.map(str::to_owned),
            "email_address" => self.emails = addresses(name, value)?,
            "banned" => self.banned = fields::flag(name, value)?.unwrap_or(false),
            "locked" => self.locked = fields::flag(name, value)?.unwrap_or(false),
            // Clerk's clients say so only of people who are known elsewhere already.
            "created_at" => drop(fields::instant(name, value)?),
            _ => return take_common(&mut self.change, &mut self.document, name, value),
        }
        Ok(())
    }

    /// Every address that nobody else may have.
    pub(super) fn emails(&self) -> &[String] {
        &self.emails
    }

    pub(super) fn into_person(mut self, terms: Terms) -> Result<NewPerson, Fault> {
        let login = match (&self.username, self.emails.first()) {
            (Some(username), _) => read_username(username)?,
            (None, Some(email)) => Login::new(email)
                .map_err(|invalid| Fault::value("email_address", invalid.to_string()))?,
            (None, None) => return Err(Fault::missing_param("email_address")),
        };
        if self.locked {
            let end = |length| End::At(terms.now.after(length));
            self.change
                .lock(terms.lock_for.map_or(End::Never, end), None);
        }
        if self.banned {
            self.change.disable(terms.reason, Switch::Ignored);
        }
        let mut emails = self.emails.into_iter();
        if let Some(primary) = emails.next() {
            self.change.email(&primary)?;
        }
        self.document.emails = emails.collect();
        self.change.document(INTERFACE, self.document.to_value())?;
        Ok(NewPerson::new(login).active().with_change(&self.change))
    }
}

/// What a request wants to change of a user.
pub(super) fn change(
    account: &Account,
    body: &Map<String, Value>,
    takes_metadata: bool,
) -> Result<PersonChange, Fault> {
    let (mut change, mut document) = (PersonChange::default(), Document::of(account));
    for (name, value) in body {
        match name.as_str() {
            "username" => rename(&mut change, account, fields::text_or_null(name, value)?)?,
            "primary_email_address_id" => {
                if let Some(id) = fields::text_or_null(name, value)? {
                    make_primary(&mut change, &mut document, account, id)?;
                }
            }
            "created_at" => drop(fields::instant(name, value)?),
            kind if METADATA.contains(&kind) && !takes_metadata => {
                return Err(Fault::unknown_param(name));
            }
            _ => take_common(&mut change, &mut document, name, value)?,
        }
    }
    keep(&mut change, account, &document)?;
    Ok(change)
}

/// Keeps the document, where it is another than before.
pub(super) fn keep(
    change: &mut PersonChange,
    account: &Account,
    document: &Document,
) -> Result<(), Fault> {
    if *document != Document::of(account) {
        change.document(INTERFACE, document.to_value())?;
    }
    change.expect(account.version);
    Ok(())
}

/// What new and known users are told alike.
fn take_common(
    change: &mut PersonChange,
    document: &mut Document,
    name: &str,
    value: &Value,
) -> Result<(), Fault> {
    let refuse = |error: AdminError| Fault::value(name, error.to_string());
    match name {
        "first_name" => {
            let text = fields::text_or_null(name, value)?.unwrap_or_default();
            change.first_name(text).map_err(refuse)?;
        }
        "last_name" => {
            let text = fields::text_or_null(name, value)?.unwrap_or_default();
            change.last_name(text).map_err(refuse)?;
        }
        "external_id" => {
            let id = fields::text_or_null(name, value)?;
            change.external_id(id).map_err(refuse)?;
        }
        "locale" => match fields::text_or_null(name, value)? {
            Some(tag) => change.language(tag).map_err(refuse)?,
            None => change.no_language(),
        },
        "password" => {
            if let Some(chosen) = fields::text_or_null(name, value)? {
                change.password(Password::new(chosen).map_err(Fault::of_password)?);
            }
        }
        kind if METADATA.contains(&kind) => {
            document.replace_metadata(kind, fields::object(kind, value)?);
        }
        flag if REMEMBERED.contains(&flag) => remember(document, flag, value)?,
        known if IGNORED.contains(&known) => {}
        known if NOT_KEPT.contains(&known) => fields::nothing(name, value)?,
        _ => return Err(Fault::unknown_param(name)),
    }
    Ok(())
}

/// Keeps what is only shown again. What means nothing to us may not grow either.
fn remember(document: &mut Document, name: &str, value: &Value) -> Result<(), Fault> {
    let kept: Option<Value> = match name {
        "legal_accepted_at" => fields::instant(name, value)?.map(Value::from),
        "create_organizations_limit" => match value {
            Value::Null => None,
            Value::Number(number) if number.as_u64().is_some() => Some(value.clone()),
            _ => return Err(Fault::format(name, "a whole number or null")),
        },
        _ => fields::flag(name, value)?.map(Value::from),
    };
    match kept {
        Some(kept) => document.remembered.insert(name.to_owned(), kept),
        None => document.remembered.remove(name),
    };
    Ok(())
}

/// Addresses, each once.
fn addresses(name: &str, value: &Value) -> Result<Vec<String>, Fault> {
    let mut all: Vec<String> = Vec::new();
    for text in fields::texts(name, value)? {
        let email = text.trim();
        if fold_email(email).is_none() {
            return Err(Fault::format(name, "a list of e-mail addresses"));
        }
        if !all.iter().any(|known| same(known, email)) {
            all.push(email.to_owned());
        }
    }
    if all.len() > MAX_EMAILS {
        return Err(Fault::value(name, format!("at most {MAX_EMAILS} addresses are kept")));
    }
    Ok(all)
}

/// A name that is no address: those would pass for one.
fn read_username(text: &str) -> Result<Login, Fault> {
    if text.contains('@') {
        return Err(Fault::value("username", "a username has no @: name an email_address"));
    }
    Login::new(text).map_err(|invalid| Fault::value("username", invalid.to_string()))
}

/// Whoever has no username any more signs in with their address.
fn rename(
    change: &mut PersonChange,
    account: &Account,
    username: Option<&str>,
) -> Result<(), Fault> {
    let login = match (username, &account.email) {
        (Some(username), _) => read_username(username)?,
        (None, Some(email)) => {
            Login::new(email).map_err(|invalid| Fault::value("username", invalid.to_string()))?
        }
        (None, None) => {
            let why = "without an e-mail address this is the only name to sign in with";
            return Err(Fault::value("username", why));
        }
    };
    change.login(login);
    Ok(())
}

fn make_primary(
    change: &mut PersonChange,
    document: &mut Document,
    account: &Account,
    id: &str,
) -> Result<(), Fault> {
    let others = document.emails.iter().chain(&account.email);
    let mut named = others.filter(|email| id::of_email(account.id, email) == id);
    let Some(email) = named.next().cloned() else {
        let why = "the user has no e-mail address with this id";
        return Err(Fault::value("primary_email_address_id", why));
    };
    document.change_primary(account.email.as_deref(), &email);
    Ok(change.email(&email)?)
}
