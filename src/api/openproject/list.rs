//! `GET /api/v3/users`.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::json::Hal;
use super::refusal::Refusal;
use super::select::Select;
use super::user::User;
use super::{USERS, filters, order};
use crate::admin::{Admin, Caller};
use crate::api::query::{encode, value};
use crate::domain::operation::Operation;
use crate::store::{AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction};

/// How many users are on a page where nobody says, and at most.
const PAGE_SIZE: i64 = 20;
const MAX_PAGE_SIZE: i64 = 1000;

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    /// As JSON, for the links.
    filters: Value,
    takes: Vec<AccountFilter>,
    sort_by: Value,
    order: Vec<(AccountOrder, Direction)>,
    select: Option<(String, Select)>,
    page: u64,
    size: u64,
}

pub(super) async fn users(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    // Who may not see the list learns nothing of how it is asked for.
    caller.rights.require(Operation::ListUsers)?;
    let wanted = Wanted::read(&query.unwrap_or_default()).map_err(Refusal::Query)?;
    let page = admin.search(&caller.actor(), wanted.search()).await?;
    let collection = wanted.collection(&admin, &caller, &page);
    let answer = match &wanted.select {
        Some((_, select)) => select.of(collection),
        None => collection,
    };
    Ok(Hal(StatusCode::OK, answer).into_response())
}

impl Wanted {
    fn read(query: &str) -> Result<Self, String> {
        let text = |name| match value(query, name) {
            Some(None) => Err(format!("{name} is not written in UTF-8")),
            found => Ok(found.flatten().filter(|text| !text.is_empty())),
        };
        let (filters, sort_by) = (text("filters")?, text("sortBy")?);
        let filters = filters.as_deref().unwrap_or("[]");
        let select = text("select")?;
        let select = select.map(|text| Select::read(&text).map(|read| (text, read)));
        Ok(Self {
            takes: filters::read(filters)?,
            filters: serde_json::from_str(filters).unwrap_or_default(),
            order: sort_by
                .as_deref()
                .map_or_else(|| Ok(order::newest_first()), order::read)?,
            sort_by: serde_json::from_str(sort_by.as_deref().unwrap_or("[]")).unwrap_or_default(),
            select: select.transpose()?,
            page: page_number(text("offset")?.as_deref()),
            size: page_size(text("pageSize")?.as_deref()),
        })
    }

    fn search(&self) -> AccountSearch {
        AccountSearch {
            filters: self.takes.clone(),
            order: self.order.clone(),
            offset: (self.page - 1).saturating_mul(self.size),
            limit: u32::try_from(self.size).unwrap_or(u32::MAX),
            ..AccountSearch::default()
        }
    }

    fn collection(&self, admin: &Admin, caller: &Caller, page: &AccountPage) -> Value {
        let now = admin.now();
        let users = page.accounts.iter();
        // Whoever may list sees what is listed.
        let elements: Vec<User<'_>> = users
            .map(|user| User::of(user, caller, true, now))
            .collect();
        json!({
            "_type": "Collection",
            "total": page.total,
            "count": elements.len(),
            "pageSize": self.size,
            "offset": self.page,
            "_embedded": { "elements": elements },
            "_links": self.links(page.total),
        })
    }

    fn links(&self, total: u64) -> Map<String, Value> {
        let (page, size) = (self.page.to_string(), self.size.to_string());
        let mut links = Map::new();
        let mut link = |name: &str, offset: &str, size: &str| {
            let templated = offset.starts_with('{') || size.starts_with('{');
            let href = self.href(offset, size);
            let mut link = json!({ "href": href });
            if templated {
                link["templated"] = true.into();
            }
            links.insert(name.to_owned(), link);
        };
        link("self", &page, &size);
        link("jumpTo", "{offset}", &size);
        link("changeSize", &page, "{size}");
        if self.page.saturating_mul(self.size) < total && self.size > 0 {
            link("nextByOffset", &(self.page + 1).to_string(), &size);
        }
        if self.page > 1 {
            link("previousByOffset", &(self.page - 1).to_string(), &size);
        }
        links
    }

