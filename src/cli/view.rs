//! What programs get: JSON whose field names stay.
//!
//! Instants are RFC 3339 in UTC; an end that is `null` never comes by itself.
//! Locks are there only while they refuse. It is a part of what the interface shows,
//! wherever a command is done.

use serde::Serialize;
use serde_json::Value;

use crate::admin::Warning;
use crate::api::own::view::{self as own, AdminLockView, DisablementView, Instant, LockoutView};
use crate::domain::account::AccountId;
use crate::domain::permission::Permissions;
use crate::domain::standing::{Lifecycle, Status};

pub(super) use crate::api::own::view::{ApplicationView, TokenView};

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
    admin_lock: Option<&'a AdminLockView>,
    lockout: Option<&'a LockoutView>,
    disablement: Option<&'a DisablementView>,
    created_at: Instant,
    updated_at: Instant,
    last_sign_in_at: Option<Instant>,
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
    id: &'a str,
    created_at: Instant,
    expires_at: Instant,
    last_seen_at: Instant,
    opened_from: Option<&'a str>,
    user_agent: Option<&'a str>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize)]
pub(super) struct AuditView<'a> {
    position: u64,
    at: Instant,
    actor: &'a str,
    action: &'a str,
    account: Option<AccountId>,
    reason: Option<&'a str>,
    from: Option<&'a str>,
    before: Option<&'a Value>,
    after: Option<&'a Value>,
}

impl<'a> AccountView<'a> {
    pub(super) fn new(account: &'a own::AccountView) -> Self {
        Self {
            id: account.id,
            login: &account.login,
            name: &account.name,
            email: account.email.as_deref(),
            admin: account.admin,
            permissions: &account.permissions,
            status: account.status,
            lifecycle: account.lifecycle,
            has_password: account.has_password,
            admin_lock: account.admin_lock.as_ref(),
            lockout: account.lockout.as_ref(),
            disablement: account.disablement.as_ref(),
            created_at: account.created_at,
            updated_at: account.updated_at,
            last_sign_in_at: account.last_sign_in_at,
        }
    }
}

impl<'a> OutcomeView<'a> {
    pub(super) fn new(outcome: &'a own::OutcomeView) -> Self {
        Self {
            changed: outcome.changed,
            sessions_ended: outcome.sessions_ended,
            warning: outcome.warning,
            account: AccountView::new(&outcome.account),
        }
    }
}

impl<'a> SessionView<'a> {
    pub(super) fn new(session: &'a own::SessionView) -> Self {
        Self {
            id: &session.id,
            created_at: session.created_at,
            expires_at: session.expires_at,
            last_seen_at: session.last_seen_at,
            opened_from: session.opened_from.as_deref(),
            user_agent: session.user_agent.as_deref(),
        }
    }
}

impl<'a> AuditView<'a> {
    pub(super) fn new(record: &'a own::AuditView) -> Self {
        Self {
            position: record.position,
            at: record.at,
            actor: &record.actor,
            action: &record.action,
            account: record.account,
            reason: record.reason.as_deref(),
            from: record.from.as_deref(),
            before: record.before.as_ref(),
            after: record.after.as_ref(),
        }
    }
}

/// The same as a value that more can be put into.
pub(super) fn to_value(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
