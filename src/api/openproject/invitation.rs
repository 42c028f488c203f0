//! `POST /api/v3/users/{id}/invitation`, which is ours: OpenProject sends a mail.

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::json::Hal;
use super::refusal::Refusal;
use super::show::{Named, find};
use crate::admin::{Admin, Caller};

/// Makes a link that lets the user choose a password, once. It is not shown again.
pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    let invited = admin
        .invite(&caller.actor(), &account.id.into(), None)
        .await?;
    let document = json!({
        "_type": "UserInvitation",
        "purpose": invited.invitation.purpose,
        "token": invited.secret.expose(),
        "expiresAt": invited.invitation.expires_at.to_string(),
        "_links": {
            "user": { "href": format!("/api/v3/users/{}", account.id) },
            // Below the address that people reach the gateway at.
            "open": { "href": format!("/.portcullis{}", invited.path()) },
        },
    });
    Ok(Hal(StatusCode::CREATED, document).into_response())
}
