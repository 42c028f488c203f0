//! Licences, and links that let people choose a password.

use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use serde::Deserialize;

use super::problem::Problem;
use super::read::{Sent, Who};
use super::view::{InvitationView, LicencesView};
use crate::admin::{Admin, Caller};

/// How many there shall be; `null` for as many as are used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limit {
    limit: Option<u64>,
}

/// How long a link is good.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Invite {
    /// In seconds.
    expires_in: Option<u64>,
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<LicencesView>, Problem> {
    Ok(Json(LicencesView::new(admin.licences(&caller.actor()).await?)))
}

pub(super) async fn limit(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(Limit { limit }): Sent<Limit>,
) -> Result<Json<LicencesView>, Problem> {
    admin.limit_licences(&caller.actor(), limit).await?;
    Ok(Json(LicencesView::new(admin.licences(&caller.actor()).await?)))
}

pub(super) async fn invite(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(Invite { expires_in }): Sent<Invite>,
) -> Result<Json<InvitationView>, Problem> {
    let lasts = expires_in.map(Duration::from_secs);
    let invited = admin.invite(&caller.actor(), &target, lasts).await?;
    Ok(Json(InvitationView::new(&invited, admin.now())))
}
