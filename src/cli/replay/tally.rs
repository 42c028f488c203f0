//! What came of a log under one policy, in bounded memory.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use ipnet::IpNet;

use super::attempt::{Attempt, Outcome};
use super::names::Names;
use crate::domain::client::ClientAddr;
use crate::domain::lock::Lockout;
use crate::domain::policy::By;
use crate::domain::time::Timestamp;
use crate::domain::trial::{Tried, Who};

/// How many accounts, and how many networks, are told apart.
const MOST_ROWS: usize = 100_000;

/// How many lockouts are listed one by one.
pub(super) const MOST_LISTED: usize = 10_000;

/// How many different passwords, and people at an address, are told apart in all.
const MOST_DIFFERENT: usize = 2_000_000;

/// What came of a log.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sum: Sum,
    pub(super) accounts: Rows<Who>,
    pub(super) sources: Rows<IpNet>,
    /// The first lockouts, in order.
    pub(super) listed: Vec<Listed>,
    different: Budget,
}

/// Numbers of the whole log.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// Wrong passwords that were looked at.
    pub(super) guesses: u64,
    /// Of these, how many were new to their account; where the log tells.
    pub(super) distinct: u64,
    /// Wrong passwords that were not looked at.
    pub(super) guesses_refused: u64,
    pub(super) good: u64,
    /// Good sign-ins that were not looked at.
    pub(super) good_refused: u64,
    pub(super) lockouts: Lockouts,
    pub(super) accounts_locked: u64,
    pub(super) networks_locked: u64,
    /// How many people had a good sign-in refused.
    pub(super) accounts_hurt: u64,
    pub(super) most_guesses: u64,
}

/// How many lockouts were laid, by what they were counted by.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lockouts {
    pub(super) account: u64,
    pub(super) account_at_address: u64,
    pub(super) address: u64,
    pub(super) device: u64,
}

/// One lockout.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) by: &'static str,
    /// What an account is called; none where it is a network's lockout.
    pub(super) login: Option<String>,
    pub(super) network: Option<IpNet>,
    pub(super) lockout: Lockout,
}

/// What came of one account's attempts, or of one network's.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) failures: u64,
    pub(super) guesses: u64,
    pub(super) guesses_refused: u64,
    pub(super) good: u64,
    pub(super) good_refused: u64,
    /// Of the account or the network itself.
    pub(super) lockouts: u64,
    /// Of the account at one address or on one device.
    pub(super) partial_lockouts: u64,
    pub(super) first_lockout: Option<Timestamp>,
    /// How long its own lockouts lasted together; those until somebody unlocks are
    /// counted apart.
    pub(super) locked_for: Duration,
    pub(super) until_unlocked: bool,
    /// Passwords at an account; accounts at a network.
    pub(super) different: HashSet<u64>,
    /// Whether all of them are there.
    pub(super) incomplete: bool,
}

/// Rows by whose they are, at most so many.
#[derive(Debug)]
pub(super) struct Rows<K> {
    rows: HashMap<K, Row>,
    /// How many of those that matter least were let go.
    pub(super) left_out: u64,
}

/// How many more different things are told apart.
#[derive(Debug)]
struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST_DIFFERENT)
    }
}

impl<K> Default for Rows<K> {
    fn default() -> Self {
        Self { rows: HashMap::new(), left_out: 0 }
    }
}

impl Row {
    /// All lockouts that it met.
    pub(super) const fn all_lockouts(&self) -> u64 {
        self.lockouts + self.partial_lockouts
    }

    /// What matters most comes first.
    pub(super) const fn weight(&self) -> (u64, u64, u64) {
        (self.all_lockouts(), self.good_refused, self.failures)
    }

    fn add(&mut self, attempt: &Attempt, checked: bool) {
        let success = attempt.outcome == Outcome::Success;
        self.good += u64::from(success);
        self.failures += u64::from(!success);
        match (success, checked) {
            (true, false) => self.good_refused += 1,
            (false, true) => self.guesses += 1,
            (false, false) => self.guesses_refused += 1,
            (true, true) => {}
        }
    }

    /// Notes something that may be new; says whether it is.
    fn tell_apart(&mut self, thing: u64, budget: &mut Budget) -> bool {
        if self.different.contains(&thing) {
            return false;
        }
        if budget.0 == 0 {
            self.incomplete = true;
            return false;
        }
        budget.0 -= 1;
        self.different.insert(thing)
    }

    fn lock(&mut self, lockout: &Lockout) {
        self.lockouts += 1;
        self.first_lockout = self.first_lockout.or(Some(lockout.laid_at));
        match lockout.length {
            Some(length) => self.locked_for = self.locked_for.saturating_add(length),
            None => self.until_unlocked = true,
        }
    }
}

impl<K: Copy + Eq + Hash + Ord> Rows<K> {
    fn of(&mut self, key: K, label: impl FnOnce() -> String) -> &mut Row {
        if self.rows.len() >= MOST_ROWS && !self.rows.contains_key(&key) {
            self.halve();
        }
        self.rows
            .entry(key)
            .or_insert_with(|| Row { label: label(), ..Row::default() })
    }

