//! The tokens of people, newest first, and those that fit a search.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::TokenRow;
use crate::admin::Actor;
use crate::domain::account::AccountId;
use crate::domain::login::folded;
use crate::domain::operation::Operation;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::store::{AccountFilter, AccountSearch, ApiToken, TextField, TextFit};

const PAGE: usize = 50;

/// How many owners are looked through at once.
const OWNERS: usize = 500;

#[derive(Template)]
#[template(path = "console/tokens.html")]
struct TokensPage {
    shell: Shell,
    q: String,
    tokens: Vec<TokenRow>,
    /// What the address of the next page says.
    next: Option<String>,
    is_later: bool,
}

impl TokensPage {
    /// What the address of the first page says.
    fn first(&self) -> String {
        match &*self.q {
            "" => String::new(),
            q => format!("?q={}", form::encoded(q)),
        }
    }
}

/// After which token a page begins: tokens that come and go move no other.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place(Timestamp, SessionId);

impl Place {
    fn of(token: &ApiToken) -> Self {
        Self(token.created_at, token.key.id())
    }

    fn read(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        Some(Self(Timestamp::from_micros(micros.parse().ok()?), id.parse().ok()?))
    }

    fn to_query(self, q: &str) -> String {
        let Self(at, id) = self;
        let searched = match q {
            "" => String::new(),
            q => format!("q={}&", form::encoded(q)),
        };
        format!("{searched}before={}.{id}", at.as_micros())
    }
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<TokensPage, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let q = form::parameter(head, "q").unwrap_or_default();
    let q = q.trim().to_owned();
    let before = form::parameter(head, "before").and_then(|text| Place::read(&text));
    let mut found = found(desk, staff, &q).await?;
    found.retain(|token| before.is_none_or(|before| Place::of(token) < before));
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let last = found.last().filter(|_| more).map(Place::of);
    let notice = Done::of(head).and_then(|done| match &*done.act {
        "revoked" => Some(Notice::done("The token is revoked: it opens nothing any more.")),
        _ => None,
    });
    Ok(TokensPage {
        shell: desk.shell(staff, Section::Tokens).with(notice),
        tokens: rows(desk, staff, &found).await?,
        next: last.map(|last| last.to_query(&q)),
        is_later: before.is_some(),
        q,
    })
}

/// The tokens of people that fit, newest first.
async fn found(desk: &Desk, staff: &Staff, q: &str) -> Result<Vec<ApiToken>, Trouble> {
    let mut tokens = desk.admin.tokens(&staff.actor, None).await?;
    tokens.retain(|token| token.owner.account().is_some());
    tokens.reverse();
    if !q.is_empty() {
        let owners = called(desk, &tokens, q).await?;
        let q = folded(q);
        tokens.retain(|token| {
            let owned = token.owner.account().is_some_and(|id| owners.contains(&id));
            owned || folded(&token.name).contains(&q)
        });
    }
    Ok(tokens)
}

/// Those of the owners in whose login this is. The page shows logins to whoever may see
/// it, and nothing else of people, so nothing else is searched.
async fn called(desk: &Desk, tokens: &[ApiToken], q: &str) -> Result<BTreeSet<AccountId>, Trouble> {
    let owners: BTreeSet<_> = tokens
        .iter()
        .filter_map(|one| one.owner.account())
        .collect();
    let owners: Vec<_> = owners.into_iter().collect();
    let mut found = BTreeSet::new();
    for some in owners.chunks(OWNERS) {
        let login = AccountFilter::Text {
            field: TextField::Login,
            fit: TextFit::Part,
            any_of: vec![q.to_owned()],
            negated: false,
        };
        let search = AccountSearch {
            filters: vec![AccountFilter::Ids(some.to_vec()), login],
            limit: u32::try_from(some.len()).unwrap_or(u32::MAX),
            uncounted: true,
            ..AccountSearch::default()
        };
        let page = desk.admin.search(&Actor::System, search).await?;
        found.extend(page.accounts.iter().map(|account| account.id));
    }
    Ok(found)
}

async fn rows(desk: &Desk, staff: &Staff, tokens: &[ApiToken]) -> Result<Vec<TokenRow>, Trouble> {
    let mut owners = BTreeMap::new();
    for id in tokens.iter().filter_map(|token| token.owner.account()) {
        if let std::collections::btree_map::Entry::Vacant(place) = owners.entry(id) {
            place.insert(desk.admin.record(id).await?);
        }
    }
    let now = desk.now();
    let row = |token: &ApiToken| {
        let id = token.owner.account()?;
        let owner = owners.get(&id).and_then(Option::as_ref);
        Some(TokenRow::owned(token, id, owner, staff, now))
    };
    Ok(tokens.iter().filter_map(row).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_from_its_address() {
        let id = "00000000000000000000000000000007".parse().expect("an id");
        let place = Place(Timestamp::from_micros(1_800_000_000_000_007), id);
        let query = place.to_query("a&b");
        let (q, before) = query.split_once("&before=").expect("both");
        assert_eq!(q, "q=a%26b");
        assert_eq!(Place::read(before), Some(place));
        for bad in ["", "7", "x.7", "7.x"] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }
}
