//! Whether a filter takes a resource, as it is shown.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Filter, Operator, Target, time_of};
use crate::api::scim::schema::{Attribute, Kind};
use crate::domain::login::folded;

impl Filter<Target> {
    pub(in crate::api::scim) fn takes(&self, item: &Value) -> bool {
        match self {
            Self::And(a, b) => a.takes(item) && b.takes(item),
            Self::Or(a, b) => a.takes(item) || b.takes(item),
            Self::Not(inner) => !inner.takes(item),
            Self::Present(target) => target.values(item).iter().any(|value| is_there(value)),
            Self::Within(target, inner) => target
                .values(item)
                .iter()
                .any(|element| inner.takes(element)),
            Self::Compare(target, operator, wanted) => compares(target, *operator, wanted, item),
        }
    }
}

fn compares(target: &Target, operator: Operator, wanted: &Value, item: &Value) -> bool {
    let values = target.values(item);
    let any = |operator| {
        let mut values = values.iter();
        values.any(|value| fits(target.leaf, operator, value, wanted))
    };
    match (operator, wanted) {
        (Operator::Equal, Value::Null) => !values.iter().any(|value| is_there(value)),
        (Operator::NotEqual, Value::Null) => values.iter().any(|value| is_there(value)),
        // Nothing is not equal to anything, so this takes it.
        (Operator::NotEqual, _) => !any(Operator::Equal),
        _ => any(operator),
    }
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => all.iter().any(is_there),
        Value::Object(parts) => parts.values().any(is_there),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

impl Target {
    /// Its values: of several, each.
    pub(in crate::api::scim) fn values<'a>(&self, item: &'a Value) -> Vec<&'a Value> {
        let item = match self.extension {
            Some(urn) => item.get(urn),
            None => Some(item),
        };
        let mut found: Vec<&Value> = item.into_iter().collect();
        for step in self.outer.into_iter().chain([self.leaf]) {
            let next = found.into_iter().filter_map(|value| value.get(step.name));
            found = next.flat_map(each).collect();
        }
        found
    }
}

fn each(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        one => vec![one],
    }
}

fn fits(attribute: &Attribute, operator: Operator, value: &Value, wanted: &Value) -> bool {
    if let (Value::String(value), Value::String(wanted), true) =
        (value, wanted, operator.is_of_texts())
    {
        let form = |text: &String| if attribute.exact { text.clone() } else { folded(text) };
        let (value, wanted) = (form(value), form(wanted));
        return match operator {
            Operator::Begins => value.starts_with(&wanted),
            Operator::Ends => value.ends_with(&wanted),
            _ => value.contains(&wanted),
        };
    }
    let Some(ordering) = compare(attribute, value, wanted) else { return false };
    match operator {
        Operator::Equal => ordering.is_eq(),
        Operator::Greater => ordering.is_gt(),
        Operator::GreaterOrEqual => ordering.is_ge(),
        Operator::Less => ordering.is_lt(),
        Operator::LessOrEqual => ordering.is_le(),
        _ => false,
    }
}

