//! Sessions: listed, got and revoked.

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

use super::fault::Fault;
use super::id;
use super::json::Json;
use super::query::Query;
use super::user::millis;
use super::users::Named;
use crate::admin::{Admin, AdminError, Caller};
use crate::domain::operation::Operation;
use crate::domain::session::SessionId;
use crate::store::{SessionQuery, SessionRecord, SessionState};

/// What sessions of Clerk's can be, and ours never are.
const NEVER: [&str; 4] = ["abandoned", "pending", "removed", "replaced"];

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::ViewUser)?;
    let query = Query::read(&query.unwrap_or_default())?;
    let paginated = query.flag("paginated")?.unwrap_or(false);
    let (sessions, total) = match read(&query)? {
        Some(wanted) => {
            let page = admin.sessions(&caller.actor(), wanted).await?;
            (page.sessions.iter().map(document).collect(), page.total)
        }
        None => (Vec::new(), 0),
    };
    let list: Value = sessions.into();
    Ok(Json::ok(if paginated { json!({ "data": list, "total_count": total }) } else { list }))
}

/// What is asked for; `None` where that is no session of ours.
fn read(query: &Query) -> Result<Option<SessionQuery>, Fault> {
    let (limit, offset) = query.page()?;
    let mut wanted = SessionQuery { limit, offset, ..SessionQuery::default() };
    let (user, client) = (query.text("user_id"), query.text("client_id"));
    if let Some(text) = user {
        let Some(id) = id::user(text) else { return Ok(None) };
        wanted.account = Some(id.into());
    }
    if let Some(text) = client {
        let Some(id) = id::client(text) else { return Ok(None) };
        wanted.id = Some(id);
    }
    if let Some(word) = query.text("status") {
        wanted.state = SessionState::from_word(word);
        match wanted.state {
            Some(_) => {}
            None if NEVER.contains(&word) => return Ok(None),
            None => return Err(Fault::value("status", "sessions are never in that status")),
        }
    }
    Ok(Some(wanted))
}

pub(super) async fn get(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::ViewUser)?;
    let found = find(&admin, &caller, read_id(named)?).await?;
    Ok(Json::ok(document(&found)))
}

/// Ends it. One that is over stays as it is.
pub(super) async fn revoke(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    let id = read_id(named)?;
    let found = find(&admin, &caller, id).await?;
    if found.state == SessionState::Active {
        match admin.end_session(&caller.actor(), id).await {
            // Somebody else was quicker.
            Ok(_) | Err(AdminError::NoSuchSession { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let found = find(&admin, &caller, id).await?;
    let mut shown = document(&found);
    // Whoever revokes their own session sees it revoked too.
    shown["status"] = SessionState::Revoked.as_str().into();
    Ok(Json::ok(shown))
}

fn read_id(named: Named) -> Result<SessionId, Fault> {
    let id = named.ok().and_then(|Path(text)| id::session(&text));
    id.ok_or_else(|| Fault::not_found("session"))
}

async fn find(admin: &Admin, caller: &Caller, id: SessionId) -> Result<SessionRecord, Fault> {
    let wanted = SessionQuery { id: Some(id), limit: 1, ..SessionQuery::default() };
    let page = admin.sessions(&caller.actor(), wanted).await?;
    let found = page.sessions.into_iter().next();
    found.ok_or_else(|| Fault::not_found("session"))
}

/// A session, as Clerk's clients read it.
pub(super) fn document(record: &SessionRecord) -> Value {
    let SessionRecord { session, state, ended_at } = record;
    let id = session.key.id();
    let owner = session.account.account_id();
    let expires_at = millis(session.expires_at);
    json!({
        "object": "session",
        "id": id::of_session(id),
        "user_id": owner.map(id::of_user),
        "client_id": id::of_client(id),
        "actor": null,
        "status": state.as_str(),
        "last_active_organization_id": null,
        "last_active_at": millis(session.last_seen_at),
        "latest_activity": {
            "object": "session_activity",
            "id": format!("sess_activity_{id}"),
            "is_mobile": false,
            "ip_address": session.opened_from,
        },
        "expire_at": expires_at,
        "abandon_at": expires_at,
        "created_at": millis(session.created_at),
        "updated_at": millis(ended_at.unwrap_or(session.last_seen_at)),
    })
}
