//! The audit log: read, checked, and shortened from its old end.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;
use crate::domain::event::{Action, AuditRecord, Note};
use crate::domain::login::folded;
use crate::domain::time::Timestamp;
use crate::store::keyring::AuditLink;
use crate::store::{AuditQuery, BoxFuture, BrokenChain, StoreError};

/// At most so many records are read in one step of a check.
pub const AUDIT_STEP: usize = 500;

/// Keeps the audit log of a directory.
///
/// Records are only ever appended, by the changes that they tell of. Each carries a
/// link that a keyed hash ties to the record before it.
pub trait AuditLog: fmt::Debug + Send + Sync + 'static {
    /// The records that a search takes, each with its link: a page of them.
    fn records(&self, search: AuditSearch) -> BoxFuture<'_, Result<Vec<AuditEntry>, StoreError>>;

    /// Checks the next records after those that were checked, at most
    /// [`AUDIT_STEP`], and at the end of the log that it ends where it should.
    ///
    /// Each step reads as of one instant and keeps nothing open, so records may be
    /// added and pruned between two of them. The inner error names the first record
    /// that does not fit.
    fn check(
        &self,
        walk: AuditWalk,
    ) -> BoxFuture<'_, Result<Result<AuditWalk, BrokenChain>, StoreError>>;

    /// Where the last check came to, to go on from; `None` if there was none, or the
    /// store keeps no such note.
    fn checked_before(&self) -> BoxFuture<'_, Result<Option<AuditWalk>, StoreError>>;

    /// Forgets the records from the oldest on that are older than this, once it has
    /// checked them, and writes that down as a record of its own. `None` if there
    /// were none.
    ///
    /// The inner error names the first record that does not fit: then all are kept.
    fn forget(
        &self,
        before: Timestamp,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Option<AuditPruned>, BrokenChain>, StoreError>>;

    /// How many records of these actions the log has of each day since then, oldest first;
    /// days are UTC's. Told from counts: however long the log is, that costs the same.
    fn by_day(
        &self,
        actions: Vec<Action>,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<DayCount>, StoreError>>;

    /// Notes outside of the database how far the log reaches now, so that a log that
    /// ends earlier is found out. A store without such a place does nothing.
    ///
    /// The inner error says that the log does not reach as far as was noted before.
    fn note_end(&self) -> BoxFuture<'_, Result<Result<(), BrokenChain>, StoreError>>;
}

/// How many records of one action the log has of one day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DayCount {
    /// When the day began.
    pub day: Timestamp,
    /// What was done.
    pub action: Action,
    /// How often.
    pub count: u64,
}

/// A day, as records are counted by it.
pub(crate) const DAY_MICROS: i64 = 86_400_000_000;

/// Which audit records to read. What is not named takes all.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditSearch {
    /// Only those about this account.
    pub account: Option<AccountId>,
    /// Only what this one did, as the log names them: `user:7`, `cli:root`.
    pub actor: Option<String>,
    /// Only these actions; none for all.
    pub actions: Vec<Action>,
    /// Only what was done at this instant or later.
    pub since: Option<Timestamp>,
    /// Only what was done before this instant.
    pub until: Option<Timestamp>,
    /// Only what was done from this address.
    pub address: Option<String>,
    /// Only those whose reason contains this, ignoring case.
    pub reason: Option<String>,
    /// Only those before this position.
    pub before: Option<u64>,
    /// Only those after this position.
    pub after: Option<u64>,
    /// Whether the oldest come first; otherwise the newest do.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: u32,
}

impl AuditSearch {
    /// Whether it takes this record, wherever that stands.
    pub(crate) fn takes(&self, record: &AuditRecord) -> bool {
        self.account.is_none_or(|id| record.account == Some(id))
            && fits(self.actor.as_deref(), Some(&record.actor))
            && (self.actions.is_empty() || self.actions.contains(&record.action))
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at < until)
            && fits(self.address.as_deref(), record.from.as_deref())
            && self.takes_reason(record.reason.as_deref())
    }

    /// Whether it takes a record with this reason.
    pub(crate) fn takes_reason(&self, reason: Option<&str>) -> bool {
        let Some(part) = &self.reason else { return true };
        reason.is_some_and(|reason| folded(reason).contains(&folded(part)))
    }

    /// Whether it takes a record at this position.
    pub(crate) fn reaches(&self, position: u64) -> bool {
        self.before.is_none_or(|before| position < before)
            && self.after.is_none_or(|after| position > after)
    }
}

