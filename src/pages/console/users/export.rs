//! People as a file of comma-separated values, read and sent page by page.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::request::Parts;

use crate::admin::export::{HEAD, values};
use crate::admin::{Actor, AdminError};
use crate::domain::account::{Account, AccountId};
use crate::domain::csv;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::staff::Staff;
use crate::pages::console::users::whom::{Whom, asked};
use crate::store::{AccountFilter, AccountSearch};

/// People who are read, and kept in memory, in one go.
const PAGE: u32 = 500;

/// Those who were ticked; where nobody was, all who match.
pub(super) async fn file(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match begin(&desk, &staff, &head).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Whoever may not, or asks for what can't be understood, gets a page and no file.
async fn begin(desk: &Arc<Desk>, staff: &Staff, head: &Parts) -> Result<Response, Trouble> {
    staff.require(Operation::ListUsers)?;
    staff.require(Operation::ViewUser)?;
    let drawer = desk.drawer(staff);
    let mut whom = Whom::read(&mut asked(head, &drawer)?, &drawer)?;
    whom.all |= whom.is_nobody();
    let filters = whom.filters(desk.now());
    let filters = filters.map_err(|wrong| Trouble::Bad(wrong.words))?;
    let reader = Reader { desk: Arc::clone(desk), actor: staff.actor.clone(), filters };
    let first = reader.page(None).await?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"users.csv\""),
    ];
    Ok((headers, Body::from_stream(pages(reader, first))).into_response())
}

/// The head and each page, as text. A file that breaks off is told from one that is whole.
fn pages(
    reader: Reader,
    first: Vec<Account>,
) -> impl stream::Stream<Item = Result<Bytes, AdminError>> {
    let start = (csv::line(HEAD), Some(first), reader);
    stream::try_unfold(start, async |(head, page, reader)| {
        let Some(page) = page else { return Ok(None) };
        let now = reader.desk.now();
        let lines = page.iter().map(|account| line(account, now));
        let text: String = std::iter::once(head).chain(lines).collect();
        let last = page.last().map(|account| account.id);
        let next = match last.filter(|_| page.len() == PAGE as usize) {
            Some(last) => Some(reader.page(Some(last)).await?),
            None => None,
        };
        Ok(Some((Bytes::from(text), (String::new(), next, reader))))
    })
}

fn line(account: &Account, now: Timestamp) -> String {
    csv::line(values(account, now).iter().map(String::as_str))
}

struct Reader {
    desk: Arc<Desk>,
    actor: Actor,
    filters: Vec<AccountFilter>,
}

impl Reader {
    async fn page(&self, after: Option<AccountId>) -> Result<Vec<Account>, AdminError> {
        let (filters, limit) = (self.filters.clone(), PAGE);
        let search =
            AccountSearch { filters, after, limit, uncounted: true, ..AccountSearch::default() };
        Ok(self.desk.admin.search(&self.actor, search).await?.accounts)
    }
}
