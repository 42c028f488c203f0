//! What is searched for in the audit log, as it stands in the address.

use std::time::Duration;

use http::request::Parts;

use crate::admin::{AdminError, Target};
use crate::domain::account::AccountId;
use crate::domain::event::Action;
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::wrong::Wrong;
use crate::pages::form;
use crate::store::AuditSearch;

const DAY: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    pub(super) person: String,
    pub(super) actor: String,
    pub(super) action: String,
    pub(super) since: String,
    pub(super) until: String,
    pub(super) address: String,
    pub(super) reason: String,
}

/// A search, or what is wrong with one of the fields; and if that can't be told.
type Searched<T> = Result<Result<T, Wrong>, Trouble>;

impl Form {
    pub(super) fn of(request: &Parts) -> Self {
        let text = |name| {
            form::parameter(request, name)
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Self {
            person: text("person"),
            actor: text("actor"),
            action: text("action"),
            since: text("since"),
            until: text("until"),
            address: text("address"),
            reason: text("reason"),
        }
    }

    /// As an address says it, to be put behind a `?`.
    pub(super) fn to_query(&self) -> String {
        let fields = [
            ("person", &self.person),
            ("actor", &self.actor),
            ("action", &self.action),
            ("since", &self.since),
            ("until", &self.until),
            ("address", &self.address),
            ("reason", &self.reason),
        ];
        let said = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let pairs = said.map(|(name, value)| format!("{name}={}", form::encoded(value)));
        pairs.collect::<Vec<_>>().join("&")
    }

    pub(super) async fn search(&self, desk: &Desk) -> Searched<AuditSearch> {
        let account = match &*self.person {
            "" => None,
            named => match number_of(desk, "person", named).await? {
                Ok(id) => Some(id),
                Err(wrong) => return Ok(Err(wrong)),
            },
        };
        let actor = match &*self.actor {
            "" => None,
            named if named.contains(':') || matches!(named, "system" | "engine") => {
                Some(named.to_owned())
            }
            named => match number_of(desk, "actor", named).await? {
                Ok(id) => Some(format!("user:{id}")),
                Err(wrong) => return Ok(Err(wrong)),
            },
        };
        Ok(self
            .rest()
            .map(|rest| AuditSearch { account, actor, ..rest }))
    }

    /// What names nobody.
    fn rest(&self) -> Result<AuditSearch, Wrong> {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let actions = match &*self.action {
            "" => Vec::new(),
            word => vec![Action::from_word(word).ok_or_else(|| {
                let words = format!("There is no action “{word}”: choose one of the list.");
                Wrong::at("action", words)
            })?],
        };
        Ok(AuditSearch {
            actions,
            since: day("since", &self.since)?,
            until: day("until", &self.until)?.map(|at| at.after(DAY)),
            address: some(&self.address),
            reason: some(&self.reason),
            ..AuditSearch::default()
        })
    }
}

async fn number_of(desk: &Desk, field: &'static str, named: &str) -> Searched<AccountId> {
    if let Some(id) = named.parse::<i64>().ok().and_then(|id| id.try_into().ok()) {
        return Ok(Ok(id));
    }
    match desk.admin.account(&Target::from(named)).await {
        Ok(account) => Ok(Ok(account.id)),
        Err(AdminError::NotFound { .. }) => {
            let words = format!(
                "There is nobody called “{named}”. Deleted people are found by their number."
            );
            Ok(Err(Wrong::at(field, words)))
        }
        Err(error) => Err(error.into()),
    }
}

/// The beginning of a day in UTC.
fn day(field: &'static str, text: &str) -> Result<Option<Timestamp>, Wrong> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = text.parse::<jiff::civil::Date>();
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC));
    let bad = |_| Wrong::at(field, format!("“{text}” is no day: write 2030-01-31."));
    let start = start.map_err(bad)?;
    Ok(Some(Timestamp::from_secs(start.timestamp().as_second())))
}
