//! The page of one person: whether they can come in and why, what they may do, where they
//! are signed in, and what was done to them.

mod act;
mod add;
mod attempts;
mod edit;
mod history;
mod invite;
mod records;
mod rights;
mod sessions;
mod stale;
mod standing;

pub(super) use self::rights::{Choice, choices, meaning};

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::{get, post};
use http::request::Parts;

use crate::domain::account::{Account, AccountId};
use crate::domain::operation::Operation;
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::pages::answer::see_other;
use crate::pages::called::isolated;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::people::Person;
use crate::pages::console::staff::Staff;
use crate::store::{SessionQuery, SessionState};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/users/new", get(add::page).post(add::submit))
        .route("/users/{id}", get(edit::page).post(edit::submit))
        .route("/users/{id}/standing", post(standing::submit))
        .route("/users/{id}/do/{act}", get(act::page).post(act::submit))
        .route("/users/{id}/password", get(invite::password_page).post(invite::set_password))
        .route("/users/{id}/invite", get(invite::page).post(invite::submit))
        .route("/users/{id}/sessions", get(sessions::page))
        .route("/users/{id}/sessions/end", post(sessions::end))
        .route("/users/{id}/sessions/forget", post(sessions::forget))
        .route("/users/{id}/attempts", get(attempts::page))
        .route("/users/{id}/records", get(records::page))
        .route("/users/{id}/history", get(history::page))
}

/// A part of the page, each with an address of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Tab {
    User,
    Sessions,
    Attempts,
    Records,
    History,
}

const TABS: [(Tab, &str, &str, Permission); 5] = [
    (Tab::User, "", "User", Permission::ViewUsers),
    (Tab::Sessions, "/sessions", "Sessions and devices", Permission::ViewUsers),
    (Tab::Attempts, "/attempts", "Attempts", Permission::ViewAudit),
    (Tab::Records, "/records", "Records", Permission::ManageUsers),
    (Tab::History, "/history", "History", Permission::ViewAudit),
];

/// A link to a tab.
struct TabLink {
    path: String,
    name: &'static str,
    is_here: bool,
}

/// What stands above every tab.
struct Head {
    person: Person,
    tabs: Vec<TabLink>,
    /// What whoever looks may do with this person, beside looking.
    may: May,
    is_deleted: bool,
}

/// What somebody may do with this person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct May {
    manage: bool,
    unlock: bool,
    delete: bool,
    administer: bool,
}

impl Head {
    fn of(staff: &Staff, account: &Account, now: Timestamp, here: Tab) -> Self {
        let open = TABS
            .into_iter()
            .filter(|(.., wanted)| staff.rights.allow(*wanted));
        let tabs = open.map(|(tab, end, name, _)| TabLink {
            path: format!("users/{}{end}", account.id),
            name,
            is_here: tab == here,
        });
        let is_deleted = account.lifecycle == crate::domain::standing::Lifecycle::Deleted;
        let may = May::of(staff, account);
        Self { person: Person::of(account, now), tabs: tabs.collect(), may, is_deleted }
    }
}

impl May {
    fn of(staff: &Staff, account: &Account) -> Self {
        let administer = staff.rights.administer();
        // Administrators are for administrators.
        let reach =
            |operation: Operation| staff.rights.allow(operation) && (!account.admin || administer);
        let is_gone = account.lifecycle == crate::domain::standing::Lifecycle::Deleted;
        Self {
            manage: !is_gone && reach(Operation::UpdateUser),
            unlock: !is_gone && staff.rights.allow(Operation::UnlockUser),
            delete: !is_gone && reach(Operation::DeleteUser) && !staff.me.is_account(account.id),
            administer: !is_gone && administer,
        }
    }
}

/// The person whom an address names, for somebody who may see people.
pub(super) async fn found(desk: &Desk, staff: &Staff, id: &str) -> Result<Account, Trouble> {
    staff.require(Operation::ViewUser)?;
    let id = id
        .parse::<i64>()
        .ok()
        .and_then(|id| AccountId::try_from(id).ok());
    let id = id.ok_or(Trouble::NotFound)?;
    desk.admin.record(id).await?.ok_or(Trouble::NotFound)
}

