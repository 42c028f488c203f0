//! People as lines of a file, the same wherever they are exported.

use crate::domain::account::Account;
use crate::domain::lock::End;
use crate::domain::time::Timestamp;

/// What each line says, by its first one.
pub(crate) const HEAD: [&str; 13] = [
    "login",
    "name",
    "first_name",
    "last_name",
    "email",
    "admin",
    "permissions",
    "external_id",
    "status",
    "locked",
    "disabled",
    "created_at",
    "last_sign_in_at",
];

/// In the order of [`HEAD`].
pub(crate) fn values(account: &Account, now: Timestamp) -> [String; 13] {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let lock = account.locks.admin_lock_at(now).map(|lock| lock.end);
    let locked = match lock {
        None => yes_no(false),
        Some(End::Never) => yes_no(true),
        Some(End::At(end)) => end.to_string(),
    };
    let permissions = serde_json::to_value(&account.details.permissions);
    let permissions: Vec<String> = permissions
        .ok()
        .and_then(|words| serde_json::from_value(words).ok())
        .unwrap_or_default();
    [
        account.login.to_string(),
        account.name.clone(),
        account.details.first_name.clone(),
        account.details.last_name.clone(),
        account.email.clone().unwrap_or_default(),
        yes_no(account.admin),
        permissions.join(" "),
        account.details.external_id.clone().unwrap_or_default(),
        account.standing().status(now).to_string(),
        locked,
        yes_no(account.locks.disablement.is_some()),
        account.created_at.to_string(),
        account
            .last_sign_in_at
            .map(|at| at.to_string())
            .unwrap_or_default(),
    ]
}
