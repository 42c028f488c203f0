//! Which of a filter the store can find by itself.

use serde_json::Value;

use super::{Filter, Operator, Target};
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::WSO2_URN;
use crate::domain::account::AccountId;
use crate::domain::group::GroupId;
use crate::domain::time::Timestamp;
use crate::store::{AccountFilter, GroupQuery, TextField, TextFit, TimeField};

/// A filter of the store that takes all that the filter takes, and perhaps more.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::api::scim) struct Mapped {
    /// `None`: it would take everybody.
    pub(in crate::api::scim) filter: Option<AccountFilter>,
    /// Whether it takes nobody else.
    pub(in crate::api::scim) exact: bool,
}

const UNKNOWN: Mapped = Mapped { filter: None, exact: false };

fn exact(filter: AccountFilter) -> Mapped {
    Mapped { filter: Some(filter), exact: true }
}

fn nearly(filter: AccountFilter) -> Mapped {
    Mapped { filter: Some(filter), exact: false }
}

/// What the store finds of a filter over people.
pub(in crate::api::scim) fn for_users(filter: &Filter<Target>) -> Mapped {
    match filter {
        Filter::And(a, b) => {
            let (a, b) = (for_users(a), for_users(b));
            let exact = a.exact && b.exact;
            let filter = match (a.filter, b.filter) {
                (Some(a), Some(b)) => Some(AccountFilter::All(vec![a, b])),
                (a, b) => a.or(b),
            };
            Mapped { filter, exact }
        }
        Filter::Or(a, b) => {
            let (a, b) = (for_users(a), for_users(b));
            let exact = a.exact && b.exact;
            let both = a.filter.zip(b.filter);
            let filter = both.map(|(a, b)| AccountFilter::Any(vec![a, b]));
            Mapped { exact: exact && filter.is_some(), filter }
        }
        Filter::Not(inner) => match for_users(inner) {
            Mapped { filter: Some(filter), exact: true } => {
                exact(AccountFilter::Not(Box::new(filter)))
            }
            _ => UNKNOWN,
        },
        Filter::Present(target) => match path_of(target).as_str() {
            "id" | "userName" | "meta.created" | "meta.lastModified" => {
                exact(AccountFilter::All(Vec::new()))
            }
            "externalId" => exact(AccountFilter::Not(Box::new(whole(TextField::ExternalId, "")))),
            _ => UNKNOWN,
        },
        Filter::Within(target, inner) if path_of(target) == "emails" => inner_address(inner),
        Filter::Within(..) => UNKNOWN,
        Filter::Compare(target, operator, value) => compared(target, *operator, value),
    }
}

fn path_of(target: &Target) -> String {
    match target.extension {
        Some(WSO2_URN) => format!("wso2:{}", target.path()),
        Some(_) => String::new(),
        None => target.path(),
    }
}

fn compared(target: &Target, operator: Operator, value: &Value) -> Mapped {
    match (path_of(target).as_str(), value) {
        ("id", Value::String(id)) => by_number(operator, id),
        ("userName", Value::String(text)) => text_of(TextField::Login, operator, text),
        ("externalId", Value::String(id)) if !id.is_empty() => match operator {
            Operator::Equal => exact(whole(TextField::ExternalId, id)),
            Operator::NotEqual => {
                exact(AccountFilter::Not(Box::new(whole(TextField::ExternalId, id))))
            }
            _ => loose(text_of(TextField::ExternalId, operator, id)),
        },
        ("name.givenName", Value::String(text)) => {
            loose(text_of(TextField::FirstName, operator, text))
        }
        ("name.familyName", Value::String(text)) => {
            loose(text_of(TextField::LastName, operator, text))
        }
        ("emails.value", Value::String(text)) if operator == Operator::Equal => address(text),
        ("active", Value::Bool(wanted)) => switched(operator, !wanted, AccountFilter::Disabled),
        ("wso2:accountDisabled", Value::Bool(wanted)) => {
            switched(operator, *wanted, AccountFilter::Disabled)
        }
        ("wso2:accountLocked", Value::Bool(wanted)) => switched(operator, *wanted, locked),
        ("meta.created", Value::String(text)) => time(TimeField::CreatedAt, operator, text),
        ("meta.lastModified", Value::String(text)) => time(TimeField::UpdatedAt, operator, text),
        _ => UNKNOWN,
    }
}

