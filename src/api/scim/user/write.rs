//! What a client wants of an account, as a change of it.

use serde_json::Value;

use super::INTERFACE;
use super::show::{end_of, is_locked, name_parts, preferred, whole_name};
use crate::admin::{NewPerson, PersonChange, Switch, UnlockKind};
use crate::api::scim::flavour::Flavour;
use crate::api::scim::patch::Touched;
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::{ResourceType, WSO2_URN};
use crate::api::scim::value::{self, Object};
use crate::domain::account::Account;
use crate::domain::lock::{End, Reason};
use crate::domain::login::Login;
use crate::domain::password::Password;
use crate::domain::time::Timestamp;

/// Where a client's words about an account become a change of it.
pub(in crate::api::scim) struct Writer<'a> {
    pub(in crate::api::scim) flavour: Flavour,
    /// Who asks, as the audit log names them.
    pub(in crate::api::scim) actor: String,
    pub(in crate::api::scim) now: Timestamp,
    /// The account, if there is one yet.
    pub(in crate::api::scim) account: Option<&'a Account>,
    /// What the client named.
    pub(in crate::api::scim) touched: &'a Touched,
}

/// The part of a resource that is kept as it was sent.
fn document_of(wanted: &Object, flavour: Flavour) -> Object {
    let kind = ResourceType::User;
    let mut kept = Object::new();
    for attribute in kind.schema().attributes {
        let secret = attribute.name == "password";
        if let Some(value) = wanted.get(attribute.name)
            && !secret
            && !attribute.is_read_only()
        {
            kept.insert(attribute.name.to_owned(), value.clone());
        }
    }
    for extension in kind.extensions(flavour) {
        for attribute in extension
            .attributes
            .iter()
            .filter(|one| !one.is_read_only())
        {
            let computed = matches!(attribute.name, "accountDisabled" | "unlockTime");
            let found = value::get(wanted, Some(extension.urn), attribute.name);
            if let Some(value) = found.filter(|_| !computed) {
                value::set(&mut kept, Some(extension.urn), attribute.name, Some(value.clone()));
            }
        }
    }
    kept
}

/// A language as the directory keeps it, if it is one.
pub(super) fn kept_language(text: &str) -> Option<&str> {
    PersonChange::default().language(text).ok().map(|()| text)
}

fn flag(of: &Object, extension: Option<&str>, name: &str) -> Option<bool> {
    value::get(of, extension, name).and_then(Value::as_bool)
}

