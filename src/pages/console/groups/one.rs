//! One group: its members, its name, and what its members may do.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::members::{Candidate, candidates};
use super::{PAGE, found, words_of};
use crate::domain::account::AccountId;
use crate::domain::group::Group;
use crate::domain::operation::Operation;
use crate::domain::permission::Permissions;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::person::{Choice, choices};
use crate::pages::console::staff::Staff;
use crate::pages::console::wrong::Wrong;
use crate::pages::form;
use crate::store::Member;

#[derive(Template)]
#[template(path = "console/group.html")]
pub(super) struct GroupPage {
    shell: Shell,
    id: i64,
    pub(super) name: String,
    version: u64,
    pub(super) permissions: Vec<Choice>,
    members: Vec<Member>,
    count: u64,
    next: Option<AccountId>,
    may_change: bool,
    may_administer: bool,
    /// Whether the password was given lately, which the permissions take.
    is_sure: bool,
    may_delete: bool,
    /// Who is looked for, to be put in.
    pub(super) login: String,
    pub(super) people: Vec<Candidate>,
    pub(super) wrong: Wrong,
}

impl GroupPage {
    /// Whether its members may do more than without it.
    fn gives(&self) -> bool {
        self.permissions.iter().any(|choice| choice.held)
    }
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let group = found(&desk, &staff, &id).await?;
        let page = show(&desk, &staff, &group, &head).await?;
        let login = form::parameter(&head, "login").unwrap_or_default();
        if !page.may_change || login.trim().is_empty() {
            return Ok(page);
        }
        let people = candidates(&desk, &staff, &group, &login).await?;
        Ok::<_, Trouble>(GroupPage { login, people, ..page })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

pub(super) async fn show(
    desk: &Desk,
    staff: &Staff,
    group: &Group,
    head: &Parts,
) -> Result<GroupPage, Trouble> {
    let after = form::parameter(head, "after").and_then(|text| text.parse::<i64>().ok());
    let after = after.and_then(|id| AccountId::try_from(id).ok());
    let members = desk
        .admin
        .members(&staff.actor, group.id, after, PAGE)
        .await?;
    let next = members.last().map(|last| last.account);
    let gives = group.permissions != Permissions::default();
    let administer = staff.rights.administer();
    // Who is in a group that gives permissions is for administrators.
    let may = |operation| staff.rights.allow(operation) && (!gives || administer);
    Ok(GroupPage {
        shell: desk.shell(staff, Section::Groups).with(words_of(head)),
        id: group.id.get(),
        name: group.name.to_string(),
        version: group.version.get(),
        permissions: choices(|one| group.permissions.iter().any(|held| held == one)),
        next: next.filter(|_| members.len() == PAGE as usize),
        members,
        count: desk.admin.count_members(&staff.actor, group.id).await?,
        may_change: may(Operation::UpdateGroup),
        may_administer: administer,
        is_sure: staff.is_sure(desk.now()),
        may_delete: may(Operation::DeleteGroup),
        login: String::new(),
        people: Vec::new(),
        wrong: Wrong::default(),
    })
}