/// What takes too few if it is negated, or is not all of what is looked at.
fn loose(mapped: Mapped) -> Mapped {
    match mapped.filter {
        Some(filter @ AccountFilter::Text { negated: false, .. }) => nearly(filter),
        _ => UNKNOWN,
    }
}

fn by_number(operator: Operator, id: &str) -> Mapped {
    let ids = id_of(id).into_iter().collect();
    match operator {
        Operator::Equal => exact(numbers(ids)),
        Operator::NotEqual => exact(AccountFilter::Not(Box::new(numbers(ids)))),
        _ => UNKNOWN,
    }
}

fn numbers(ids: Vec<AccountId>) -> AccountFilter {
    if ids.is_empty() { AccountFilter::Any(Vec::new()) } else { AccountFilter::Ids(ids) }
}

/// The account's number that an id is; none is written in another way.
pub(in crate::api::scim) fn id_of(text: &str) -> Option<AccountId> {
    let number: i64 = text.parse().ok()?;
    let id = AccountId::try_from(number).ok()?;
    (id.to_string() == text).then_some(id)
}

fn whole(field: TextField, text: &str) -> AccountFilter {
    let any_of = vec![text.to_owned()];
    AccountFilter::Text { field, fit: TextFit::Whole, any_of, negated: false }
}

fn text_of(field: TextField, operator: Operator, text: &str) -> Mapped {
    let (fit, negated) = match operator {
        Operator::Equal => (TextFit::Whole, false),
        Operator::NotEqual => (TextFit::Whole, true),
        Operator::Begins => (TextFit::Begins, false),
        Operator::Ends => (TextFit::Ends, false),
        Operator::Contains => (TextFit::Part, false),
        _ => return UNKNOWN,
    };
    exact(AccountFilter::Text { field, fit, any_of: vec![text.to_owned()], negated })
}

/// Who has this address, as the primary one or as another.
fn address(text: &str) -> Mapped {
    let mut any = vec![whole(TextField::Email, text)];
    match AccountFilter::mentions(text) {
        Some(mentioned) => any.push(mentioned),
        None => return UNKNOWN,
    }
    nearly(AccountFilter::Any(any))
}

fn inner_address(inner: &Filter<Target>) -> Mapped {
    match inner {
        Filter::And(a, b) => {
            let (a, b) = (inner_address(a), inner_address(b));
            Mapped { filter: a.filter.or(b.filter), exact: false }
        }
        Filter::Compare(target, Operator::Equal, Value::String(text))
            if target.leaf.name == "value" =>
        {
            address(text)
        }
        _ => UNKNOWN,
    }
}

fn switched(operator: Operator, wanted: bool, of: fn(bool) -> AccountFilter) -> Mapped {
    match operator {
        Operator::Equal => exact(of(wanted)),
        Operator::NotEqual => exact(of(!wanted)),
        _ => UNKNOWN,
    }
}

fn locked(wanted: bool) -> AccountFilter {
    let any = vec![AccountFilter::AdminLocked(true), AccountFilter::LockedOut(true)];
    let any = AccountFilter::Any(any);
    if wanted { any } else { AccountFilter::Not(Box::new(any)) }
}

/// The instant that a text is.
pub(in crate::api::scim) fn time_of(text: &str) -> Option<Timestamp> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

fn time(field: TimeField, operator: Operator, text: &str) -> Mapped {
    let Some(at) = time_of(text) else { return UNKNOWN };
    let next = Timestamp::from_micros(at.as_micros().saturating_add(1));
    let (from, before) = match operator {
        Operator::Equal => (Some(at), Some(next)),
        Operator::Greater => (Some(next), None),
        Operator::GreaterOrEqual => (Some(at), None),
        Operator::Less => (None, Some(at)),
        Operator::LessOrEqual => (None, Some(next)),
        Operator::NotEqual => {
            let same = AccountFilter::Time { field, from: Some(at), before: Some(next) };
            return exact(AccountFilter::Not(Box::new(same)));
        }
        _ => return UNKNOWN,
    };
    exact(AccountFilter::Time { field, from, before })
}

