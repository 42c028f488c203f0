//! Records of the audit log, as people read them: who did what, to whom, why, and what
//! is different since.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::admin::{Actor, Admin};
use crate::domain::account::AccountId;
use crate::domain::event::{Action, AuditRecord};
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::people::author;
use crate::pages::when::Moment;

/// How many fields that are different since are named in a list.
const NAMED: usize = 3;

/// A record in words.
pub(super) struct Entry {
    pub(super) position: u64,
    pub(super) at: Moment,
    pub(super) who: String,
    pub(super) what: &'static str,
    /// Whom it is about: their number, and what they are called.
    pub(super) whom: Option<(AccountId, String)>,
    /// What a record about no account names: a group, an application, a setting.
    pub(super) subject: Option<String>,
    pub(super) why: Option<String>,
    pub(super) from: Option<String>,
    pub(super) changes: Vec<Change>,
    /// Whether it is about what was not there before.
    is_new: bool,
}

/// One field that is different since.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Change {
    pub(super) field: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// What each of these says, with the logins of those whom they name.
pub(super) async fn in_words(
    admin: &Admin,
    records: &[AuditRecord],
    now: Timestamp,
) -> Result<Vec<Entry>, Trouble> {
    let mut named: BTreeSet<AccountId> = records.iter().filter_map(|one| one.account).collect();
    named.extend(
        records
            .iter()
            .filter_map(|one| Actor::account_in(&one.actor)),
    );
    let mut logins = BTreeMap::new();
    for id in named {
        if let Some(account) = admin.record(id).await? {
            logins.insert(id, account.login.to_string());
        }
    }
    Ok(records
        .iter()
        .map(|record| Entry::of(record, &logins, now))
        .collect())
}

impl Entry {
    /// What is different since, by name: the first few, and how many more. Of what is
    /// new all is.
    pub(super) fn summary(&self) -> String {
        if self.is_new {
            return String::new();
        }
        let named = self
            .changes
            .iter()
            .take(NAMED)
            .map(|change| change.field.as_str());
        let named = named.collect::<Vec<_>>().join(", ");
        match self.changes.len().saturating_sub(NAMED) {
            0 => named,
            more => format!("{named} and {more} more"),
        }
    }

    fn of(record: &AuditRecord, logins: &BTreeMap<AccountId, String>, now: Timestamp) -> Self {
        let login = |id: AccountId| {
            logins
                .get(&id)
                .cloned()
                .unwrap_or_else(|| format!("number {id}"))
        };
        let who = Actor::account_in(&record.actor);
        Self {
            position: record.position,
            at: Moment::past(record.at, now),
            who: who.map_or_else(|| author(&record.actor), login),
            what: match record.account {
                Some(_) => words(record.action),
                None => alone(words(record.action)),
            },
            whom: record.account.map(|id| (id, login(id))),
            subject: subject(record),
            why: record.reason.clone(),
            from: record.from.clone(),
            changes: changes(record.before.as_deref(), record.after.as_deref()),
            is_new: record.before.is_none(),
        }
    }
}

/// What was done, so that it stands between who did it and whom it was done to.
pub(super) const fn words(action: Action) -> &'static str {
    match action {
        Action::AccountActivated => "activated",
        Action::AccountCreated => "added",
        Action::AccountDeleted => "deleted",
        Action::AccountDisabled => "disabled",
        Action::AccountEnabled => "enabled",
        Action::AccountLocked => "locked",
        Action::AccountLockedOut => "locked out after failed sign-ins",
        Action::AccountLockedOutAtAddress => "locked out at one address",
        Action::AccountWouldBeLockedOut => "would have locked out",
        Action::AccountUnlocked => "unlocked",
        Action::AccountUpdated => "changed",
        Action::AddressUnlocked => "let an address try again",
        Action::ApplicationCreated => "added an application",
        Action::ApplicationDisabled => "disabled an application",
        Action::ApplicationEnabled => "enabled an application",
        Action::ApplicationRemoved => "removed an application",
        Action::ApplicationScopesChanged => "changed what an application may do",
        Action::ApplicationSecretRotated => "gave an application a new secret",
        Action::AuditPruned => "pruned the audit log",
        Action::DeletionBegun => "began to delete",
        Action::DeletionCancelled => "called off the deletion of",
        Action::DeletionResumed => "went on deleting",
        Action::DeviceForgotten => "forgot a device of",
        Action::DeviceLockedOut => "locked out one known device of",
        Action::GroupCreated => "made a group",
        Action::GroupDeleted => "deleted a group",
        Action::GroupUpdated => "changed a group",
        Action::PasswordRehashed => "keeps the password as another hash for",
        Action::InvitationCreated => "made an invitation link for",
        Action::PasswordRemoved => "took away the password of",
        Action::PasswordSet => "set the password of",
        Action::RecordsTransferred => "transferred records of",
        Action::RunBegun => "began a bulk update",
        Action::RunCancelled => "stopped a bulk update",
        Action::RunResumed => "went on with a bulk update",
        Action::SessionEnded => "ended a session of",
        Action::SessionsEnded => "signed out everywhere",
        Action::SettingChanged => "changed a setting",
        Action::TokenCreated => "made an API token for",
        Action::TokenRevoked => "revoked an API token of",
    }
}

