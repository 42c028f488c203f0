//! One application: what it may do, its tokens, and what is done to it.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Row, found, number, tokens, told, words_of};
use crate::admin::AdminError;
use crate::domain::operation::Operation;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::secrets::{Scopes, sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::tokens::TokenRow;
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

/// How many of its tokens are listed.
const LISTED: usize = 50;

#[derive(Template)]
#[template(path = "console/application.html")]
pub(super) struct ApplicationPage {
    pub(super) shell: Shell,
    one: Row,
    scopes: Scopes,
    tokens: Vec<TokenRow>,
    /// How many more tokens it has.
    more: usize,
    /// The key of the form that makes a token, and what was typed into it.
    once: String,
    pub(super) name: String,
    pub(super) expires: String,
    wrong: Wrong,
}

impl ApplicationPage {
    pub(super) async fn of(desk: &Desk, staff: &Staff, id: &str) -> Result<Self, Trouble> {
        let one = found(desk, staff, id).await?;
        let now = desk.now();
        let tokens = tokens(desk, staff, one.id).await?;
        Ok(Self {
            shell: desk.shell(staff, Section::Applications),
            scopes: Scopes::of(&one.scopes),
            more: tokens.len().saturating_sub(LISTED),
            tokens: tokens
                .iter()
                .take(LISTED)
                .map(|token| TokenRow::of(token, now))
                .collect(),
            one: Row::of(&one, now),
            once: desk.forms.key(now),
            name: String::new(),
            expires: "90d".to_owned(),
            wrong: Wrong::default(),
        })
    }

    pub(super) fn again(self, wrong: Wrong) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, &Self { wrong, ..self })
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
        staff.require(Operation::ManageTokens)?;
        sure(&desk, staff.is_sure(desk.now()), &format!("applications/{}", number(&id)?))?;
        let page = ApplicationPage::of(&desk, &staff, &id).await?;
        Ok::<_, Trouble>(ApplicationPage { shell: page.shell.with(words_of(&head)), ..page })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// What is done to one of them, named by the button.
pub(super) async fn act(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match done(&desk, &staff, &id, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn done(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    fields: &mut Fields,
) -> Result<Response, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let number = number(id)?;
    was_sure(desk, staff, &format!("applications/{number}"))?;
    let (admin, actor) = (&desk.admin, &staff.actor);
    let changed = match &*fields.once("act")? {
        "remove" => {
            admin
                .remove_application(actor, number)
                .await
                .map_err(told)?;
            return Ok(onward(desk, "applications", "removed"));
        }
        "enable" => {
            let enabled = admin.enable_application(actor, number, true).await;
            enabled.map(|(_, changed)| (changed, "enabled"))
        }
        "disable" => {
            let disabled = admin.enable_application(actor, number, false).await;
            disabled.map(|(_, changed)| (changed, "disabled"))
        }
        "scope" => return scope(desk, staff, id, fields).await,
        _ => return Err(Trouble::NotFound),
    };
    match changed {
        Ok((changed, deed)) => {
            let act = if changed { deed } else { "unchanged" };
            Ok(onward(desk, &format!("applications/{number}"), act))
        }
        Err(error) => again(desk, staff, id, error, None).await,
    }
}

/// Changes what it may do.
async fn scope(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    fields: &mut Fields,
) -> Result<Response, Trouble> {
    let (number, scopes) = (number(id)?, Scopes::read(fields)?);
    let words = scopes.words();
    match desk
        .admin
        .scope_application(&staff.actor, number, words)
        .await
    {
        Ok((_, changed)) => {
            let act = if changed { "scoped" } else { "unchanged" };
            Ok(onward(desk, &format!("applications/{number}"), act))
        }
        Err(error) => again(desk, staff, id, error, Some(scopes)).await,
    }
}

/// Its page with what is wrong, and what was ticked.
async fn again(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    error: AdminError,
    ticked: Option<Scopes>,
) -> Result<Response, Trouble> {
    let gone = matches!(error, AdminError::NoSuchApplication { .. });
    let wrong = if gone { return Err(Trouble::NotFound) } else { Wrong::of(error)? };
    let page = ApplicationPage::of(desk, staff, id).await?;
    // Only the form with the boxes has a place beside them.
    let wrong = if ticked.is_some() { wrong } else { Wrong { field: "form", ..wrong } };
    let scopes = ticked.unwrap_or_else(|| page.scopes.clone());
    Ok(ApplicationPage { scopes, ..page }.again(wrong))
}

fn onward(desk: &Desk, page: &str, act: &str) -> Response {
    let query = Done::new(act).to_query();
    see_other(&format!("{}?{query}", desk.path(page)))
}
