//! The audit log: searched, exported, and checked for whatever somebody altered.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::request::Parts;

use super::Here;
use crate::admin::{Actor, ExportFormat, Target};
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Notice;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form;
use crate::store::AuditSearch;

const PAGE: u32 = 50;

/// How many records of an export are read at a time.
const CHUNK: u32 = 500;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/audit", get(page))
        .route("/audit/export", get(export))
        .route("/audit/check", post(check))
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    shell: Shell,
    form: Form,
    actions: Vec<(&'static str, bool)>,
    entries: Vec<Entry>,
    next: Option<u64>,
    error: String,
}

/// What is searched for, as it stands in the address.
#[derive(Clone, Debug, Default)]
struct Form {
    person: String,
    actor: String,
    action: String,
    since: String,
    until: String,
    address: String,
    reason: String,
}

impl Form {
    fn of(request: &Parts) -> Self {
        let text = |name| {
            form::parameter(request, name)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            person: text("person"),
            actor: text("actor"),
            action: text("action"),
            since: text("since"),
            until: text("until"),
            address: text("address"),
            reason: text("reason"),
        }
    }

    /// As an address says it, to be put behind a `?`.
    fn to_query(&self) -> String {
        let fields = [
            ("person", &self.person),
            ("actor", &self.actor),
            ("action", &self.action),
            ("since", &self.since),
            ("until", &self.until),
            ("address", &self.address),
            ("reason", &self.reason),
        ];
        let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs = said.map(|(name, value)| format!("{name}={}", form::encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    async fn search(&self, desk: &Desk) -> Result<AuditSearch, Trouble> {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let account = match some(&self.person) {
            None => None,
            Some(named) => Some(number_of(desk, &named).await?),
        };
        let actor = match some(&self.actor) {
            Some(named) if !named.contains(':') && named != "system" && named != "engine" => {
                Some(format!("user:{}", number_of(desk, &named).await?))
            }
            named => named,
        };
        let action = match some(&self.action) {
            None => Vec::new(),
            Some(word) => vec![Action::from_word(&word).ok_or_else(|| {
                Trouble::Bad(format!("There is no action “{word}”: choose one of the list."))
            })?],
        };
        Ok(AuditSearch {
            account,
            actor,
            actions: action,
            since: day(&self.since)?,
            until: day(&self.until)?.map(|at| at.after(std::time::Duration::from_secs(86_400))),
            address: some(&self.address),
            reason: some(&self.reason),
            ..AuditSearch::default()
        })
    }
}

async fn number_of(desk: &Desk, named: &str) -> Result<crate::domain::account::AccountId, Trouble> {
    if let Some(id) = named.parse::<i64>().ok().and_then(|id| id.try_into().ok()) {
        return Ok(id);
    }
    match desk.admin.account(&Target::from(named)).await {
        Ok(account) => Ok(account.id),
        Err(crate::admin::AdminError::NotFound { .. }) => Err(Trouble::Bad(format!(
            "There is nobody called “{named}”. Deleted people are found by their number."
        ))),
        Err(error) => Err(error.into()),
    }
}

/// The beginning of a day in UTC.
fn day(text: &str) -> Result<Option<Timestamp>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse::<jiff::civil::Date>();
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    let start =
        start.map_err(|_| Trouble::Bad(format!("“{text}” is no day: write 2030-01-31.")))?;
    Ok(Some(Timestamp::from_secs(start.timestamp().as_second())))
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head, None).await {
        Ok(page) => {
            let wrong = !page.error.is_empty();
            let status = if wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
            answer::page(status, &page)
        }
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    head: &Parts,
    notice: Option<Notice>,
) -> Result<AuditPage, Trouble> {
    staff.require(Operation::ReadAudit)?;
    let form = Form::of(head);
    let (search, error) = match form.search(desk).await {
        Ok(search) => (Some(search), String::new()),
        Err(Trouble::Bad(words)) => (None, words),
        Err(trouble) => return Err(trouble),
    };
    let records = match search {
        None => Vec::new(),
        Some(search) => {
            let before = form::parameter(head, "before").and_then(|text| text.parse().ok());
            let search = AuditSearch { before, limit: PAGE, ..search };
            let found = desk.admin.audit_entries(&staff.actor, search).await?;
            found.into_iter().map(|one| one.record).collect()
        }
    };
    let next = records.last().map(|last| last.position);
    let next = next.filter(|_| records.len() == PAGE as usize);
    let actions = Action::ALL
        .iter()
        .map(|one| (one.as_str(), one.as_str() == form.action));
    Ok(AuditPage {
        shell: desk.shell(staff, Section::Audit).with(notice),
        actions: actions.collect(),
        entries: entries::in_words(&desk.admin, &records, desk.now()).await?,
        form,
        next,
        error,
    })
}

impl AuditPage {
    /// The address of the next page.
    fn older(&self, next: &u64) -> String {
        let query = self.form.to_query();
        let join = if query.is_empty() { "" } else { "&" };
        format!("{query}{join}before={next}")
    }
}

/// Looks whether every record is there as it was written.
async fn check(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let checked = async {
        let walked = desk.admin.check_audit(&staff.actor, false, |_| {}).await?;
        let notice = match walked {
            Ok(walk) => Notice::done(format!(
                "The audit log is whole: all {} records are as they were written, in order, and \
                 none is missing.",
                super::overview::spaced(walk.checked())
            )),
            Err(broken) => Notice::wrong(super::answer::sentence(&format!(
                "{broken}: keep the directory's file as evidence"
            ))),
        };
        show(&desk, &staff, &head, Some(notice)).await
    };
    match checked.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// The records that the search takes, oldest first, as a file that is written as it is
/// read.
async fn export(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let format = match form::parameter(&head, "format").as_deref() {
        Some("csv") => ExportFormat::Csv,
        _ => ExportFormat::Jsonl,
    };
    let search = async {
        staff.require(Operation::ReadAudit)?;
        Form::of(&head).search(&desk).await
    };
    let search = match search.await {
        Ok(search) => AuditSearch { oldest_first: true, limit: CHUNK, ..search },
        Err(trouble) => return trouble.answer(&desk, Some(&staff), &head),
    };
    let (kind, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        _ => ("application/x-ndjson", "attachment; filename=\"audit.jsonl\""),
    };
    let start = Export { desk, actor: staff.actor, search, format, begun: false };
    let body = Body::from_stream(stream::try_unfold(Some(start), written));
    ([(CONTENT_TYPE, kind), (CONTENT_DISPOSITION, name)], body).into_response()
}

struct Export {
    desk: Arc<Desk>,
    actor: Actor,
    search: AuditSearch,
    format: ExportFormat,
    begun: bool,
}

/// The next piece of an export. A store that fails breaks the file off, which the browser
/// says.
async fn written(
    state: Option<Export>,
) -> Result<Option<(String, Option<Export>)>, std::io::Error> {
    let Some(mut export) = state else { return Ok(None) };
    let found = export
        .desk
        .admin
        .audit_entries(&export.actor, export.search.clone())
        .await;
    let found = found.map_err(std::io::Error::other)?;
    let mut text = if export.begun { String::new() } else { export.format.head() };
    export.begun = true;
    for entry in &found {
        text.push_str(&export.format.line(entry));
    }
    let last = found.last().map(|last| last.record.position);
    export.search.after = last.or(export.search.after);
    let more = found.len() == CHUNK as usize;
    Ok(Some((text, more.then_some(export))))
}