/// The same where nobody is named.
fn alone(words: &'static str) -> &'static str {
    let words = words.strip_suffix(" for").unwrap_or(words);
    words.strip_suffix(" of").unwrap_or(words)
}

/// What a record about no account names.
fn subject(record: &AuditRecord) -> Option<String> {
    let kept = record.after.as_deref().or(record.before.as_deref());
    let kept: Value = serde_json::from_str(kept.filter(|_| record.account.is_none())?).ok()?;
    let name = kept.get("group").unwrap_or(&kept).get("name")?;
    name.as_str()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

/// The fields that differ between two records. What changes with every change says
/// nothing and is left out.
fn changes(before: Option<&str>, after: Option<&str>) -> Vec<Change> {
    let read = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (before, after) = (flat(read(before)), flat(read(after)));
    let fields: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let text = |side: &BTreeMap<String, String>, field: &String| {
        side.get(field).cloned().unwrap_or_default()
    };
    let changed = fields
        .into_iter()
        .filter(|field| before.get(*field) != after.get(*field));
    changed
        .filter(|field| !ALWAYS.contains(&field.strip_prefix("group ").unwrap_or(field)))
        // Which lockout it is says nothing either: its failures and its time do.
        .filter(|field| !field.starts_with("locks lockout id "))
        .map(|field| Change {
            field: called(field),
            before: text(&before, field),
            after: text(&after, field),
        })
        .collect()
}

/// A field, as people call it.
fn called(field: &str) -> String {
    let inner = ["locks ", "details "]
        .into_iter()
        .find_map(|above| field.strip_prefix(above));
    let field = inner.unwrap_or(field);
    field.replace("admin_lock", "lock").replace('_', " ")
}

const ALWAYS: [&str; 5] =
    ["version", "updated_at", "generation", "sessions_ended_at", "attempts_generation"];

/// Every value by the path of its names, as a text; what is nothing is left out.
fn flat(value: Option<Value>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    match value {
        Some(Value::Object(object)) => flatten("", &object, &mut fields),
        Some(other) if !other.is_null() => {
            fields.insert("value".to_owned(), shown(&other));
        }
        _ => {}
    }
    fields
}

fn flatten(above: &str, object: &Map<String, Value>, fields: &mut BTreeMap<String, String>) {
    for (name, value) in object {
        let path = if above.is_empty() { name.clone() } else { format!("{above} {name}") };
        match value {
            Value::Null => {}
            Value::Object(inner) => flatten(&path, inner, fields),
            Value::Array(items) if items.is_empty() => {}
            other => {
                fields.insert(path, shown(other));
            }
        }
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = r#"{"name":"Ada","admin":false,"version":3,"locks":{"admin_lock":null},"permissions":[]}"#;
        let after = r#"{"name":"Ada","admin":true,"version":4,"locks":{"admin_lock":{"reason":"left"}},"permissions":["users.view"]}"#;
        let change = |field: &str, before: &str, after: &str| Change {
            field: field.to_owned(),
            before: before.to_owned(),
            after: after.to_owned(),
        };
        assert_eq!(
            changes(Some(before), Some(after)),
            [
                change("admin", "no", "yes"),
                change("lock reason", "", "left"),
                change("permissions", "", "users.view"),
            ]
        );
        assert!(changes(Some(after), Some(after)).is_empty());
        assert!(changes(None, Some("not JSON")).is_empty());
        assert_eq!(changes(Some("\"5m\""), Some("\"10m\"")), [change("value", "5m", "10m")]);
    }

    fn record(action: Action, before: Option<&str>, after: Option<&str>) -> AuditRecord {
        AuditRecord {
            position: 7,
            at: Timestamp::from_secs(1_000),
            actor: "system".to_owned(),
            action,
            account: None,
            reason: None,
            from: None,
            before: before.map(str::to_owned),
            after: after.map(str::to_owned),
        }
    }

    fn told(record: &AuditRecord) -> Entry {
        Entry::of(record, &BTreeMap::new(), Timestamp::from_secs(2_000))
    }

    #[test]
    fn a_record_about_nobody_names_what_it_is_about() {
        let made = r#"{"id":"7","application":"a","name":"nightly","scopes":["*"]}"#;
        let one = told(&record(Action::TokenCreated, None, Some(made)));
        assert_eq!((one.what, one.subject.as_deref()), ("made an API token", Some("nightly")));
        assert_eq!(one.summary(), "", "all of it is new");
        let one = told(&record(Action::TokenRevoked, Some(made), None));
        assert_eq!(one.what, "revoked an API token");
        let one = told(&record(Action::SessionsEnded, None, None));
        assert_eq!((one.what, one.subject), ("signed out everywhere", None));
    }

    #[test]
    fn a_list_names_the_first_of_what_is_different() {
        let before = r#"{"group":{"name":"Crew","version":1,"updated_at":1,"a":1,"b":1}}"#;
        let after = r#"{"group":{"name":"Team","version":2,"updated_at":2,"a":2,"b":2},"members":{"added":[7]}}"#;
        let one = told(&record(Action::GroupUpdated, Some(before), Some(after)));
        assert_eq!(one.subject.as_deref(), Some("Team"));
        assert_eq!(one.summary(), "group a, group b, group name and 1 more");
    }
}
