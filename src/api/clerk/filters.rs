//! Which users a list is about.
//!
//! Every parameter has to be met; of the values of one, any. What we know nothing of,
//! as telephone numbers, nobody has.

use super::fault::Fault;
use super::id;
use super::query::Query;
use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;
use crate::store::{AccountFilter, TextField, TextFit, TimeField};

/// Parameters that nobody meets.
const OF_NOBODY: [&str; 4] =
    ["phone_number", "web3_wallet", "provider_user_id", "phone_number_query"];

const TEXTS: [(&str, TextField, TextFit); 5] = [
    ("email_address", TextField::Email, TextFit::Whole),
    ("username", TextField::Login, TextFit::Whole),
    ("email_address_query", TextField::Email, TextFit::Part),
    ("username_query", TextField::Login, TextFit::Part),
    ("name_query", TextField::Name, TextFit::Part),
];

/// When people were active we know from when they signed in.
const TIMES: [(&str, TimeField, Bound); 7] = [
    ("created_at_after", TimeField::CreatedAt, Bound::After),
    ("created_at_before", TimeField::CreatedAt, Bound::Before),
    ("last_sign_in_at_after", TimeField::LastSignInAt, Bound::After),
    ("last_sign_in_at_before", TimeField::LastSignInAt, Bound::Before),
    ("last_active_at_after", TimeField::LastSignInAt, Bound::After),
    ("last_active_at_before", TimeField::LastSignInAt, Bound::Before),
    ("last_active_at_since", TimeField::LastSignInAt, Bound::Since),
];

/// On which side of an instant, in milliseconds, something happened.
#[derive(Clone, Copy)]
enum Bound {
    After,
    Before,
    Since,
}

pub(super) fn read(query: &Query) -> Result<Vec<AccountFilter>, Fault> {
    let mut filters = Vec::new();
    for (name, field, fit) in TEXTS {
        let any_of = query
            .list(name)?
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>();
        if !any_of.is_empty() {
            filters.push(AccountFilter::Text { field, fit, any_of, negated: false });
        }
    }
    for name in OF_NOBODY {
        if !query.list(name)?.is_empty() {
            filters.push(nobody());
        }
    }
    filters.extend(signed(query, "user_id", ids)?);
    filters.extend(signed(query, "external_id", external_ids)?);
    filters.extend(signed(query, "organization_id", |_| nobody())?);
    filters.extend(query.text("query").map(anywhere));
    filters.extend(query.flag("banned")?.map(AccountFilter::Disabled));
    for (name, field, bound) in TIMES {
        filters.extend(query.number(name)?.map(|millis| time(field, bound, millis)));
    }
    Ok(filters)
}

/// Those that are named, less those that are named with a minus.
fn signed(
    query: &Query,
    name: &str,
    filter: impl Fn(Vec<&str>) -> AccountFilter,
) -> Result<Vec<AccountFilter>, Fault> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for value in query.list(name)? {
        match value.strip_prefix('-') {
            Some(value) => without.push(value),
            // A plus that is written as it is means a space.
            None => with.push(value.trim_start_matches(['+', ' '])),
        }
    }
    let mut filters = Vec::new();
    if !with.is_empty() {
        filters.push(filter(with));
    }
    if !without.is_empty() {
        filters.push(AccountFilter::Not(Box::new(filter(without))));
    }
    Ok(filters)
}

fn ids(named: Vec<&str>) -> AccountFilter {
    let known: Vec<AccountId> = named.into_iter().filter_map(id::user).collect();
    if known.is_empty() { nobody() } else { AccountFilter::Ids(known) }
}

fn external_ids(named: Vec<&str>) -> AccountFilter {
    AccountFilter::Text {
        field: TextField::ExternalId,
        fit: TextFit::Whole,
        any_of: named.into_iter().map(str::to_owned).collect(),
        negated: false,
    }
}

/// Wherever somebody has a name.
fn anywhere(text: &str) -> AccountFilter {
    let any_of = || vec![text.to_owned()];
    let part =
        |field| AccountFilter::Text { field, fit: TextFit::Part, any_of: any_of(), negated: false };
    let mut fits = vec![part(TextField::Any), part(TextField::ExternalId)];
    fits.extend(id::user(text).map(|id| AccountFilter::Ids(vec![id])));
    AccountFilter::Any(fits)
}

fn nobody() -> AccountFilter {
    AccountFilter::Any(Vec::new())
}

fn time(field: TimeField, bound: Bound, millis: i64) -> AccountFilter {
    let at = |millis: i64| Timestamp::from_micros(millis.saturating_mul(1000));
    let (from, before) = match bound {
        Bound::After => (Some(at(millis.saturating_add(1))), None),
        Bound::Before => (None, Some(at(millis))),
        Bound::Since => (Some(at(millis)), None),
    };
    AccountFilter::Time { field, from, before }
}
