//! What somebody owns in the application, module by module.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::admin::Target;
use crate::domain::operation::Operation;
use crate::domain::transfer::Transfer;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::Shell;
use crate::pages::console::overview::spaced;
use crate::pages::console::staff::Staff;

#[derive(Template)]
#[template(path = "console/person_records.html")]
struct RecordsPage {
    shell: Shell,
    head: Head,
    /// What each module is called, and how many records of theirs are in it.
    modules: Vec<(String, String)>,
    /// Why they could not be counted.
    trouble: Option<String>,
    configured: bool,
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
        let configured = desk.admin.modules().next().is_some();
        let target = Target::Id(account.id);
        let counted = desk
            .admin
            .transfer_preview(&staff.actor, &target, &Transfer::Nothing)
            .await;
        let (modules, trouble) = match counted {
            Ok(preview) => {
                let modules = preview.modules.into_iter();
                (modules.map(|one| (one.label, spaced(one.owned))).collect(), None)
            }
            Err(error) => (Vec::new(), Some(sentence(&error.to_string()))),
        };
        let page_head = Head::of(&staff, &account, desk.now(), Tab::Records);
        let shell = shell(&desk, &staff, &head, &page_head.person.name);
        Ok::<_, Trouble>(RecordsPage { shell, head: page_head, modules, trouble, configured })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
