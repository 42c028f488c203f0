//! Groups: who is in them, and what that lets them do.

mod change;
mod list;
mod members;
mod one;
mod remove;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use http::request::Parts;

use crate::admin::AdminError;
use crate::domain::group::{Group, GroupId};
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::staff::Staff;

const PAGE: u32 = 50;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/groups", get(list::page).post(list::create))
        .route("/groups/{id}", get(one::page).post(change::save))
        .route("/groups/{id}/members", post(members::members))
        .route("/groups/{id}/delete", get(remove::last_look).post(remove::delete))
}

fn words_of(head: &Parts) -> Option<Notice> {
    let done = Done::of(head)?;
    let words = match &*done.act {
        "made" => "The group is made. Put people into it.",
        "saved" => "Saved.",
        "unchanged" => "All of it was so already: nothing was changed.",
        "joined" => "They are in the group now.",
        "left" => "They are in the group no more.",
        "deleted" => "The group is deleted. Its members stay.",
        _ => return None,
    };
    Some(Notice::done(words))
}

async fn found(desk: &Desk, staff: &Staff, id: &str) -> Result<Group, Trouble> {
    let id = id
        .parse::<i64>()
        .ok()
        .and_then(|id| GroupId::try_from(id).ok());
    match desk
        .admin
        .group(&staff.actor, id.ok_or(Trouble::NotFound)?)
        .await
    {
        Err(AdminError::NoSuchGroup { .. }) => Err(Trouble::NotFound),
        found => Ok(found?),
    }
}
