//! `filters`: `[{"status":{"operator":"=","values":["locked"]}}]`.

use serde_json::{Map, Value};

use crate::domain::group::GroupId;
use crate::domain::standing::Status;
use crate::store::{AccountFilter, TextField, TextFit};

/// More filters, or more or longer values, than anybody means.
const MAX_FILTERS: usize = 20;
const MAX_VALUES: usize = 100;
const MAX_VALUE_CHARS: usize = 256;

/// Reads the filters, all of which are to fit.
///
/// The error says what is wrong, in words.
pub(super) fn read(text: &str) -> Result<Vec<AccountFilter>, String> {
    let read: Result<Vec<Map<String, Value>>, _> = serde_json::from_str(text);
    let all = read.map_err(|_| "filters are a JSON array of objects".to_owned())?;
    if all.len() > MAX_FILTERS {
        return Err(format!("there are at most {MAX_FILTERS} filters"));
    }
    all.iter().map(filter).collect()
}

fn filter(object: &Map<String, Value>) -> Result<AccountFilter, String> {
    let mut entries = object.iter();
    let (Some((name, of)), None) = (entries.next(), entries.next()) else {
        return Err("each filter is an object with one name".to_owned());
    };
    if let Some(in_any) = in_any_group(name, of) {
        return Ok(AccountFilter::InAnyGroup(in_any));
    }
    let (operator, values) = condition(name, of)?;
    match name.as_str() {
        "any_name_attribute" | "anyNameAttribute" => text(name, TextField::Any, operator, values),
        "blocked" => blocked(operator, &values),
        "group" => group(operator, &values),
        "login" => text(name, TextField::Login, operator, values),
        "name" => text(name, TextField::Name, operator, values),
        "status" => status(operator, &values),
        _ => Err(format!("there is no filter {name:?}")),
    }
}

fn condition<'a>(name: &str, of: &'a Value) -> Result<(&'a str, Vec<String>), String> {
    let operator = of.get("operator").and_then(Value::as_str);
    let operator = operator.ok_or_else(|| format!("the filter {name} has no operator"))?;
    let values: Option<Vec<String>> = of.get("values").and_then(Value::as_array).and_then(|all| {
        all.iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect()
    });
    let fit = |values: &Vec<String>| {
        (1..=MAX_VALUES).contains(&values.len())
            && values
                .iter()
                .all(|value| value.chars().count() <= MAX_VALUE_CHARS)
    };
    let values = values.filter(fit).ok_or_else(|| {
        format!("the filter {name} takes 1 to {MAX_VALUES} short texts as its values")
    })?;
    Ok((operator, values))
}

fn text(
    name: &str,
    field: TextField,
    operator: &str,
    any_of: Vec<String>,
) -> Result<AccountFilter, String> {
    let (fit, negated) = match operator {
        "=" => (TextFit::Whole, false),
        "!" => (TextFit::Whole, true),
        "~" => (TextFit::Part, false),
        "!~" => (TextFit::Part, true),
        _ => return Err(unknown(operator, name)),
    };
    Ok(AccountFilter::Text { field, fit, any_of, negated })
}

fn status(operator: &str, values: &[String]) -> Result<AccountFilter, String> {
    let negated = negated(operator).ok_or_else(|| unknown(operator, "status"))?;
    let mut any_of = Vec::new();
    for value in values {
        any_of.extend_from_slice(match value.as_str() {
            "active" => &[Status::Active],
            "invited" => &[Status::Invited],
            // To OpenProject the disabled are locked.
            "locked" => &[Status::Locked, Status::Disabled],
            "registered" => &[Status::Registered],
            _ => return Err(format!("there is no status {value:?}")),
        });
    }
    Ok(AccountFilter::Status { any_of, negated })
}

fn blocked(operator: &str, values: &[String]) -> Result<AccountFilter, String> {
    let negated = negated(operator).ok_or_else(|| unknown(operator, "blocked"))?;
    if values.iter().any(|value| value != "blocked") {
        return Err("the filter blocked takes the value blocked".to_owned());
    }
    Ok(AccountFilter::LockedOut(!negated))
}

/// Whether somebody is in any group at all: the operators that take no values.
fn in_any_group(name: &str, of: &Value) -> Option<bool> {
    let operator = of.get("operator").and_then(Value::as_str);
    match operator.filter(|_| name == "group")? {
        "*" => Some(true),
        "!*" => Some(false),
        _ => None,
    }
}

/// Groups by their numbers. Nobody is in one that there is not.
fn group(operator: &str, values: &[String]) -> Result<AccountFilter, String> {
    let negated = negated(operator).ok_or_else(|| unknown(operator, "group"))?;
    let number = |value: &String| {
        let number = value
            .parse::<i64>()
            .ok()
            .and_then(|number| GroupId::try_from(number).ok());
        number.ok_or_else(|| format!("{value:?} is not the number of a group"))
    };
    let within = AccountFilter::InGroups(values.iter().map(number).collect::<Result<_, _>>()?);
    Ok(if negated { AccountFilter::Not(Box::new(within)) } else { within })
}

fn negated(operator: &str) -> Option<bool> {
    match operator {
        "=" => Some(false),
        "!" => Some(true),
        _ => None,
    }
}

