//! The last step: what exactly will happen, why, and the last yes.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::choice::{Choice, Wrong};
use super::records;
use super::wizard::{asked, choose, whom};
use crate::admin::deletion::{ModulePreview, TransferPreview};
use crate::admin::{AdminError, DeletionRequest, Target};
use crate::domain::account::Account;
use crate::domain::lock::Reason;
use crate::domain::transfer::{Condition, Transfer};
use crate::pages::answer;
use crate::pages::called::isolated;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::people::Person;
use crate::pages::console::person;
use crate::pages::console::staff::{Sent, Staff};

#[derive(Template)]
#[template(path = "console/delete_look.html")]
struct LookPage {
    shell: Shell,
    person: Person,
    effects: Vec<String>,
    pairs: Vec<(String, String)>,
    /// The way back to the choice, where there was one.
    back: Option<String>,
    reason: String,
    reason_error: String,
    error: String,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let account = match whom(&desk, &staff, &id).await? {
            Ok(account) => account,
            Err(under_way) => return Ok(under_way),
        };
        let choice = asked(&desk, &head)?;
        let transfer = match choice.transfer() {
            Ok(transfer) => transfer,
            Err(wrong) => return again(&desk, &staff, &account, choice, wrong).await,
        };
        if !staff.is_sure(desk.now()) {
            let here = format!("users/{}/delete/look?{}", account.id, choice.to_query());
            return Err(Trouble::NotSure { onward: desk.path(&here) });
        }
        match show(&desk, &staff, &account, &choice, &transfer).await {
            Ok(page) => Ok(answer::page(StatusCode::OK, &page)),
            Err(refused) => again(&desk, &staff, &account, choice, refused?).await,
        }
    };
    match shown.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// The choice again, with what is wrong with it.
async fn again(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    choice: Choice,
    wrong: Wrong,
) -> Result<Response, Trouble> {
    let page = choose(desk, staff, account, choice, wrong).await?;
    Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    choice: &Choice,
    transfer: &Transfer,
) -> Result<LookPage, Result<Wrong, Trouble>> {
    let target = Target::Id(account.id);
    let preview = desk
        .admin
        .transfer_preview(&staff.actor, &target, transfer)
        .await
        .map_err(|error| refusal(error).map(|words| Wrong::at("receiver", words)))?;
    let sessions = person::live_sessions(desk, staff, account)
        .await
        .map_err(Err)?;
    let reused = desk
        .admin
        .logins_are_reused()
        .await
        .map_err(|error| Err(error.into()))?;
    let person = Person::of(account, desk.now());
    let back = format!("users/{}/delete?{}", account.id, choice.to_query());
    Ok(LookPage {
        shell: desk.shell(staff, Section::Users),
        effects: effects(&person, sessions, &preview, reused),
        person,
        pairs: choice.pairs(),
        back: desk.admin.modules().next().map(|_| back),
        reason: String::new(),
        reason_error: String::new(),
        error: String::new(),
    })
}

/// What an operation refused, in words that the form can show, or trouble.
fn refusal(error: AdminError) -> Result<String, Trouble> {
    match status_of(&error) {
        StatusCode::CONFLICT => Ok(sentence(&error.to_string())),
        _ => Err(error.into()),
    }
}

/// What will happen, one sentence each.
fn effects(person: &Person, sessions: u64, preview: &TransferPreview, reused: bool) -> Vec<String> {
    let (name, login) = (&person.called, isolated(&person.login));
    let mut effects = vec![match sessions {
        0 => format!("{name} can't sign in any more."),
        1 => format!("{name} is signed out of 1 session now, and can't sign in any more."),
        many => format!("{name} is signed out of {many} sessions now, and can't sign in any more."),
    }];
    let receiver = preview.receiver.as_ref();
    for module in &preview.modules {
        effects.extend(receiver.and_then(|to| moving(module, &isolated(to.login.as_str()))));
        let staying = module.owned.saturating_sub(module.moving);
        if staying > 0 {
            let (verb, staying) = (if staying == 1 { "stays" } else { "stay" }, records(staying));
            effects.push(format!("{staying} of {} {verb} with the deleted account.", module.label));
        }
    }
    if receiver.is_some() && preview.modules.iter().all(|module| module.moving == 0) {
        effects.push("No record goes to anybody: none fits.".to_owned());
    }
    effects.push(match reused {
        false => format!("The login {login} can never be used again."),
        true => format!(
            "The login {login} may be given to somebody else: the setting accounts.reuse_logins is on."
        ),
    });
    effects.push("What they did stays in the audit log.".to_owned());
    effects
}

fn moving(module: &ModulePreview, receiver: &str) -> Option<String> {
    if module.moving == 0 {
        return None;
    }
    let verb = if module.moving == 1 { "goes" } else { "go" };
    let conditions = module.choice.conditions().iter();
    let conditions: Vec<_> = conditions.map(Condition::to_string).collect();
    let which = match conditions.is_empty() {
        true => String::new(),
        false => format!(", those where {},", conditions.join(" and ")),
    };
    Some(format!("{} of {}{which} {verb} to {receiver}.", records(module.moving), module.label))
}

/// Begins, and leads to how it goes on.
pub(super) async fn submit(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        let account = match whom(&desk, &staff, &id).await? {
            Ok(account) => account,
            Err(under_way) => return Ok(under_way),
        };
        let choice = Choice::read(&mut fields, desk.admin.modules())?;
        let reason = fields.once("reason")?;
        let transfer = match choice.transfer() {
            Ok(transfer) => transfer,
            Err(wrong) => return again(&desk, &staff, &account, choice, wrong).await,
        };
        if !staff.was_sure(desk.now()) {
            let here = format!("users/{}/delete/look?{}", account.id, choice.to_query());
            return Err(Trouble::NotSure { onward: desk.path(&here) });
        }
        begin(&desk, &staff, &account, &choice, transfer, reason).await
    };
    match done.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn begin(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    choice: &Choice,
    transfer: Transfer,
    typed: String,
) -> Result<Response, Trouble> {
    let reason = match typed.trim().is_empty() {
        true => Err("Say why: deleting needs a reason.".to_owned()),
        false => Reason::try_from(typed.clone()).map_err(|error| sentence(&error.to_string())),
    };
    let (reason_error, error) = match reason {
        Err(words) => (words, String::new()),
        Ok(reason) => {
            let request = DeletionRequest { reason, transfer: transfer.clone() };
            let target = Target::Id(account.id);
            match desk
                .admin
                .begin_deletion(&staff.actor, &target, request)
                .await
            {
                Ok(run) => {
                    let id = run.spawn().id;
                    return Ok(answer::see_other(&desk.path(&format!("deletions/{id}"))));
                }
                Err(error) => (String::new(), refusal(error)?),
            }
        }
    };
    let page = match show(desk, staff, account, choice, &transfer).await {
        Ok(page) => page,
        Err(refused) => return again(desk, staff, account, choice.clone(), refused?).await,
    };
    let page = LookPage { reason: typed, reason_error, error, ..page };
    Ok(answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}
