//! The end of a token: what stops working, and the last yes.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::TokenRow;
use crate::admin::AdminError;
use crate::domain::operation::Operation;
use crate::domain::session::SessionId;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::store::ApiToken;

#[derive(Template)]
#[template(path = "console/token_revoke.html")]
struct RevokePage {
    shell: Shell,
    one: TokenRow,
    /// The application whose it is.
    application: String,
    /// Where it was listed.
    back: String,
}

pub(super) async fn last_look(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let token = found(&desk, &staff, &id).await?;
        let page = show(&desk, &staff, &token).await?;
        sure(&desk, staff.is_sure(desk.now()), &format!("tokens/{}/revoke", page.one.id))?;
        Ok::<_, Trouble>(page)
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn found(desk: &Desk, staff: &Staff, id: &str) -> Result<ApiToken, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let id: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let tokens = desk.admin.tokens(&staff.actor, None).await?;
    let mut named = tokens.into_iter().filter(|token| token.key.id() == id);
    named.next().ok_or(Trouble::NotFound)
}

async fn show(desk: &Desk, staff: &Staff, token: &ApiToken) -> Result<RevokePage, Trouble> {
    let (now, back) = (desk.now(), back(token));
    let shell = desk.shell(staff, Section::Tokens);
    let Some(id) = token.owner.account() else {
        let application = match token.owner.application() {
            Some(id) => desk.admin.application(&staff.actor, id).await?.name,
            None => return Err(Trouble::NotFound),
        };
        let shell = desk.shell(staff, Section::Applications);
        return Ok(RevokePage { shell, one: TokenRow::of(token, now), application, back });
    };
    let owner = desk.admin.record(id).await?;
    let one = TokenRow::owned(token, id, owner.as_ref(), staff, now);
    if !one.may_revoke {
        return Err(AdminError::AdministratorsOnly.into());
    }
    Ok(RevokePage { shell, one, application: String::new(), back })
}

/// The page that lists it.
fn back(token: &ApiToken) -> String {
    let application = token.owner.application();
    application.map_or_else(|| "tokens".to_owned(), |id| format!("applications/{id}"))
}

/// Revokes a token: it opens nothing from now on.
pub(super) async fn revoke(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let revoked = async {
        let token = found(&desk, &staff, &id).await?;
        let id = token.key.id();
        was_sure(&desk, &staff, &format!("tokens/{id}/revoke"))?;
        match desk.admin.revoke_token(&staff.actor, id).await {
            Err(AdminError::NoSuchToken { .. }) => return Err(Trouble::NotFound),
            revoked => revoked?,
        };
        let query = Done::new("revoked").to_query();
        Ok::<_, Trouble>(see_other(&format!("{}?{query}", desk.path(&back(&token)))))
    };
    match revoked.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