fn fits(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| found == Some(wanted))
}

impl From<AuditQuery> for AuditSearch {
    fn from(query: AuditQuery) -> Self {
        let AuditQuery { account, before, limit } = query;
        Self { account, before, limit, ..Self::default() }
    }
}

/// A record with the link that ties it to the one before.
///
/// As JSON it is the record's members, and `link` as the last one: without that, the
/// text is exactly what the link was made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// What was done.
    #[serde(flatten)]
    pub record: AuditRecord,
    /// Its link.
    pub link: AuditLink,
}

/// How far a check of the log has come.
#[derive(Clone, Debug)]
pub struct AuditWalk {
    pub(crate) position: u64,
    pub(crate) link: AuditLink,
    pub(crate) checked: u64,
    pub(crate) end: u64,
    pub(crate) done: bool,
}

impl AuditWalk {
    /// From the first record that is kept.
    pub fn from_the_start() -> Self {
        Self::after(0, AuditLink::FIRST)
    }

    pub(crate) const fn after(position: u64, link: AuditLink) -> Self {
        Self { position, link, checked: 0, end: position, done: false }
    }

    /// The last record that was found to fit.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How many records were checked since this check began.
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// Where the log ended when the last step was made.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Whether that end was reached, and fits.
    pub const fn is_done(&self) -> bool {
        self.done
    }

    /// One record further.
    pub(crate) fn step_to(&mut self, position: u64, link: AuditLink) {
        self.position = position;
        self.link = link;
        self.checked += 1;
    }
}

/// Records that were forgotten.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AuditPruned {
    /// The position of the last one.
    pub through: u64,
    /// Its link, which the first record that is kept was tied to.
    pub link: String,
    /// How many they were.
    pub records: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> AuditRecord {
        AuditRecord {
            position: 7,
            at: Timestamp::from_secs(1_000),
            actor: "user:7".to_owned(),
            action: Action::AccountLocked,
            account: 8.try_into().ok(),
            reason: Some("Left for Köln".to_owned()),
            from: Some("192.0.2.1".to_owned()),
            before: None,
            after: None,
        }
    }

    #[test]
    fn a_search_takes_what_it_names() {
        let all = AuditSearch::default();
        let search = |change: fn(&mut AuditSearch)| {
            let mut search = AuditSearch::default();
            change(&mut search);
            search.takes(&record())
        };
        assert!(all.takes(&record()));
        assert!(search(|s| s.actor = Some("user:7".to_owned())));
        assert!(!search(|s| s.actor = Some("user:70".to_owned())));
        assert!(search(|s| s.actions = vec![Action::AccountUnlocked, Action::AccountLocked]));
        assert!(!search(|s| s.actions = vec![Action::AccountUnlocked]));
        assert!(search(|s| s.since = Some(Timestamp::from_secs(1_000))));
        assert!(!search(|s| s.until = Some(Timestamp::from_secs(1_000))), "ends are half-open");
        assert!(search(|s| s.reason = Some("KÖLN".to_owned())));
        assert!(!search(|s| s.reason = Some("Bonn".to_owned())));
        assert!(!search(|s| s.address = Some("192.0.2.10".to_owned())));
        assert!(!search(|s| s.account = 7.try_into().ok()));
    }

    #[test]
    fn the_link_is_the_last_member_of_an_entry() {
        let entry = AuditEntry { record: record(), link: AuditLink::FIRST };
        let bare = serde_json::to_string(&entry.record).expect("serialises");
        let whole = serde_json::to_string(&entry).expect("serialises");
        let link = format!(",\"link\":\"{}\"}}", AuditLink::FIRST.to_hex());
        assert_eq!(whole, format!("{}{link}", &bare[..bare.len() - 1]));
    }
}
