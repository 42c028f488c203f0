//! Who comes into a group, and who leaves it.

use axum::extract::{Path, State};
use axum::response::Response;

use super::change::{Changed, answered, changed};
use super::found;
use super::one::show;
use crate::admin::{AdminError, GroupChange, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::group::Group;
use crate::domain::operation::Operation;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::Desk;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, Direction, TextField, TextFit};

/// How many people who fit are named at once.
const NAMED: usize = 8;

/// Somebody who may be put into a group.
pub(super) struct Candidate {
    pub(super) id: AccountId,
    pub(super) name: String,
    pub(super) login: String,
}

/// Who fits what was typed and is not in the group yet: the first, by name.
pub(super) async fn candidates(
    desk: &Desk,
    staff: &Staff,
    group: &Group,
    typed: &str,
) -> Result<Vec<Candidate>, Trouble> {
    let text = AccountFilter::Text {
        field: TextField::Any,
        fit: TextFit::Part,
        any_of: vec![typed.trim().to_owned()],
        negated: false,
    };
    let inside = AccountFilter::InGroups(vec![group.id]);
    let search = AccountSearch {
        filters: vec![text, AccountFilter::Not(Box::new(inside))],
        order: vec![
            (AccountOrder::Name, Direction::Ascending),
            (AccountOrder::Login, Direction::Ascending),
        ],
        limit: u32::try_from(NAMED).unwrap_or(u32::MAX),
        uncounted: true,
        ..AccountSearch::default()
    };
    let found = desk.admin.search(&staff.actor, search).await?;
    let candidate = |account: Account| {
        let login = account.login.to_string();
        let name = if account.name.is_empty() { login.clone() } else { account.name };
        Candidate { id: account.id, name, login }
    };
    Ok(found.accounts.into_iter().map(candidate).collect())
}

/// Who comes or goes.
enum Move {
    In(AccountId),
    Out(AccountId),
    /// In, if there is somebody of this name.
    Named(String),
}

impl Move {
    fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let number = |text: String| {
            let id = text.parse::<i64>().ok();
            id.and_then(|id| AccountId::try_from(id).ok())
                .ok_or(Trouble::NotFound)
        };
        if let Some(text) = fields.perhaps("remove")? {
            return Ok(Self::Out(number(text)?));
        }
        if let Some(text) = fields.perhaps("add")? {
            return Ok(Self::In(number(text)?));
        }
        Ok(Self::Named(fields.once("login")?))
    }
}

/// Puts somebody into it, or takes somebody out.
pub(super) async fn members(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        staff.require(Operation::UpdateGroup)?;
        let group = found(&desk, &staff, &id).await?;
        let moved = Move::read(&mut fields)?;
        match moved_to(&desk, &staff, &group, &moved).await? {
            Ok(response) => Ok(Ok(response)),
            Err(words) => {
                let mut page = show(&desk, &staff, &group, &head).await?;
                page.wrong = Wrong::at("login", words);
                if let Move::Named(login) = moved {
                    page.people = match login.trim() {
                        "" => Vec::new(),
                        typed => candidates(&desk, &staff, &group, typed).await?,
                    };
                    page.login = login;
                }
                Ok(Err(Box::new(page)))
            }
        }
    };
    let done: Result<Changed, Trouble> = done.await;
    answered(&desk, &staff, &head, done)
}

async fn moved_to(
    desk: &Desk,
    staff: &Staff,
    group: &Group,
    moved: &Move,
) -> Result<Result<Response, String>, Trouble> {
    let mut change = GroupChange::default();
    let deed = match moved {
        Move::Out(account) => {
            change.members().remove(*account);
            "left"
        }
        Move::In(account) => {
            change.members().add(*account);
            "joined"
        }
        Move::Named(login) if login.trim().is_empty() => {
            return Ok(Err("Say who comes in: type a login, or search.".to_owned()));
        }
        Move::Named(login) => {
            match desk.admin.account(&Target::from(login.trim())).await {
                Ok(account) => change.members().add(account.id),
                Err(error @ AdminError::NotFound { .. }) => {
                    return Ok(Err(sentence(&error.to_string())));
                }
                Err(error) => return Err(error.into()),
            };
            "joined"
        }
    };
    changed(desk, staff, group, change, deed).await
}
