//! `POST /api/v3/users`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::draft::Draft;
use super::refusal::Refusal;
use super::show::answer;
use crate::admin::{Admin, Caller};
use crate::api::body;
use crate::domain::operation::Operation;

pub(super) async fn user(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    sent: Body,
) -> Result<Response, Refusal> {
    // A refusal alone, and no word of what else is wrong.
    caller.rights.require(Operation::CreateUser)?;
    let sent = body::object(sent, false).await?;
    let mut draft = Draft::of_new(&sent, &caller);
    draft.check_taken(&admin, None).await?;
    let added = admin.add(&caller.actor(), draft.into_person()?).await?;
    Ok(answer(StatusCode::CREATED, &admin, &added.account, &caller))
}
