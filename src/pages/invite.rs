//! Where somebody chooses a password who has a link for it.
//!
//! The secret stands behind the `#` of the link, which browsers send to nobody: it is
//! in no log, in no `Referer`, and nothing that looks at links for people uses it up.
//! The page's script sends it in a form; without scripts, the person does.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use crate::admin::AdminError;
use crate::domain::account::Account;
use crate::domain::invitation::{Invitation, InvitationSecret, Purpose};
use crate::domain::password::{MIN_PASSWORD_CHARS, Password};
use crate::engine::Visitor;
use crate::pages::account::Person;
use crate::pages::answer::{self, Problem, page as write, sign_in_form, wants_json};
use crate::pages::form::{self, Fields};
use crate::pages::origin;
use crate::pages::password::{new_error, sign_in_anew};
use crate::pages::site::{Frame, Site};
use crate::pages::words::Deed;

#[derive(Template)]
#[template(path = "invite_code.html")]
struct CodeForm {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "invite.html")]
struct Form {
    frame: Frame,
    person: Person,
    /// The secret, to be sent again.
    code: String,
    reset: bool,
    new_error: Option<String>,
    again_error: Option<&'static str>,
    hint: String,
}

/// What somebody typed. Holds secrets, so it is never printed.
struct Typed {
    code: String,
    /// Both passwords, once the form that asks for them was sent.
    passwords: Option<(String, String)>,
}

/// What is wrong with what was typed.
#[derive(Default)]
struct Errors {
    new: Option<String>,
    again: Option<&'static str>,
}

/// The page that takes the link's secret.
pub(super) async fn page(State(site): State<Arc<Site>>) -> Response {
    write(StatusCode::OK, &CodeForm { frame: site.frame() })
}

/// Shows the form for a secret; sets the password, and signs the person in, where one
/// comes with it.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    match submitted(&site, &request, body).await {
        Ok(response) => response,
        Err(problem) => problem.answer(&site, &request),
    }
}

async fn submitted(site: &Site, request: &Parts, body: Body) -> Result<Response, Problem> {
    if !origin::is_own(request, site.gate.is_https()) {
        return Err(Problem::other_origin());
    }
    let typed = Typed::read(form::read(request, body, wants_json(request)).await?)?;
    let secret = InvitationSecret::parse(&typed.code).ok_or_else(Problem::dead_link)?;
    let (invitation, account) = open(site, &secret).await?;
    let form = Form::of(site, &invitation, &account, &secret);
    let Some((new, again)) = typed.passwords else {
        return Ok(sign_in_form(StatusCode::OK, &form));
    };
    match check(&new, &again) {
        Err(Errors { new, again }) => {
            let form = Form { new_error: new, again_error: again, ..form };
            Ok(sign_in_form(StatusCode::UNPROCESSABLE_ENTITY, &form))
        }
        Ok(password) => accept(site, request, &secret, &password).await,
    }
}

async fn open(site: &Site, secret: &InvitationSecret) -> Result<(Invitation, Account), Problem> {
    let found = site.admin.invitation(secret).await;
    let found = found.map_err(|_| Problem::unavailable())?;
    found.ok_or_else(Problem::dead_link)
}

async fn accept(
    site: &Site,
    request: &Parts,
    secret: &InvitationSecret,
    password: &Password,
) -> Result<Response, Problem> {
    let from = site.client(request).ok_or_else(Problem::no_address)?;
    let accepted = site
        .admin
        .accept_invitation(secret, password, Some(from.to_string()))
        .await;
    let accepted = accepted.map_err(|error| match error {
        AdminError::NoLicence { .. } => Problem::no_licence(),
        _ => Problem::unavailable(),
    })?;
    let account = accepted.ok_or_else(Problem::dead_link)?.account;
    // The session that the browser had may be somebody else's. If it can't be ended now,
    // it ends by itself.
    let _ = site.gate.sign_out_by_cookie(&request.headers).await;
    let visitor = Visitor::from(from).with_headers(&request.headers);
    let signed_in = sign_in_anew(site, &account, visitor, password.expose()).await;
    Ok(match signed_in {
        Some(signed_in) => (signed_in, answer::see_other(site.home.as_str())).into_response(),
        None => {
            let deed = Deed::PasswordChosen.as_str();
            answer::see_other(&format!("{}?notice={deed}", site.path("sign-in")))
        }
    })
}

fn check(new: &str, again: &str) -> Result<Password, Errors> {
    match Password::new(new) {
        Err(invalid) => Err(Errors { new: Some(new_error(invalid)), again: None }),
        Ok(_) if new != again => {
            Err(Errors { again: Some("This is not the same password."), ..Errors::default() })
        }
        Ok(password) => Ok(password),
    }
}

impl Typed {
    fn read(mut fields: Fields) -> Result<Self, Problem> {
        let code = fields.once("code")?;
        let passwords = match fields.perhaps("new")? {
            Some(new) => Some((new, fields.once("again")?)),
            None => None,
        };
        Ok(Self { code, passwords })
    }
}

impl Form {
    fn of(
        site: &Site,
        invitation: &Invitation,
        account: &Account,
        secret: &InvitationSecret,
    ) -> Self {
        Self {
            frame: site.frame(),
            person: Person::of(account),
            code: secret.expose(),
            reset: invitation.purpose == Purpose::Reset,
            new_error: None,
            again_error: None,
            hint: format!(
                "At least {MIN_PASSWORD_CHARS} characters. Four words that don't belong together \
                 make a good one."
            ),
        }
    }

    fn has_error(&self) -> bool {
        self.new_error.is_some() || self.again_error.is_some()
    }
}
