//! A user, as Clerk's clients read it: every key that they need, on every user.

use serde_json::{Value, json};

use super::document::{Document, METADATA};
use super::id;
use crate::domain::account::Account;
use crate::domain::lock::End;
use crate::domain::time::Timestamp;

const DAY_MILLIS: i64 = 24 * 3600 * 1000;

/// The document of an account at an instant, with how many guesses are left.
pub(super) fn document(account: &Account, guesses_left: Option<u32>, now: Timestamp) -> Value {
    let kept = Document::of(account);
    let (first, last) = account.names();
    let lock = lock(account, now);
    let email = account.email.as_deref();
    let mut user = json!({
        "object": "user",
        "id": id::of_user(account.id),
        "external_id": account.details.external_id,
        "primary_email_address_id": email.map(|email| id::of_email(account.id, email)),
        "primary_phone_number_id": null,
        "primary_web3_wallet_id": null,
        "username": username(account),
        "first_name": text(first),
        "last_name": text(last),
        "locale": account.details.language,
        "image_url": "",
        "profile_image_url": "",
        "has_image": false,
        "password_enabled": account.has_password,
        "password_last_updated_at": null,
        "two_factor_enabled": false,
        "totp_enabled": false,
        "backup_code_enabled": false,
        "mfa_enabled_at": null,
        "mfa_disabled_at": null,
        "email_addresses": emails(account, &kept),
        "phone_numbers": [],
        "web3_wallets": [],
        "passkeys": [],
        "external_accounts": [],
        "saml_accounts": [],
        "enterprise_accounts": [],
        "created_at": millis(account.created_at),
        "updated_at": millis(account.updated_at),
        "last_sign_in_at": account.last_sign_in_at.map(millis),
        "last_active_at": account.last_sign_in_at.map(day),
        "banned": account.locks.disablement.is_some(),
        "deprovisioned": false,
        "locked": lock.is_some(),
        "lockout_expires_in_seconds": lock.and_then(|end| remaining(end, now)),
        "verification_attempts_remaining": guesses_left,
        "delete_self_enabled": false,
        "create_organization_enabled": false,
        "create_organizations_limit": null,
        "legal_accepted_at": null,
        "bypass_client_trust": false,
    });
    for kind in METADATA {
        user[kind] = kept.metadata(kind);
    }
    for (name, value) in kept.remembered {
        user[name] = value;
    }
    user
}

/// Whose login is an e-mail address has no name beside it.
pub(super) fn username(account: &Account) -> Option<&str> {
    Some(account.login.as_str()).filter(|login| !login.contains('@'))
}

fn text(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

pub(super) fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1000)
}

/// The day on which it was.
fn day(at: Timestamp) -> i64 {
    millis(at).div_euclid(DAY_MILLIS) * DAY_MILLIS
}

/// When the last of the locks ends that are on.
fn lock(account: &Account, now: Timestamp) -> Option<End> {
    let locks = &account.locks;
    let admin_lock = locks.admin_lock_at(now).map(|lock| lock.end);
    let lockout = locks.lockout_at(now).map(|lockout| lockout.end_at(now));
    admin_lock.max(lockout)
}

/// In whole seconds and not too few: who is locked has some left.
fn remaining(end: End, now: Timestamp) -> Option<u64> {
    let left = end.instant()?.since(now);
    Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

/// The primary one first.
fn emails(account: &Account, kept: &Document) -> Vec<Value> {
    let others = kept.emails.iter().map(String::as_str);
    let all = account.email.as_deref().into_iter().chain(others);
    all.map(|email| email_address(account, email)).collect()
}

fn email_address(account: &Account, email: &str) -> Value {
    json!({
        "object": "email_address",
        "id": id::of_email(account.id, email),
        "email_address": email,
        "reserved": false,
        "verification": {
            "object": "verification_admin",
            "status": "verified",
            "strategy": "admin",
            "attempts": null,
            "expire_at": null,
        },
        "linked_to": [],
        "matches_sso_connection": false,
        "created_at": millis(account.created_at),
        "updated_at": millis(account.updated_at),
    })
}
