//! The first tab: whether somebody can come in, what they may do, and what they are called.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::stale::{Differs, compared};
use super::standing::ConfirmPage;
use super::{Head, Tab, Who, found, live_sessions, shell};
use crate::admin::{AdminError, PersonChange, Target};
use crate::domain::account::Account;
use crate::domain::login::Login;
use crate::domain::operation::Operation;
use crate::domain::standing::Version;
use crate::guard::ReturnTo;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::notice::Done;
use crate::pages::console::people::{self, Partial, Reason};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;
use crate::pages::when::Moment;

/// The first tab.
#[derive(Template)]
#[template(path = "console/person.html")]
pub(super) struct PersonPage {
    pub(super) shell: Shell,
    pub(super) head: Head,
    pub(super) reasons: Vec<Reason>,
    /// Lockouts of one device or one address.
    pub(super) partial: Vec<Partial>,
    /// On how many known devices a lockout lets them go on.
    pub(super) spared: usize,
    pub(super) standing: super::standing::Form,
    pub(super) form: Form,
    pub(super) groups: Vec<(i64, String)>,
    pub(super) created: Moment,
    pub(super) has_password: bool,
    /// How many sessions of theirs are live.
    pub(super) sessions: u64,
    /// Whether whoever looks gave their password recently enough to change permissions.
    pub(super) is_sure: bool,
    /// Where that is asked for, and back to here.
    pub(super) make_sure: String,
    /// What was sent too late, beside what is there.
    pub(super) stale: Option<Vec<Differs>>,
}

/// What somebody is called, as it was typed.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) login: String,
    pub(super) name: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: String,
    pub(super) language: String,
    pub(super) external_id: String,
    pub(super) version: u64,
    pub(super) error: String,
    /// The field that the error is about.
    pub(super) wrong: &'static str,
}

/// Reads one field of a form.
type Read = fn(&Form) -> &String;

impl Form {
    pub(super) fn of(account: &Account) -> Self {
        let details = &account.details;
        Self {
            login: account.login.to_string(),
            name: account.name.clone(),
            first_name: details.first_name.clone(),
            last_name: details.last_name.clone(),
            email: account.email.clone().unwrap_or_default(),
            language: details.language.clone().unwrap_or_default(),
            external_id: details.external_id.clone().unwrap_or_default(),
            version: account.version.get(),
            ..Self::default()
        }
    }

    fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let mut text = |name| Ok::<_, Trouble>(fields.perhaps(name)?.unwrap_or_default());
        let version = text("version")?
            .parse()
            .map_err(|_| Trouble::Bad(super::NO_VERSION.to_owned()))?;
        Ok(Self {
            login: text("login")?,
            name: text("name")?,
            first_name: text("first_name")?,
            last_name: text("last_name")?,
            email: text("email")?,
            language: text("language")?,
            external_id: text("external_id")?,
            version,
            ..Self::default()
        })
    }

    /// What was changed, or the field that can't be so, and why.
    fn change(&self, account: &Account) -> Result<PersonChange, Wrong> {
        let mut change = PersonChange::default();
        change.expect(Version::new(self.version));
        let (before, typed) = (Self::of(account), |text: &str| text.trim().to_owned());
        let differs = |was: &str, now: &str| was != typed(now);
        if differs(&before.login, &self.login) {
            let login = Login::new(&self.login);
            change.login(login.map_err(|error| ("login", sentence(&error.to_string())))?);
        }
        let at =
            |field: &'static str| move |error: AdminError| (field, sentence(&error.to_string()));
        if differs(&before.name, &self.name) {
            change.name(&self.name).map_err(at("name"))?;
        }
        if differs(&before.first_name, &self.first_name) {
            change
                .first_name(&self.first_name)
                .map_err(at("first_name"))?;
        }
        if differs(&before.last_name, &self.last_name) {
            change.last_name(&self.last_name).map_err(at("last_name"))?;
        }
        if differs(&before.email, &self.email) {
            match &*typed(&self.email) {
                "" => change.no_email(),
                email => change.email(email).map_err(at("email"))?,
            }
        }
        if differs(&before.language, &self.language) {
            match &*typed(&self.language) {
                "" => change.no_language(),
                tag => change.language(tag).map_err(at("language"))?,
            }
        }
        if differs(&before.external_id, &self.external_id) {
            let id = Some(self.external_id.trim()).filter(|id| !id.is_empty());
            change.external_id(id).map_err(at("external_id"))?;
        }
        Ok(change)
    }

    /// Where what was sent differs from what is there now.
    fn compared(&self, now: &Self) -> Vec<Differs> {
        let fields: [(&str, Read); 7] = [
            ("Login", |form| &form.login),
            ("Name", |form| &form.name),
            ("First name", |form| &form.first_name),
            ("Last name", |form| &form.last_name),
            ("E-mail address", |form| &form.email),
            ("Language", |form| &form.language),
            ("External id", |form| &form.external_id),
        ];
        compared(fields.map(|(name, of)| (name, of(now).clone(), of(self).clone())))
    }

    /// Whether there is an error beside this field.
    pub(super) fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

