//! What is sent and read: JSON whose field names stay.
//!
//! Instants are RFC 3339 in UTC; an end that is `null` never comes by itself. Locks
//! are there only while they refuse.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::admin::settings::{SettingSource, SettingValue};
use crate::admin::{Invited, Licences, Outcome, Warning};
use crate::domain::account::{Account, AccountId};
use crate::domain::application::Application;
use crate::domain::device::Device;
use crate::domain::invitation::Purpose;
use crate::domain::lock::{AdminLock, Disablement, Lockout};
use crate::domain::permission::Permissions;
use crate::domain::session::Session;
use crate::domain::standing::{Lifecycle, Status};
use crate::domain::time::{Timestamp, rfc3339};
use crate::store::{ApiToken, AuditEntry};

/// An instant, as RFC 3339 has it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Instant(pub(crate) Timestamp);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        rfc3339::serialize(&Some(self.0), serializer)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read: Result<jiff::Timestamp, _> = text.parse();
        let wrong = |_| de::Error::custom(format_args!("{text:?} is no instant: {INSTANT_FORM}"));
        read.map(|at| Self(Timestamp::from_micros(at.as_microsecond())))
            .map_err(wrong)
    }
}

const INSTANT_FORM: &str = "write it as 2030-01-31T12:00:00Z";

/// An account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AccountView {
    pub(crate) id: AccountId,
    pub(crate) version: u64,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) email: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) external_id: Option<String>,
    pub(crate) admin: bool,
    pub(crate) permissions: Permissions,
    pub(crate) status: Status,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) has_password: bool,
    pub(crate) admin_lock: Option<AdminLockView>,
    pub(crate) lockout: Option<LockoutView>,
    pub(crate) disablement: Option<DisablementView>,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
    pub(crate) last_sign_in_at: Option<Instant>,
}

/// A lock that a person or an interface laid.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AdminLockView {
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) reason: Option<String>,
    pub(crate) by: String,
}

/// A lock that the attempt engine laid.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LockoutView {
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
    pub(crate) failures: u32,
}

/// A disablement.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DisablementView {
    pub(crate) since: Instant,
    pub(crate) reason: String,
    pub(crate) by: String,
}

/// What was done to an account.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct OutcomeView {
    pub(crate) changed: bool,
    pub(crate) sessions_ended: Option<usize>,
    pub(crate) warning: Option<Warning>,
    pub(crate) account: AccountView,
}

/// A live session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    pub(crate) created_at: Instant,
    pub(crate) expires_at: Instant,
    pub(crate) last_seen_at: Instant,
    pub(crate) opened_from: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) device: Option<String>,
}

/// A device that an account's owner is known by.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DeviceView {
    pub(crate) id: String,
    pub(crate) user_agent: Option<String>,
    pub(crate) first_seen_at: Instant,
    pub(crate) last_seen_at: Instant,
    pub(crate) last_seen_from: Option<String>,
}

/// An API token, without its secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct TokenView {
    pub(crate) id: String,
    pub(crate) owner: Option<AccountId>,
    pub(crate) application: Option<String>,
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: Instant,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) last_used_at: Option<Instant>,
}

/// An application, without its secret.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct ApplicationView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) enabled: bool,
    pub(crate) scopes: Vec<String>,
    pub(crate) made_by: String,
    pub(crate) created_at: Instant,
    pub(crate) last_used_at: Option<Instant>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct AuditView {
    pub(crate) position: u64,
    pub(crate) at: Instant,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) account: Option<AccountId>,
    pub(crate) reason: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    /// What the chain is checked by.
    pub(crate) link: String,
}

/// Licences, and who uses them.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LicencesView {
    pub(crate) used: u64,
    pub(crate) limit: Option<u64>,
    pub(crate) available: Option<u64>,
    pub(crate) by_status: BTreeMap<String, u64>,
    pub(crate) pinned_by: Option<String>,
    pub(crate) is_set: bool,
}

/// A link that lets somebody choose a password, once.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct InvitationView {
    pub(crate) account: AccountView,
    pub(crate) purpose: Purpose,
    /// What comes after the address of the pages. A secret.
    pub(crate) path: String,
    pub(crate) expires_at: Instant,
}

/// A setting as it is now.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct SettingView {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) default: String,
    pub(crate) description: String,
    pub(crate) allowed: String,
    /// What pins it, where it can't be changed here.
    pub(crate) pinned_by: Option<String>,
    pub(crate) is_set: bool,
}

