//! An account as it is shown.

use serde_json::{Value, json};

use super::INTERFACE;
use super::write::kept_language;
use crate::api::scim::flavour::Flavour;
use crate::api::scim::schema::{ResourceType, WSO2_URN};
use crate::api::scim::tag::tag;
use crate::api::scim::value::{self, Object, PRIMARY, is_primary};
use crate::domain::account::Account;
use crate::domain::lock::End;
use crate::domain::login::Login;
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::Membership;

/// Everything that there is to show, also what is shown to who asks for it alone.
pub(in crate::api::scim) fn shown(
    account: &Account,
    memberships: &[Membership],
    flavour: Flavour,
    now: Timestamp,
) -> Object {
    let kept = account
        .details
        .documents
        .get(INTERFACE)
        .and_then(Value::as_object);
    let mut user = kept.cloned().unwrap_or_else(|| first_document(account));
    user.insert("id".to_owned(), account.id.to_string().into());
    let external_id = account.details.external_id.clone().map(Value::from);
    value::set(&mut user, None, "externalId", external_id);
    set_login(&mut user, account);
    set_names(&mut user, account);
    set_email(&mut user, account);
    set_language(&mut user, account);
    set_standing(&mut user, account, flavour, now);
    let groups = memberships.iter().filter(|one| one.account == account.id);
    let groups: Vec<Value> = groups.map(|one| membership(one, flavour)).collect();
    value::set(&mut user, None, "groups", (!groups.is_empty()).then_some(groups.into()));
    user.insert("meta".to_owned(), meta(account, flavour));
    user
}

/// The same for filters: what was never said is what follows from that.
pub(in crate::api::scim) fn for_filters(
    mut user: Object,
    account: &Account,
    now: Timestamp,
) -> Value {
    let disabled = account.locks.disablement.is_some();
    value::set(&mut user, None, "active", Some((!disabled).into()));
    value::set(&mut user, Some(WSO2_URN), "accountDisabled", Some(disabled.into()));
    let locked = is_locked(account, now);
    value::set(&mut user, Some(WSO2_URN), "accountLocked", Some(locked.into()));
    Value::Object(user)
}

/// What an account is that no client of this interface has written yet.
fn first_document(account: &Account) -> Object {
    let mut user = Object::new();
    if !account.name.is_empty() {
        user.insert("displayName".to_owned(), account.name.clone().into());
        user.insert("name".to_owned(), json!({ "givenName": account.names().0 }));
    }
    user
}

fn set_login(user: &mut Object, account: &Account) {
    let kept = user.get("userName").and_then(Value::as_str);
    let same = kept.is_some_and(|kept| Login::new(kept).as_ref() == Ok(&account.login));
    if !same {
        user.insert("userName".to_owned(), account.login.as_str().into());
    }
}

fn text<'a>(user: &'a Object, outer: &str, name: &str) -> &'a str {
    user.get(outer)
        .and_then(|outer| outer.get(name))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// What the whole name is, where its parts are not said.
