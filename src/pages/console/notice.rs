//! What was done just now, as the next page says it.
//!
//! It comes in the address of our own redirect: a few words of ours, chosen by a code,
//! and numbers. A link of somebody else's says nothing.

use http::HeaderName;
use http::request::Parts;

use crate::pages::form;
use crate::pages::words::Tone;

/// A few sentences above a page, and what can be done about it.
#[derive(Clone, Debug)]
pub(super) struct Notice {
    pub(super) tone: Tone,
    pub(super) words: String,
    /// A page that goes on from here, and what it is called.
    pub(super) onward: Option<(String, &'static str)>,
}

/// What our own redirect says was done.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Done {
    /// Which act.
    pub(super) act: String,
    /// How many it was about, or ended.
    pub(super) count: Option<u64>,
    /// How long until it was enforced here, in thousandths of a second.
    pub(super) took_ms: Option<u64>,
    /// The number of what came of it: a run, a group.
    pub(super) id: Option<i64>,
}

impl Notice {
    pub(super) fn done(words: impl Into<String>) -> Self {
        Self { tone: Tone::Done, words: words.into(), onward: None }
    }

    pub(super) fn hint(words: impl Into<String>) -> Self {
        Self { tone: Tone::Hint, ..Self::done(words) }
    }

    pub(super) fn wrong(words: impl Into<String>) -> Self {
        Self { tone: Tone::Wrong, ..Self::done(words) }
    }

    /// The same, and where to go on: a path below the console's, and its name.
    pub(super) fn leading_to(self, path: String, name: &'static str) -> Self {
        Self { onward: Some((path, name)), ..self }
    }
}

impl Done {
    pub(super) fn new(act: &str) -> Self {
        Self { act: act.to_owned(), ..Self::default() }
    }

    pub(super) fn count(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }

    pub(super) fn took(self, took: std::time::Duration) -> Self {
        let whole = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { took_ms: Some(whole.max(1)), ..self }
    }

    pub(super) fn id(self, id: i64) -> Self {
        Self { id: Some(id), ..self }
    }

    /// As our redirect says it: to be put behind the `?` of an address.
    pub(super) fn to_query(&self) -> String {
        let number = |name: &str, value: Option<String>| {
            value.map_or_else(String::new, |value| format!("&{name}={value}"))
        };
        let mut query = format!("done={}", self.act);
        query.push_str(&number("n", self.count.map(|n| n.to_string())));
        query.push_str(&number("ms", self.took_ms.map(|ms| ms.to_string())));
        query.push_str(&number("id", self.id.map(|id| id.to_string())));
        query
    }

    /// What the request's address says was done, if our own page sent it here.
    pub(super) fn of(request: &Parts) -> Option<Self> {
        let site = request
            .headers
            .get(HeaderName::from_static("sec-fetch-site"));
        let own = site.is_none_or(|site| site == "same-origin" || site == "none");
        let act = form::parameter(request, "done").filter(|_| own)?;
        let number =
            |name| form::parameter(request, name).and_then(|text| text.parse::<u64>().ok());
        let id = form::parameter(request, "id").and_then(|text| text.parse().ok());
        Some(Self { act, count: number("n"), took_ms: number("ms"), id })
    }

    /// " It took hold here in 3 ms.", where that is known.
    pub(super) fn hold(&self) -> String {
        let took = self
            .took_ms
            .map(|ms| format!(" It took hold here in {ms} ms."));
        took.unwrap_or_default()
    }
}
