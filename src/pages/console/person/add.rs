//! Somebody new: added with a link to choose a password, or with a password.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use super::invite::link_for;
use super::{Trouble, back};
use crate::admin::NewPerson;
use crate::domain::login::Login;
use crate::domain::operation::Operation;
use crate::domain::password::Password;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::once::{OPEN_TOO_LONG, SentBefore, Stale};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;

#[derive(Template)]
#[template(path = "console/person_new.html")]
struct NewPage {
    shell: Shell,
    form: Form,
    /// The key of this form.
    once: String,
    administer: bool,
}

/// What was typed; the password is not shown again.
#[derive(Default)]
struct Form {
    login: String,
    name: String,
    email: String,
    admin: bool,
    invites: bool,
    error: String,
    wrong: &'static str,
}

impl Form {
    fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if let Err(trouble) = allowed(&desk, &staff, staff.is_sure(desk.now())) {
        return trouble.answer(&desk, Some(&staff), &head);
    }
    let form = Form { invites: true, ..Form::default() };
    answer::page(StatusCode::OK, &show(&desk, &staff, form))
}

fn allowed(desk: &Desk, staff: &Staff, sure: bool) -> Result<(), Trouble> {
    staff.require(Operation::CreateUser)?;
    match sure {
        true => Ok(()),
        false => Err(Trouble::NotSure { onward: desk.path("users/new") }),
    }
}

fn show(desk: &Desk, staff: &Staff, form: Form) -> NewPage {
    let administer = staff.rights.administer();
    let once = desk.forms.key(desk.now());
    NewPage { shell: desk.shell(staff, Section::Users), form, once, administer }
}

pub(super) async fn submit(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match add(&desk, &staff, &mut fields).await {
        Ok(Ok(response)) => response,
        Ok(Err(form)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &show(&desk, &staff, form)),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn add(
    desk: &Desk,
    staff: &Staff,
    fields: &mut Fields,
) -> Result<Result<Response, Form>, Trouble> {
    allowed(desk, staff, staff.was_sure(desk.now()))?;
    let key = fields.perhaps("once")?.unwrap_or_default();
    let mut text = |name| Ok::<_, Trouble>(fields.perhaps(name)?.unwrap_or_default());
    let form = Form {
        login: text("login")?,
        name: text("name")?,
        email: text("email")?,
        admin: text("admin")? == "yes",
        invites: text("way_in")? != "password",
        ..Form::default()
    };
    let password = text("password")?;
    let person = match person(&form, &password) {
        Ok(person) => person,
        Err((wrong, error)) => return Ok(Err(Form { wrong, error, ..form })),
    };
    match desk.forms.take(staff.account.id, &key, desk.now()) {
        Ok(()) => {}
        Err(Stale::Used) => return Ok(Ok(sent_before(desk, staff))),
        Err(Stale::Unknown) => {
            return Ok(Err(Form { wrong: "form", error: OPEN_TOO_LONG.to_owned(), ..form }));
        }
    }
    let account = match desk.admin.add(&staff.actor, person).await {
        Ok(outcome) => outcome.account,
        Err(error) if status_of(&error) == StatusCode::CONFLICT => {
            desk.forms.give_back(staff.account.id, &key);
            let error = sentence(&error.to_string());
            return Ok(Err(Form { wrong: "form", error, ..form }));
        }
        Err(error) => return Err(error.into()),
    };
    if form.invites {
        // They are added, whatever becomes of the link.
        let page = link_for(desk, staff, &account).await;
        let without = Done::new("added-without-link").id(account.id.get());
        return Ok(Ok(page.map_or_else(
            |_| back(desk, account.id, "", &without),
            |page| answer::page(StatusCode::OK, &page),
        )));
    }
    Ok(Ok(back(desk, account.id, "", &Done::new("added"))))
}

fn sent_before(desk: &Desk, staff: &Staff) -> Response {
    let page = SentBefore {
        shell: desk.shell(staff, Section::Users),
        words: "Whom it asked for was added the first time, and nobody was added again.",
        lost: "A link is shown once, right after it is made: if you don't have it, make another \
               on their page.",
        onward: ("users?sort=-added".to_owned(), "Go to the newest users"),
    };
    answer::page(StatusCode::CONFLICT, &page)
}

fn person(form: &Form, password: &str) -> Result<NewPerson, (&'static str, String)> {
    let told = |field, error: &dyn std::fmt::Display| (field, sentence(&error.to_string()));
    let login = Login::new(&form.login).map_err(|error| told("login", &error))?;
    let mut person = NewPerson::new(login).with_admin(form.admin);
    if !form.name.trim().is_empty() {
        person = person
            .with_name(&form.name)
            .map_err(|error| told("name", &error))?;
    }
    if !form.email.trim().is_empty() {
        person = person
            .with_email(&form.email)
            .map_err(|error| told("email", &error))?;
    }
    if !form.invites {
        let password = Password::new(password).map_err(|error| told("password", &error))?;
        person = person.with_password(password);
    }
    Ok(person)
}
