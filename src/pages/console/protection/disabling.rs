//! The switch for account disabling, and what it does to whom.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::super::Here;
use super::{back, pinned};
use crate::admin::AdminError;
use crate::admin::settings::ACCOUNT_DISABLING;
use crate::domain::operation::Operation;
use crate::domain::permission::Permission;
use crate::pages::answer;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::overview::spaced;
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};

#[derive(Template)]
#[template(path = "console/protection_disabling.html")]
struct DisablingPage {
    shell: Shell,
    /// Whether accounts can be disabled now.
    is_on: bool,
    /// The file that says so, where one does.
    pinned: Option<String>,
    /// What becomes of those that are disabled now.
    disabled: String,
    /// Why it was not switched.
    refused: Option<String>,
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    refused: Option<String>,
) -> Result<DisablingPage, Trouble> {
    let value = desk.admin.setting(&staff.actor, &ACCOUNT_DISABLING).await?;
    let is_on = value.value == "on";
    Ok(DisablingPage {
        shell: desk.shell(staff, Section::Protection),
        is_on,
        pinned: pinned(&value),
        disabled: disabled(desk, staff, is_on).await?,
        refused,
    })
}

/// How many are disabled, for whoever may know, and what becomes of them.
async fn disabled(desk: &Desk, staff: &Staff, is_on: bool) -> Result<String, Trouble> {
    let count = match staff.rights.allow(Permission::ViewUsers) {
        true => Some(desk.admin.licences(&staff.actor).await?.by_status.disabled),
        false => None,
    };
    let (who, one) = match count {
        Some(0) => return Ok("No account is disabled now.".to_owned()),
        Some(1) => ("The account that is disabled now stays so".to_owned(), true),
        Some(count) => {
            (format!("The {} accounts that are disabled now stay so", spaced(count)), false)
        }
        None => ("Accounts that are disabled now stay so".to_owned(), false),
    };
    let them = if one { "it" } else { "them" };
    Ok(match is_on {
        true => format!(
            "{who}: nobody can enable {them} here until the switch is on again, and who owns {them} \
             can't sign in until then."
        ),
        false => format!("{who}, and can be enabled again."),
    })
}

/// What switching would do.
pub(super) async fn look(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ChangeSettings)?;
        sure(&desk, staff.is_sure(desk.now()), "protection/disabling")?;
        show(&desk, &staff, None).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Switches account disabling.
pub(super) async fn switch(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        staff.require(Operation::ChangeSettings)?;
        was_sure(&desk, &staff, "protection/disabling")?;
        let allow = match &*fields.once("allow")? {
            "yes" => true,
            "no" => false,
            _ => return Err(Trouble::Bad("Say yes or no.".to_owned())),
        };
        match desk.admin.allow_disabling(&staff.actor, allow).await {
            Err(error @ AdminError::Store(_)) => Err(error.into()),
            Err(error) => {
                let words = Some(sentence(&error.to_string()));
                let page = show(&desk, &staff, words).await?;
                Ok(answer::page(status_of(&error), &page))
            }
            changed => back(&desk, changed, if allow { "disabling-on" } else { "disabling-off" }),
        }
    };
    match done.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
