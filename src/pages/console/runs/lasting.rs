//! Why something is laid on people, and until when, as a form asks for it.

use std::time::Duration;

use crate::domain::lock::Reason;
use crate::domain::time::Timestamp;
use crate::pages::console::users::filter::{Wrong, day};
use crate::pages::form::{BadForm, Fields};

const HOUR: Duration = Duration::from_secs(3600);

/// How long a lock can last without a day being named.
const LENGTHS: [(&str, &str, Duration); 4] = [
    ("1h", "For an hour", HOUR),
    ("1d", "For a day", HOUR.saturating_mul(24)),
    ("7d", "For a week", HOUR.saturating_mul(24 * 7)),
    ("30d", "For 30 days", HOUR.saturating_mul(24 * 30)),
];

/// The word that says that a day is named.
const BY_DAY: &str = "day";

/// What was typed: it is shown again, also where it is wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages::console) struct Lasting {
    pub(in crate::pages::console) reason: String,
    until: String,
    pub(in crate::pages::console) until_day: String,
}

/// One of the ends to choose from.
pub(in crate::pages::console) struct Choice {
    pub(in crate::pages::console) word: &'static str,
    pub(in crate::pages::console) name: &'static str,
    pub(in crate::pages::console) is_chosen: bool,
}

impl Lasting {
    pub(in crate::pages::console) fn read(fields: &mut Fields) -> Result<Self, BadForm> {
        let mut text = |name| Ok(fields.perhaps(name)?.unwrap_or_default().trim().to_owned());
        Ok(Self { reason: text("reason")?, until: text("until")?, until_day: text("until_day")? })
    }

    pub(in crate::pages::console) fn pairs(&self) -> Vec<(&'static str, String)> {
        let Self { reason, until, until_day } = self.clone();
        let all = [("reason", reason), ("until", until), ("until_day", until_day)];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .collect()
    }

    pub(in crate::pages::console) fn choices(&self) -> Vec<Choice> {
        let lengths = LENGTHS.iter().map(|(word, name, _)| (*word, *name));
        let all = std::iter::once(("", "Until somebody unlocks them"))
            .chain(lengths)
            .chain([(BY_DAY, "Until the beginning of a day")]);
        all.map(|(word, name)| Choice { word, name, is_chosen: word == self.until })
            .collect()
    }

    /// Why, where something was said.
    pub(in crate::pages::console) fn reason(&self) -> Result<Option<Reason>, Wrong> {
        if self.reason.is_empty() {
            return Ok(None);
        }
        // Browsers end lines with two characters.
        let words = self.reason.replace("\r\n", "\n");
        let reason = Reason::try_from(words);
        reason.map(Some).map_err(|invalid| {
            Wrong::new("reason", super::super::answer::sentence(&invalid.to_string()))
        })
    }

    /// The end; none where it does not end by itself.
    pub(in crate::pages::console) fn until(
        &self,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Wrong> {
        if self.until.is_empty() {
            return Ok(None);
        }
        if self.until == BY_DAY {
            let day = day(&self.until_day).ok_or_else(|| {
                Wrong::new("until_day", "Write a day as year, month and day: 2026-01-31.")
            })?;
            let to_come = Some(day).filter(|day| *day > now);
            let past = "That day has begun already (in UTC): choose a later one.";
            return to_come
                .map(Some)
                .ok_or_else(|| Wrong::new("until_day", past));
        }
        let length = LENGTHS.iter().find(|(word, ..)| *word == self.until);
        let (.., length) = length.ok_or_else(|| {
            Wrong::new("until", "There is no such end: choose one from the list.")
        })?;
        Ok(Some(now.after(*length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn of(text: &str) -> Lasting {
        let mut fields = Fields::of_long_form(text.as_bytes()).expect("a form");
        Lasting::read(&mut fields).expect("once")
    }

    #[test]
    fn an_end_is_none_a_length_or_a_day_to_come() {
        assert_eq!(of("").until(NOW), Ok(None));
        assert_eq!(of("until=1h").until(NOW), Ok(Some(NOW.after(HOUR))));
        let tomorrow = Timestamp::from_secs(1_800_057_600);
        assert_eq!(of("until=day&until_day=2027-01-16").until(NOW), Ok(Some(tomorrow)));
        for (text, field) in [
            ("until=2h", "until"),
            ("until=day", "until_day"),
            ("until=day&until_day=soon", "until_day"),
            ("until=day&until_day=2027-01-15", "until_day"),
        ] {
            assert_eq!(of(text).until(NOW).expect_err(text).field, field);
        }
        let chosen = of("until=7d").choices();
        assert_eq!(chosen.iter().filter(|choice| choice.is_chosen).count(), 1);
    }

    #[test]
    fn a_reason_may_have_lines_and_is_not_endless() {
        assert_eq!(of("reason=++").reason(), Ok(None));
        let two = of("reason=left%0D%0Athe+company").reason().expect("good");
        assert_eq!(two.as_ref().map(Reason::as_str), Some("left\nthe company"));
        let long = of(&format!("reason={}", "a".repeat(10_000)));
        assert_eq!(long.reason().expect_err("too long").field, "reason");
    }
}