/// Which of two values of an attribute is greater; `None` where they don't compare.
pub(in crate::api::scim) fn compare(
    attribute: &Attribute,
    a: &Value,
    b: &Value,
) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) if attribute.kind == Kind::DateTime => {
            Some(time_of(a)?.cmp(&time_of(b)?))
        }
        (Value::String(a), Value::String(b)) if attribute.exact => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(folded(a).cmp(&folded(b))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::json;

    use super::*;
    use crate::api::scim::filter::parse;
    use crate::api::scim::flavour::Flavour;
    use crate::api::scim::schema::ResourceType;

    fn takes(filter: &str, user: &Value) -> bool {
        let filter = parse(filter).expect(filter);
        filter
            .resolve(ResourceType::User, Flavour::Strict)
            .expect("known")
            .takes(user)
    }

    proptest! {
        /// Property: a comparison of texts says what comparing the texts says, for one
        /// value and for several; and `not` says the opposite.
        #[test]
        fn texts_compare_as_texts(
            names in proptest::collection::vec("[a-cA-C]{1,3}", 0..3),
            wanted in "[a-cA-C]{1,2}",
            operator in select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]),
        ) {
            let emails: Vec<_> = names.iter().map(|name| json!({ "value": name })).collect();
            let user = json!({ "emails": emails });
            let wanted_small = wanted.to_lowercase();
            let any = |fits: fn(&str, &str) -> bool| {
                names.iter().any(|name| fits(&name.to_lowercase(), &wanted_small))
            };
            let expected = match operator {
                "eq" => any(|a, b| a == b),
                "ne" => !any(|a, b| a == b),
                "co" => any(|a, b| a.contains(b)),
                "sw" => any(|a, b| a.starts_with(b)),
                "ew" => any(|a, b| a.ends_with(b)),
                "gt" => any(|a, b| a > b),
                "ge" => any(|a, b| a >= b),
                "lt" => any(|a, b| a < b),
                _ => any(|a, b| a <= b),
            };
            for path in ["emails", "emails.value", "urn:ietf:params:scim:schemas:core:2.0:User:emails.value"] {
                let filter = format!("{path} {operator} \"{wanted}\"");
                prop_assert_eq!(takes(&filter, &user), expected, "{}", filter);
                prop_assert_eq!(takes(&format!("not ({filter})"), &user), !expected);
            }
            if operator != "ne" {
                let within = format!("emails[value {operator} \"{wanted}\"]");
                prop_assert_eq!(takes(&within, &user), expected, "{}", within);
            }
            prop_assert_eq!(takes("emails pr", &user), !names.is_empty());
        }
    }

    #[test]
    fn every_kind_compares_in_its_own_way() {
        let user = json!({
            "userName": "Bob", "active": false, "externalId": "A",
            "meta": { "created": "2026-11-27T12:00:00.5Z" },
            "emails": [{ "value": "a@x", "type": "work" }, { "value": "b@x", "type": "home" }],
            "urn:scim:wso2:schema": { "failedLoginLockoutCount": 3 },
        });
        for yes in [
            "userName EQ \"BOB\"",
            "externalId eq \"A\"",
            "active eq false",
            "active eq \"False\"",
            "active ne true",
            "meta.created gt \"2026-11-27T12:00:00Z\"",
            "meta.created le \"2026-11-27T13:00:00.5+01:00\"",
            "emails[type eq \"work\" and value eq \"a@x\"]",
            "emails[type eq \"work\"].value eq \"a@x\"",
            "urn:scim:wso2:schema:failedLoginLockoutCount ge 3",
            "nickName eq null",
            "nickName ne \"x\"",
            "userName ne null",
            "active eq false and (userName sw \"b\" or not (emails pr))",
        ] {
            assert!(takes(yes, &user), "{yes}");
        }
        for no in [
            "externalId eq \"a\"",
            "emails[type eq \"home\" and value eq \"a@x\"]",
            "nickName pr",
            "nickName eq \"\"",
            "userName co \"x\"",
            "urn:scim:wso2:schema:failedLoginLockoutCount gt 3.5",
        ] {
            assert!(!takes(no, &user), "{no}");
        }
    }

    #[test]
    fn what_can_not_be_compared_is_refused() {
        for bad in [
            "active gt true",
            "active co \"t\"",
            "active eq \"maybe\"",
            "x509Certificates.value gt \"a\"",
            "userName eq 5",
            "userName gt null",
            "name eq \"x\"",
            "nosuch eq \"x\"",
            "userName.x eq \"x\"",
            "userName[a pr]",
            "emails[nosuch pr]",
            "urn:nosuch:a:b eq \"x\"",
            "meta.created gt \"yesterday\"",
            "meta.created co \"2026\"",
            "urn:scim:wso2:schema:failedLoginLockoutCount eq \"3\"",
        ] {
            let refused = parse(bad)
                .expect(bad)
                .resolve(ResourceType::User, Flavour::Strict);
            assert_eq!(refused.expect_err(bad).kind, Some("invalidFilter"), "{bad}");
        }
    }
}
