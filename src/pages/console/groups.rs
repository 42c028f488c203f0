//! Groups: who is in them, and what that lets them do.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use super::Here;
use crate::admin::{AdminError, GroupChange, Target};
use crate::domain::account::AccountId;
use crate::domain::group::{Group, GroupId, GroupName};
use crate::domain::operation::Operation;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::standing::Version;
use crate::pages::answer::{self, see_other};
use crate::pages::called;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::person::{Choice, choices};
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::{self, Fields};
use crate::store::{GroupQuery, Member};

const PAGE: u32 = 50;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/groups", get(list).post(create))
        .route("/groups/{id}", get(page).post(save))
        .route("/groups/{id}/members", post(members))
        .route("/groups/{id}/delete", get(last_look).post(delete))
}

#[derive(Template)]
#[template(path = "console/groups.html")]
struct ListPage {
    shell: Shell,
    groups: Vec<(i64, String, String)>,
    next: Option<i64>,
    may_create: bool,
    name: String,
    error: String,
}

#[derive(Template)]
#[template(path = "console/group.html")]
struct GroupPage {
    shell: Shell,
    id: i64,
    name: String,
    version: u64,
    permissions: Vec<Choice>,
    members: Vec<Member>,
    count: u64,
    next: Option<AccountId>,
    may_change: bool,
    may_administer: bool,
    may_delete: bool,
    login: String,
    wrong: &'static str,
    error: String,
}

#[derive(Template)]
#[template(path = "console/group_delete.html")]
struct DeletePage {
    shell: Shell,
    id: i64,
    name: String,
    version: u64,
    count: u64,
    loses: String,
}

impl GroupPage {
    /// What a member is called, where that can be seen.
    fn name_of(member: &Member) -> String {
        called::shown(&member.display).unwrap_or_else(|| format!("number {}", member.account))
    }

    fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

fn words_of(head: &Parts) -> Option<Notice> {
    let done = Done::of(head)?;
    let words = match &*done.act {
        "made" => "The group is made. Put people into it.",
        "saved" => "Saved.",
        "unchanged" => "All of it was so already: nothing was changed.",
        "joined" => "They are in the group now.",
        "left" => "They are in the group no more.",
        "deleted" => "The group is deleted. Its members stay.",
        _ => return None,
    };
    Some(Notice::done(words))
}

async fn list(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show_list(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show_list(desk: &Desk, staff: &Staff, head: &Parts) -> Result<ListPage, Trouble> {
    let after = form::parameter(head, "after").and_then(|text| text.parse::<i64>().ok());
    let after = after.and_then(|id| id.try_into().ok());
    let query = GroupQuery { after, limit: PAGE, ..GroupQuery::default() };
    let found = desk.admin.groups(&staff.actor, query).await?.groups;
    let next = found.last().map(|last| last.id.get());
    let words = |group: &Group| {
        let held: Vec<_> = group.permissions.iter().map(Permission::as_str).collect();
        held.join(", ")
    };
    Ok(ListPage {
        shell: desk.shell(staff, Section::Groups).with(words_of(head)),
        next: next.filter(|_| found.len() == PAGE as usize),
        groups: found
            .iter()
            .map(|one| (one.id.get(), one.name.to_string(), words(one)))
            .collect(),
        may_create: staff.rights.allow(Operation::CreateGroup),
        name: String::new(),
        error: String::new(),
    })
}

async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let made = async {
        let typed = fields.once("name")?;
        let error = match GroupName::new(&typed) {
            Err(error) => sentence(&error.to_string()),
            Ok(name) => {
                let new = GroupChange::default().into_new(name);
                match desk.admin.create_group(&staff.actor, new).await {
                    Ok(group) => {
                        let query = Done::new("made").to_query();
                        let path = desk.path(&format!("groups/{}", group.id));
                        return Ok(Ok(see_other(&format!("{path}?{query}"))));
                    }
                    Err(error) if status_of(&error) == StatusCode::CONFLICT => {
                        sentence(&error.to_string())
                    }
                    Err(error) => return Err(Trouble::from(error)),
                }
            }
        };
        let page = show_list(&desk, &staff, &head).await?;
        Ok(Err(ListPage { name: typed, error, ..page }))
    };
    match made.await {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn found(desk: &Desk, staff: &Staff, id: &str) -> Result<Group, Trouble> {
    let id = id
        .parse::<i64>()
        .ok()
        .and_then(|id| GroupId::try_from(id).ok());
    match desk
        .admin
        .group(&staff.actor, id.ok_or(Trouble::NotFound)?)
        .await
    {
        Err(AdminError::NoSuchGroup { .. }) => Err(Trouble::NotFound),
        found => Ok(found?),
    }
}

async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let group = found(&desk, &staff, &id).await?;
        show(&desk, &staff, &group, &head).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
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
        may_delete: may(Operation::DeleteGroup),
        login: String::new(),
        wrong: "",
        error: String::new(),
    })
}

/// What became of a change: an address with word of it, or the page with what is wrong.
type Changed = Result<Response, Box<GroupPage>>;

fn answered(desk: &Desk, staff: &Staff, head: &Parts, done: Result<Changed, Trouble>) -> Response {
    match done {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(desk, Some(staff), head),
    }
}

/// Renames it, and says what its members may do.
async fn save(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        let group = found(&desk, &staff, &id).await?;
        let (name, ticked) = (fields.once("name")?, fields.all("may"));
        let version = fields.once("version")?.parse().unwrap_or_default();
        let permissions: Permissions = ticked
            .iter()
            .filter_map(|word| word.parse::<Permission>().ok())
            .collect();
        let mut change = GroupChange::default();
        change.expect(Version::new(version));
        if staff.rights.administer() && permissions != group.permissions {
            was_sure(&desk, &staff, &format!("groups/{}", group.id))?;
            change.permissions(permissions.clone());
        }
        let wrong = match GroupName::new(&name) {
            Err(error) => sentence(&error.to_string()),
            Ok(new) => {
                if new != group.name {
                    change.name(new);
                }
                match changed(&desk, &staff, &group, change, "saved").await? {
                    Ok(response) => return Ok(Ok(response)),
                    Err(words) => words,
                }
            }
        };
        let page = show(&desk, &staff, &group, &head).await?;
        let permissions = choices(|one| permissions.iter().any(|held| held == one));
        Ok(Err(Box::new(GroupPage { name, permissions, wrong: "name", error: wrong, ..page })))
    };
    let done: Result<Changed, Trouble> = done.await;
    answered(&desk, &staff, &head, done)
}