    /// The keys in the order of the alphabet.
    fn href(&self, offset: &str, size: &str) -> String {
        let filters = encode(&self.filters.to_string());
        let select = self
            .select
            .as_ref()
            .map(|(text, _)| format!("&select={}", encode(text)));
        let sort_by = encode(&self.sort_by.to_string());
        format!(
            "{USERS}?filters={filters}&offset={offset}&pageSize={size}{}&sortBy={sort_by}",
            select.unwrap_or_default()
        )
    }
}

/// Pages begin at 1; what is no page is the first.
fn page_number(text: Option<&str>) -> u64 {
    let number: Option<u64> = text.and_then(|text| text.parse().ok());
    number.unwrap_or(1).clamp(1, u64::MAX / 2)
}

/// 0 asks for the totals alone, -1 for as many as there can be.
fn page_size(text: Option<&str>) -> u64 {
    let number: Option<i64> = text.and_then(|text| text.parse().ok());
    let size = match number {
        None | Some(..=-2) => PAGE_SIZE,
        Some(-1) => MAX_PAGE_SIZE,
        Some(size) => size.min(MAX_PAGE_SIZE),
    };
    size.unsigned_abs()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: a page is one, of a size that can be answered, whatever is sent;
        /// and a number is taken for what it says.
        #[test]
        fn pages_have_numbers_and_sizes(text in "-?[0-9]{0,22}|[a-z ]{0,3}") {
            let (page, size) = (page_number(Some(&text)), page_size(Some(&text)));
            prop_assert!(page >= 1 && size <= 1000);
            match text.parse::<i128>() {
                Ok(number @ 1..=1000) => {
                    prop_assert_eq!((i128::from(page), i128::from(size)), (number, number));
                }
                Ok(0) => prop_assert_eq!((page, size), (1, 0)),
                Ok(-1) => prop_assert_eq!((page, size), (1, 1000)),
                Ok(number) if number < 0 => prop_assert_eq!((page, size), (1, 20)),
                Ok(_) => {}
                Err(_) => prop_assert_eq!((page, size), (1, 20)),
            }
        }

        /// Property: following the links from the first page visits every user once.
        #[test]
        fn the_next_pages_reach_everybody(total in 0..100_u64, size in 1..30_u64) {
            let mut query = format!("pageSize={size}");
            let mut seen = 0;
            loop {
                let wanted = Wanted::read(&query).expect("a query");
                prop_assert_eq!(wanted.search().offset, seen);
                seen += size.min(total - seen);
                let links = wanted.links(total);
                let previous = links.contains_key("previousByOffset");
                prop_assert_eq!(previous, wanted.page > 1);
                let Some(next) = links.get("nextByOffset") else { break };
                let href = next["href"].as_str().expect("a link");
                query = href.split_once('?').expect("a query").1.to_owned();
            }
            prop_assert_eq!(seen, total);
        }
    }

    #[test]
    fn links_are_spelled_as_openproject_spells_them() {
        let wanted = Wanted::read("sortBy=[[\"id\",\"asc\"]]").expect("a query");
        let expected = "/api/v3/users?filters=%5B%5D&offset=1&pageSize=20\
                        &sortBy=%5B%5B%22id%22%2C%22asc%22%5D%5D";
        let links = wanted.links(0);
        assert_eq!(links["self"]["href"], expected);
        assert_eq!(links["jumpTo"]["href"], expected.replace("offset=1", "offset={offset}"));
        assert_eq!(links["changeSize"]["templated"], true);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bad in ["filters=%ff", "sortBy=%c3", "select=%80", "filters=x", "select=x"] {
            assert!(Wanted::read(bad).is_err(), "{bad}");
        }
    }
}
