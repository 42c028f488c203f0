//! Where people sign in.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::request::Parts;
use serde_json::json;

use crate::domain::lock::End;
use crate::engine::{CurrentAccount, SignInError, SignedIn, Visitor};
use crate::guard::{Notice, ReturnTo};
use crate::pages::answer::{self, CHALLENGE, MessagePage, Problem, sign_in_form, wants_json};
use crate::pages::form::{self, Fields};
use crate::pages::origin;
use crate::pages::site::{Frame, Site};
use crate::pages::when::Moment;
use crate::pages::words::{Deed, Message, Statement};

/// What somebody typed. Holds a password, so it is never printed.
struct Typed {
    login: String,
    password: String,
    return_to: Option<ReturnTo>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Form {
    frame: Frame,
    message: Option<Message>,
    login: String,
    login_error: Option<&'static str>,
    password_error: Option<&'static str>,
    return_to: Option<ReturnTo>,
}

#[derive(Template)]
#[template(path = "signed_in.html")]
struct Already {
    frame: Frame,
    login: Arc<str>,
    onward: ReturnTo,
}

impl Form {
    fn new(site: &Site) -> Self {
        Self {
            frame: site.frame(),
            message: None,
            login: String::new(),
            login_error: None,
            password_error: None,
            return_to: None,
        }
    }

    fn of(site: &Site, typed: Typed) -> Self {
        Self { login: typed.login, return_to: typed.return_to, ..Self::new(site) }
    }

    /// Whether something has to be put right, for the page's title.
    fn has_error(&self) -> bool {
        let message = self.message.as_ref();
        message.is_some_and(|message| message.tone.role() == "alert")
            || self.login_error.is_some()
            || self.password_error.is_some()
    }
}

/// The form; for whoever is signed in already, word of that.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let return_to = form::parameter(&request, "return_to");
    let return_to = site.return_to(return_to.as_deref());
    let message = match site.visitor(&request).await {
        Ok(me) => return already(&site, &me, return_to),
        Err(denial) => Message::of_denial(&denial).or_else(|| notice(&request)),
    };
    sign_in_form(StatusCode::OK, &Form { message, return_to, ..Form::new(&site) })
}

fn notice(request: &Parts) -> Option<Message> {
    let text = form::parameter(request, "notice")?;
    let notice = text.parse::<Notice>().ok().map(Message::of_notice);
    notice.or_else(|| Deed::parse(&text).map(Deed::message))
}

fn already(site: &Site, me: &CurrentAccount, return_to: Option<ReturnTo>) -> Response {
    let onward = return_to.unwrap_or_else(|| site.home.clone());
    answer::page(StatusCode::OK, &Already { frame: site.frame(), login: me.login(), onward })
}

/// Signs somebody in, or says why not.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    if !origin::is_own(&request, site.gate.is_https()) {
        return Problem::other_origin().answer(&site, &request);
    }
    let fields = form::read(&request, body, wants_json(&request)).await;
    let typed = match fields.and_then(|fields| Typed::read(&site, fields)) {
        Ok(typed) => typed,
        Err(bad) => return Problem::from(bad).answer(&site, &request),
    };
    if typed.login.trim().is_empty() || typed.password.is_empty() {
        return incomplete(&site, &request, typed);
    }
    match attempt(&site, &request, &typed).await {
        Ok(signed_in) => enter(&site, &request, typed, signed_in).await,
        Err(Refused::SignIn(refused)) => refuse(&site, &request, typed, refused),
        Err(Refused::NoAddress) => Problem::no_address().answer(&site, &request),
    }
}

/// Why nobody was signed in.
pub(super) enum Refused {
    SignIn(SignInError),
    NoAddress,
}

impl From<SignInError> for Refused {
    fn from(refused: SignInError) -> Self {
        Self::SignIn(refused)
    }
}

impl Typed {
    fn read(site: &Site, mut fields: Fields) -> Result<Self, form::BadForm> {
        let login = fields.once("login")?;
        let password = fields.once("password")?;
        let return_to = fields.perhaps("return_to")?;
        Ok(Self { login, password, return_to: site.return_to(return_to.as_deref()) })
    }
}

async fn attempt(site: &Site, request: &Parts, typed: &Typed) -> Result<SignedIn, Refused> {
    let from = site.client(request).ok_or(Refused::NoAddress)?;
    let visitor = Visitor::from(from).with_headers(&request.headers);
    let attempt = site.gate.attempt(&typed.login, visitor).await?;
    Ok(attempt.check_password(&typed.password).await?)
}

/// Hands out the new session. The one that the browser had is of no more use.
async fn enter(site: &Site, request: &Parts, typed: Typed, signed_in: SignedIn) -> Response {
    // If it can't be ended now, it ends by itself.
    let _ = site.gate.sign_out_by_cookie(&request.headers).await;
    let onward = typed.return_to.unwrap_or_else(|| site.home.clone());
    let expires_at = signed_in.session().expires_at.to_string();
    if wants_json(request) {
        let document = json!({ "return_to": onward.as_str(), "expires_at": expires_at });
        let json = [("content-type", "application/json")];
        return (signed_in, json, document.to_string()).into_response();
    }
    (signed_in, answer::see_other(onward.as_str())).into_response()
}

/// Nothing was guessed, so nothing is counted.
fn incomplete(site: &Site, request: &Parts, typed: Typed) -> Response {
    let no_login = typed.login.trim().is_empty();
    let login_error = no_login.then_some("Enter your login.");
    let password_error = typed.password.is_empty().then_some("Enter your password.");
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    if wants_json(request) {
        let detail = [login_error, password_error].into_iter().flatten();
        let detail = detail.collect::<Vec<_>>().join(" ");
        let title = "The form is not filled in";
        return Problem { status, kind: "incomplete", title, detail }.answer(site, request);
    }
    sign_in_form(status, &Form { login_error, password_error, ..Form::of(site, typed) })
}

/// The same bytes for a login that exists and one that does not: nothing here
/// looks at an account.
fn refuse(site: &Site, request: &Parts, typed: Typed, refused: SignInError) -> Response {
    let mut response = match refused {
        _ if wants_json(request) => refused.into_response(),
        SignInError::Refused { reason, at } => {
            let Statement { title, words, ask } = Statement::of_reason(reason);
            let end = reason.lock_end().and_then(End::instant);
            let opening = end.and_then(|end| Moment::to_come(end, at));
            let opening = opening.map(|moment| ("It opens", moment));
            let onward = ("sign-in", "Sign in as somebody else");
            let frame = site.frame();
            let page = MessagePage { frame, title, words, ask, opening, onward };
            answer::page(refused.status(), &page)
        }
        _ => {
            let message = Some(Message::of_refusal(refused));
            sign_in_form(refused.status(), &Form { message, ..Form::of(site, typed) })
        }
    };
    let headers = response.headers_mut();
    if let Some(secs) = refused.retry_after_secs() {
        headers.insert(RETRY_AFTER, secs.into());
    }
    if refused.status() == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, CHALLENGE);
    }
    response
}