pub(super) fn whole_name(user: &Object) -> String {
    let formatted = text(user, "name", "formatted");
    let display = user
        .get("displayName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let whole = if formatted.is_empty() { display } else { formatted };
    whole.trim().to_owned()
}

pub(super) fn name_parts(user: &Object) -> (String, String) {
    let part = |name| text(user, "name", name).trim().to_owned();
    (part("givenName"), part("familyName"))
}

fn set_names(user: &mut Object, account: &Account) {
    let (given, family) = name_parts(user);
    let details = &account.details;
    let same_parts = given == details.first_name && family == details.last_name;
    let in_parts = !given.is_empty() || !family.is_empty();
    if same_parts && (in_parts || whole_name(user) == account.name) {
        return;
    }
    let mut name = match user.remove("name") {
        Some(Value::Object(name)) => name,
        _ => Object::new(),
    };
    name.remove("formatted");
    let (given, family) = account.names();
    for (part, text) in [("givenName", given), ("familyName", family)] {
        value::set(&mut name, None, part, (!text.is_empty()).then_some(text.into()));
    }
    value::set(user, None, "name", (!name.is_empty()).then_some(Value::Object(name)));
    if !in_parts || user.contains_key("displayName") {
        let whole = &account.name;
        value::set(user, None, "displayName", (!whole.is_empty()).then_some(whole.as_str().into()));
    }
}

/// The place of the preferred address: the primary one, or else the first.
pub(super) fn preferred(emails: &[Value]) -> Option<usize> {
    let primary = emails.iter().position(is_primary);
    primary.or((!emails.is_empty()).then_some(0))
}

fn set_email(user: &mut Object, account: &Account) {
    let mut emails = match user.remove("emails") {
        Some(Value::Array(emails)) => emails,
        _ => Vec::new(),
    };
    let own = preferred(&emails);
    let kept = own
        .and_then(|own| emails[own].get("value"))
        .and_then(Value::as_str);
    if kept.map(str::trim) != account.email.as_deref() {
        match (own, &account.email) {
            (Some(own), Some(email)) => emails[own]["value"] = email.as_str().into(),
            (None, Some(email)) => {
                emails.push(json!({ "value": email, "type": "work", PRIMARY: true }));
            }
            (Some(own), None) if kept.is_some() => drop(emails.remove(own)),
            (_, None) => {}
        }
    }
    value::set(user, None, "emails", (!emails.is_empty()).then_some(emails.into()));
}

fn set_language(user: &mut Object, account: &Account) {
    let kept = user.get("preferredLanguage").and_then(Value::as_str);
    if kept.and_then(kept_language) == account.details.language.as_deref() {
        return;
    }
    let language = account.details.language.clone().map(Value::from);
    value::set(user, None, "preferredLanguage", language);
}

pub(super) fn is_locked(account: &Account, now: Timestamp) -> bool {
    let locks = &account.locks;
    locks.admin_lock_at(now).is_some() || locks.lockout_at(now).is_some()
}

/// What stands against the account. What nobody ever said is left out, unless it refuses.
fn set_standing(user: &mut Object, account: &Account, flavour: Flavour, now: Timestamp) {
    let locks = &account.locks;
    let (disabled, locked) = (locks.disablement.is_some(), is_locked(account, now));
    let was_said = user.contains_key("active");
    let active = (was_said || disabled).then(|| (!disabled).into());
    value::set(user, None, "active", active);
    let mut own = |name, value| value::set(user, Some(WSO2_URN), name, value);
    own("accountDisabled", (was_said || disabled || !flavour.is_wso2()).then(|| disabled.into()));
    let lock_was_said = account
        .details
        .documents
        .get(INTERFACE)
        .is_some_and(|kept| {
            kept.get(WSO2_URN)
                .and_then(|own| own.get("accountLocked"))
                .is_some()
        });
    own("accountLocked", (lock_was_said || locked).then(|| locked.into()));
    let admin_lock = locks.admin_lock_at(now);
    let lockout = locks.lockout_at(now);
    let reason = match (admin_lock, lockout) {
        (Some(_), _) => Some("ADMIN_INITIATED".into()),
        (None, Some(_)) => Some("MAX_ATTEMPTS_EXCEEDED".into()),
        (None, None) => None,
    };
    own("lockedReason", reason);
    let ends = admin_lock.map(|lock| lock.end).into_iter();
    let end = ends.chain(lockout.map(|lockout| lockout.end_at(now))).max();
    own("unlockTime", end.map(|end| milliseconds(end.instant()).into()));
    own("accountState", Some(state(account, disabled, locked).into()));
    let lockouts = locks.lockout.as_ref().map(|lockout| lockout.id.n.into());
    own("failedLoginLockoutCount", lockouts);
    let last = account
        .last_sign_in_at
        .map(|at| milliseconds(Some(at)).into());
    own("lastLogonTime", last);
    own("isReadOnlyUser", Some(false.into()));
}

/// 0 is no instant.
fn milliseconds(at: Option<Timestamp>) -> String {
    // Rounded up: nobody comes back too early.
    at.map_or(0, |at| at.as_micros().div_euclid(1_000) + i64::from(at.as_micros() % 1_000 != 0))
        .to_string()
}

fn state(account: &Account, disabled: bool, locked: bool) -> &'static str {
    match account.lifecycle {
        _ if disabled => "DISABLED",
        _ if locked => "LOCKED",
        Lifecycle::Invited => "PENDING_AP",
        Lifecycle::Registered => "PENDING_SR",
        Lifecycle::Active | Lifecycle::Deleted => "UNLOCKED",
    }
}

fn membership(one: &Membership, flavour: Flavour) -> Value {
    json!({
        "value": one.group.to_string(),
        "$ref": format!("{}/Groups/{}", flavour.mount(), one.group),
        "display": one.name,
        "type": "direct",
    })
}

fn meta(account: &Account, flavour: Flavour) -> Value {
    json!({
        "resourceType": ResourceType::User.name(),
        "created": stamp(account.created_at),
        "lastModified": stamp(account.updated_at),
        "location": format!("{}/Users/{}", flavour.mount(), account.id),
        "version": tag(account.version),
    })
}

/// An instant to the microsecond, so that it can be asked for.
pub(in crate::api::scim) fn stamp(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_microsecond(at.as_micros());
    instant.map_or_else(|_| at.to_string(), |instant| instant.to_string())
}

/// When a lock ends that is asked for in milliseconds.
pub(super) fn end_of(text: &str) -> Option<End> {
    match text.trim().parse::<i64>().ok()? {
        0 => Some(End::Never),
        milliseconds if milliseconds > 0 => {
            Some(End::At(Timestamp::from_micros(milliseconds.checked_mul(1_000)?)))
        }
        _ => None,
    }
}
