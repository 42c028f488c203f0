//! A way in for somebody: a link to choose a password, shown once, or a password.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Who, back, found, live_sessions};
use crate::admin::{AdminError, Target};
use crate::domain::account::Account;
use crate::domain::operation::Operation;
use crate::domain::password::Password;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::once::{OPEN_TOO_LONG, SentBefore, Stale};
use crate::pages::console::people::Person;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::when::Moment;

#[derive(Template)]
#[template(path = "console/person_invite.html")]
pub(super) struct InvitePage {
    shell: Shell,
    person: Person,
    /// The link, once, and when it ends.
    link: Option<(String, Option<Moment>)>,
    /// The key of the form that makes one.
    once: String,
    error: String,
}

#[derive(Template)]
#[template(path = "console/person_password.html")]
struct PasswordPage {
    shell: Shell,
    person: Person,
    sessions: u64,
    error: String,
}

/// Whoever is about to open a way in is asked who they are.
fn sure(desk: &Desk, staff: &Staff, page: &str) -> Result<(), Trouble> {
    match staff.is_sure(desk.now()) {
        true => Ok(()),
        false => Err(Trouble::NotSure { onward: desk.path(page) }),
    }
}

fn was_sure(desk: &Desk, staff: &Staff, page: &str) -> Result<(), Trouble> {
    match staff.was_sure(desk.now()) {
        true => Ok(()),
        false => Err(Trouble::NotSure { onward: desk.path(page) }),
    }
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::UpdateUser)?;
        let account = found(&desk, &staff, &id).await?;
        sure(&desk, &staff, &format!("users/{}/invite", account.id))?;
        Ok::<_, Trouble>(InvitePage::of(&desk, &staff, &account))
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

pub(super) async fn submit(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let made = async {
        staff.require(Operation::UpdateUser)?;
        let account = found(&desk, &staff, &id).await?;
        was_sure(&desk, &staff, &format!("users/{}/invite", account.id))?;
        let key = fields.perhaps("once")?.unwrap_or_default();
        match desk.forms.take(staff.account.id, &key, desk.now()) {
            Ok(()) => {}
            Err(Stale::Used) => return Ok::<_, Trouble>(sent_before(&desk, &staff, &account)),
            Err(Stale::Unknown) => {
                let page = InvitePage::of(&desk, &staff, &account);
                let page = InvitePage { error: OPEN_TOO_LONG.to_owned(), ..page };
                return Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page));
            }
        }
        let page = link_for(&desk, &staff, &account).await?;
        if page.error.is_empty() {
            return Ok(answer::page(StatusCode::OK, &page));
        }
        desk.forms.give_back(staff.account.id, &key);
        Ok(answer::page(StatusCode::CONFLICT, &page))
    };
    match made.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

impl InvitePage {
    fn of(desk: &Desk, staff: &Staff, account: &Account) -> Self {
        let now = desk.now();
        Self {
            shell: desk.shell(staff, Section::Users),
            person: Person::of(account, now),
            link: None,
            once: desk.forms.key(now),
            error: String::new(),
        }
    }
}

fn sent_before(desk: &Desk, staff: &Staff, account: &Account) -> Response {
    let page = SentBefore {
        shell: desk.shell(staff, Section::Users),
        words: "The link that it asked for was made the first time, and works still.",
        lost: "A link is shown once, right after it is made: if you don't have it, make another.",
        onward: (format!("users/{}/invite", account.id), "Make another link"),
    };
    answer::page(StatusCode::CONFLICT, &page)
}

/// The page with a new link in it, which nobody sees again.
pub(super) async fn link_for(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
) -> Result<InvitePage, Trouble> {
    let now = desk.now();
    let page = InvitePage::of(desk, staff, account);
    match desk
        .admin
        .invite(&staff.actor, &Target::Id(account.id), None)
        .await
    {
        Ok(invited) => {
            let origin = desk.public_url.as_deref().unwrap_or_default();
            let origin = origin.trim_end_matches('/');
            let link = format!("{origin}{}{}", desk.pages_at, invited.path());
            let ends = Moment::to_come(invited.invitation.expires_at, now);
            Ok(InvitePage { link: Some((link, ends)), ..page })
        }
        Err(error @ (AdminError::Store(_) | AdminError::Forbidden { .. })) => Err(error.into()),
        Err(error) => Ok(InvitePage { error: sentence(&error.to_string()), ..page }),
    }
}

pub(super) async fn password_page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let account = found(&desk, &staff, &id).await?;
        sure(&desk, &staff, &format!("users/{}/password", account.id))?;
        form(&desk, &staff, &account, String::new()).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn form(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    error: String,
) -> Result<PasswordPage, Trouble> {
    staff.require(Operation::UpdateUser)?;
    let sessions = live_sessions(desk, staff, account).await?;
    let person = Person::of(account, desk.now());
    Ok(PasswordPage { shell: desk.shell(staff, Section::Users), person, sessions, error })
}

pub(super) async fn set_password(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let set = async {
        let account = found(&desk, &staff, &id).await?;
        was_sure(&desk, &staff, &format!("users/{}/password", account.id))?;
        let password = match Password::new(&fields.once("password")?) {
            Ok(password) => password,
            Err(error) => {
                let words = sentence(&error.to_string());
                return Ok(Err(form(&desk, &staff, &account, words).await?));
            }
        };
        let began = desk.begin();
        let target = Target::Id(account.id);
        let outcome = desk
            .admin
            .set_password(&staff.actor, &target, &password)
            .await?;
        let ended = outcome
            .sessions_ended
            .unwrap_or_default()
            .try_into()
            .unwrap_or(u64::MAX);
        let done = Done::new("password").count(ended).took(desk.since(began));
        Ok::<_, Trouble>(Ok(back(&desk, account.id, "", &done)))
    };
    match set.await {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