/// What the store finds of a filter over groups, and what is left of it.
pub(in crate::api::scim) fn for_groups(
    filter: Filter<Target>,
) -> Result<(GroupQuery, Option<Filter<Target>>), Problem> {
    let (mut query, mut rest) = (GroupQuery::default(), None);
    split(filter, &mut query, &mut rest);
    match &rest {
        Some(rest) if mentions_members(rest) => Err(Problem::filter(
            "groups are found by a member as `members.value eq \"7\"`, joined to the rest by and",
        )),
        _ => Ok((query, rest)),
    }
}

fn split(filter: Filter<Target>, query: &mut GroupQuery, rest: &mut Option<Filter<Target>>) {
    match filter {
        Filter::And(a, b) => {
            split(*a, query, rest);
            split(*b, query, rest);
        }
        Filter::Within(target, inner) if target.path() == "members" => match *inner {
            Filter::Compare(own, Operator::Equal, Value::String(id))
                if own.leaf.name == "value" && query.member.is_none() && id_of(&id).is_some() =>
            {
                query.member = id_of(&id);
            }
            inner => join(rest, Filter::Within(target, Box::new(inner))),
        },
        Filter::Compare(target, Operator::Equal, Value::String(text)) => {
            match (target.path().as_str(), id_of(&text)) {
                ("displayName", _) if query.name.is_none() => query.name = Some(text),
                ("externalId", _) if query.external_id.is_none() && !text.is_empty() => {
                    query.external_id = Some(text);
                }
                ("id", id) if query.ids.is_none() => {
                    let id = id.and_then(|id| GroupId::try_from(id.get()).ok());
                    query.ids = Some(id.into_iter().collect());
                }
                ("members.value", Some(id)) if query.member.is_none() => query.member = Some(id),
                // Nobody is called so.
                ("members.value", None) => query.ids = Some(Vec::new()),
                _ => join(rest, Filter::Compare(target, Operator::Equal, Value::String(text))),
            }
        }
        other => join(rest, other),
    }
}

fn join(rest: &mut Option<Filter<Target>>, more: Filter<Target>) {
    *rest = Some(match rest.take() {
        Some(rest) => Filter::And(Box::new(rest), Box::new(more)),
        None => more,
    });
}

