//! Licences: how many accounts may be active, and who uses one.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;

use super::Here;
use crate::admin::Licences;
use crate::admin::settings::SettingSource;
use crate::domain::operation::Operation;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::staff::{Sent, Staff};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new().route("/licences", get(page).post(submit))
}

#[derive(Template)]
#[template(path = "console/licences.html")]
struct LicencesPage {
    shell: Shell,
    licences: Licences,
    limit: String,
    /// The file that says the limit, where one does.
    pinned: Option<String>,
    may_change: bool,
    error: String,
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<LicencesPage, Trouble> {
    let licences = desk.admin.licences(&staff.actor).await?;
    let notice = Done::of(head).and_then(|done| match &*done.act {
        "limited" => Some(Notice::done("The limit is changed, on every gateway.")),
        "unlimited" => Some(Notice::done("There is no limit any more.")),
        _ => None,
    });
    let pinned = match &licences.source {
        SettingSource::Pinned(by) => Some(by.clone()),
        _ => None,
    };
    Ok(LicencesPage {
        shell: desk.shell(staff, Section::Licences).with(notice),
        limit: licences
            .limit
            .map_or_else(String::new, |limit| limit.to_string()),
        may_change: staff.rights.allow(Operation::ChangeSettings),
        licences,
        pinned,
        error: String::new(),
    })
}

async fn submit(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let saved = async {
        staff.require(Operation::ChangeSettings)?;
        if !staff.was_sure(desk.now()) {
            return Err(Trouble::NotSure { onward: desk.path("licences") });
        }
        let typed = fields
            .perhaps("limit")?
            .unwrap_or_default()
            .trim()
            .to_owned();
        let limit = match &*typed {
            "" => Ok(None),
            number => number.parse::<u64>().map(Some),
        };
        let wrong = match limit {
            Err(_) => "A limit is a whole number; leave it empty for none.".to_owned(),
            Ok(limit) => match desk.admin.limit_licences(&staff.actor, limit).await {
                Ok(_) => {
                    let act = if limit.is_some() { "limited" } else { "unlimited" };
                    let query = Done::new(act).to_query();
                    return Ok(Ok(see_other(&format!("{}?{query}", desk.path("licences")))));
                }
                Err(error @ crate::admin::AdminError::Store(_)) => return Err(error.into()),
                Err(error) => sentence(&error.to_string()),
            },
        };
        let page = show(&desk, &staff, &head).await?;
        Ok(Err(LicencesPage { limit: typed, error: wrong, ..page }))
    };
    match saved.await {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
