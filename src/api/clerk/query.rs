//! Parameters of a query, as Clerk's clients spell them.

use super::fault::Fault;
use crate::api::query::pairs;

/// Every parameter, decoded, in order.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

/// The most values that a list may have.
const MAX_VALUES: usize = 100;

impl Query {
    pub(super) fn read(query: &str) -> Result<Self, Fault> {
        let read = pairs(query).map(|(name, value)| match (name, value) {
            (Some(name), Some(value)) => Ok((name, value)),
            (name, _) => Err(Fault::format(&name.unwrap_or_default(), "written in UTF-8")),
        });
        Ok(Self(read.collect::<Result<_, _>>()?))
    }

    /// Of several values the first, as Clerk takes it. One without a value is not there.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(key, _)| key == name);
        let first = found.next().map(|(_, value)| value.as_str());
        first.filter(|value| !value.is_empty())
    }

    pub(super) fn list(&self, name: &str) -> Result<Vec<&str>, Fault> {
        let found = self.0.iter().filter(|(key, _)| key == name);
        let values: Vec<&str> = found
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
            .collect();
        if values.len() > MAX_VALUES {
            return Err(Fault::value(name, format!("at most {MAX_VALUES} values can be named")));
        }
        Ok(values)
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Fault> {
        let wrong = |_| Fault::format(name, "a whole number");
        self.text(name)
            .map(|text| text.parse().map_err(wrong))
            .transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::format(name, "true or false")),
        }
    }

    /// How many are on a page, and how many come before it.
    pub(super) fn page(&self) -> Result<(u32, u64), Fault> {
        let limit = self.number("limit")?.unwrap_or(10);
        let Some(limit) = u32::try_from(limit)
            .ok()
            .filter(|limit| (1..=500).contains(limit))
        else {
            return Err(Fault::value("limit", "limit must be from 1 to 500"));
        };
        let offset = self.number("offset")?.unwrap_or(0);
        let offset = u64::try_from(offset)
            .map_err(|_| Fault::value("offset", "offset must be 0 or more"))?;
        Ok((limit, offset))
    }
}