fn unknown(operator: &str, name: &str) -> String {
    format!("the filter {name} has no operator {operator:?}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::admin::tests::{NOW, account};
    use crate::domain::account::Account;
    use crate::domain::lock::{AdminLock, Disablement, End, LiveSessions, Lockout, LockoutId};
    use crate::domain::standing::Lifecycle;

    fn somebody() -> impl Strategy<Value = Account> {
        let lifecycle = select(vec![Lifecycle::Active, Lifecycle::Invited, Lifecycle::Registered]);
        (lifecycle, any::<[bool; 3]>(), "[A-Ca-c]{0,3}", "[a-c]{0,2}").prop_map(
            |(lifecycle, [locked, out, disabled], name, email)| {
                let mut account = Account { lifecycle, name, ..account(7) };
                account.email = (!email.is_empty()).then(|| format!("{email}@example.org"));
                let author = || "cli:root".to_owned();
                let lock =
                    AdminLock { laid_at: NOW, end: End::Never, reason: None, author: author() };
                account.locks.admin_lock = locked.then_some(lock);
                account.locks.lockout = out.then_some(Lockout {
                    id: LockoutId { generation: 0, n: 1 },
                    laid_at: NOW,
                    length: None,
                    failures: 5,
                    live_sessions: LiveSessions::Refuse,
                });
                let reason = "left".try_into().expect("a reason");
                account.locks.disablement =
                    disabled.then(|| Disablement { at: NOW, reason, author: author() });
                account
            },
        )
    }

    /// What a filter means, said again in the words of the interface.
    fn fits(account: &Account, name: &str, values: &[String]) -> bool {
        let locked = account.locks.disablement.is_some()
            || account.locks.admin_lock.is_some()
            || account.locks.lockout.is_some();
        let word = if locked { "locked" } else { account.lifecycle.as_str() };
        match name {
            "status" => values.iter().any(|value| value == word),
            _ => account.locks.lockout.is_some(),
        }
    }

    proptest! {
        /// Property: a filter by status takes those that show that status, and `!`
        /// takes exactly the others.
        #[test]
        fn statuses_mean_what_is_shown(
            account in somebody(),
            name in select(vec!["status", "blocked"]),
            operator in select(vec!["=", "!"]),
            statuses in proptest::collection::vec(
                select(vec!["active", "invited", "locked", "registered"]), 1..4),
        ) {
            let values: Vec<String> = match name {
                "status" => statuses.into_iter().map(str::to_owned).collect(),
                _ => vec!["blocked".to_owned()],
            };
            let text = json!([{ name: { "operator": operator, "values": values } }]).to_string();
            let filters = read(&text).expect("filters");
            prop_assert_eq!(filters.len(), 1);
            let expected = fits(&account, name, &values) == (operator == "=");
            prop_assert_eq!(filters[0].takes(&account, &[], NOW), expected, "{}", text);
        }

        /// Property: a filter by text takes those that are called so ignoring case,
        /// and its opposite exactly the others.
        #[test]
        fn texts_mean_what_is_written(
            account in somebody(),
            name in select(vec!["name", "login", "any_name_attribute"]),
            operator in select(vec!["=", "!", "~", "!~"]),
            values in proptest::collection::vec("[A-Ca-c]{0,2}|USER7|user", 1..3),
        ) {
            let text = json!([{ name: { "operator": operator, "values": values } }]).to_string();
            let filters = read(&text).expect("filters");
            let login = account.login.as_str();
            let email = account.email.as_deref().unwrap_or_default();
            let (first, last) = account.names();
            let called = match name {
                "name" => vec![&*account.name],
                "login" => vec![login],
                _ => vec![&*account.name, login, email, first, last],
            };
            let fits = values.iter().any(|value| called.iter().any(|called| {
                let (called, value) = (called.to_lowercase(), value.to_lowercase());
                if operator.contains('~') { called.contains(&value) } else { called == value }
            }));
            let expected = fits != operator.starts_with('!');
            prop_assert_eq!(filters[0].takes(&account, &[], NOW), expected, "{}", text);
        }

        /// Property: whatever was read is one filter for each object, and what is
        /// no array of objects with one known name is refused.
        #[test]
        fn nothing_is_passed_over(text in "[\\[\\]{}:,\"a-z=!~ ]{0,40}") {
            if let Ok(filters) = read(&text) {
                let all: Vec<Value> = serde_json::from_str(&text).expect("an array");
                prop_assert_eq!(filters.len(), all.len());
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let one = |name: &str, of: Value| json!([{ name: of }]).to_string();
        let status = |operator: &str, values: Value| {
            one("status", json!({ "operator": operator, "values": values }))
        };
        for bad in [
            String::new(),
            "{}".to_owned(),
            "[[]]".to_owned(),
            "[{}]".to_owned(),
            json!([{ "name": {}, "login": {} }]).to_string(),
            one("group", json!({ "operator": "~", "values": ["1"] })),
            one("name", json!({ "operator": "a", "values": ["x"] })),
            one("name", json!({ "values": ["x"] })),
            one("name", json!({ "operator": "=", "values": "x" })),
            one("blocked", json!({ "operator": "=", "values": ["t"] })),
            status("~", json!(["active"])),
            status("=", json!([])),
            status("=", json!([1])),
            status("=", json!(["blablu"])),
            status("=", json!(vec!["active"; 101])),
            one("name", json!({ "operator": "~", "values": ["x".repeat(257)] })),
            Value::from(vec![json!({ "status": { "operator": "=", "values": ["active"] } }); 21])
                .to_string(),
        ] {
            assert!(read(&bad).is_err(), "{bad:.80}");
        }
        assert_eq!(read("[]"), Ok(Vec::new()));
    }
}
