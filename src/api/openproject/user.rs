//! A user, as whoever asks may see them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::USERS;
use crate::admin::Caller;
use crate::domain::account::Account;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;

/// The document. What somebody may not see is left out of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User<'a> {
    #[serde(rename = "_type")]
    kind: &'static str,
    id: i64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(flatten)]
    managed: Option<Managed<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<bool>,
    avatar: Option<&'a str>,
    #[serde(rename = "_links")]
    links: Map<String, Value>,
}

/// What only they themselves see, and whoever may see who there is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Managed<'a> {
    login: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    status: &'static str,
    identity_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<&'a str>,
}

impl<'a> User<'a> {
    /// As this caller sees this account now; `views` says whether they may see others'
    /// fields here.
    pub(super) fn of(account: &'a Account, caller: &Caller, views: bool, now: Timestamp) -> Self {
        let own = caller.is(account.id);
        let views_all = caller.rights.are_administrators() && views;
        let time = |at| (own || views_all).then(|| written(at));
        Self {
            kind: "User",
            id: account.id.get(),
            name: shown_name(account),
            created_at: time(account.created_at),
            updated_at: time(account.updated_at),
            managed: (own || views).then(|| Managed::of(account, now)),
            admin: views_all.then_some(account.admin),
            avatar: None,
            links: links(account, caller, now),
        }
    }
}

impl<'a> Managed<'a> {
    fn of(account: &'a Account, now: Timestamp) -> Self {
        let (first_name, last_name) = account.names();
        Self {
            login: account.login.as_str(),
            first_name,
            last_name,
            email: account.email.as_deref(),
            status: status(account, now),
            identity_url: account.details.identity_url.as_deref(),
            language: account.details.language.as_deref(),
        }
    }
}

/// Everybody is called something.
pub(super) fn shown_name(account: &Account) -> &str {
    if account.name.is_empty() { account.login.as_str() } else { &account.name }
}

/// OpenProject knows nobody who is disabled: to it they are locked.
pub(super) fn status(account: &Account, now: Timestamp) -> &'static str {
    match account.standing().status(now) {
        Status::Disabled => Status::Locked.as_str(),
        status => status.as_str(),
    }
}

/// Milliseconds, as in the documentation's example.
pub(super) fn written(at: Timestamp) -> String {
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(instant) => format!("{instant:.3}"),
        Err(_) => at.to_string(),
    }
}

fn links(account: &Account, caller: &Caller, now: Timestamp) -> Map<String, Value> {
    let (id, login) = (account.id, account.login.as_str());
    let own_href = format!("{USERS}/{id}");
    let mut links = Map::new();
    links.insert("self".into(), json!({ "href": own_href, "title": shown_name(account) }));
    let status = status(account, now);
    if status != "locked" {
        let page = json!({ "href": format!("/users/{id}"), "type": "text/html" });
        links.insert("showUser".into(), page);
    }
    if !caller.rights.administer() {
        return links;
    }
    let mut action = |name: &str, href: &str, words: &str, method| {
        let title = format!("{words} {login}");
        links.insert(name.into(), json!({ "href": href, "title": title, "method": method }));
    };
    action("updateImmediately", &own_href, "Update", "patch");
    let lock = format!("{own_href}/lock");
    match status {
        "active" => action("lock", &lock, "Set lock on", "post"),
        "locked" => action("unlock", &lock, "Remove lock on", "delete"),
        _ => {}
    }
    if !caller.is(id) {
        action("delete", &own_href, "Delete", "delete");
    }
    links
}
