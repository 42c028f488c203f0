//! Attempts that are over, in memory.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use ipnet::IpNet;

use crate::domain::client::ClientAddr;
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::time::Timestamp;
use crate::store::history::hour_of;
use crate::store::memory::{SingleProcessDirectory, now};
use crate::store::{
    BoxFuture, HistoryQuery, HistoryStore, HourCount, Remembered, SourceCount, StoreError,
};

/// What is kept of them.
#[derive(Default)]
pub(super) struct History {
    attempts: VecDeque<Remembered>,
    last: u64,
    hours: BTreeMap<(Timestamp, AttemptEnd), u64>,
}

/// What is known of one network.
struct Source {
    failures: u64,
    logins: HashSet<u64>,
    last: Timestamp,
}

impl History {
    fn remember(&mut self, attempts: Vec<PastAttempt>, most: u64) {
        for attempt in attempts {
            self.last += 1;
            let hour = (hour_of(attempt.at), attempt.end);
            *self.hours.entry(hour).or_default() += 1;
            self.attempts
                .push_back(Remembered { number: self.last, attempt });
        }
        let kept_after = self.last.saturating_sub(most);
        let old = |one: &Remembered| one.number <= kept_after;
        let gone = self.attempts.iter().take_while(|one| old(one)).count();
        self.attempts.drain(..gone);
    }

    fn found(&self, query: HistoryQuery) -> Vec<Remembered> {
        let wanted = |one: &&Remembered| {
            query
                .account
                .is_none_or(|account| one.attempt.account == Some(account))
                && query.before.is_none_or(|before| one.number < before)
                && query.after.is_none_or(|after| one.number > after)
                && query.until.is_none_or(|until| one.attempt.at <= until)
        };
        let limit = query.limit as usize;
        let all = self.attempts.iter();
        match query.oldest_first {
            true => all.filter(wanted).take(limit).copied().collect(),
            false => all.rev().filter(wanted).take(limit).copied().collect(),
        }
    }

    fn by_hour(&self, since: Timestamp) -> Vec<HourCount> {
        let hours = self.hours.range((hour_of(since), AttemptEnd::Succeeded)..);
        hours
            .map(|((hour, end), count)| HourCount { hour: *hour, end: *end, count: *count })
            .collect()
    }

    fn sources(&self, among: u64, limit: u32) -> Vec<SourceCount> {
        let after = self.last.saturating_sub(among);
        let mut sources: HashMap<IpNet, Source> = HashMap::new();
        for one in self.attempts.iter().filter(|one| one.number > after) {
            let PastAttempt { from, end, login, at, .. } = one.attempt;
            let Some(network) = from.map(ClientAddr::prefix).filter(|_| end.is_failure()) else {
                continue;
            };
            let source = sources.entry(network).or_insert_with(|| Source {
                failures: 0,
                logins: HashSet::new(),
                last: at,
            });
            source.failures += 1;
            source.logins.insert(login);
            source.last = source.last.max(at);
        }
        let counts = sources.into_iter().map(|(network, source)| SourceCount {
            network,
            failures: source.failures,
            logins: source.logins.len() as u64,
            last: source.last,
        });
        let mut counts: Vec<_> = counts.collect();
        counts.sort_by_cached_key(|one| {
            (std::cmp::Reverse((one.failures, one.last)), one.network.to_string())
        });
        counts.truncate(limit as usize);
        counts
    }

    fn forget(&mut self, attempts_before: Timestamp, hours_before: Timestamp) -> u64 {
        let known = self.attempts.len() + self.hours.len();
        self.attempts
            .retain(|one| one.attempt.at >= attempts_before);
        self.hours.retain(|(hour, _), _| *hour >= hours_before);
        (known - self.attempts.len() - self.hours.len()) as u64
    }
}

impl HistoryStore for SingleProcessDirectory {
    fn remember(
        &self,
        attempts: Vec<PastAttempt>,
        most: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().history.remember(attempts, most);
        now(Ok(()))
    }

    fn attempts(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<Remembered>, StoreError>> {
        now(Ok(self.state().history.found(query)))
    }

    fn by_hour(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourCount>, StoreError>> {
        now(Ok(self.state().history.by_hour(since)))
    }

    fn sources(
        &self,
        among: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<SourceCount>, StoreError>> {
        now(Ok(self.state().history.sources(among, limit)))
    }

    fn forget(
        &self,
        attempts_before: Timestamp,
        hours_before: Timestamp,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        let gone = self.state().history.forget(attempts_before, hours_before);
        now(Ok(gone))
    }
}
