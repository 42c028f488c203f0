//! The first step: what becomes of somebody's records.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::choice::{Choice, Wrong};
use crate::admin::{Page, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::operation::Operation;
use crate::domain::transfer::Transfer;
use crate::pages::answer;
use crate::pages::called;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::overview::spaced;
use crate::pages::console::people::Person;
use crate::pages::console::person;
use crate::pages::console::staff::Staff;
use crate::pages::form::Fields;
use crate::store::DeletionQuery;

/// How many people who may get the records are named at once.
const NAMED: u32 = 8;

#[derive(Template)]
#[template(path = "console/delete.html")]
pub(super) struct ChoosePage {
    shell: Shell,
    person: Person,
    choice: Choice,
    people: Vec<Candidate>,
    /// How many more fit the search.
    more: u64,
    counts: Vec<Count>,
    /// Why records could not be counted.
    uncounted: String,
    /// Whether the counts are those of a whole choice.
    is_whole: bool,
    wrong: Wrong,
}

/// Somebody who may get the records.
struct Candidate {
    id: AccountId,
    name: String,
    login: String,
}

/// What would become of a module's records.
struct Count {
    label: String,
    owned: String,
    moving: String,
    staying: String,
}

impl ChoosePage {
    fn error_at(&self, field: &str) -> &str {
        if self.wrong.field == field { &self.wrong.words } else { "" }
    }

    fn error_of(&self, module: &super::choice::Module) -> &str {
        self.error_at(&format!("of.{}", module.name))
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
        let account = whom(&desk, &staff, &id).await?;
        let account = match account {
            Ok(account) => account,
            Err(under_way) => return Ok(under_way),
        };
        let choice = asked(&desk, &head)?;
        if desk.admin.modules().next().is_none() {
            let look = desk.path(&format!("users/{}/delete/look?records=nothing", account.id));
            return Ok(answer::see_other(&look));
        }
        let page = choose(&desk, &staff, &account, choice, Wrong::default()).await?;
        Ok::<_, Trouble>(answer::page(StatusCode::OK, &page))
    };
    match shown.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// What the request's address says.
pub(super) fn asked(desk: &Desk, request: &Parts) -> Result<Choice, Trouble> {
    let query = request.uri.query().unwrap_or_default();
    let mut fields = Fields::of_long_form(query.as_bytes())?;
    Choice::read(&mut fields, desk.admin.modules())
}

/// Whoever is to be deleted, for somebody who may; or the way to their deletion, which
/// is under way already.
pub(super) async fn whom(
    desk: &Desk,
    staff: &Staff,
    id: &str,
) -> Result<Result<Account, Response>, Trouble> {
    let account = person::found(desk, staff, id).await?;
    staff
        .actor
        .require_managing_to(Operation::DeleteUser, &account)?;
    let query = DeletionQuery { account: Some(account.id), open: true, before: None, limit: 1 };
    if let Some(open) = desk.admin.deletions(&staff.actor, query).await?.pop() {
        let address = desk.path(&format!("deletions/{}", open.id));
        return Ok(Err(answer::see_other(&address)));
    }
    desk.admin.deletion_is_on().await?;
    if staff.me.is_account(account.id) {
        let words = "Nobody deletes their own account. Ask another administrator.";
        return Err(Trouble::Bad(words.to_owned()));
    }
    if account.lifecycle == crate::domain::standing::Lifecycle::Deleted {
        return Err(Trouble::Bad(format!("{} is deleted already.", account.login)));
    }
    Ok(Ok(account))
}

/// The page on which the choice is made.
pub(super) async fn choose(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    choice: Choice,
    wrong: Wrong,
) -> Result<ChoosePage, Trouble> {
    let (people, more) = candidates(desk, staff, account, &choice).await?;
    let transfer = choice.transfer();
    let is_whole = transfer.is_ok();
    let transfer = transfer.unwrap_or(Transfer::Nothing);
    let target = Target::Id(account.id);
    let counted = desk
        .admin
        .transfer_preview(&staff.actor, &target, &transfer)
        .await;
    let (counts, uncounted) = match counted {
        Ok(preview) => {
            let count = |one: crate::admin::deletion::ModulePreview| Count {
                label: one.label,
                owned: spaced(one.owned),
                moving: spaced(one.moving),
                staying: spaced(one.owned.saturating_sub(one.moving)),
            };
            (preview.modules.into_iter().map(count).collect(), String::new())
        }
        Err(error) => (Vec::new(), sentence(&error.to_string())),
    };
    Ok(ChoosePage {
        shell: desk.shell(staff, Section::Users),
        person: Person::of(account, desk.now()),
        choice,
        people,
        more,
        counts,
        uncounted,
        is_whole,
        wrong,
    })
}

/// Those who may get the records, whoever is chosen first.
async fn candidates(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    choice: &Choice,
) -> Result<(Vec<Candidate>, u64), Trouble> {
    let page = Page { offset: 0, limit: NAMED + 1 };
    let found = desk
        .admin
        .assignable(&staff.actor, choice.find.trim(), page)
        .await?;
    let others = found.people.into_iter();
    let others = others.filter(|one| one.id != account.id && !choice.goes_to(&one.id));
    let mut people = Vec::new();
    if let Some(id) = choice.receiver
        && let Some(receiver) = desk.admin.record(id).await?
    {
        people.push(Candidate::new(receiver.id, &receiver.name, receiver.login.as_str()));
    }
    let listed = others.map(|one| Candidate::new(one.id, &one.name, &one.login));
    people.extend(listed.take(NAMED as usize));
    let more = found.total.saturating_sub(people.len() as u64 + 1);
    Ok((people, more))
}

impl Candidate {
    fn new(id: AccountId, name: &str, login: &str) -> Self {
        let name = called::shown(name).unwrap_or_else(|| login.to_owned());
        Self { id, name, login: login.to_owned() }
    }
}
