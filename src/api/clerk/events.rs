//! What events tell of: the documents that requests are answered with.

use serde_json::Value;

use super::{sessions, users};
use crate::admin::Admin;
use crate::domain::account::Account;
use crate::store::SessionRecord;

pub(in crate::api) async fn user(admin: &Admin, account: &Account) -> Value {
    users::document(admin, account).await
}

pub(in crate::api) fn tombstone(account: &Account) -> Value {
    users::tombstone(account)
}

pub(in crate::api) fn session(record: &SessionRecord) -> Value {
    sessions::document(record)
}
