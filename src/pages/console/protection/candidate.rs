//! A policy that is to be in force: chosen value by value, looked at, and put in force.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::super::Here;
use super::{back, in_force, pinned};
use crate::admin::AdminError;
use crate::admin::settings::LOCKOUT;
use crate::domain::operation::Operation;
use crate::domain::policy::LockoutPolicy;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::protection::fields::Form;
use crate::pages::console::protection::meaning::{Change, Meaning, changes};
use crate::pages::console::protection::typed::{Chosen, Typed, Wrong};
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::{self, BadForm, Fields};

#[derive(Template)]
#[template(path = "console/protection_change.html")]
struct ChangePage {
    shell: Shell,
    form: Form,
    /// The policy as one line of words, as it was typed.
    words: String,
    words_error: String,
}

#[derive(Template)]
#[template(path = "console/protection_policy.html")]
struct CandidatePage {
    shell: Shell,
    /// Why it was not put in force.
    refused: Option<String>,
    /// The file that says the policy, where one does.
    pinned: Option<String>,
    may_change: bool,
    is_same: bool,
    changes: Vec<Change>,
    now: Meaning,
    then: Meaning,
    /// The words that it was chosen by.
    words: String,
    /// The same as a part of an address.
    address: String,
    /// What is in force while this is looked at.
    was: String,
}

/// What an address says of a policy.
enum Asked {
    /// Nothing.
    Nothing,
    /// The fields of the form.
    Fields(Typed),
    /// A line of words.
    Words(String),
}

impl Asked {
    fn of(head: &Parts) -> Result<Self, BadForm> {
        let query = head.uri.query().unwrap_or_default();
        let mut fields = Fields::of_long_form(query.as_bytes())?;
        if let Some(words) = fields.perhaps("policy")? {
            return Ok(Self::Words(words));
        }
        match fields.perhaps("preset")? {
            None => Ok(Self::Nothing),
            Some(preset) => Ok(Self::Fields(Typed::of_fields(preset, &mut fields)?)),
        }
    }
}

/// Where it is looked at what a policy would mean.
fn looked_at(words: &str) -> String {
    format!("protection/policy?policy={}", form::encoded(words))
}

/// The form that a policy is chosen in.
pub(super) async fn change(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ChangeSettings)?;
        let (value, policy) = in_force(&desk, &staff).await?;
        if pinned(&value).is_some() {
            return Ok(see_other(&desk.path("protection")));
        }
        let typed = match Asked::of(&head)? {
            Asked::Nothing => Typed::of(&policy),
            Asked::Fields(typed) => typed,
            Asked::Words(words) => Typed::of_words(&words).unwrap_or_else(|_| Typed::of(&policy)),
        };
        let page = ChangePage::of(&desk, &staff, &typed, &Wrong::default());
        Ok::<_, Trouble>(answer::page(StatusCode::OK, &page))
    };
    match shown.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

impl ChangePage {
    fn of(desk: &Desk, staff: &Staff, typed: &Typed, wrong: &Wrong) -> Self {
        Self {
            shell: desk.shell(staff, Section::Protection),
            form: Form::of(typed, wrong),
            words: typed.to_string(),
            words_error: String::new(),
        }
    }

    /// The form beside words that can't be read.
    async fn unread(
        desk: &Desk,
        staff: &Staff,
        words: String,
        error: String,
    ) -> Result<Self, Trouble> {
        staff.require(Operation::ChangeSettings)?;
        let (_, policy) = in_force(desk, staff).await?;
        let page = Self::of(desk, staff, &Typed::of(&policy), &Wrong::default());
        Ok(Self { words, words_error: error, ..page })
    }

    fn answer(&self) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, self)
    }
}

