//! API tokens.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::{Asked, Sent, part};
use super::view::{Instant, TokenView};
use crate::admin::{Admin, AdminError, Caller, Target, TokenRequest};
use crate::domain::session::SessionId;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct TokenQuery {
    owner: Option<String>,
}

/// A token to be made; its owner is whoever asks, where no other is named.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct NewToken {
    owner: Option<String>,
    name: String,
    scopes: Vec<String>,
    expires_at: Option<Instant>,
}

impl NewToken {
    /// The same for an application, which is named in the address.
    pub(super) fn for_application(self) -> Result<TokenRequest, Problem> {
        let Self { owner, name, scopes, expires_at } = self;
        if owner.is_some() {
            return Err(Problem::invalid("`owner` is the application here: leave it out"));
        }
        Ok(TokenRequest { name, scopes, expires_at: expires_at.map(|at| at.0) })
    }
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<TokenQuery>,
) -> Result<Json<Value>, Problem> {
    let owner: Option<Target> = query.owner.as_deref().map(Into::into);
    let tokens = admin.tokens(&caller.actor(), owner.as_ref()).await?;
    let tokens: Vec<_> = tokens.iter().map(TokenView::new).collect();
    Ok(Json(json!({ "tokens": tokens })))
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(new): Sent<NewToken>,
) -> Result<Response, Problem> {
    let NewToken { owner, name, scopes, expires_at } = new;
    let owner: Target = match (owner.as_deref(), caller.account()) {
        (Some(owner), _) => owner.into(),
        (None, Some(account)) => account.id.into(),
        (None, None) => return Err(Problem::invalid("missing field `owner`")),
    };
    let request = TokenRequest { name, scopes, expires_at: expires_at.map(|at| at.0) };
    let made = admin.create_token(&caller.actor(), &owner, request).await?;
    let secret = made.secret.expose();
    let json = json!({ "secret": secret, "token": TokenView::new(&made.token) });
    Ok((StatusCode::CREATED, Json(json)).into_response())
}

pub(super) async fn revoke(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let id: SessionId = part(id).ok_or_else(Problem::no_such_token)?;
    let revoked = admin.revoke_token(&caller.actor(), id).await;
    let revoked = revoked.map_err(|error: AdminError| Problem::from(error))?;
    Ok(Json(json!({ "token": TokenView::new(&revoked), "revoked": true })))
}
