//! A user as a client wants them to be, with everything that is wrong about it.

use serde_json::Value;

use super::attributes::{Sent, blank, derived, flag, login, text, text_if_any};
use super::refusal::{Refusal, Violation};
use super::user::{shown_name, status};
use crate::admin::{Admin, AdminError, Caller, NewPerson, PersonChange};
use crate::domain::account::Account;
use crate::domain::login::Login;
use crate::domain::operation::Operation;
use crate::domain::password::Password;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;

/// What was sent, read as far as it makes sense.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) login: Option<Login>,
    pub(super) change: PersonChange,
    pub(super) violations: Vec<Violation>,
    /// What a form shows for the attributes that were sent.
    pub(super) shown: Sent,
    email: Option<String>,
    invited: bool,
}

impl Draft {
    /// Of somebody who is to have an account.
    pub(super) fn of_new(sent: &Sent, caller: &Caller) -> Self {
        let mut draft = Self::default();
        let chosen = draft.take(text(sent, "status")).flatten();
        draft.invited = chosen == Some("invited");
        if !matches!(chosen, None | Some("active" | "invited")) {
            draft.wrong("status", "a new user is active or invited");
        }
        draft.show("status", chosen.unwrap_or("active"));
        let email = draft
            .take(text(sent, "email"))
            .flatten()
            .unwrap_or_default();
        draft.set_email(email);
        draft.set_names_of_new(sent, email);
        draft.set_optional(sent, None, caller);
        draft.set_admin(sent, false, true, caller);
        let secured = draft.set_password(sent, caller) || sent.contains_key("identityUrl");
        // Who is active has to have a way in.
        if !secured && !draft.invited && matches!(chosen, None | Some("active")) {
            draft.violations.push(blank("password"));
        }
        draft
    }

    /// Of somebody who is there: what is sent as it is already is no change.
    pub(super) fn of_known(
        sent: &Sent,
        account: &Account,
        caller: &Caller,
        now: Timestamp,
    ) -> Self {
        let mut draft = Self::default();
        draft.keep(sent, "name", |name| name == shown_name(account));
        draft.set_known_login(sent, account, caller);
        let (first, last) = account.names();
        draft.set_known_name(sent, ("firstName", first), PersonChange::first_name);
        draft.set_known_name(sent, ("lastName", last), PersonChange::last_name);
        let email = account.email.as_deref().unwrap_or_default();
        if let Some(wanted) = draft.take(text(sent, "email")).flatten()
            && wanted != email
        {
            draft.set_email(wanted);
        }
        draft.set_optional(sent, Some(account), caller);
        draft.set_admin(sent, account.admin, !caller.is(account.id), caller);
        draft.set_password(sent, caller);
        draft.set_status(sent, account, caller, now);
        draft
    }

    /// Adds what somebody else has already.
    pub(super) async fn check_taken(
        &mut self,
        admin: &Admin,
        own: Option<&Account>,
    ) -> Result<(), AdminError> {
        let (login, email) = (self.login.as_ref(), self.email.as_deref());
        let taken = admin.taken(own, login, email).await?;
        if taken.login {
            self.wrong("login", "login has already been taken");
        }
        if taken.email {
            self.wrong("email", "email has already been taken");
        }
        Ok(())
    }

    /// The person, if nothing is wrong.
    pub(super) fn into_person(self) -> Result<NewPerson, Refusal> {
        let (Some(login), true) = (self.login, self.violations.is_empty()) else {
            return Err(Refusal::Invalid(self.violations));
        };
        let person = NewPerson::new(login).with_change(&self.change);
        Ok(if self.invited { person } else { person.active() })
    }

    /// The change, if nothing is wrong.
    pub(super) fn into_change(self) -> Result<PersonChange, Refusal> {
        if self.violations.is_empty() {
            Ok(self.change)
        } else {
            Err(Refusal::Invalid(self.violations))
        }
    }

    fn set_names_of_new(&mut self, sent: &Sent, email: &str) {
        let made = derived(email).filter(|_| self.invited);
        let (first, last) = made.clone().unwrap_or_default();
        let name = if made.is_some() { email } else { "" };
        let name = self
            .take(text(sent, "login"))
            .map(|sent| sent.unwrap_or(name));
        if let Some(name) = name {
            self.show("login", name);
            self.login = self.take(login(name));
        }
        for (attribute, made, set) in [
            ("firstName", first, PersonChange::first_name as SetText),
            ("lastName", last, PersonChange::last_name),
        ] {
            if let Some(name) = self.take(text(sent, attribute)) {
                self.set_name(attribute, name.unwrap_or(&made), set);
            }
        }
    }

    /// People are renamed by whoever manages them, and not by themselves.
    fn set_known_login(&mut self, sent: &Sent, account: &Account, caller: &Caller) {
        let Some(wanted) = self.take(text(sent, "login")).flatten() else { return };
        let Some(wanted) = self.take(login(wanted)) else { return };
        if wanted == account.login {
            return;
        }
        if caller.is(account.id) || !caller.rights.allow(Operation::UpdateUser) {
            return self.violations.push(Violation::read_only("login"));
        }
        self.show("login", wanted.as_str());
        self.login = Some(wanted.clone());
        self.change.login(wanted);
    }

