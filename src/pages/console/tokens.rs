//! API tokens of people: who has one, for what, and a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use super::Here;
use crate::admin::{AdminError, Target, TokenRequest};
use crate::domain::account::AccountId;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::secrets::{Scopes, SecretPage, end, sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;
use crate::pages::when::Moment;
use crate::store::ApiToken;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/tokens", get(page))
        .route("/tokens/new", get(new).post(create))
        .route("/tokens/revoke", post(revoke))
}

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct TokensPage {
    shell: Shell,
    tokens: Vec<TokenRow>,
}

/// A token in a list.
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) name: String,
    /// Whose it is: their number and login; none for an application's.
    pub(super) owner: Option<(AccountId, String)>,
    pub(super) scopes: String,
    pub(super) created: Moment,
    pub(super) last_used: Option<Moment>,
    pub(super) ends: Option<Moment>,
    pub(super) is_over: bool,
}

impl TokenRow {
    pub(super) fn of(token: &ApiToken, owner: Option<(AccountId, String)>, now: Timestamp) -> Self {
        let is_over = token.expires_at.is_some_and(|end| end <= now);
        let ends = token.expires_at.and_then(|end| match is_over {
            true => Some(Moment::past(end, now)),
            false => Moment::to_come(end, now),
        });
        Self {
            id: token.key.id().to_string(),
            name: token.name.clone(),
            owner,
            scopes: token.scopes.join(" "),
            created: Moment::past(token.created_at, now),
            last_used: token.last_used_at.map(|at| Moment::past(at, now)),
            ends,
            is_over,
        }
    }
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<TokensPage, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let now = desk.now();
    let mut logins: BTreeMap<AccountId, String> = BTreeMap::new();
    let mut tokens = Vec::new();
    for token in desk.admin.tokens(&staff.actor, None).await?.iter().rev() {
        let Some(id) = token.owner.account() else { continue };
        if let std::collections::btree_map::Entry::Vacant(place) = logins.entry(id) {
            let found = desk.admin.record(id).await?;
            place.insert(found.map_or_else(|| id.to_string(), |one| one.login.to_string()));
        }
        let login = logins.get(&id).cloned().unwrap_or_default();
        tokens.push(TokenRow::of(token, Some((id, login)), now));
    }
    let notice = Done::of(head).and_then(|done| match &*done.act {
        "revoked" => Some(Notice::done("The token is revoked: it opens nothing any more.")),
        _ => None,
    });
    Ok(TokensPage { shell: desk.shell(staff, Section::Tokens).with(notice), tokens })
}

#[derive(Template)]
#[template(path = "console/token_new.html")]
struct NewPage {
    shell: Shell,
    owner: String,
    name: String,
    expires: String,
    scopes: Scopes,
    wrong: &'static str,
    error: String,
}

impl NewPage {
    fn empty(desk: &Desk, staff: &Staff) -> Self {
        Self {
            shell: desk.shell(staff, Section::Tokens),
            owner: String::new(),
            name: String::new(),
            expires: "90d".to_owned(),
            scopes: Scopes::of(&[]),
            wrong: "",
            error: String::new(),
        }
    }

    fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

async fn new(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let may = staff
        .require(Operation::ManageTokens)
        .and_then(|()| sure(&desk, staff.is_sure(desk.now()), "tokens/new"));
    match may {
        Ok(()) => answer::page(StatusCode::OK, &NewPage::empty(&desk, &staff)),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match made(&desk, &staff, &mut fields).await {
        Ok(Ok(page)) => answer::page(StatusCode::OK, &page),
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn made(
    desk: &Desk,
    staff: &Staff,
    fields: &mut Fields,
) -> Result<Result<SecretPage, Box<NewPage>>, Trouble> {
    staff.require(Operation::ManageTokens)?;
    was_sure(desk, staff, "tokens/new")?;
    let page = NewPage {
        owner: fields.once("owner")?,
        name: fields.perhaps("name")?.unwrap_or_default(),
        expires: fields.perhaps("expires")?.unwrap_or_default(),
        scopes: Scopes::read(fields)?,
        ..NewPage::empty(desk, staff)
    };
    let made = match asked(desk, &page) {
        Err(wrong) => Err(wrong),
        Ok(request) => {
            let owner = Target::from(page.owner.trim());
            match desk.admin.create_token(&staff.actor, &owner, request).await {
                Ok(made) => Ok(made),
                Err(error) if status_of(&error) == StatusCode::SERVICE_UNAVAILABLE => {
                    return Err(error.into());
                }
                Err(error @ AdminError::NotFound { .. }) => {
                    Err(("owner", sentence(&error.to_string())))
                }
                Err(error) => Err(("form", sentence(&error.to_string()))),
            }
        }
    };
    Ok(match made {
        Ok(made) => Ok(SecretPage {
            shell: desk.shell(staff, Section::Tokens),
            title: "The new API token",
            values: vec![("Token", made.secret.expose())],
            onward: ("tokens".to_owned(), "Go to the tokens"),
        }),
        Err((wrong, error)) => Err(Box::new(NewPage { wrong, error, ..page })),
    })
}

/// The token that a form asks for, or the field that can't be so.
fn asked(desk: &Desk, page: &NewPage) -> Result<TokenRequest, (&'static str, String)> {
    let expires_at = end(&page.expires, desk.now()).map_err(|words| ("expires", words))?;
    let scopes = page.scopes.words();
    if scopes.is_empty() {
        return Err(("scope", "Say what it is for: tick at least one.".to_owned()));
    }
    Ok(TokenRequest { name: page.name.clone(), scopes, expires_at })
}

/// Revokes a token: it opens nothing from now on.
async fn revoke(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let revoked = async {
        staff.require(Operation::ManageTokens)?;
        let application = fields.perhaps("application")?;
        let application = application.filter(|id| id.bytes().all(|c| c.is_ascii_alphanumeric()));
        let back =
            application.map_or_else(|| "tokens".to_owned(), |id| format!("applications/{id}"));
        was_sure(&desk, &staff, &back)?;
        let id = fields.once("token")?.parse();
        let id = id.map_err(|_| Trouble::NotFound)?;
        desk.admin.revoke_token(&staff.actor, id).await?;
        let query = Done::new("revoked").to_query();
        Ok::<_, Trouble>(see_other(&format!("{}?{query}", desk.path(&back))))
    };
    match revoked.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
