//! What programs get: JSON whose field names stay.
//!
//! Instants are RFC 3339 in UTC; an end that is `null` never comes by itself.
//! Locks are there only while they refuse.

use serde::Serialize;
use serde_json::Value;

use crate::admin::{Outcome, Warning};
use crate::domain::account::{Account, AccountId};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::event::{Action, AuditRecord};
use crate::domain::lock::{AdminLock, Disablement, Lockout, Reason};
use crate::domain::permission::Permissions;
use crate::domain::session::{Session, SessionId};
use crate::domain::standing::{Lifecycle, Status};
use crate::domain::time::Timestamp;
use crate::store::ApiToken;

/// An account.
#[derive(Debug, Serialize)]
pub(super) struct AccountView<'a> {
    id: AccountId,
    login: &'a str,
    name: &'a str,
    email: Option<&'a str>,
    admin: bool,
    permissions: &'a Permissions,
    status: Status,
    lifecycle: Lifecycle,
    has_password: bool,
    admin_lock: Option<AdminLockView<'a>>,
    lockout: Option<LockoutView>,
    disablement: Option<DisablementView<'a>>,
    created_at: String,
    updated_at: String,
    last_sign_in_at: Option<String>,
}

/// A lock that a person or an API laid.
#[derive(Debug, Serialize)]
struct AdminLockView<'a> {
    since: String,
    until: Option<String>,
    reason: Option<&'a str>,
    by: &'a str,
}

/// A lock that the attempt engine laid.
#[derive(Debug, Serialize)]
struct LockoutView {
    since: String,
    until: Option<String>,
    failures: u32,
}

/// A disablement.
#[derive(Debug, Serialize)]
struct DisablementView<'a> {
    since: String,
    reason: &'a str,
    by: &'a str,
}

/// What a command did to an account.
#[derive(Debug, Serialize)]
pub(super) struct OutcomeView<'a> {
    changed: bool,
    sessions_ended: Option<usize>,
    warning: Option<Warning>,
    account: AccountView<'a>,
}

/// A live session.
#[derive(Debug, Serialize)]
pub(super) struct SessionView<'a> {
    id: SessionId,
    created_at: String,
    expires_at: String,
    last_seen_at: String,
    opened_from: Option<&'a str>,
    user_agent: Option<&'a str>,
}

/// An API token, without its secret.
#[derive(Debug, Serialize)]
pub(super) struct TokenView<'a> {
    id: SessionId,
    owner: Option<AccountId>,
    application: Option<ApplicationId>,
    name: &'a str,
    scopes: &'a [String],
    created_at: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// An application, without its secret.
#[derive(Debug, Serialize)]
pub(super) struct ApplicationView<'a> {
    id: ApplicationId,
    name: &'a str,
    enabled: bool,
    scopes: &'a [String],
    made_by: &'a str,
    created_at: String,
    last_used_at: Option<String>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize)]
pub(super) struct AuditView<'a> {
    position: u64,
    at: String,
    actor: &'a str,
    action: Action,
    account: Option<AccountId>,
    reason: Option<&'a str>,
    from: Option<&'a str>,
    before: Option<Value>,
    after: Option<Value>,
}

impl<'a> AccountView<'a> {
    pub(super) fn new(account: &'a Account, now: Timestamp) -> Self {
        let locks = &account.locks;
        Self {
            id: account.id,
            login: account.login.as_str(),
            name: &account.name,
            email: account.email.as_deref(),
            admin: account.admin,
            permissions: &account.details.permissions,
            status: account.standing().status(now),
            lifecycle: account.lifecycle,
            has_password: account.has_password,
            admin_lock: locks.admin_lock_at(now).map(AdminLockView::new),
            lockout: locks.lockout_at(now).map(|l| LockoutView::new(l, now)),
            disablement: locks.disablement.as_ref().map(DisablementView::new),
            created_at: account.created_at.to_string(),
            updated_at: account.updated_at.to_string(),
            last_sign_in_at: text(account.last_sign_in_at),
        }
    }
}

impl<'a> AdminLockView<'a> {
    fn new(lock: &'a AdminLock) -> Self {
        Self {
            since: lock.laid_at.to_string(),
            until: text(lock.end.instant()),
            reason: lock.reason.as_ref().map(Reason::as_str),
            by: &lock.author,
        }
    }
}

impl LockoutView {
    fn new(lockout: &Lockout, now: Timestamp) -> Self {
        Self {
            since: lockout.laid_at.to_string(),
            until: text(lockout.end_at(now).instant()),
            failures: lockout.failures,
        }
    }
}

impl<'a> DisablementView<'a> {
    fn new(disablement: &'a Disablement) -> Self {
        Self {
            since: disablement.at.to_string(),
            reason: disablement.reason.as_str(),
            by: &disablement.author,
        }
    }
}

impl<'a> OutcomeView<'a> {
    pub(super) fn new(outcome: &'a Outcome, now: Timestamp) -> Self {
        Self {
            changed: outcome.changed,
            sessions_ended: outcome.sessions_ended,
            warning: outcome.warning,
            account: AccountView::new(&outcome.account, now),
        }
    }
}

impl<'a> SessionView<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Self {
            id: session.key.id(),
            created_at: session.created_at.to_string(),
            expires_at: session.expires_at.to_string(),
            last_seen_at: session.last_seen_at.to_string(),
            opened_from: session.opened_from.as_deref(),
            user_agent: session.user_agent.as_deref(),
        }
    }
}

impl<'a> TokenView<'a> {
    pub(super) fn new(token: &'a ApiToken) -> Self {
        Self {
            id: token.key.id(),
            owner: token.owner.account(),
            application: token.owner.application(),
            name: &token.name,
            scopes: &token.scopes,
            created_at: token.created_at.to_string(),
            expires_at: text(token.expires_at),
            last_used_at: text(token.last_used_at),
        }
    }
}

impl<'a> ApplicationView<'a> {
    pub(super) fn new(application: &'a Application) -> Self {
        Self {
            id: application.id,
            name: &application.name,
            enabled: application.enabled,
            scopes: &application.scopes,
            made_by: &application.made_by,
            created_at: application.created_at.to_string(),
            last_used_at: text(application.last_used_at),
        }
    }
}

impl<'a> AuditView<'a> {
    pub(super) fn new(record: &'a AuditRecord) -> Self {
        Self {
            position: record.position,
            at: record.at.to_string(),
            actor: &record.actor,
            action: record.action,
            account: record.account,
            reason: record.reason.as_deref(),
            from: record.from.as_deref(),
            before: record.before.as_deref().map(json),
            after: record.after.as_deref().map(json),
        }
    }
}

/// The same as a value that more can be put into.
pub(super) fn to_value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}

fn text(instant: Option<Timestamp>) -> Option<String> {
    instant.map(|instant| instant.to_string())
}

/// What is stored as JSON is shown as JSON; anything else as the text it is.
fn json(stored: &str) -> Value {
    serde_json::from_str(stored).unwrap_or_else(|_| Value::String(stored.to_owned()))
}
