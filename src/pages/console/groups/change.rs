//! Changes of a group that are made with its form.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::found;
use super::one::{GroupPage, show};
use crate::admin::GroupChange;
use crate::domain::group::{Group, GroupName};
use crate::domain::operation::Operation;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::standing::Version;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::Done;
use crate::pages::console::person::choices;
use crate::pages::console::secrets::was_sure;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

/// What became of a change: an address with word of it, or the page with what is wrong.
pub(super) type Changed = Result<Response, Box<GroupPage>>;

pub(super) fn answered(
    desk: &Desk,
    staff: &Staff,
    head: &Parts,
    done: Result<Changed, Trouble>,
) -> Response {
    match done {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(desk, Some(staff), head),
    }
}

/// Renames it, and says what its members may do.
pub(super) async fn save(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done: Result<Changed, Trouble> = async {
        staff.require(Operation::UpdateGroup)?;
        let group = found(&desk, &staff, &id).await?;
        let sent = Form::read(&mut fields)?;
        let wrong = match change(&desk, &staff, &group, &sent)? {
            Err(wrong) => wrong,
            Ok(change) => match changed(&desk, &staff, &group, change, "saved").await? {
                Ok(response) => return Ok(Ok(response)),
                Err(words) => Wrong::at("form", words),
            },
        };
        let mut page = show(&desk, &staff, &group, &head).await?;
        if let Some(ticked) = &sent.permissions {
            page.permissions = choices(|one| ticked.iter().any(|held| held == one));
        }
        (page.name, page.wrong) = (sent.name, wrong);
        Ok(Err(Box::new(page)))
    }
    .await;
    answered(&desk, &staff, &head, done)
}

/// The form as it was sent.
struct Form {
    name: String,
    version: u64,
    /// What was ticked; `None` where there were no boxes.
    permissions: Option<Permissions>,
}

impl Form {
    fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let ticked = fields.all("may");
        let ticked = ticked
            .iter()
            .filter_map(|word| word.parse::<Permission>().ok());
        let ticked: Permissions = ticked.collect();
        let shown = fields
            .perhaps("rights")?
            .is_some_and(|word| word == "shown");
        Ok(Self {
            name: fields.once("name")?,
            version: fields.once("version")?.parse().unwrap_or_default(),
            permissions: shown.then_some(ticked),
        })
    }
}

fn change(
    desk: &Desk,
    staff: &Staff,
    group: &Group,
    sent: &Form,
) -> Result<Result<GroupChange, Wrong>, Trouble> {
    let mut change = GroupChange::default();
    change.expect(Version::new(sent.version));
    if let Some(permissions) = &sent.permissions
        && *permissions != group.permissions
    {
        staff.rights.require_administrator()?;
        was_sure(desk, staff, &format!("groups/{}", group.id))?;
        change.permissions(permissions.clone());
    }
    match GroupName::new(&sent.name) {
        Err(error) => return Ok(Err(Wrong::at("name", sentence(&error.to_string())))),
        Ok(name) if name != group.name => {
            change.name(name);
        }
        Ok(_) => {}
    }
    Ok(Ok(change))
}

pub(super) async fn changed(
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
