//! What lists and searches are asked for.

use serde_json::Value;

use super::filter::{Filter, parse};
use super::flavour::Flavour;
use super::problem::Problem;
use super::select::Select;
use super::value::Object;
use crate::api::query::value;

/// How many resources are on a page where nobody says.
const DEFAULT_COUNT: u32 = 100;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Query {
    pub(super) filter: Option<Filter<String>>,
    pub(super) sort_by: Option<String>,
    pub(super) descending: bool,
    /// Where the page begins; the first is 1.
    pub(super) start: u64,
    pub(super) count: u32,
    pub(super) select: Select,
}

impl Query {
    /// Of an address.
    pub(super) fn read(query: &str, flavour: Flavour) -> Result<Self, Problem> {
        let text = |name: &str| match value(query, name) {
            Some(None) => Err(Problem::value(format!("{name} is not written in UTF-8"))),
            found => Ok(found.flatten().filter(|text| !text.trim().is_empty())),
        };
        let number = |name| Ok::<_, Problem>(text(name)?.and_then(|text| text.trim().parse().ok()));
        let names = |name| Ok::<_, Problem>(text(name)?.and_then(|text| Select::names(&text)));
        Ok(Self {
            filter: text("filter")?.map(|text| parse(&text)).transpose()?,
            sort_by: text("sortBy")?,
            descending: text("sortOrder")?.is_some_and(|order| is_descending(&order)),
            start: start(number("startIndex")?),
            count: count(number("count")?, flavour),
            select: Select::of(names("attributes")?, names("excludedAttributes")?)?,
        })
    }

    /// Of a request whose body says it.
    pub(super) fn of_body(body: &Object, flavour: Flavour) -> Result<Self, Problem> {
        let member = |wanted: &str| {
            body.iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value)
        };
        let text = |name: &str| match member(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(Problem::value(format!("{name} is a string"))),
        };
        let number = |name: &str| match member(name) {
            Some(Value::String(text)) => text.trim().parse().ok(),
            value => value.and_then(Value::as_i64),
        };
        let names = |name: &str| match member(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Select::names(text)),
            Some(Value::Array(all)) => {
                let names: Option<Vec<_>> = all
                    .iter()
                    .map(|name| name.as_str().map(str::to_owned))
                    .collect();
                let names = names.ok_or_else(|| Problem::value(format!("{name} are strings")))?;
                Ok((!names.is_empty()).then_some(names))
            }
            Some(_) => Err(Problem::value(format!("{name} are strings"))),
        };
        Ok(Self {
            filter: text("filter")?.map(parse).transpose()?,
            sort_by: text("sortBy")?.map(str::to_owned),
            descending: text("sortOrder")?.is_some_and(is_descending),
            start: start(number("startIndex")),
            count: count(number("count"), flavour),
            select: Select::of(names("attributes")?, names("excludedAttributes")?)?,
        })
    }

    /// Which attributes somebody wants to see of what they read or write.
    pub(super) fn select(query: &str) -> Result<Select, Problem> {
        let names = |name| {
            let text = value(query, name).flatten().unwrap_or_default();
            Select::names(&text)
        };
        Select::of(names("attributes"), names("excludedAttributes"))
    }

    /// How many come before the page.
    pub(super) const fn offset(&self) -> u64 {
        self.start - 1
    }
}

fn is_descending(order: &str) -> bool {
    order.eq_ignore_ascii_case("descending")
}

/// Less than the first is the first.
fn start(sent: Option<i64>) -> u64 {
    sent.and_then(|start| u64::try_from(start).ok())
        .unwrap_or(1)
        .max(1)
}

/// Less than none is none; WSO2 takes that for nothing said.
fn count(sent: Option<i64>, flavour: Flavour) -> u32 {
    let count = match sent {
        None => DEFAULT_COUNT,
        Some(count) if count < 0 && flavour.is_wso2() => DEFAULT_COUNT,
        Some(count) => u32::try_from(count.max(0)).unwrap_or(u32::MAX),
    };
    count.min(flavour.max_page())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_begin_at_one_and_are_bounded() {
        for (query, start, strict, wso2) in [
            ("", 1, 100, 100),
            ("startIndex=0&count=0", 1, 0, 0),
            ("startIndex=-5&count=-1", 1, 0, 100),
            ("startIndex=x&count=x", 1, 100, 100),
            ("startIndex=7&count=99999999999", 7, 1_000, 200),
        ] {
            for (flavour, count) in [(Flavour::Strict, strict), (Flavour::Wso2, wso2)] {
                let read = Query::read(query, flavour).expect(query);
                assert_eq!((read.start, read.count), (start, count), "{query}");
            }
        }
        assert!(Query::read("filter=bad((", Flavour::Strict).is_err());
        assert!(Query::read("filter=%ff", Flavour::Strict).is_err());
        assert!(Query::read("attributes=a&excludedAttributes=b", Flavour::Strict).is_err());
    }

    #[test]
    fn a_body_asks_as_an_address_does() {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": "userName pr", "sortBy": "id", "sortOrder": "descending",
            "startIndex": 2, "count": 3, "attributes": ["id", "name"],
        });
        let of_body = Query::of_body(body.as_object().expect("one"), Flavour::Strict);
        let address = "filter=userName+pr&sortBy=id&sortOrder=descending&startIndex=2&count=3\
             &attributes=id,name";
        assert_eq!(of_body, Query::read(address, Flavour::Strict));
        for bad in [serde_json::json!({ "filter": 1 }), serde_json::json!({ "attributes": [1] })] {
            assert!(Query::of_body(bad.as_object().expect("one"), Flavour::Strict).is_err());
        }
    }
}
