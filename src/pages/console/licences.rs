//! Licences: how many accounts may be active, who uses one, and what becomes of people
//! who use one and never come.

mod inactivity;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use self::inactivity::Rule;
use super::Here;
use crate::admin::settings::SettingSource;
use crate::admin::{AdminError, Licences};
use crate::domain::operation::Operation;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::secrets::was_sure;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/licences", get(page).post(submit))
        .route("/licences/inactivity", get(inactivity::look).post(inactivity::set))
        .route("/licences/inactivity/confirm", post(inactivity::confirm))
}

#[derive(Template)]
#[template(path = "console/licences.html")]
struct LicencesPage {
    shell: Shell,
    licences: Licences,
    limit: String,
    /// The file that says the limit, where one does.
    pinned: Option<String>,
    rule: Rule,
    may_change: bool,
    may_look: bool,
    wrong: Wrong,
}

impl LicencesPage {
    fn again(self, wrong: Wrong) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, &Self { wrong, ..self })
    }
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, Some(&head)).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

fn words_of(head: &Parts) -> Option<Notice> {
    let words = match &*Done::of(head)?.act {
        "limited" => "The limit is changed, on every gateway.",
        "unlimited" => "There is no limit any more.",
        "rule-off" => "The rule is off.",
        "rule-set" => "The rule is changed. It waits until an administrator has seen whom it hits.",
        "rule-kept" => "The rule is kept from the next night on.",
        "unchanged" => "It was so already: nothing was changed.",
        _ => return None,
    };
    Some(Notice::done(words))
}

async fn show(desk: &Desk, staff: &Staff, head: Option<&Parts>) -> Result<LicencesPage, Trouble> {
    let licences = desk.admin.licences(&staff.actor).await?;
    Ok(LicencesPage {
        shell: desk
            .shell(staff, Section::Licences)
            .with(head.and_then(words_of)),
        limit: licences
            .limit
            .map_or_else(String::new, |limit| limit.to_string()),
        pinned: pinned(&licences.source),
        rule: Rule::now(desk, staff).await?,
        may_change: staff.rights.allow(Operation::ChangeSettings),
        may_look: staff.rights.administer(),
        licences,
        wrong: Wrong::default(),
    })
}

/// The file that says a setting, where one does.
fn pinned(source: &SettingSource) -> Option<String> {
    match source {
        SettingSource::Pinned(by) => Some(by.clone()),
        _ => None,
    }
}

async fn submit(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match limited(&desk, &staff, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn limited(desk: &Desk, staff: &Staff, fields: &mut Fields) -> Result<Response, Trouble> {
    staff.require(Operation::ChangeSettings)?;
    was_sure(desk, staff, "licences")?;
    let typed = fields.perhaps("limit")?.unwrap_or_default();
    let limit = match typed.trim() {
        "" => Ok(None),
        number => number.parse::<u64>().map(Some),
    };
    let wrong = match limit {
        Err(_) => "A limit is a whole number; leave it empty for none.".to_owned(),
        Ok(limit) => match desk.admin.limit_licences(&staff.actor, limit).await {
            Ok(changed) => {
                let act = if limit.is_some() { "limited" } else { "unlimited" };
                return Ok(back(desk, if changed { act } else { "unchanged" }));
            }
            Err(error @ AdminError::Store(_)) => return Err(error.into()),
            Err(error) => sentence(&error.to_string()),
        },
    };
    let page = show(desk, staff, None).await?;
    Ok(LicencesPage { limit: typed, ..page }.again(Wrong::at("limit", wrong)))
}

fn back(desk: &Desk, act: &str) -> Response {
    let query = Done::new(act).to_query();
    see_other(&format!("{}?{query}", desk.path("licences")))
}