impl Writer<'_> {
    /// Somebody new who is like this.
    pub(in crate::api::scim) fn person(&self, wanted: &Object) -> Result<NewPerson, Problem> {
        let login = login_of(wanted)?;
        let change = self.change(wanted)?;
        Ok(NewPerson::new(login).with_change(&change).active())
    }

    /// What makes the account like this.
    pub(in crate::api::scim) fn change(&self, wanted: &Object) -> Result<PersonChange, Problem> {
        let mut change = PersonChange::default();
        let login = login_of(wanted)?;
        if self.account.is_none_or(|account| account.login != login) {
            change.login(login);
        }
        self.set_names(&mut change, wanted)?;
        set_email(&mut change, wanted)?;
        let language = wanted.get("preferredLanguage").and_then(Value::as_str);
        match language.and_then(kept_language) {
            Some(language) => change.language(language)?,
            None => change.no_language(),
        }
        let external_id = wanted.get("externalId").and_then(Value::as_str);
        change.external_id(external_id)?;
        if let Some(password) = wanted.get("password").and_then(Value::as_str) {
            let password = Password::new(password);
            change.password(password.map_err(|error| Problem::value(error.to_string()))?);
        }
        let mut kept = document_of(wanted, self.flavour);
        let active = self.set_disablement(&mut change, wanted)?;
        value::set(&mut kept, None, "active", active.map(Value::from));
        let locked = self.set_lock(&mut change, wanted)?;
        value::set(&mut kept, Some(WSO2_URN), "accountLocked", locked.map(Value::from));
        change.document(INTERFACE, Some(Value::Object(kept)))?;
        Ok(change)
    }

    fn set_names(&self, change: &mut PersonChange, wanted: &Object) -> Result<(), Problem> {
        let (given, family) = name_parts(wanted);
        let in_parts = !given.is_empty() || !family.is_empty();
        if !in_parts {
            change.first_name("")?;
            change.last_name("")?;
            return Ok(change.name(&whole_name(wanted))?);
        }
        change.first_name(&given)?;
        Ok(change.last_name(&family)?)
    }

    /// `active`, `accountDisabled` and what is laid on the account are one fact. Says what
    /// of it is kept as said.
    fn set_disablement(
        &self,
        change: &mut PersonChange,
        wanted: &Object,
    ) -> Result<Option<bool>, Problem> {
        let disabled = self
            .account
            .is_some_and(|account| account.locks.disablement.is_some());
        let active = flag(wanted, None, "active");
        if !self.touched.has(None, "active") && !self.touched.has(Some(WSO2_URN), "accountDisabled")
        {
            return Ok(active);
        }
        // Unsaid, one is active.
        let by_active = self
            .touched
            .has(None, "active")
            .then(|| active == Some(false));
        let by_flag = flag(wanted, Some(WSO2_URN), "accountDisabled")
            .filter(|_| self.touched.has(Some(WSO2_URN), "accountDisabled"));
        let (wanted, switch) = match (by_active, by_flag) {
            (Some(one), Some(other)) if one != other && self.account.is_none() => {
                return Err(Problem::value("active and accountDisabled contradict each other"));
            }
            // Of two that differ, one says what is so already.
            (Some(one), _) if one != disabled => (one, Switch::Ignored),
            (_, Some(other)) => (other, Switch::Heeded),
            (Some(one), None) => (one, Switch::Ignored),
            (None, None) => (disabled, Switch::Ignored),
        };
        if wanted && !disabled {
            change.disable(self.reason()?, switch);
        } else if !wanted && disabled {
            change.enable(switch);
        }
        let said = active.is_some() || by_flag.is_some();
        Ok(said.then_some(!wanted))
    }

    /// A lock that stands already keeps the reason that it has.
    fn new_reason(&self) -> Result<Option<Reason>, Problem> {
        let locks = self.account.map(|account| &account.locks);
        let stands = locks.is_some_and(|locks| locks.admin_lock_at(self.now).is_some());
        if stands { Ok(None) } else { self.reason().map(Some) }
    }

    fn reason(&self) -> Result<Reason, Problem> {
        let words = format!("via scim by {}", self.actor);
        Reason::try_from(words).map_err(|error| Problem::value(error.to_string()))
    }

    /// Says what is kept of it as said.
    fn set_lock(
        &self,
        change: &mut PersonChange,
        wanted: &Object,
    ) -> Result<Option<bool>, Problem> {
        let is_locked = self
            .account
            .is_some_and(|account| is_locked(account, self.now));
        let named = |name| self.touched.has(Some(WSO2_URN), name);
        let said = flag(wanted, Some(WSO2_URN), "accountLocked");
        let end = value::get(wanted, Some(WSO2_URN), "unlockTime").and_then(Value::as_str);
        let end = end.filter(|_| named("unlockTime")).map(|text| {
            let wrong = || Problem::value("unlockTime is milliseconds since 1970, or 0");
            end_of(text).ok_or_else(wrong)
        });
        let end = end.transpose()?;
        match (named("accountLocked"), said) {
            (true, Some(true)) => change.lock(end.unwrap_or(End::Never), self.new_reason()?),
            (true, _) if is_locked => change.unlock(UnlockKind::All),
            (false, _) => match end {
                Some(end) if is_locked => change.lock(end, None),
                Some(End::At(_)) => {
                    return Err(Problem::value("unlockTime is of a lock: set accountLocked, too"));
                }
                _ => {}
            },
            _ => {}
        }
        Ok(said)
    }
}

fn login_of(wanted: &Object) -> Result<Login, Problem> {
    let typed = wanted
        .get("userName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Login::new(typed).map_err(|error| Problem::value(format!("userName can't be so: {error}")))
}

fn set_email(change: &mut PersonChange, wanted: &Object) -> Result<(), Problem> {
    let emails = wanted
        .get("emails")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let own = emails.and_then(|emails| preferred(emails).map(|own| &emails[own]));
    match own.and_then(|own| own.get("value")).and_then(Value::as_str) {
        Some(email) => Ok(change.email(email)?),
        None => {
            change.no_email();
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_holds_nothing_that_is_secret_or_computed() {
        let user = json!({
            "userName": "bob", "password": "x", "externalId": "e", "groups": [],
            WSO2_URN: { "accountLocked": true, "accountDisabled": true, "unlockTime": "1" },
        });
        let kept = document_of(user.as_object().expect("one"), Flavour::Wso2);
        let expected = json!({ "userName": "bob", WSO2_URN: { "accountLocked": true } });
        assert_eq!(Value::Object(kept), expected);
    }
}
