//! What a policy would have done to the attempts that are remembered.

use std::collections::HashSet;
use std::time::Duration;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::operation::Operation;
use crate::domain::policy::{By, LockoutPolicy};
use crate::domain::time::Timestamp;
use crate::domain::trial::{Past, Trial, Who};
use crate::store::{HistoryQuery, Remembered};

/// How many attempts a policy is tried on at most: the newest.
pub const TRIED_ON: u64 = 100_000;

/// How far back they are looked for.
const TRIED_SINCE: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many are read in one go.
const PAGE: u32 = 2_000;

/// What policies would have done to attempts that are over.
#[derive(Clone, Debug, Default)]
pub struct PolicyTrial {
    /// How many attempts there were.
    pub attempts: u64,
    /// When the first of them ended.
    pub first: Option<Timestamp>,
    /// When the last of them ended.
    pub last: Option<Timestamp>,
    /// Whether there were more in that time than are looked at.
    pub is_cut: bool,
    /// How many were refused then, so that nobody knows whether their passwords were
    /// right: they are taken for wrong.
    pub unknown: u64,
    /// What each policy would have made of them, in the order in which they were given.
    pub made: Vec<TriedPolicy>,
}

/// What one policy would have made of attempts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct TriedPolicy {
    /// Wrong passwords that would have been looked at.
    pub guesses: u64,
    /// Wrong passwords that would have been refused unseen.
    pub guesses_refused: u64,
    /// Sign-ins that succeeded, and would have.
    pub good: u64,
    /// Sign-ins that succeeded, and would have been refused.
    pub good_refused: u64,
    /// How many people these were.
    pub people_refused: u64,
    /// Lockouts of accounts.
    pub lockouts: u64,
    /// How many accounts, or logins that are nobody's, would have been locked out.
    pub locked_out: u64,
    /// Lockouts of known devices, and of accounts at one address.
    pub partial_lockouts: u64,
    /// Lockouts of addresses.
    pub address_lockouts: u64,
}

/// A policy that is being tried, and what came of it so far.
struct Trying {
    trial: Trial,
    made: TriedPolicy,
    refused: HashSet<Who>,
    locked_out: HashSet<Who>,
}

impl Admin {
    /// Tries policies on the attempts of the last week: the gate's own rules, on
    /// counters that begin empty.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change settings, or the store can't answer.
    pub async fn try_policies(
        &self,
        actor: &Actor,
        policies: &[&LockoutPolicy],
    ) -> Result<PolicyTrial, AdminError> {
        actor.require(Operation::ChangeSettings)?;
        self.write_attempts().await;
        let since = self.directory.clock().wall().before(TRIED_SINCE);
        let newest = self.newest_attempt().await?;
        let mut after = newest.checked_sub(TRIED_ON);
        let mut trial = PolicyTrial { is_cut: after.is_some(), ..PolicyTrial::default() };
        let mut trying: Vec<_> = policies.iter().map(|policy| Trying::of(policy)).collect();
        loop {
            let page = self.attempts_between(after, newest).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.number);
            if page.first().is_some_and(|first| first.attempt.at < since) {
                trial.is_cut = false;
            }
            let recent = page.iter().map(|one| &one.attempt);
            for one in recent.filter(|one| one.at >= since) {
                trial.add(one);
                trying.iter_mut().for_each(|trying| trying.add(one));
            }
        }
        trial.made = trying.into_iter().map(Trying::made).collect();
        Ok(trial)
    }

    async fn newest_attempt(&self) -> Result<u64, AdminError> {
        let query = HistoryQuery { limit: 1, ..HistoryQuery::default() };
        let newest = self.directory.history().attempts(query).await?;
        Ok(newest.first().map_or(0, |one| one.number))
    }

    /// What was attempted meanwhile is not waited for.
    async fn attempts_between(
        &self,
        after: Option<u64>,
        newest: u64,
    ) -> Result<Vec<Remembered>, AdminError> {
        let query = HistoryQuery {
            after,
            before: newest.checked_add(1),
            oldest_first: true,
            limit: PAGE,
            ..HistoryQuery::default()
        };
        Ok(self.directory.history().attempts(query).await?)
    }
}

impl PolicyTrial {
    fn add(&mut self, one: &PastAttempt) {
        self.attempts += 1;
        self.first = self.first.or(Some(one.at));
        self.last = Some(one.at);
        let unseen = matches!(one.end, AttemptEnd::LockedOut | AttemptEnd::Busy);
        self.unknown += u64::from(unseen);
    }
}

impl Trying {
    fn of(policy: &LockoutPolicy) -> Self {
        Self {
            trial: Trial::of(policy),
            made: TriedPolicy::default(),
            refused: HashSet::new(),
            locked_out: HashSet::new(),
        }
    }

    fn add(&mut self, one: &PastAttempt) {
        let who = Who(one.login);
        let success = one.end == AttemptEnd::Succeeded;
        // What was right and let nobody in is counted by no policy.
        if one.end.was_right() && !success {
            return;
        }
        let (at, address, device, mark) = (one.at, one.from, one.device, one.mark);
        let past =
            Past { at, who: Some(who).filter(|who| who.0 != 0), address, device, success, mark };
        let tried = self.trial.make(&past);
        let made = &mut self.made;
        match (success, tried.checked) {
            (true, true) => made.good += 1,
            (true, false) => {
                made.good_refused += 1;
                self.refused.insert(who);
            }
            (false, true) => made.guesses += 1,
            (false, false) => made.guesses_refused += 1,
        }
        for (by, _) in &tried.laid {
            match by {
                By::Account => {
                    made.lockouts += 1;
                    self.locked_out.insert(who);
                }
                By::AccountAtAddress | By::Device(_) => made.partial_lockouts += 1,
                By::Address(_) => made.address_lockouts += 1,
            }
        }
    }

    fn made(self) -> TriedPolicy {
        TriedPolicy {
            people_refused: self.refused.len() as u64,
            locked_out: self.locked_out.len() as u64,
            ..self.made
        }
    }
}
