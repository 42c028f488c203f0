//! What people have in common, as a form and an address say it.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::group::GroupId;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;
use crate::pages::form::{BadForm, Fields};
use crate::store::{AccountFilter, TextField, TextFit, TimeField};

/// Somebody who was away for longer than there are computers.
const MOST_DAYS: u64 = 36_500;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The longest text that is looked for, in characters.
const MOST_CHARS: usize = 254;

/// What was asked for, as it was typed: it is shown again, also where it is wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages::console) struct Filter {
    /// A part of login, name or e-mail address.
    pub(in crate::pages::console) q: String,
    pub(in crate::pages::console) status: String,
    /// The number of a group.
    pub(in crate::pages::console) group: String,
    /// A day: nobody who signed in on it or since.
    pub(in crate::pages::console) before: String,
    /// Only who signed in within so many days.
    pub(in crate::pages::console) within: String,
    pub(in crate::pages::console) never: bool,
    pub(in crate::pages::console) admins: bool,
}

/// A field that can't be understood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::pages::console) struct Wrong {
    pub(in crate::pages::console) field: &'static str,
    pub(in crate::pages::console) words: String,
}

/// What can be asked for, and what it is called.
pub(in crate::pages::console) const STATUSES: [(&str, &str); 6] = [
    ("active", "Active"),
    ("locked", "Locked"),
    ("locked-out", "Locked out by failed sign-ins"),
    ("disabled", "Disabled"),
    ("invited", "Invited"),
    ("registered", "Registered"),
];

impl Wrong {
    pub(in crate::pages::console) fn new(field: &'static str, words: impl Into<String>) -> Self {
        Self { field, words: words.into() }
    }
}

impl Filter {
    pub(in crate::pages::console) fn read(fields: &mut Fields) -> Result<Self, BadForm> {
        let mut text = |name| Ok(fields.perhaps(name)?.unwrap_or_default().trim().to_owned());
        Ok(Self {
            q: text("q")?,
            status: text("status")?,
            group: text("group")?,
            before: text("before")?,
            within: text("within")?,
            never: !text("never")?.is_empty(),
            admins: !text("admins")?.is_empty(),
        })
    }

    /// As an address or a hidden field says it: what is not asked for is left out.
    pub(in crate::pages::console) fn pairs(&self) -> Vec<(&'static str, String)> {
        let yes = |on: bool| if on { "yes" } else { "" };
        let all = [
            ("q", self.q.as_str()),
            ("status", &self.status),
            ("group", &self.group),
            ("before", &self.before),
            ("within", &self.within),
            ("never", yes(self.never)),
            ("admins", yes(self.admins)),
        ];
        let asked = all.into_iter().filter(|(_, value)| !value.is_empty());
        asked
            .map(|(name, value)| (name, value.to_owned()))
            .collect()
    }

    /// Whether everybody is meant.
    pub(in crate::pages::console) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something beside text and status is asked for.
    pub(in crate::pages::console) fn has_more(&self) -> bool {
        let Self { before, within, never, admins, .. } = self;
        *never || *admins || !before.is_empty() || !within.is_empty()
    }

    /// As stores take it: a filter that can't be understood finds nobody, and never all.
    pub(in crate::pages::console) fn filters(
        &self,
        now: Timestamp,
    ) -> Result<Vec<AccountFilter>, Wrong> {
        let parts = [
            self.text()?,
            self.status()?,
            self.group()?,
            self.before()?,
            self.within(now)?,
            self.never.then(never),
            self.admins.then_some(AccountFilter::Admin(true)),
        ];
        Ok(parts.into_iter().flatten().collect())
    }

    fn text(&self) -> Result<Option<AccountFilter>, Wrong> {
        if self.q.chars().count() > MOST_CHARS {
            let words = format!("Search for at most {MOST_CHARS} characters.");
            return Err(Wrong::new("q", words));
        }
        let (field, fit, any_of) = (TextField::Any, TextFit::Part, vec![self.q.clone()]);
        let text = AccountFilter::Text { field, fit, any_of, negated: false };
        Ok(Some(text).filter(|_| !self.q.is_empty()))
    }

    fn status(&self) -> Result<Option<AccountFilter>, Wrong> {
        let status = match self.status.as_str() {
            "" => return Ok(None),
            "locked-out" => return Ok(Some(AccountFilter::LockedOut(true))),
            word => Status::from_word(word).filter(|status| *status != Status::Deleted),
        };
        let any_of = vec![status.ok_or_else(|| {
            Wrong::new("status", "There is no such status: choose one from the list.")
        })?];
        Ok(Some(AccountFilter::Status { any_of, negated: false }))
    }

