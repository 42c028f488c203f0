//! The order of a search, as SQL has it, and what comes after or before one account in it.

use std::fmt::Write;

use crate::domain::account::AccountId;
use crate::store::{AccountOrder, AccountSearch, Direction};

const fn column_of(order: AccountOrder) -> &'static str {
    match order {
        AccountOrder::CreatedAt => "created_at",
        AccountOrder::Email => "COALESCE(email_folded, '')",
        AccountOrder::FirstName => "first_name_folded",
        AccountOrder::Id => "id",
        AccountOrder::LastName => "last_name_folded",
        AccountOrder::LastSignInAt => "COALESCE(last_sign_in_at, 0)",
        AccountOrder::Login => "login",
        AccountOrder::Name => "name_folded",
        AccountOrder::UpdatedAt => "updated_at",
    }
}

/// What to sort by.
pub(super) fn terms_of(search: &AccountSearch) -> String {
    let terms = search.full_order().into_iter().map(|(order, direction)| {
        let column = column_of(order);
        match direction {
            Direction::Ascending => column.to_owned(),
            Direction::Descending => format!("{column} DESC"),
        }
    });
    terms.collect::<Vec<_>>().join(", ")
}

/// Only what comes after that account. The first comparison says nothing that the
/// others don't; it is there for the index. An account is never gone: of one that was
/// deleted there still is where it stood.
pub(super) fn after(search: &AccountSearch, id: AccountId) -> String {
    beyond(search, id, true)
}

/// Only that account and what comes before it.
pub(super) fn up_to(search: &AccountSearch, id: AccountId) -> String {
    beyond(search, id, false)
}

fn beyond(search: &AccountSearch, id: AccountId, wanted: bool) -> String {
    let own = |column: &str| format!("(SELECT {column} FROM accounts WHERE id = {id})");
    let terms: Vec<_> = search
        .full_order()
        .into_iter()
        .map(|(order, direction)| {
            let column = column_of(order);
            let sign = if direction == Direction::Ascending { '>' } else { '<' };
            (column, sign, own(column))
        })
        .collect();
    let mut sql = String::new();
    if let Some((column, sign, own)) = terms.first() {
        let sign = if wanted == (*sign == '>') { '>' } else { '<' };
        let _ = write!(sql, " AND {column} {sign}= {own}");
    }
    sql.push_str(if wanted { " AND (1 = 0" } else { " AND NOT (1 = 0" });
    for (at, (column, sign, own)) in terms.iter().enumerate() {
        sql.push_str(" OR (");
        for (column, _, own) in &terms[..at] {
            let _ = write!(sql, "{column} = {own} AND ");
        }
        let _ = write!(sql, "{column} {sign} {own})");
    }
    sql.push(')');
    sql
}
