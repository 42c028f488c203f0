//! Every group, and a new one.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::{PAGE, words_of};
use crate::admin::GroupChange;
use crate::domain::group::{Group, GroupName};
use crate::domain::operation::Operation;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::secrets::Said;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form;
use crate::store::GroupQuery;

#[derive(Template)]
#[template(path = "console/groups.html")]
struct ListPage {
    shell: Shell,
    groups: Vec<(i64, String, Vec<Said>)>,
    next: Option<i64>,
    may_create: bool,
    name: String,
    error: String,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
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
    let may = |group: &Group| {
        let held = group.permissions.iter().map(|one| one.as_str().to_owned());
        Said::of(&held.collect::<Vec<_>>())
    };
    Ok(ListPage {
        shell: desk.shell(staff, Section::Groups).with(words_of(head)),
        next: next.filter(|_| found.len() == PAGE as usize),
        groups: found
            .iter()
            .map(|one| (one.id.get(), one.name.to_string(), may(one)))
            .collect(),
        may_create: staff.rights.allow(Operation::CreateGroup),
        name: String::new(),
        error: String::new(),
    })
}

pub(super) async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let made = async {
        staff.require(Operation::CreateGroup)?;
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
