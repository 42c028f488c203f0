//! Attempts that are over, kept for a while for people to look at.

use std::fmt;

use ipnet::IpNet;

use crate::domain::account::AccountId;
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, StoreError};

/// Keeps attempts that are over. They are written in batches and are no part of any
/// change: neither audit log nor feed tells of them.
pub trait HistoryStore: fmt::Debug + Send + Sync + 'static {
    /// Writes these down in their order, all or none, and forgets the oldest of those
    /// that are more than `most`.
    fn remember(
        &self,
        attempts: Vec<PastAttempt>,
        most: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Attempts that are kept, newest first unless asked otherwise.
    fn attempts(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<Remembered>, StoreError>>;

    /// How many attempts of each end there were in each hour since then. They are
    /// counted as they are written, and outlive the attempts themselves.
    fn by_hour(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourCount>, StoreError>>;

    /// Where the failures among the newest so many attempts came from: at most `limit`
    /// networks, those with the most failures first.
    fn sources(
        &self,
        among: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<SourceCount>, StoreError>>;

    /// Forgets attempts from before one instant, and counts of hours from before
    /// another; says how many rows went.
    fn forget(
        &self,
        attempts_before: Timestamp,
        hours_before: Timestamp,
    ) -> BoxFuture<'_, Result<u64, StoreError>>;
}

/// Which attempts to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct HistoryQuery {
    /// Those of this account alone.
    pub account: Option<AccountId>,
    /// Those that are older than the attempt of this number.
    pub before: Option<u64>,
    /// Those that are younger than the attempt of this number.
    pub after: Option<u64>,
    /// Those that were over at this instant or earlier.
    pub until: Option<Timestamp>,
    /// The oldest first.
    pub oldest_first: bool,
    /// How many at most.
    pub limit: u32,
}

/// An attempt with its number, in the order in which attempts were written down.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Remembered {
    /// Its number.
    pub number: u64,
    /// What is known of it.
    pub attempt: PastAttempt,
}

/// How many attempts ended like this in one hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HourCount {
    /// When the hour began.
    pub hour: Timestamp,
    /// How they ended.
    pub end: AttemptEnd,
    /// How many.
    pub count: u64,
}

/// How many failures came from one network.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SourceCount {
    /// An address of IPv4, or a network of 64 bits of IPv6.
    pub network: IpNet,
    /// How many failures.
    pub failures: u64,
    /// At how many different logins.
    pub logins: u64,
    /// When the last of them was.
    pub last: Timestamp,
}

/// An hour, as counts are kept by it.
pub(crate) const HOUR_MICROS: i64 = 3_600_000_000;

/// When the hour of this instant began.
pub(crate) const fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().div_euclid(HOUR_MICROS) * HOUR_MICROS)
}
