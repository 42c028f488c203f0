//! The first tab: what somebody is called, and what they may do.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::admin::{AdminError, PersonChange, Target};
use crate::domain::account::Account;
use crate::domain::login::Login;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::standing::Version;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::notice::Done;
use crate::pages::console::people::{self, Reason};
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
    pub(super) standing: super::standing::Form,
    pub(super) form: Form,
    pub(super) groups: Vec<(i64, String)>,
    pub(super) created: Moment,
    pub(super) has_password: bool,
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
    pub(super) admin: bool,
    pub(super) permissions: Vec<Choice>,
    pub(super) version: u64,
    pub(super) error: String,
    /// The field that the error is about.
    pub(super) wrong: &'static str,
}

/// A permission to tick.
#[derive(Clone, Debug)]
pub(in crate::pages::console) struct Choice {
    pub(in crate::pages::console) word: &'static str,
    pub(in crate::pages::console) meaning: &'static str,
    pub(in crate::pages::console) held: bool,
}

/// What each permission lets somebody do, in words.
pub(in crate::pages::console) const fn meaning(permission: Permission) -> &'static str {
    match permission {
        Permission::ViewUsers => "See people, groups and who is signed in",
        Permission::UnlockUsers => "Let people in whom failed sign-ins locked out",
        Permission::ManageUsers => "Add, change, lock, disable and delete people",
        Permission::ManageSettings => "See and change the settings",
        Permission::ViewAudit => "Read the audit log",
        Permission::ManageTokens => "Make and revoke API tokens and applications",
        Permission::ReadMetrics => "Read the figures",
    }
}

pub(in crate::pages::console) fn choices(held: impl Fn(Permission) -> bool) -> Vec<Choice> {
    Permission::ALL
        .into_iter()
        .map(|one| Choice { word: one.as_str(), meaning: meaning(one), held: held(one) })
        .collect()
}

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
            admin: account.admin,
            permissions: choices(|one| details.permissions.iter().any(|held| held == one)),
            version: account.version.get(),
            ..Self::default()
        }
    }

    fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let ticked = fields.all("may");
        let mut text = |name| Ok::<_, Trouble>(fields.perhaps(name)?.unwrap_or_default());
        let version = text("version")?
            .parse()
            .map_err(|_| Trouble::Bad(NO_VERSION.to_owned()))?;
        Ok(Self {
            login: text("login")?,
            name: text("name")?,
            first_name: text("first_name")?,
            last_name: text("last_name")?,
            email: text("email")?,
            language: text("language")?,
            external_id: text("external_id")?,
            admin: text("admin")? == "yes",
            permissions: choices(|one| ticked.iter().any(|word| word == one.as_str())),
            version,
            ..Self::default()
        })
    }

    /// What was changed, or the field that can't be so, and why.
    fn change(&self, account: &Account, administer: bool) -> Result<PersonChange, Wrong> {
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
        if administer && self.rights() != before.rights() {
            change.admin(self.admin);
            change.permissions(self.held());
        }
        Ok(change)
    }

    fn held(&self) -> Permissions {
        let held = self.permissions.iter().filter(|one| one.held);
        held.filter_map(|one| one.word.parse::<Permission>().ok())
            .collect()
    }

    fn rights(&self) -> (bool, Permissions) {
        (self.admin, self.held())
    }

    /// Whether there is an error beside this field.
    pub(super) fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

type Wrong = (&'static str, String);

const NO_VERSION: &str = "The form is not whole: open the page again, and send it from there.";

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
    Ok(PersonPage {
        shell: desk.shell(staff, crate::pages::console::nav::Section::Users),
        head: Head::of(staff, account, now, Tab::User),
        reasons,
        standing: super::standing::Form::of(desk, account, now).await?,
        form: Form::of(account),
        groups: groups
            .map(|one| (one.group.get(), one.name.to_string()))
            .collect(),
        created: Moment::past(account.created_at, now),
        has_password: account.has_password,
    })
}

/// Saves what was changed, all of it or nothing.
pub(super) async fn submit(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match save(&desk, &staff, &id, &mut fields).await {
        Ok(Saved::Done(response)) => response,
        Ok(Saved::Wrong(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// What became of a form.
pub(super) enum Saved {
    Done(Response),
    /// The form again, with what is wrong.
    Wrong(Box<PersonPage>),
}

async fn save(desk: &Desk, staff: &Staff, id: &str, fields: &mut Fields) -> Result<Saved, Trouble> {
    let account = found(desk, staff, id).await?;
    let form = Form::read(fields)?;
    let administer = staff.rights.administer();
    let refused = match form.change(&account, administer) {
        Err(wrong) => wrong,
        Ok(change) => {
            let grants = administer && form.rights() != Form::of(&account).rights();
            if grants && !staff.was_sure(desk.now()) {
                let onward = desk.path(&format!("users/{id}"));
                return Err(Trouble::NotSure { onward });
            }
            match desk
                .admin
                .update(&staff.actor, &Target::Id(account.id), change)
                .await
            {
                Ok(outcome) => {
                    let act = if outcome.changed { "saved" } else { "unchanged" };
                    let done = Done::new(act);
                    return Ok(Saved::Done(super::back(desk, account.id, "", &done)));
                }
                Err(error) => at_field(error)?,
            }
        }
    };
    let page = show(desk, staff, &account).await?;
    let (wrong, error) = refused;
    // Whoever sends it again has seen what is there now.
    let version = account.version.get();
    let form = Form { wrong, error, version, ..form };
    Ok(Saved::Wrong(Box::new(PersonPage { form, ..page })))
}

/// The field that an operation's refusal is about; what is about none goes on.
fn at_field(error: AdminError) -> Result<Wrong, Trouble> {
    let words = sentence(&error.to_string());
    match error {
        AdminError::Outdated { .. } => Ok((
            "form",
            "Somebody changed this person meanwhile. Look at what is there now, and send yours \
             again if it is still right."
                .to_owned(),
        )),
        AdminError::Store(_) | AdminError::Forbidden { .. } => Err(error.into()),
        _ => Ok(("form", words)),
    }
}