/// How many sessions of theirs are live now.
pub(super) async fn live_sessions(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
) -> Result<u64, Trouble> {
    let query = SessionQuery {
        account: Some(account.key()),
        state: Some(SessionState::Active),
        limit: 1,
        ..SessionQuery::default()
    };
    Ok(desk.admin.sessions(&staff.actor, query).await?.total)
}

/// " is signed out of 2 sessions now and", for what goes on with "can't sign in".
fn signed_out(sessions: u64) -> String {
    match sessions {
        0 => String::new(),
        1 => " is signed out of 1 session now and".to_owned(),
        many => format!(" is signed out of {many} sessions now and"),
    }
}

const NO_VERSION: &str = "The form is not whole: open the page again, and send it from there.";

fn shell(desk: &Desk, staff: &Staff, request: &Parts, name: &str) -> Shell {
    let notice = Done::of(request).and_then(|done| said(&done, &isolated(name)));
    desk.shell(staff, Section::Users).with(notice)
}

/// What an act of this page did, in words.
fn said(done: &Done, name: &str) -> Option<Notice> {
    let (ended, hold) = (ended(done.count), done.hold());
    let undo = |path: &str, word| (done.id.map(|id| format!("users/{id}/do/{path}")), word);
    let (words, (path, word)) = match &*done.act {
        "locked" => (format!("{name} is locked{ended}.{hold}"), undo("unlock", "Undo")),
        "disabled" => (format!("{name} is disabled{ended}.{hold}"), undo("enable", "Undo")),
        "unlocked" => (format!("{name} is unlocked.{hold}"), (None, "")),
        "lock-lifted" => (format!("The lock on {name} is lifted.{hold}"), (None, "")),
        "lockout-lifted" => (format!("The lockout of {name} is lifted.{hold}"), (None, "")),
        "enabled" => (format!("{name} is enabled.{hold}"), (None, "")),
        "signed-out" => (format!("{name} is signed out everywhere{ended}.{hold}"), (None, "")),
        "saved" => (format!("Saved.{hold}"), (None, "")),
        "unchanged" => ("All of it was so already: nothing was changed.".to_owned(), (None, "")),
        "password" => (format!("{name} has a new password{ended}.{hold}"), (None, "")),
        "session-ended" => (format!("The session is ended.{hold}"), (None, "")),
        "session-gone" => ("That session had ended already.".to_owned(), (None, "")),
        "device-forgotten" => ("The device is forgotten.".to_owned(), (None, "")),
        "added" => (format!("{name} is added."), (None, "")),
        "added-without-link" => (
            format!(
                "{name} is added, but the directory did not answer when the link was to be made."
            ),
            (done.id.map(|id| format!("users/{id}/invite")), "Make an invitation link"),
        ),
        _ => return None,
    };
    let notice = Notice::done(words);
    Some(match path {
        Some(path) => notice.leading_to(path, word),
        None => notice,
    })
}

fn ended(count: Option<u64>) -> String {
    match count {
        None | Some(0) => String::new(),
        Some(1) => ", and 1 session is ended".to_owned(),
        Some(count) => format!(", and {count} sessions are ended"),
    }
}

/// Back to the person's page, with word of what was done.
fn back(desk: &Desk, account: AccountId, tab: &str, done: &Done) -> Response {
    let path = desk.path(&format!("users/{account}{tab}"));
    see_other(&format!("{path}?{}", done.to_query()))
}

type Who = Path<String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_done_is_told_with_what_it_ended() {
        let done = Done::new("locked")
            .count(2)
            .took(std::time::Duration::from_millis(3))
            .id(7);
        let notice = said(&done, "Ada").expect("words");
        let words = "Ada is locked, and 2 sessions are ended. It took hold here in 3 ms.";
        assert_eq!(notice.words, words);
        assert_eq!(notice.onward, Some(("users/7/do/unlock".to_owned(), "Undo")));
        assert!(said(&Done::new("<script>"), "Ada").is_none());
    }
}
