//! How administrators come into the console, show that it is still them, and leave.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{StatusCode, Uri};

use super::Here;
use crate::domain::lock::End;
use crate::engine::console::clearing_cookie;
use crate::engine::{SignInError, SignedIn, Visitor};
use crate::guard::{Notice, ReturnTo};
use crate::pages::answer::{self, MessagePage, Problem, see_other};
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::{Nav, Section};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form;
use crate::pages::origin;
use crate::pages::site::Frame;
use crate::pages::when::Moment;
use crate::pages::words::{Deed, Message, Statement};

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct Form {
    frame: Frame,
    message: Option<Message>,
    login: String,
    login_error: Option<&'static str>,
    password_error: Option<&'static str>,
    return_to: Option<ReturnTo>,
    program: String,
}

#[derive(Template)]
#[template(path = "console/confirm.html")]
struct Confirm {
    shell: Shell,
    message: Option<Message>,
    password_error: Option<&'static str>,
    return_to: Option<ReturnTo>,
}

impl Form {
    fn new(desk: &Desk) -> Self {
        Self {
            frame: desk.frame(),
            message: None,
            login: String::new(),
            login_error: None,
            password_error: None,
            return_to: None,
            program: desk.program.clone(),
        }
    }

    fn has_error(&self) -> bool {
        let message = self.message.as_ref();
        message.is_some_and(|message| message.tone.role() == "alert")
            || self.login_error.is_some()
            || self.password_error.is_some()
    }
}

/// The form; whoever is signed in already goes on.
pub(super) async fn page(State(desk): Here, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let return_to = form::parameter(&request, "return_to");
    let return_to = desk.return_to(return_to.as_deref());
    if Staff::find(&desk, &request).await.is_ok() {
        return see_other(&onward(&desk, return_to.as_ref()));
    }
    let message = form::parameter(&request, "notice").and_then(|text| {
        let notice = text.parse::<Notice>().ok().map(Message::of_notice);
        notice.or_else(|| Deed::parse(&text).map(Deed::message))
    });
    answer::page(StatusCode::OK, &Form { message, return_to, ..Form::new(&desk) })
}

fn onward(desk: &Desk, return_to: Option<&ReturnTo>) -> String {
    return_to.map_or_else(|| desk.path(""), ToString::to_string)
}

/// Signs an administrator in, or says why not.
pub(super) async fn submit(State(desk): Here, request: Request) -> Response {
    let (request, body) = request.into_parts();
    if !origin::is_own(&request, desk.is_https(&request)) {
        return Trouble::OtherOrigin.answer(&desk, None, &request);
    }
    let read = form::read(&request, body, false)
        .await
        .and_then(|mut fields| {
            Ok((fields.once("login")?, fields.once("password")?, fields.perhaps("return_to")?))
        });
    let (login, password, return_to) = match read {
        Ok(read) => read,
        Err(bad) => return Trouble::Form(bad).answer(&desk, None, &request),
    };
    let return_to = desk.return_to(return_to.as_deref());
    let form = Form { login: login.clone(), return_to, ..Form::new(&desk) };
    if login.trim().is_empty() || password.is_empty() {
        let login_error = login.trim().is_empty().then_some("Enter your login.");
        let password_error = password.is_empty().then_some("Enter your password.");
        let form = Form { login_error, password_error, ..form };
        return answer::page(StatusCode::UNPROCESSABLE_ENTITY, &form);
    }
    match attempt(&desk, &request, &login, &password).await {
        Ok(signed_in) => enter(&desk, &request, &form, signed_in).await,
        Err(refused) => refuse(&desk, form, &refused),
    }
}

/// Why nobody came in.
enum Refused {
    SignIn(SignInError),
    NoAddress,
}

async fn attempt(
    desk: &Desk,
    request: &Parts,
    login: &str,
    password: &str,
) -> Result<SignedIn, Refused> {
    let from = (desk.client_address)(request).ok_or(Refused::NoAddress)?;
    let visitor = Visitor::from(from).with_headers(&request.headers);
    let visitor = visitor.at_the_console(desk.is_https(request));
    let attempt = desk
        .gate
        .attempt(login, visitor)
        .await
        .map_err(Refused::SignIn)?;
    attempt
        .check_password(password)
        .await
        .map_err(Refused::SignIn)
}

/// Hands out the new session, if there is anything here for them.
async fn enter(desk: &Desk, request: &Parts, form: &Form, signed_in: SignedIn) -> Response {
    leave(desk, request).await;
    let id = signed_in.session().account.account_id();
    let rights = match id {
        Some(id) => match desk.admin.record(id).await {
            Ok(Some(account)) => desk.admin.rights_of(&account).await.ok(),
            _ => None,
        },
        None => None,
    };
    let Some(rights) = rights else {
        return Trouble::Unavailable.answer(desk, None, request);
    };
    if Nav::of(&rights, Section::None).first().is_none() {
        return nothing_for_them(desk, signed_in).await;
    }
    (signed_in, see_other(&onward(desk, form.return_to.as_ref()))).into_response()
}