/// What a policy would mean, before it is put in force.
pub(super) async fn look(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ChangeSettings)?;
        let typed = match Asked::of(&head)? {
            Asked::Nothing => return Ok(see_other(&desk.path("protection/change"))),
            Asked::Fields(typed) => typed,
            Asked::Words(words) => match Typed::of_words(&words) {
                Ok(typed) => typed,
                Err(error) => {
                    let page = ChangePage::unread(&desk, &staff, words, error).await?;
                    return Ok(page.answer());
                }
            },
        };
        let chosen = match typed.read() {
            Ok(chosen) => chosen,
            Err(wrong) => return Ok(ChangePage::of(&desk, &staff, &typed, &wrong).answer()),
        };
        sure(&desk, staff.is_sure(desk.now()), &looked_at(&chosen.words))?;
        let page = CandidatePage::of(&desk, &staff, chosen, None).await?;
        Ok::<_, Trouble>(answer::page(StatusCode::OK, &page))
    };
    match shown.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

impl CandidatePage {
    async fn of(
        desk: &Desk,
        staff: &Staff,
        chosen: Chosen,
        refused: Option<String>,
    ) -> Result<Self, Trouble> {
        let (value, now) = in_force(desk, staff).await?;
        Ok(Self {
            shell: desk.shell(staff, Section::Protection),
            refused,
            pinned: pinned(&value),
            may_change: staff.rights.allow(Operation::ChangeSettings),
            is_same: now == chosen.policy,
            changes: changes(&now, &chosen.policy),
            now: Meaning::of(&now),
            then: Meaning::of(&chosen.policy),
            address: form::encoded(&chosen.words),
            words: chosen.words,
            was: value.value,
        })
    }

    fn may_put_in_force(&self) -> bool {
        self.may_change && self.pinned.is_none() && !self.is_same
    }
}

/// Why a policy was not put in force.
enum Refused {
    /// An operation says so.
    Admin(AdminError),
    /// Another one was put in force since its sender looked.
    Stale,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Admin(error) => status_of(error),
            Self::Stale => StatusCode::CONFLICT,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Admin(error) => sentence(&error.to_string()),
            Self::Stale => "Somebody else changed the policy since you looked, so nothing was \
                            done. “Now” on this page is theirs: look again before you put yours \
                            in force."
                .to_owned(),
        }
    }
}

pub(super) async fn put_in_force(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        let (words, was) = (fields.once("policy")?, fields.once("was")?);
        let typed = match Typed::of_words(&words) {
            Ok(typed) => typed,
            Err(error) => {
                let page = ChangePage::unread(&desk, &staff, words, error).await?;
                return Ok(page.answer());
            }
        };
        let chosen = match typed.read() {
            Ok(chosen) => chosen,
            Err(wrong) => {
                staff.require(Operation::ChangeSettings)?;
                return Ok(ChangePage::of(&desk, &staff, &typed, &wrong).answer());
            }
        };
        match set(&desk, &staff, &chosen.policy, &was).await {
            Ok(Ok(changed)) => back(&desk, Ok(changed), "policy"),
            Ok(Err(refused)) => {
                let words = Some(refused.words());
                let page = CandidatePage::of(&desk, &staff, chosen, words).await?;
                Ok(answer::page(refused.status(), &page))
            }
            Err(Trouble::NotSure { .. }) => {
                Err(Trouble::NotSure { onward: desk.path(&looked_at(&chosen.words)) })
            }
            Err(trouble) => Err(trouble),
        }
    };
    match done.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Puts a policy in force in place of what its sender saw.
async fn set(
    desk: &Desk,
    staff: &Staff,
    policy: &LockoutPolicy,
    was: &str,
) -> Result<Result<bool, Refused>, Trouble> {
    if let Err(refused) = staff.rights.require(Operation::ChangeSettings) {
        return Ok(Err(Refused::Admin(refused)));
    }
    let (value, now) = in_force(desk, staff).await?;
    if pinned(&value).is_none() && value.value != was && now != *policy {
        return Ok(Err(Refused::Stale));
    }
    was_sure(desk, staff, "protection")?;
    let text = policy.to_string();
    match desk.admin.set_setting(&staff.actor, &LOCKOUT, &text).await {
        Ok(changed) => Ok(Ok(changed)),
        Err(error @ AdminError::Store(_)) => Err(error.into()),
        Err(error) => Ok(Err(Refused::Admin(error))),
    }
}
