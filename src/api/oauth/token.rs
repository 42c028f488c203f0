//! `POST /oauth2/token`.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::refusal::Refusal;
use super::{answer, asked};
use crate::admin::{Admin, CreatedToken};

pub(super) async fn token(
    State(admin): State<Admin>,
    request: Request,
) -> Result<Response, Refusal> {
    let (client, mut form) = asked(&admin, request).await?;
    if form.need("grant_type")? != "client_credentials" {
        return Err(Refusal::Grant);
    }
    let scope = form.take("scope").unwrap_or_default();
    let words = scope.split(' ').filter(|word| !word.is_empty());
    let scopes: Vec<String> = words.map(str::to_owned).collect();
    if scopes.is_empty() && !scope.is_empty() {
        return Err(Refusal::Scope);
    }
    let made = admin.issue_token(&client, scopes).await;
    let (CreatedToken { secret, token }, lifetime) = made.map_err(Refusal::of_admin)?;
    let document = json!({
        "access_token": secret.expose(),
        "token_type": "Bearer",
        "expires_in": lifetime.as_secs(),
        "scope": token.scopes.join(" "),
    });
    Ok(answer(StatusCode::OK, &document))
}