impl AccountView {
    pub(crate) fn new(account: &Account, now: Timestamp) -> Self {
        let (first, last) = account.names();
        let locks = &account.locks;
        Self {
            id: account.id,
            version: account.version.get(),
            login: account.login.to_string(),
            name: account.name.clone(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            email: account.email.clone(),
            language: account.details.language.clone(),
            external_id: account.details.external_id.clone(),
            admin: account.admin,
            permissions: account.details.permissions.clone(),
            status: account.standing().status(now),
            lifecycle: account.lifecycle,
            has_password: account.has_password,
            admin_lock: locks.admin_lock_at(now).map(AdminLockView::new),
            lockout: locks
                .lockout_at(now)
                .map(|lockout| LockoutView::new(lockout, now)),
            disablement: locks.disablement.as_ref().map(DisablementView::new),
            created_at: account.created_at.into(),
            updated_at: account.updated_at.into(),
            last_sign_in_at: account.last_sign_in_at.map(Instant),
        }
    }
}

impl AdminLockView {
    fn new(lock: &AdminLock) -> Self {
        Self {
            since: lock.laid_at.into(),
            until: lock.end.instant().map(Instant),
            reason: lock.reason.as_ref().map(ToString::to_string),
            by: lock.author.clone(),
        }
    }
}

impl LockoutView {
    fn new(lockout: &Lockout, now: Timestamp) -> Self {
        let until = lockout.end_at(now).instant().map(Instant);
        Self { since: lockout.laid_at.into(), until, failures: lockout.failures }
    }
}

impl DisablementView {
    fn new(disablement: &Disablement) -> Self {
        Self {
            since: disablement.at.into(),
            reason: disablement.reason.to_string(),
            by: disablement.author.clone(),
        }
    }
}

impl OutcomeView {
    pub(crate) fn new(outcome: &Outcome, now: Timestamp) -> Self {
        Self {
            changed: outcome.changed,
            sessions_ended: outcome.sessions_ended,
            warning: outcome.warning,
            account: AccountView::new(&outcome.account, now),
        }
    }
}

impl SessionView {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            id: session.key.id().to_string(),
            created_at: session.created_at.into(),
            expires_at: session.expires_at.into(),
            last_seen_at: session.last_seen_at.into(),
            opened_from: session.opened_from.clone(),
            user_agent: session.user_agent.clone(),
            device: session.device.map(|device| device.to_string()),
        }
    }
}

impl DeviceView {
    pub(crate) fn new(device: &Device) -> Self {
        Self {
            id: device.id.to_string(),
            user_agent: device.user_agent.clone(),
            first_seen_at: device.first_seen_at.into(),
            last_seen_at: device.last_seen_at.into(),
            last_seen_from: device.last_seen_from.clone(),
        }
    }
}

impl TokenView {
    pub(crate) fn new(token: &ApiToken) -> Self {
        Self {
            id: token.key.id().to_string(),
            owner: token.owner.account(),
            application: token.owner.application().map(|id| id.to_string()),
            name: token.name.clone(),
            scopes: token.scopes.clone(),
            created_at: token.created_at.into(),
            expires_at: token.expires_at.map(Instant),
            last_used_at: token.last_used_at.map(Instant),
        }
    }
}

impl ApplicationView {
    pub(crate) fn new(application: &Application) -> Self {
        Self {
            id: application.id.to_string(),
            name: application.name.clone(),
            enabled: application.enabled,
            scopes: application.scopes.clone(),
            made_by: application.made_by.clone(),
            created_at: application.created_at.into(),
            last_used_at: application.last_used_at.map(Instant),
        }
    }
}

impl AuditView {
    pub(crate) fn new(entry: AuditEntry) -> Self {
        let AuditEntry { record, link } = entry;
        Self {
            position: record.position,
            at: record.at.into(),
            actor: record.actor,
            action: record.action.to_string(),
            account: record.account,
            reason: record.reason,
            from: record.from,
            before: record.before.map(json),
            after: record.after.map(json),
            link: link.to_hex(),
        }
    }
}

/// What is stored as JSON is shown as JSON; anything else as the text it is.
fn json(stored: String) -> Value {
    serde_json::from_str(&stored).unwrap_or(Value::String(stored))
}

impl LicencesView {
    pub(crate) fn new(licences: Licences) -> Self {
        let available = licences.available();
        let Licences { used, limit, by_status, source } = licences;
        let counts = [
            ("active", by_status.active),
            ("locked", by_status.locked),
            ("disabled", by_status.disabled),
            ("invited", by_status.invited),
            ("registered", by_status.registered),
            ("deleted", by_status.deleted),
        ];
        Self {
            used,
            limit,
            available,
            by_status: counts
                .map(|(status, count)| (status.to_owned(), count))
                .into(),
            is_set: source != SettingSource::Default,
            pinned_by: pinned_by(source),
        }
    }
}

impl InvitationView {
    pub(crate) fn new(invited: &Invited, now: Timestamp) -> Self {
        Self {
            account: AccountView::new(&invited.account, now),
            purpose: invited.invitation.purpose,
            path: invited.path(),
            expires_at: invited.invitation.expires_at.into(),
        }
    }
}

fn pinned_by(source: SettingSource) -> Option<String> {
    match source {
        SettingSource::Pinned(by) => Some(by),
        _ => None,
    }
}

impl SettingView {
    pub(crate) fn new(found: SettingValue) -> Self {
        let SettingValue { setting, value, source } = found;
        Self {
            name: setting.name.to_owned(),
            value,
            default: setting.default.to_owned(),
            description: setting.words.to_owned(),
            allowed: setting.allowed.to_owned(),
            is_set: source != SettingSource::Default,
            pinned_by: pinned_by(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: an instant is read back as it was, to the microsecond, as far as
        /// there is a calendar.
        #[test]
        fn instants_read_back(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
            let at = Instant(Timestamp::from_micros(micros));
            let text = serde_json::to_string(&at).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<Instant>(&text).ok(), Some(at), "{}", text);
        }

        /// Property: what is no instant is refused with words on how to write one.
        #[test]
        fn anything_else_is_refused_in_words(text in "[ -~]{0,24}") {
            prop_assume!(text.parse::<jiff::Timestamp>().is_err());
            let json = serde_json::to_string(&text).expect("JSON");
            let refused = serde_json::from_str::<Instant>(&json).expect_err("no instant");
            prop_assert!(refused.to_string().contains(INSTANT_FORM), "{}", refused);
        }
    }
}
