//! The audit log: read, checked, exported and shortened.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::{Asked, Sent};
use super::view::{AuditView, Instant};
use crate::admin::{Admin, AdminError, Caller, ExportFormat, Target};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::store::{AuditEntry, AuditSearch};

/// How many are on a page where nobody says, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// Which records to read.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    account: Option<String>,
    actor: Option<String>,
    /// Words with commas between them.
    action: Option<String>,
    since: Option<Instant>,
    until: Option<Instant>,
    address: Option<String>,
    reason: Option<String>,
    before: Option<u64>,
    after: Option<u64>,
    oldest_first: Option<bool>,
    limit: Option<u32>,
    format: Option<Format>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Csv,
    Jsonl,
}

/// How much of the log to check.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Verify {
    since_last_check: bool,
}

/// What to forget.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prune {
    before: Instant,
    reason: Option<Reason>,
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<Query>,
) -> Result<Json<Value>, Problem> {
    if query.format.is_some() {
        return Err(Problem::invalid("`format` is for /admin/v1/audit/export"));
    }
    let search = query.search(&admin, &caller).await?;
    let (limit, oldest_first) = (search.limit as usize, search.oldest_first);
    let entries = admin.audit_entries(&caller.actor(), search).await?;
    let full = entries.len() == limit;
    let next = entries.last().map(|entry| entry.record.position);
    let next = next.filter(|position| full && (oldest_first || *position > 1));
    let records: Vec<_> = entries.into_iter().map(AuditView::new).collect();
    Ok(Json(json!({ "records": records, "next": next })))
}

pub(super) async fn verify(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(verify): Sent<Verify>,
) -> Result<Json<Value>, Problem> {
    let actor = caller.actor();
    let checked = admin.check_audit(&actor, verify.since_last_check, |_| {});
    Ok(Json(match checked.await? {
        Ok(walk) => {
            json!({ "whole": true, "records": walk.checked(), "end": walk.position() })
        }
        Err(broken) => {
            json!({ "whole": false, "broken_at": broken.position, "how": broken.how })
        }
    }))
}

pub(super) async fn prune(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(prune): Sent<Prune>,
) -> Result<Json<Value>, Problem> {
    let (actor, reason) = (caller.actor(), prune.reason.as_ref());
    let pruned = admin.prune_audit(&actor, prune.before.0, reason).await?;
    Ok(Json(json!({ "changed": pruned.is_some(), "pruned": pruned })))
}

/// All that was asked for, oldest first, a page at a time. An export that breaks off has
/// lost its connection: a client sees that it is not whole.
pub(super) async fn export(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<Query>,
) -> Result<Response, Problem> {
    let format = match query.format {
        Some(Format::Csv) => ExportFormat::Csv,
        Some(Format::Jsonl) | None => ExportFormat::Jsonl,
    };
    if query.limit.is_some() || query.oldest_first == Some(false) {
        return Err(Problem::invalid("an export is whole, and begins with the oldest record"));
    }
    let search = query.search(&admin, &caller).await?;
    let search = AuditSearch { oldest_first: true, limit: MAX_PAGE, ..search };
    let first = admin.audit_entries(&caller.actor(), search.clone()).await?;
    let body = Body::from_stream(pages(admin, caller, search, format, first));
    let (kind, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit.csv"),
        ExportFormat::Jsonl => ("application/jsonl", "audit.jsonl"),
    };
    let name = format!("attachment; filename=\"{name}\"");
    Ok(([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], body).into_response())
}

/// The head and each page, as text.
fn pages(
    admin: Admin,
    caller: Caller,
    search: AuditSearch,
    format: ExportFormat,
    first: Vec<AuditEntry>,
) -> impl stream::Stream<Item = Result<Bytes, AdminError>> {
    let start = (format.head(), Some(first), search);
    stream::try_unfold(start, move |(head, page, mut search)| {
        let (admin, actor) = (admin.clone(), caller.actor());
        async move {
            let Some(page) = page else { return Ok(None) };
            let lines = page.iter().map(|entry| format.line(entry));
            let text: String = std::iter::once(head).chain(lines).collect();
            let full = page.len() == search.limit as usize;
            search.after = page.last().map(|entry| entry.record.position);
            let next = match full {
                true => Some(admin.audit_entries(&actor, search.clone()).await?),
                false => None,
            };
            Ok(Some((Bytes::from(text), (String::new(), next, search))))
        }
    })
}

impl Query {
    /// As stores take it.
    async fn search(&self, admin: &Admin, caller: &Caller) -> Result<AuditSearch, Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PAGE}")));
        }
        Ok(AuditSearch {
            account: match &self.account {
                Some(who) => self.account_named(admin, caller, who).await?,
                None => None,
            },
            actor: self.actor.clone(),
            actions: self.actions()?,
            since: self.since.map(|at| at.0),
            until: self.until.map(|at| at.0),
            address: self.address.clone(),
            reason: self.reason.clone(),
            before: self.before,
            after: self.after,
            oldest_first: self.oldest_first.unwrap_or_default(),
            limit,
        })
    }

    /// Also of somebody deleted, by their number.
    async fn account_named(
        &self,
        admin: &Admin,
        caller: &Caller,
        who: &str,
    ) -> Result<Option<crate::domain::account::AccountId>, Problem> {
        caller
            .rights
            .require(crate::domain::operation::Operation::ReadAudit)?;
        match super::read::target(who) {
            Target::Id(id) => Ok(Some(id)),
            named => Ok(Some(admin.account(&named).await?.id)),
        }
    }

    fn actions(&self) -> Result<Vec<Action>, Problem> {
        let words = self.action.as_deref().unwrap_or_default();
        let words = words
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty());
        words
            .map(|word| {
                let unknown = || Problem::invalid(format!("{word:?} is no action of the log"));
                Action::from_word(word).ok_or_else(unknown)
            })
            .collect()
    }
}