/// Whoever may do nothing here gets no session.
async fn nothing_for_them(desk: &Desk, signed_in: SignedIn) -> Response {
    let system = crate::admin::Actor::System;
    // If it can't be ended now, nobody holds its token.
    let _ = desk
        .admin
        .end_session(&system, signed_in.session().key.id())
        .await;
    let page = MessagePage {
        frame: desk.frame(),
        title: "There is nothing for you here",
        words: "Your password is right, but your account has no part in administration.",
        ask: true,
        opening: None,
        onward: ("sign-in", "Sign in as somebody else"),
    };
    answer::page(StatusCode::FORBIDDEN, &page)
}

fn refuse(desk: &Desk, form: Form, refused: &Refused) -> Response {
    let refused = match refused {
        Refused::SignIn(refused) => *refused,
        Refused::NoAddress => {
            let Problem { status, title, detail, .. } = Problem::no_address();
            let onward = ("sign-in", "Try again");
            let (frame, words) = (desk.frame(), &*detail);
            let page = MessagePage { frame, title, words, ask: false, opening: None, onward };
            return answer::page(status, &page);
        }
    };
    let mut response = match refused {
        SignInError::Refused { reason, at } => {
            let Statement { title, words, ask } = Statement::of_reason(reason);
            let end = reason.lock_end().and_then(End::instant);
            let opening = end.and_then(|end| Moment::to_come(end, at));
            let opening = opening.map(|moment| ("It opens", moment));
            let onward = ("sign-in", "Sign in as somebody else");
            let page = MessagePage { frame: desk.frame(), title, words, ask, opening, onward };
            answer::page(refused.status(), &page)
        }
        _ => {
            let message = Some(Message::of_refusal(refused));
            answer::page(refused.status(), &Form { message, ..form })
        }
    };
    if let Some(secs) = refused.retry_after_secs() {
        response.headers_mut().insert(RETRY_AFTER, secs.into());
    }
    response
}

/// Ends the session that the browser had, which is of no more use.
async fn leave(desk: &Desk, request: &Parts) {
    if let Ok(staff) = Staff::find(desk, request).await {
        // If it can't be ended now, it ends by itself.
        let _ = desk.gate.sign_out(&staff.me).await;
    }
}

/// Asks for the password of whoever is signed in, before what can't be taken back.
pub(super) async fn ask_again(State(desk): Here, staff: Staff, uri: Uri) -> Response {
    let request = http::Request::builder().uri(uri).body(());
    let return_to = request
        .ok()
        .and_then(|request| form::parameter(&request.into_parts().0, "return_to"));
    let return_to = desk.return_to(return_to.as_deref());
    let shell = desk.shell(&staff, Section::None);
    let page = Confirm { shell, message: None, password_error: None, return_to };
    answer::page(StatusCode::OK, &page)
}

/// A new session for whoever gave their password again; the old one ends.
pub(super) async fn confirm(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let read = fields
        .once("password")
        .and_then(|password| Ok((password, fields.perhaps("return_to")?)));
    let (password, return_to) = match read {
        Ok(read) => read,
        Err(bad) => return Trouble::Form(bad).answer(&desk, Some(&staff), &head),
    };
    let return_to = desk.return_to(return_to.as_deref());
    let shell = desk.shell(&staff, Section::None);
    let page = Confirm { shell, message: None, password_error: None, return_to };
    if password.is_empty() {
        let page = Confirm { password_error: Some("Enter your password."), ..page };
        return answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page);
    }
    match attempt(&desk, &head, staff.account.login.as_str(), &password).await {
        Ok(signed_in) => {
            let session = Some(signed_in.session().key.id());
            desk.drawers
                .hand_over(staff.owner(), (session, staff.account.id));
            let _ = desk.gate.sign_out(&staff.me).await;
            (signed_in, see_other(&onward(&desk, page.return_to.as_ref()))).into_response()
        }
        Err(Refused::NoAddress) => refuse(&desk, Form::new(&desk), &Refused::NoAddress),
        Err(Refused::SignIn(refused)) => {
            let message = Some(match refused {
                SignInError::Wrong => Message::wrong_password(),
                refused => Message::of_refusal(refused),
            });
            answer::page(refused.status(), &Confirm { message, ..page })
        }
    }
}

/// Ends the session.
pub(super) async fn sign_out(State(desk): Here, sent: Sent) -> Response {
    match desk.gate.sign_out(&sent.staff.me).await {
        Ok(_) => {
            let gone = [(SET_COOKIE, clearing_cookie(desk.is_https(&sent.head)))];
            let notice = Deed::SignedOut.as_str();
            let address = format!("{}?notice={notice}", desk.path("sign-in"));
            (gone, see_other(&address)).into_response()
        }
        Err(_) => Trouble::Unavailable.answer(&desk, Some(&sent.staff), &sent.head),
    }
}
