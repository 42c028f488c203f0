//! What somebody owns in the application, module by module.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::admin::{AdminError, Target};
use crate::domain::account::AccountId;
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::overview::spaced;
use crate::pages::console::staff::Staff;

/// How long the page waits for a module to answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "console/person_records.html")]
struct RecordsPage {
    shell: Shell,
    head: Head,
    modules: Vec<Row>,
}

/// What a module is called, and how many records of theirs are in it.
struct Row {
    label: String,
    /// Or why that is not known.
    owned: Result<String, String>,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::DeleteUser)?;
        let account = found(&desk, &staff, &id).await?;
        let page_head = Head::of(&staff, &account, desk.now(), Tab::Records);
        let modules = if page_head.is_deleted {
            Vec::new()
        } else {
            counted(&desk, &staff, account.id).await?
        };
        let shell = shell(&desk, &staff, &head, &page_head.person.name);
        Ok::<_, Trouble>(RecordsPage { shell, head: page_head, modules })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// All modules are asked at once, so that one that hangs delays no other.
async fn counted(desk: &Desk, staff: &Staff, id: AccountId) -> Result<Vec<Row>, Trouble> {
    let asked = desk.admin.modules().map(|module| async move {
        let target = Target::Id(id);
        let owned = desk.admin.owned_in(&staff.actor, &target, &module.name);
        let owned = match tokio::time::timeout(PATIENCE, owned).await {
            Err(_) => Err("It did not answer in time.".to_owned()),
            Ok(Ok(owned)) => Ok(spaced(owned)),
            Ok(Err(AdminError::Transfer(error))) => Err(sentence(&error.to_string())),
            Ok(Err(error)) => return Err(error.into()),
        };
        Ok(Row { label: module.label.clone(), owned })
    });
    futures_util::future::try_join_all(asked).await
}
