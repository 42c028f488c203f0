//! `POST /oauth2/revoke`: RFC 7009.

use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::refusal::Refusal;
use super::{answer, asked};
use crate::admin::{Admin, Revoked};
use crate::domain::secret::TokenSecret;

/// A token that never was one is as good as revoked.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    request: Request,
) -> Result<Response, Refusal> {
    let (client, mut form) = asked(&admin, request).await?;
    if let Some(secret) = TokenSecret::parse(form.need("token")?.as_bytes()) {
        let revoked = admin.revoke_own_token(&client, &secret).await;
        if revoked.map_err(Refusal::of_admin)? == Revoked::NotYours {
            return Err(Refusal::NotYours);
        }
    }
    Ok(answer(StatusCode::OK, &json!({})))
}