    fn group(&self) -> Result<Option<AccountFilter>, Wrong> {
        if self.group.is_empty() {
            return Ok(None);
        }
        let number = self.group.parse::<i64>().ok();
        let group = number.and_then(|number| GroupId::try_from(number).ok());
        let group = group.ok_or_else(|| {
            Wrong::new("group", "There is no such group: choose one from the list.")
        })?;
        Ok(Some(AccountFilter::InGroups(vec![group])))
    }

    /// Who never came did not come since, either.
    fn before(&self) -> Result<Option<AccountFilter>, Wrong> {
        if self.before.is_empty() {
            return Ok(None);
        }
        let before = Some(day(&self.before).ok_or_else(|| {
            Wrong::new("before", "Write a day as year, month and day: 2026-01-31.")
        })?);
        let earlier = AccountFilter::Time { field: TimeField::LastSignInAt, from: None, before };
        Ok(Some(AccountFilter::Any(vec![earlier, never()])))
    }

    fn within(&self, now: Timestamp) -> Result<Option<AccountFilter>, Wrong> {
        if self.within.is_empty() {
            return Ok(None);
        }
        let days = self.within.parse::<u32>().ok();
        let days = days.filter(|days| (1..=MOST_DAYS).contains(&u64::from(*days)));
        let days = days.ok_or_else(|| {
            Wrong::new("within", format!("Write a number of days from 1 to {MOST_DAYS}."))
        })?;
        let (field, from) = (TimeField::LastSignInAt, Some(now.before(DAY * days)));
        Ok(Some(AccountFilter::Time { field, from, before: None }))
    }
}

/// Whoever never signed in.
fn never() -> AccountFilter {
    let field = TimeField::LastSignInAt;
    AccountFilter::Not(Box::new(AccountFilter::Time { field, from: None, before: None }))
}

/// The beginning of a day, in UTC.
pub(in crate::pages::console) fn day(text: &str) -> Option<Timestamp> {
    let day: jiff::civil::Date = text.parse().ok()?;
    let begins = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(begins.timestamp().as_microsecond()))
}

/// Names and values as an address has them behind its `?`.
pub(in crate::pages::console) fn query(pairs: &[(&'static str, String)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let parts = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    parts.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn of(text: &str) -> Filter {
        let mut fields = Fields::of_long_form(text.as_bytes()).expect("a form");
        Filter::read(&mut fields).expect("no field twice")
    }

    #[test]
    fn what_is_asked_for_is_what_is_found() {
        assert_eq!(of("").filters(NOW), Ok(Vec::new()));
        assert!(of("q=&status=&never=").is_none(), "an empty form asks for nothing");
        let found = of("q=an&status=locked&within=30&admins=yes&group=3")
            .filters(NOW)
            .expect("good");
        assert_eq!(found.len(), 5);
        let from = Some(Timestamp::from_secs(1_800_000_000 - 30 * 86_400));
        let recently = AccountFilter::Time { field: TimeField::LastSignInAt, from, before: None };
        assert!(found.contains(&recently), "{found:?}");
        assert_eq!(day("2027-01-15"), Some(Timestamp::from_secs(1_799_971_200)));
    }

    #[test]
    fn what_cannot_be_understood_is_never_everybody() {
        for (text, field) in [
            ("status=deleted", "status"),
            ("status=x", "status"),
            ("group=staff", "group"),
            ("group=0", "group"),
            ("before=yesterday", "before"),
            ("before=2026-13-01", "before"),
            ("within=0", "within"),
            ("within=-1", "within"),
            ("within=99999", "within"),
            ("within=ten", "within"),
        ] {
            let wrong = of(text).filters(NOW).expect_err(text);
            assert_eq!(wrong.field, field, "{text}");
        }
        let long = of(&format!("q={}", "a".repeat(255)));
        assert_eq!(long.filters(NOW).expect_err("too long").field, "q");
    }

    proptest! {
        /// Property: an address says what was typed, whatever that is.
        #[test]
        fn an_address_says_what_was_typed(q in "\\PC{0,20}", status in "[a-z&=#+ %]{0,8}", never: bool) {
            let (q, status) = (q.trim().to_owned(), status.trim().to_owned());
            let filter = Filter { q, status, never, ..Filter::default() };
            prop_assert_eq!(of(&query(&filter.pairs())), filter);
        }
    }
}