    fn set_known_name(&mut self, sent: &Sent, (name, known): (&'static str, &str), set: SetText) {
        if let Some(wanted) = self.take(text(sent, name)).flatten()
            && wanted != known
        {
            self.set_name(name, wanted, set);
        }
    }

    fn set_name(&mut self, attribute: &'static str, name: &str, set: SetText) {
        self.show(attribute, name);
        if name.trim().is_empty() {
            return self.violations.push(blank(attribute));
        }
        let set = set(&mut self.change, name);
        self.allow(attribute, set);
    }

    fn set_email(&mut self, email: &str) {
        self.show("email", email);
        if email.trim().is_empty() {
            return self.violations.push(blank("email"));
        }
        let set = self.change.email(email);
        if self.allow("email", set) {
            self.email = Some(email.to_owned());
        }
    }

    fn set_optional(&mut self, sent: &Sent, known: Option<&Account>, caller: &Caller) {
        let known = known.map(|account| &account.details);
        let language = known.and_then(|known| known.language.as_deref());
        if let Some(wanted) = self.take(text_if_any(sent, "language")).flatten()
            && Some(wanted) != language
        {
            self.show("language", wanted);
            let set = self.change.language(wanted);
            self.allow("language", set);
        }
        let identity = known.and_then(|known| known.identity_url.as_deref());
        let Some(wanted) = self.take(text_if_any(sent, "identityUrl")) else { return };
        if !sent.contains_key("identityUrl") || wanted == identity {
            return;
        }
        if !caller.rights.administer() {
            return self.violations.push(Violation::read_only("identityUrl"));
        }
        self.show("identityUrl", wanted);
        let set = self.change.identity_url(wanted);
        self.allow("identityUrl", set);
    }

    /// Nobody changes whether they administer themselves.
    fn set_admin(&mut self, sent: &Sent, known: bool, others: bool, caller: &Caller) {
        let Some(wanted) = self.take(flag(sent, "admin")).flatten() else { return };
        if wanted == known {
            return;
        }
        if !others || !caller.rights.administer() {
            return self.violations.push(Violation::read_only("admin"));
        }
        self.show("admin", wanted);
        self.change.admin(wanted);
    }

    /// Whether one was sent.
    fn set_password(&mut self, sent: &Sent, caller: &Caller) -> bool {
        let Some(wanted) = self.take(text_if_any(sent, "password")) else { return true };
        let Some(wanted) = wanted else { return false };
        if !caller.rights.administer() {
            self.violations.push(Violation::read_only("password"));
            return true;
        }
        if self.invited {
            self.wrong("password", "who is invited has no password yet");
            return true;
        }
        if wanted.is_empty() {
            self.violations.push(blank("password"));
        }
        match Password::new(wanted) {
            Ok(password) => self.change.password(password),
            Err(invalid) => self.violations.push(Violation::new("password", invalid)),
        }
        true
    }

    fn set_status(&mut self, sent: &Sent, account: &Account, caller: &Caller, now: Timestamp) {
        let Some(wanted) = self.take(text(sent, "status")).flatten() else { return };
        if wanted == status(account, now) {
            return;
        }
        if !caller.rights.allow(Operation::UpdateUser) {
            return self.violations.push(Violation::read_only("status"));
        }
        self.show("status", wanted);
        match (wanted, account.standing().status(now)) {
            ("locked", Status::Active) => self.change.locked(true),
            ("active", Status::Locked) => self.change.locked(false),
            ("active" | "locked", _) => {
                self.wrong("status", "this account can't be locked or unlocked as it is");
            }
            _ => self.wrong("status", "a user can be made active or locked"),
        }
    }

    /// What can't be written, and has to be as it is where it is sent.
    fn keep(&mut self, sent: &Sent, name: &'static str, is_so: impl Fn(&str) -> bool) {
        if let Some(wanted) = self.take(text_if_any(sent, name)).flatten()
            && !is_so(wanted)
        {
            self.violations.push(Violation::read_only(name));
        }
    }

    fn take<T>(&mut self, read: Result<T, Violation>) -> Option<T> {
        read.map_err(|violation| self.violations.push(violation))
            .ok()
    }

    fn allow(&mut self, attribute: &'static str, set: Result<(), AdminError>) -> bool {
        let wrong = set.map_err(|error| Violation::new(attribute, error));
        self.take(wrong).is_some()
    }

    fn wrong(&mut self, attribute: &'static str, words: &str) {
        self.violations.push(Violation::new(attribute, words));
    }

    fn show(&mut self, name: &str, value: impl Into<Value>) {
        self.shown.insert(name.to_owned(), value.into());
    }
}

type SetText = fn(&mut PersonChange, &str) -> Result<(), AdminError>;
