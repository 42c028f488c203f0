//! The end of a group: who loses what, and the last yes.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::found;
use crate::domain::operation::Operation;
use crate::domain::standing::Version;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Shell;
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::person::meaning;
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};

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

pub(super) async fn last_look(
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
        let held: Vec<_> = group.permissions.iter().map(meaning).collect();
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

pub(super) async fn delete(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
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