    fn halve(&mut self) {
        let mut weights: Vec<_> = self
            .rows
            .iter()
            .map(|(key, row)| (row.weight(), *key))
            .collect();
        let middle = weights.len() / 2;
        let (_, median, _) = weights.select_nth_unstable(middle);
        let median = *median;
        let before = self.rows.len();
        self.rows.retain(|key, row| (row.weight(), *key) > median);
        self.left_out += (before - self.rows.len()) as u64;
    }

    pub(super) fn get(&self, key: K) -> Option<&Row> {
        self.rows.get(&key)
    }

    /// The rows that matter most, the first first.
    pub(super) fn top(&self, most: usize, matters: impl Fn(&Row) -> bool) -> Vec<(K, &Row)> {
        let rows = self.rows.iter().filter(|(_, row)| matters(row));
        let mut rows: Vec<_> = rows.map(|(key, row)| (*key, row)).collect();
        rows.sort_by(|(_, a), (_, b)| {
            b.weight()
                .cmp(&a.weight())
                .then_with(|| a.label.cmp(&b.label))
        });
        rows.truncate(most);
        rows
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Tally {
    /// Counts an attempt and what came of it.
    pub(super) fn add(
        &mut self,
        attempt: &Attempt,
        who: Option<Who>,
        tried: &Tried,
        names: &Names,
    ) {
        self.sum.add(attempt, tried.checked);
        if let Some(who) = who {
            self.add_to_account(attempt, who, tried.checked, names);
        }
        if let Some(network) = attempt.address.map(ClientAddr::prefix) {
            let row = self.sources.of(network, || bare(network));
            row.add(attempt, tried.checked);
            if let Some(login) = &attempt.login {
                row.tell_apart(names.print(login), &mut self.different);
            }
        }
        for (by, lockout) in &tried.laid {
            let login = attempt.login.as_deref().map(|login| names.label(login));
            self.lay(*by, lockout, who, login.as_deref());
            self.list(*by, lockout, login, attempt);
        }
    }

    fn add_to_account(&mut self, attempt: &Attempt, who: Who, checked: bool, names: &Names) {
        let row = self
            .accounts
            .of(who, || names.label(attempt.login.as_deref().unwrap_or_default()));
        let hurt = row.good_refused;
        row.add(attempt, checked);
        self.sum.accounts_hurt += u64::from(hurt == 0 && row.good_refused > 0);
        self.sum.most_guesses = self.sum.most_guesses.max(row.guesses);
        let marker = attempt.secret.as_ref();
        let wrong = checked && attempt.outcome != Outcome::Success;
        if let Some(marker) = marker.filter(|_| wrong) {
            let is_new = row.tell_apart(names.print(&marker.0), &mut self.different);
            self.sum.distinct += u64::from(is_new);
        }
    }

    fn lay(&mut self, by: By, lockout: &Lockout, who: Option<Who>, login: Option<&str>) {
        *self.sum.lockouts.of(by) += 1;
        if let By::Address(network) = by {
            let row = self.sources.of(network, || bare(network));
            self.sum.networks_locked += u64::from(row.lockouts == 0);
            row.lock(lockout);
            return;
        }
        let Some(who) = who else { return };
        let row = self
            .accounts
            .of(who, || login.unwrap_or_default().to_owned());
        self.sum.accounts_locked += u64::from(row.all_lockouts() == 0);
        if by == By::Account {
            row.lock(lockout);
        } else {
            row.partial_lockouts += 1;
            row.first_lockout = row.first_lockout.or(Some(lockout.laid_at));
        }
    }

    fn list(&mut self, by: By, lockout: &Lockout, login: Option<String>, attempt: &Attempt) {
        if self.listed.len() >= MOST_LISTED {
            return;
        }
        let address = attempt.address.map(ClientAddr::prefix);
        let (by, login, network) = match by {
            By::Account => ("account", login, None),
            By::AccountAtAddress => ("account_at_address", login, address),
            By::Address(network) => ("address", None, Some(network)),
            By::Device(_) => ("device", login, None),
        };
        self.listed
            .push(Listed { by, login, network, lockout: lockout.clone() });
    }

    /// Whether every different password was told apart.
    pub(super) const fn tells_all_apart(&self) -> bool {
        self.different.0 > 0
    }
}

impl Sum {
    fn add(&mut self, attempt: &Attempt, checked: bool) {
        match (attempt.outcome, checked) {
            (Outcome::Success, true) => self.good += 1,
            (Outcome::Success, false) => {
                self.good += 1;
                self.good_refused += 1;
            }
            (_, true) => self.guesses += 1,
            (_, false) => self.guesses_refused += 1,
        }
    }
}

impl Lockouts {
    const fn of(&mut self, by: By) -> &mut u64 {
        match by {
            By::Account => &mut self.account,
            By::AccountAtAddress => &mut self.account_at_address,
            By::Address(_) => &mut self.address,
            By::Device(_) => &mut self.device,
        }
    }

    pub(super) const fn all(self) -> u64 {
        self.account + self.account_at_address + self.address + self.device
    }
}

/// A network as people read it: one address without its length.
pub(super) fn bare(network: IpNet) -> String {
    match network {
        IpNet::V4(v4) if v4.prefix_len() == 32 => v4.addr().to_string(),
        _ => network.to_string(),
    }
}