fn mentions_members(filter: &Filter<Target>) -> bool {
    let is_members = |target: &Target| target.outer.unwrap_or(target.leaf).name == "members";
    match filter {
        Filter::And(a, b) | Filter::Or(a, b) => mentions_members(a) || mentions_members(b),
        Filter::Not(inner) => mentions_members(inner),
        Filter::Compare(target, ..) | Filter::Present(target) | Filter::Within(target, _) => {
            is_members(target)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::admin::tests::{NOW, account};
    use crate::api::scim::filter::parse;
    use crate::api::scim::flavour::Flavour;
    use crate::api::scim::schema::ResourceType;
    use crate::api::scim::user::{for_filters, shown};
    use crate::domain::account::Account;
    use crate::domain::lock::{AdminLock, Disablement, End, LiveSessions, Lockout, LockoutId};
    use crate::domain::login::Login;

    fn somebody() -> impl Strategy<Value = Account> {
        let logins = select(vec!["bob", "Ada", "a@x"]);
        let emails = proptest::collection::vec(select(vec!["a@x", "B@y", "c@z"]), 0..3);
        let names = (select(vec!["", "Ada", "Bo"]), select(vec!["", "King"]));
        let facts = any::<[bool; 4]>();
        let own_email = proptest::option::of(select(vec!["a@x", "b@y"]));
        let external = proptest::option::of(select(vec!["HR-1", "hr-1"]));
        (logins, emails, names, facts, own_email, external).prop_map(
            |(
                login,
                emails,
                (given, family),
                [is_locked, out, disabled, written],
                email,
                external,
            )| {
                let mut found = account(7);
                let author = || "cli:root".to_owned();
                let lock =
                    AdminLock { laid_at: NOW, end: End::Never, reason: None, author: author() };
                found.locks.admin_lock = is_locked.then_some(lock);
                found.locks.lockout = out.then_some(Lockout {
                    id: LockoutId { generation: 0, n: 1 },
                    laid_at: NOW,
                    length: None,
                    failures: 5,
                    live_sessions: LiveSessions::Refuse,
                });
                let reason = "left".try_into().expect("a reason");
                found.locks.disablement =
                    disabled.then_some(Disablement { at: NOW, reason, author: author() });
                found.login = Login::new(login).expect("a login");
                found.email = email.map(str::to_owned);
                found.name = format!("{given} {family}").trim().to_owned();
                let details = &mut found.details;
                details.external_id = external.map(str::to_owned);
                if written {
                    let emails: Vec<_> = emails.iter().map(|one| json!({ "value": one })).collect();
                    let sent = json!({ "userName": login, "emails": emails, "active": true });
                    details.documents.insert("scim".to_owned(), sent);
                    details.first_name = given.to_owned();
                    details.last_name = family.to_owned();
                }
                found
            },
        )
    }

    fn leaf() -> impl Strategy<Value = String> {
        let text = ["eq", "ne", "co", "sw", "ew", "gt", "le"];
        let texts = (
            select(vec![
                "userName",
                "externalId",
                "name.givenName",
                "name.familyName",
                "id",
                "emails",
                "emails.value",
                "displayName",
            ]),
            select(text.to_vec()),
            select(vec!["bob", "A", "a@x", "b@y", "HR-1", "7", "king", ""]),
        );
        let flags = (
            select(vec![
                "active",
                "urn:scim:wso2:schema:accountLocked",
                "urn:scim:wso2:schema:accountDisabled",
            ]),
            select(vec!["eq", "ne"]),
            any::<bool>(),
        );
        let times = (
            select(vec!["meta.created", "meta.lastModified"]),
            select(vec!["eq", "ne", "gt", "ge", "lt", "le"]),
            select(vec![-1_i64, 0, 1]),
        );
        prop_oneof![
            texts.prop_map(|(path, operator, text)| format!("{path} {operator} {text:?}")),
            flags.prop_map(|(path, operator, flag)| format!("{path} {operator} {flag}")),
            times.prop_map(|(path, operator, off)| {
                let at =
                    crate::api::scim::user::stamp(Timestamp::from_micros(NOW.as_micros() + off));
                format!("{path} {operator} {at:?}")
            }),
            select(vec!["userName", "externalId", "emails", "name", "meta.created"])
                .prop_map(|path| format!("{path} pr")),
            select(vec!["a@x", "c@z"])
                .prop_map(|text| format!("emails[type pr or value eq {text:?}]")),
            select(vec!["a@x", "c@z"])
                .prop_map(|text| format!("emails[value eq {text:?} and not (type pr)]")),
        ]
    }

    fn filter() -> impl Strategy<Value = String> {
        leaf().prop_recursive(3, 8, 2, |inner| {
            prop_oneof![
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
                inner.prop_map(|one| format!("not ({one})")),
            ]
        })
    }

    proptest! {
        /// Property: the store's choice leaves nobody out whom the filter takes, and is
        /// the filter's where it is said to be.
        #[test]
        fn the_store_leaves_nobody_out(somebody in somebody(), text in filter()) {
            let filter = parse(&text).expect("a filter");
            let filter = filter.resolve(ResourceType::User, Flavour::Wso2).expect("known");
            let user = for_filters(shown(&somebody, &[], Flavour::Wso2, NOW), &somebody, NOW);
            let taken = filter.takes(&user);
            let Mapped { filter, exact } = for_users(&filter);
            match filter {
                None => prop_assert!(!exact, "{}", text),
                Some(stored) if exact => {
                    prop_assert_eq!(stored.takes(&somebody, &[], NOW), taken, "{} {}", text, user);
                }
                Some(stored) => {
                    prop_assert!(!taken || stored.takes(&somebody, &[], NOW), "{} {}", text, user);
                }
            }
        }
    }
}
