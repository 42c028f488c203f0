//! Settings that change at run time.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::Sent;
use super::view::SettingView;
use crate::admin::settings::Setting;
use crate::admin::{Admin, AdminError, Caller};

/// A value to be set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewValue {
    value: String,
}

/// A setting after it was set or put back.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ChangedView {
    pub(crate) changed: bool,
    #[serde(flatten)]
    pub(crate) setting: SettingView,
}

type Named = Result<Path<String>, PathRejection>;

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Problem> {
    let settings = admin.settings(&caller.actor()).await?;
    let settings: Vec<_> = settings.into_iter().map(SettingView::new).collect();
    Ok(Json(json!({ "settings": settings })))
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json<SettingView>, Problem> {
    answer(&admin, &caller, find(named)?).await
}

pub(super) async fn set(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(new): Sent<NewValue>,
) -> Result<Json<ChangedView>, Problem> {
    let (actor, setting) = (caller.actor(), find(named)?);
    let changed = admin.set_setting(&actor, setting, &new.value).await?;
    let Json(setting) = answer(&admin, &caller, setting).await?;
    Ok(Json(ChangedView { changed, setting }))
}

pub(super) async fn reset(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json<ChangedView>, Problem> {
    let setting = find(named)?;
    let changed = admin.reset_setting(&caller.actor(), setting).await?;
    let Json(setting) = answer(&admin, &caller, setting).await?;
    Ok(Json(ChangedView { changed, setting }))
}

fn find(named: Named) -> Result<&'static Setting, Problem> {
    let name = named.map_or_else(|_| String::new(), |Path(name)| name);
    Setting::named(&name).map_err(|error: AdminError| error.into())
}

async fn answer(
    admin: &Admin,
    caller: &Caller,
    setting: &'static Setting,
) -> Result<Json<SettingView>, Problem> {
    let found = admin.setting(&caller.actor(), setting).await?;
    Ok(Json(SettingView::new(found)))
}
