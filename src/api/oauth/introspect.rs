//! `POST /oauth2/introspect`: RFC 7662.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::refusal::Refusal;
use super::{answer, asked};
use crate::admin::{Admin, Identity, LiveToken};
use crate::domain::secret::TokenSecret;

pub(super) async fn introspect(
    State(admin): State<Admin>,
    request: Request,
) -> Result<Response, Refusal> {
    let (client, mut form) = asked(&admin, request).await?;
    let live = match TokenSecret::parse(form.need("token")?.as_bytes()) {
        Some(secret) => admin
            .look_at_token(&client, &secret)
            .await
            .map_err(Refusal::of_admin)?,
        None => None,
    };
    let document = live.map_or_else(|| json!({ "active": false }), |live| described(&live));
    Ok(answer(StatusCode::OK, &document))
}

/// Whose it is stands in `sub` as the audit log names them.
fn described(live: &LiveToken) -> Value {
    let LiveToken { token, owner, scopes } = live;
    let mut document = Map::new();
    document.insert("active".into(), true.into());
    document.insert("scope".into(), scopes.join(" ").into());
    document.insert("token_type".into(), "Bearer".into());
    document.insert("iat".into(), token.created_at.floor_secs().into());
    if let Some(end) = token.expires_at {
        document.insert("exp".into(), end.floor_secs().into());
    }
    match owner {
        Identity::Account(account) => {
            document.insert("sub".into(), format!("user:{}", account.id).into());
            document.insert("username".into(), account.login.to_string().into());
        }
        Identity::Application(application) => {
            document.insert("sub".into(), format!("app:{}", application.id).into());
            document.insert("client_id".into(), application.id.to_string().into());
        }
    }
    document.into()
}