async fn changed(
    desk: &Desk,
    staff: &Staff,
    group: &Group,
    change: GroupChange,
    deed: &str,
) -> Result<Result<Response, String>, Trouble> {
    match desk
        .admin
        .change_group(&staff.actor, group.id, change)
        .await
    {
        Ok(changed) => {
            let act = if changed.changed { deed } else { "unchanged" };
            let query = Done::new(act).to_query();
            let path = desk.path(&format!("groups/{}", group.id));
            Ok(Ok(see_other(&format!("{path}?{query}"))))
        }
        Err(error) if status_of(&error) == StatusCode::CONFLICT => {
            Ok(Err(sentence(&error.to_string())))
        }
        Err(error) => Err(error.into()),
    }
}

/// Puts somebody into it, or takes somebody out.
async fn members(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        let group = found(&desk, &staff, &id).await?;
        let mut change = GroupChange::default();
        let login = fields.perhaps("login")?.unwrap_or_default();
        let (deed, wrong) = match leaving(&mut fields)? {
            Some(account) => {
                change.members().remove(account);
                ("left", None)
            }
            None => match desk.admin.account(&Target::from(login.trim())).await {
                Ok(account) => {
                    change.members().add(account.id);
                    ("joined", None)
                }
                Err(error @ AdminError::NotFound { .. }) => {
                    ("joined", Some(sentence(&error.to_string())))
                }
                Err(error) => return Err(error.into()),
            },
        };
        let error = match wrong {
            Some(words) => words,
            None => match changed(&desk, &staff, &group, change, deed).await? {
                Ok(response) => return Ok(Ok(response)),
                Err(words) => words,
            },
        };
        let page = show(&desk, &staff, &group, &head).await?;
        Ok(Err(Box::new(GroupPage { login, wrong: "login", error, ..page })))
    };
    let done: Result<Changed, Trouble> = done.await;
    answered(&desk, &staff, &head, done)
}

fn leaving(fields: &mut Fields) -> Result<Option<AccountId>, Trouble> {
    let Some(text) = fields.perhaps("remove")? else { return Ok(None) };
    let id = text
        .parse::<i64>()
        .ok()
        .and_then(|id| AccountId::try_from(id).ok());
    id.map(Some).ok_or(Trouble::NotFound)
}

async fn last_look(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::DeleteGroup)?;
        let group = found(&desk, &staff, &id).await?;
        sure(&desk, staff.is_sure(desk.now()), &format!("groups/{}/delete", group.id))?;
        let held: Vec<_> = group
            .permissions
            .iter()
            .map(super::person::meaning)
            .collect();
        Ok::<_, Trouble>(DeletePage {
            shell: desk.shell(&staff, Section::Groups),
            id: group.id.get(),
            name: group.name.to_string(),
            version: group.version.get(),
            count: desk.admin.count_members(&staff.actor, group.id).await?,
            loses: held.join("; "),
        })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn delete(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let deleted = async {
        let group = found(&desk, &staff, &id).await?;
        was_sure(&desk, &staff, &format!("groups/{}/delete", group.id))?;
        let version = fields.once("version")?.parse().unwrap_or_default();
        let expected = Some(Version::new(version));
        desk.admin
            .delete_group(&staff.actor, group.id, expected)
            .await?;
        let query = Done::new("deleted").to_query();
        Ok::<_, Trouble>(see_other(&format!("{}?{query}", desk.path("groups"))))
    };
    match deleted.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
