//! Messages made of what happened.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Endpoint;
use crate::admin::{Actor, Admin, AdminError};
use crate::api::clerk;
use crate::domain::account::AccountId;
use crate::domain::event::{Action, AuditRecord};
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{NewMessage, News, SessionNews, SessionNewsKind, SessionQuery};

/// Every kind of event, as endpoints name it.
pub const EVENTS: [&str; 6] = [
    "user.created",
    "user.updated",
    "user.deleted",
    "session.created",
    "session.ended",
    "session.revoked",
];

/// So many sessions that end at once are told of one by one.
const MAX_ENDED: u32 = 500;

/// One event, before it is known who wants it.
struct Event {
    /// What makes it this event and no other.
    source: String,
    kind: &'static str,
    account: AccountId,
    at: Timestamp,
    from: Option<String>,
    data: Value,
}

/// Messages that tell these endpoints of the news, in the order in which it happened.
/// Of whom they tell is as they are now.
pub(super) async fn messages(
    admin: &Admin,
    endpoints: &[Arc<Endpoint>],
    news: &News,
) -> Result<Vec<NewMessage>, AdminError> {
    let directory = admin.directory_name();
    let mut events = Vec::new();
    let mut sessions = news.sessions.iter().peekable();
    for record in &news.records {
        while let Some(earlier) = sessions.next_if(|news| news.at < record.at) {
            events.extend(of_session(admin, earlier).await?);
        }
        events.extend(of_record(admin, record).await?);
    }
    for later in sessions {
        events.extend(of_session(admin, later).await?);
    }
    let mut messages = Vec::new();
    for event in events {
        let wanted: Vec<_> = endpoints
            .iter()
            .filter(|one| one.wants(event.kind))
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let (id, body) = (event.id(&directory), event.envelope(&directory).to_string());
        messages.extend(wanted.into_iter().map(|endpoint| NewMessage {
            id: id.clone(),
            endpoint: endpoint.url.to_string(),
            account: event.account,
            kind: event.kind.to_owned(),
            body: body.clone(),
        }));
    }
    Ok(messages)
}

impl Event {
    /// The same however often it is told, and another's in every other directory.
    fn id(&self, directory: &str) -> String {
        let digest = Sha256::digest(format!("{directory} {}", self.source));
        let half: String = digest[..14]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("msg_{half}")
    }

    fn envelope(&self, directory: &str) -> Value {
        envelope(self.kind, &self.data, self.at, directory, self.from.as_deref())
    }
}

/// What is around the data of every event.
pub(super) fn envelope(
    kind: &str,
    data: &Value,
    at: Timestamp,
    directory: &str,
    from: Option<&str>,
) -> Value {
    json!({
        "object": "event",
        "type": kind,
        "data": data,
        "timestamp": at.as_micros().div_euclid(1000),
        "instance_id": format!("ins_{directory}"),
        "event_attributes": {
            "http_request": { "client_ip": from.unwrap_or_default(), "user_agent": "" },
        },
    })
}

/// What kind of event a change of an account is.
const fn kind_of(action: Action) -> Option<&'static str> {
    match action {
        Action::AccountCreated => Some("user.created"),
        Action::AccountDeleted => Some("user.deleted"),
        Action::AccountActivated
        | Action::AccountDisabled
        | Action::AccountEnabled
        | Action::AccountLocked
        | Action::AccountLockedOut
        | Action::AccountUnlocked
        | Action::AccountUpdated
        | Action::PasswordRemoved
        | Action::PasswordSet => Some("user.updated"),
        _ => None,
    }
}

async fn of_record(admin: &Admin, record: &AuditRecord) -> Result<Vec<Event>, AdminError> {
    let Some(id) = record.account else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    if let Some(kind) = kind_of(record.action)
        && let Some(account) = admin.record(id).await?
    {
        let data = match record.action {
            Action::AccountDeleted => clerk::tombstone(&account),
            _ => clerk::user(admin, &account).await,
        };
        events.push(Event {
            source: format!("audit {}", record.position),
            kind,
            account: id,
            at: record.at,
            from: record.from.clone(),
            data,
        });
    }
    events.extend(sessions_ended_by(admin, id, record).await?);
    Ok(events)
}

/// The sessions that died with their generation.
async fn sessions_ended_by(
    admin: &Admin,
    account: AccountId,
    record: &AuditRecord,
) -> Result<Vec<Event>, AdminError> {
    let (before, after) = (generation(&record.before), generation(&record.after));
    let (Some(before), true) = (before, before != after) else { return Ok(Vec::new()) };
    let query =
        SessionQuery { account: Some(account.into()), limit: MAX_ENDED, ..SessionQuery::default() };
    let found = admin.sessions(&Actor::System, query).await?.sessions;
    let died = found.into_iter().filter(|found| {
        let session = &found.session;
        let lived =
            found.ended_at.is_none_or(|ended| ended > record.at) && session.expires_at > record.at;
        session.generation.get() == before && lived
    });
    let event = |found| Event {
        source: format!("session revoked {}", session_id(&found)),
        kind: "session.revoked",
        account,
        at: record.at,
        from: record.from.clone(),
        data: clerk::session(&found),
    };
    Ok(died.map(event).collect())
}

fn session_id(found: &crate::store::SessionRecord) -> SessionId {
    found.session.key.id()
}

/// The session generation in what the audit log keeps of an account.
fn generation(state: &Option<String>) -> Option<u64> {
    let state: Value = serde_json::from_str(state.as_deref()?).ok()?;
    state.get("generation")?.as_u64()
}

/// What happened to a session that is still known.
async fn of_session(admin: &Admin, news: &SessionNews) -> Result<Option<Event>, AdminError> {
    let query = SessionQuery { id: Some(news.session), limit: 1, ..SessionQuery::default() };
    let found = admin.sessions(&Actor::System, query).await?.sessions;
    let Some(found) = found.into_iter().next() else { return Ok(None) };
    let kind = match news.kind {
        SessionNewsKind::Created => "session.created",
        SessionNewsKind::Ended => "session.ended",
        SessionNewsKind::Revoked => "session.revoked",
    };
    Ok(Some(Event {
        source: format!("session {} {}", news.kind.as_str(), news.session),
        kind,
        account: news.account,
        at: news.at,
        from: found.session.opened_from.clone(),
        data: clerk::session(&found),
    }))
}
