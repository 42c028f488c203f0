//! The records that a search takes, oldest first, as a file that is written as it is
//! read.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};

use super::search::Form;
use crate::admin::{Actor, ExportFormat};
use crate::domain::operation::Operation;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::store::AuditSearch;

/// How many records are read at a time.
const CHUNK: u32 = 500;

struct Export {
    desk: Arc<Desk>,
    actor: Actor,
    search: AuditSearch,
    format: ExportFormat,
    begun: bool,
}

pub(super) async fn file(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let format = match form::parameter(&head, "format").as_deref() {
        Some("csv") => ExportFormat::Csv,
        _ => ExportFormat::Jsonl,
    };
    let search = async {
        staff.require(Operation::ReadAudit)?;
        let search = Form::of(&head).search(&desk).await?;
        search.map_err(|wrong| Trouble::Bad(wrong.words))
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
