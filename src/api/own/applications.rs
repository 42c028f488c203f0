//! Applications: programs that come with rights of their own.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::{Sent, part};
use super::tokens::NewToken;
use super::view::{ApplicationView, TokenView};
use crate::admin::{Admin, Caller, CreatedApplication};
use crate::domain::application::ApplicationId;

type Named = Result<Path<String>, PathRejection>;
type Answer = Result<Json<Value>, Problem>;

/// An application to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    scopes: Vec<String>,
}

/// What is to be changed of one; what is not sent stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    scopes: Option<Vec<String>>,
    enabled: Option<bool>,
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Answer {
    let applications = admin.applications(&caller.actor()).await?;
    let applications: Vec<_> = applications.iter().map(ApplicationView::new).collect();
    Ok(Json(json!({ "applications": applications })))
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(new): Sent<New>,
) -> Result<Response, Problem> {
    let actor = caller.actor();
    let made = admin.add_application(&actor, &new.name, new.scopes).await?;
    Ok((StatusCode::CREATED, secret(&made)).into_response())
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Answer {
    let application = admin.application(&caller.actor(), id(named)?).await?;
    Ok(Json(json!({ "application": ApplicationView::new(&application) })))
}

/// Scopes first: one that is to be enabled is not for more than it shall be.
pub(super) async fn update(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(change): Sent<Change>,
) -> Answer {
    let (actor, id) = (caller.actor(), id(named)?);
    let (mut application, mut changed) = (admin.application(&actor, id).await?, false);
    if let Some(scopes) = change.scopes {
        let (now, so) = admin.scope_application(&actor, id, scopes).await?;
        (application, changed) = (now, changed || so);
    }
    if let Some(enabled) = change.enabled {
        let (now, so) = admin.enable_application(&actor, id, enabled).await?;
        (application, changed) = (now, changed || so);
    }
    let application = ApplicationView::new(&application);
    Ok(Json(json!({ "application": application, "changed": changed })))
}

pub(super) async fn rotate(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Answer {
    Ok(secret(&admin.rotate_secret(&caller.actor(), id(named)?).await?))
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Answer {
    let removed = admin
        .remove_application(&caller.actor(), id(named)?)
        .await?;
    Ok(Json(json!({ "application": ApplicationView::new(&removed), "removed": true })))
}

pub(super) async fn tokens(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Answer {
    let tokens = admin
        .application_tokens(&caller.actor(), id(named)?)
        .await?;
    let tokens: Vec<_> = tokens.iter().map(TokenView::new).collect();
    Ok(Json(json!({ "tokens": tokens })))
}

pub(super) async fn create_token(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(new): Sent<NewToken>,
) -> Result<Response, Problem> {
    let id = id(named)?;
    let request = new.for_application()?;
    let actor = caller.actor();
    let made = admin.create_application_token(&actor, id, request).await?;
    let json = json!({ "secret": made.secret.expose(), "token": TokenView::new(&made.token) });
    Ok((StatusCode::CREATED, Json(json)).into_response())
}

/// With the secret, this once.
fn secret(made: &CreatedApplication) -> Json<Value> {
    let application = ApplicationView::new(&made.application);
    Json(json!({ "secret": made.secret.expose(), "application": application }))
}

fn id(named: Named) -> Result<ApplicationId, Problem> {
    part(named).ok_or_else(Problem::no_such_application)
}
