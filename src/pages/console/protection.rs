//! Attack protection: the lockout policy, what it means and promises, and the switch for
//! account disabling.

mod candidate;
mod disabling;
mod fields;
mod labels;
mod meaning;
mod typed;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;

use self::meaning::Meaning;
use super::Here;
use crate::admin::AdminError;
use crate::admin::settings::{ACCOUNT_DISABLING, LOCKOUT, SettingSource, SettingValue};
use crate::domain::operation::Operation;
use crate::domain::policy::LockoutPolicy;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::staff::Staff;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/protection", get(page))
        .route("/protection/change", get(candidate::change))
        .route("/protection/policy", get(candidate::look).post(candidate::put_in_force))
        .route("/protection/disabling", get(disabling::look).post(disabling::switch))
}

#[derive(Template)]
#[template(path = "console/protection.html")]
struct ProtectionPage {
    shell: Shell,
    policy: Meaning,
    /// The file that says the policy, where one does.
    pinned: Option<String>,
    disabling: bool,
    disabling_pinned: Option<String>,
}

fn pinned(value: &SettingValue) -> Option<String> {
    match &value.source {
        SettingSource::Pinned(by) => Some(by.clone()),
        _ => None,
    }
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn in_force(desk: &Desk, staff: &Staff) -> Result<(SettingValue, LockoutPolicy), Trouble> {
    let value = desk.admin.setting(&staff.actor, &LOCKOUT).await?;
    // What is stored was read before it was stored.
    let policy = value.value.parse().map_err(|_| Trouble::Unavailable)?;
    Ok((value, policy))
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<ProtectionPage, Trouble> {
    staff.require(Operation::ChangeSettings)?;
    let (value, policy) = in_force(desk, staff).await?;
    let disabling = desk.admin.setting(&staff.actor, &ACCOUNT_DISABLING).await?;
    let notice = Done::of(head).and_then(|done| {
        let words = match &*done.act {
            "policy" => "The policy is in force, on every gateway.",
            "disabling-on" => "Accounts can be disabled now.",
            "disabling-off" => "Account disabling is off. Accounts that are disabled stay so.",
            "unchanged" => "It was so already: nothing was changed.",
            _ => return None,
        };
        Some(Notice::done(words))
    });
    Ok(ProtectionPage {
        shell: desk.shell(staff, Section::Protection).with(notice),
        pinned: pinned(&value),
        policy: Meaning::of(&policy),
        disabling: disabling.value == "on",
        disabling_pinned: pinned(&disabling),
    })
}

fn back(desk: &Desk, changed: Result<bool, AdminError>, deed: &str) -> Result<Response, Trouble> {
    let act = if changed? { deed } else { "unchanged" };
    let query = Done::new(act).to_query();
    Ok(see_other(&format!("{}?{query}", desk.path("protection"))))
}
