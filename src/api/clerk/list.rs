//! Lists of users, and how many there are.

use axum::Extension;
use axum::extract::{RawQuery, State};
use serde_json::json;

use super::fault::Fault;
use super::json::Json;
use super::query::Query;
use super::users::document;
use super::{filters, id};
use crate::admin::{Admin, Caller};
use crate::domain::operation::Operation;
use crate::store::{AccountOrder, AccountSearch, Direction};

pub(super) async fn users(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::ListUsers)?;
    let search = read(&query.unwrap_or_default())?;
    let page = admin.search(&caller.actor(), search).await?;
    let mut users = Vec::with_capacity(page.accounts.len());
    for account in &page.accounts {
        users.push(document(&admin, account).await);
    }
    Ok(Json::ok(users.into()))
}

pub(super) async fn count(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::ListUsers)?;
    let filters = filters::read(&Query::read(&query.unwrap_or_default())?)?;
    let search = AccountSearch { filters, ..AccountSearch::default() };
    let total = admin.search(&caller.actor(), search).await?.total;
    Ok(Json::ok(json!({ "object": "total_count", "total_count": total })))
}

fn read(query: &str) -> Result<AccountSearch, Fault> {
    let query = Query::read(query)?;
    let (limit, offset) = query.page()?;
    let order = order(query.text("order_by").unwrap_or("-created_at"))?;
    let after = match query.text("starting_after") {
        None => None,
        Some(_) if offset > 0 => {
            let why = "starting_after can't be used with an offset";
            return Err(Fault::value("starting_after", why));
        }
        Some(_) if order[0].0 != AccountOrder::CreatedAt => {
            let why = "starting_after can only be used in the order of created_at";
            return Err(Fault::value("starting_after", why));
        }
        Some(text) => Some(id::user(text).ok_or_else(|| {
            Fault::value("starting_after", "starting_after must be the id of a user")
        })?),
    };
    let filters = filters::read(&query)?;
    Ok(AccountSearch { filters, order, after, offset, limit, uncounted: true })
}

/// What there is none of is in no order: by number then.
fn order(text: &str) -> Result<Vec<(AccountOrder, Direction)>, Fault> {
    let (direction, name) = match text.strip_prefix('-') {
        Some(name) => (Direction::Descending, name),
        // A plus that is written as it is means a space.
        None => (Direction::Ascending, text.trim_start_matches(['+', ' '])),
    };
    let order = match name {
        "created_at" => AccountOrder::CreatedAt,
        "updated_at" => AccountOrder::UpdatedAt,
        "email_address" => AccountOrder::Email,
        "first_name" => AccountOrder::FirstName,
        "last_name" => AccountOrder::LastName,
        "username" => AccountOrder::Login,
        "last_active_at" | "last_sign_in_at" => AccountOrder::LastSignInAt,
        "phone_number" | "web3wallet" => AccountOrder::Id,
        _ => return Err(Fault::value("order_by", "users can't be sorted by that")),
    };
    Ok(vec![(order, direction)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: whatever is asked for, the page is one that can be answered, or the
        /// question is refused.
        #[test]
        fn pages_are_of_a_size_that_can_be_answered(
            limit in "-?[0-9]{1,6}", offset in "-?[0-9]{1,21}", order in "[-+]?[a-z_]{0,12}",
        ) {
            let query = format!("limit={limit}&offset={offset}&order_by={order}");
            if let Ok(search) = read(&query) {
                prop_assert_eq!(i64::from(search.limit), limit.parse::<i64>().expect("a number"));
                prop_assert!((1..=500).contains(&search.limit));
                prop_assert_eq!(search.offset.to_string(), offset.trim_start_matches('-').parse::<u64>().expect("one").to_string());
            }
        }
    }

    #[test]
    fn the_first_order_counts_and_newest_come_first() {
        let first = |query: &str| read(query).expect("a search").order[0];
        assert_eq!(first(""), (AccountOrder::CreatedAt, Direction::Descending));
        assert_eq!(first("order_by=username&order_by=-email_address").0, AccountOrder::Login);
        assert_eq!(first("order_by=+first_name"), (AccountOrder::FirstName, Direction::Ascending));
        assert_eq!(first("order_by=%2Bfirst_name"), first("order_by=first_name"));
    }

    #[test]
    fn a_cursor_stands_alone() {
        assert!(read("starting_after=user_3&limit=500").is_ok());
        for bad in [
            "starting_after=user_3&offset=5",
            "starting_after=user_3&order_by=username",
            "starting_after=3",
            "limit=0",
            "limit=501",
            "offset=-1",
            "limit=ten",
            "banned=maybe",
            "created_at_after=2026",
            "created_at_after=1.5",
            "order_by=shoe_size",
            "email_address=%ff",
        ] {
            let refused = read(bad).is_err();
            assert_eq!(refused, bad != "created_at_after=2026", "{bad}");
        }
    }
}