type Wrong = (&'static str, String);

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let account = found(&desk, &staff, &id).await?;
        let page = show(&desk, &staff, &account).await?;
        let name = page.head.person.name.clone();
        Ok::<_, Trouble>(PersonPage { shell: shell(&desk, &staff, &head, &name), ..page })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// The tab as it is, without a notice.
pub(super) async fn show(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
) -> Result<PersonPage, Trouble> {
    let now = desk.now();
    let memberships = desk.admin.memberships_of(&staff.actor, account.id).await?;
    let groups = memberships.into_iter();
    let mut reasons = people::reasons(account, now);
    people::name_authors(&desk.admin, &mut reasons, account).await?;
    people::name_sources(&desk.admin, staff, &mut reasons, account).await?;
    Ok(PersonPage {
        shell: desk.shell(staff, crate::pages::console::nav::Section::Users),
        head: Head::of(staff, account, now, Tab::User),
        reasons,
        partial: people::partial_lockouts(account, now),
        spared: people::spared(account, now),
        standing: super::standing::Form::of(desk, account, now).await?,
        form: Form::of(account),
        groups: groups
            .map(|one| (one.group.get(), one.name.to_string()))
            .collect(),
        created: Moment::past(account.created_at, now),
        has_password: account.has_password,
        sessions: live_sessions(desk, staff, account).await?,
        is_sure: staff.is_sure(now),
        make_sure: make_sure(desk, account),
        stale: None,
    })
}

fn make_sure(desk: &Desk, account: &Account) -> String {
    let here = ReturnTo::parse(&desk.path(&format!("users/{}", account.id)));
    let here = here.map_or_else(|_| String::new(), |here| here.to_query_value());
    format!("{}?return_to={here}", desk.path("confirm"))
}

/// Saves what was changed, all of it or nothing.
pub(super) async fn submit(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match save(&desk, &staff, &id, &mut fields).await {
        Ok(saved) => saved.answer(),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// What became of a form.
pub(super) enum Saved {
    Done(Response),
    /// What will happen, which asks for a yes.
    Asked(Box<ConfirmPage>),
    /// The form again, with what is wrong.
    Wrong(Box<PersonPage>),
    /// What is there now: somebody else was quicker.
    Outdated(Box<PersonPage>),
}

impl Saved {
    pub(super) fn answer(self) -> Response {
        match self {
            Self::Done(response) => response,
            Self::Asked(page) => answer::page(StatusCode::OK, &*page),
            Self::Wrong(page) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
            Self::Outdated(page) => answer::page(StatusCode::CONFLICT, &*page),
        }
    }
}

async fn save(desk: &Desk, staff: &Staff, id: &str, fields: &mut Fields) -> Result<Saved, Trouble> {
    staff.require(Operation::UpdateUser)?;
    let account = found(desk, staff, id).await?;
    let form = Form::read(fields)?;
    let (wrong, error) = match form.change(&account) {
        Err(wrong) => wrong,
        Ok(change) => {
            let target = Target::Id(account.id);
            match desk.admin.update(&staff.actor, &target, change).await {
                Ok(outcome) => {
                    let act = if outcome.changed { "saved" } else { "unchanged" };
                    let done = Done::new(act);
                    return Ok(Saved::Done(super::back(desk, account.id, "", &done)));
                }
                Err(AdminError::Outdated { .. }) => return outdated(desk, staff, id, &form).await,
                Err(error) if status_of(&error) == StatusCode::CONFLICT => {
                    ("form", sentence(&error.to_string()))
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let page = show(desk, staff, &account).await?;
    let form = Form { wrong, error, ..form };
    Ok(Saved::Wrong(Box::new(PersonPage { form, ..page })))
}

/// What is there now, beside what was sent: nothing was saved.
async fn outdated(desk: &Desk, staff: &Staff, id: &str, sent: &Form) -> Result<Saved, Trouble> {
    let account = found(desk, staff, id).await?;
    let page = show(desk, staff, &account).await?;
    let stale = Some(sent.compared(&page.form));
    Ok(Saved::Outdated(Box::new(PersonPage { stale, ..page })))
}
