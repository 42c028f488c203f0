//! What came of a log, for people.

use std::time::Duration;

use comfy_table::Cell;
use ipnet::IpNet;

use super::facts::Facts;
use super::tally::{Row, Rows, Sum, Tally, bare};
use crate::cli::bench::units::count;
use crate::cli::output::{Page, cell};
use crate::domain::length::spell_length;
use crate::domain::policy::LockoutPolicy;
use crate::domain::trial::Who;

/// A longer title is no head of a column.
const TITLE: usize = 16;

/// A policy, and what came of it.
pub(super) struct Tested {
    pub(super) title: String,
    pub(super) option: &'static str,
    pub(super) policy: LockoutPolicy,
    pub(super) tally: Tally,
    pub(super) forgotten: u64,
}

/// All of it.
pub(super) struct Report {
    pub(super) facts: Facts,
    pub(super) tested: Vec<Tested>,
    /// How many rows tables have.
    pub(super) top: usize,
}

impl Tested {
    /// What heads its column.
    fn head(&self) -> &str {
        let short = self.title.chars().count() <= TITLE;
        if short { &self.title } else { self.option }
    }
}

impl Report {
    pub(super) fn page(&self) -> Page {
        let Some(first) = self.tested.first() else { return Page::new() };
        let mut page = Page::new()
            .line(&self.facts.summary(first.tally.sum))
            .line("");
        page = self.sums(page).line("");
        if let [one, other] = &self.tested[..] {
            page = page.line(&compared(one, other)).line("");
        }
        let told = |row: &Row| row.all_lockouts() + row.good_refused > 0;
        if self.facts.with_login > 0 {
            page = self
                .accounts(page, &self.top_of(|tally| &tally.accounts, told))
                .line("");
        }
        let locked = self.top_of(|tally| &tally.sources, |row| row.lockouts > 0);
        if !locked.is_empty() {
            page = self.networks(page, &locked).line("");
        }
        self.sources(page)
    }

    fn sums(&self, page: Page) -> Page {
        let rows = figures(&self.facts);
        let cell_of = |tested: &Tested, figure: Figure| cell(figure(&tested.tally));
        match &self.tested[..] {
            [one, other] => {
                let row = |(name, figure): (&str, Figure)| {
                    [cell(name), cell_of(one, figure), cell_of(other, figure)]
                };
                page.table(["", one.head(), other.head()], 3, rows.into_iter().map(row).collect())
            }
            [one, ..] => {
                let row = |(name, figure): (&str, Figure)| [cell(name), cell_of(one, figure)];
                page.table(["", one.head()], 2, rows.into_iter().map(row).collect())
            }
            [] => page,
        }
    }

    fn accounts(&self, page: Page, all: &[Who]) -> Page {
        let (total, shown) = (all.len(), &all[..all.len().min(self.top)]);
        if shown.is_empty() {
            return page.line("Nobody would have been locked.");
        }
        let page = page.line(&format!("Who would have been locked{}:", of_all(shown.len(), total)));
        match &self.tested[..] {
            [one] => page.table(
                ["LOGIN", "LOCKOUTS", "FIRST", "LOCKED FOR", "GUESSES", "REFUSED", "GOOD REFUSED"],
                7,
                shown.iter().map(|who| account_row(one, *who)).collect(),
            ),
            [one, other, ..] => {
                let row = |who: &Who| {
                    let (a, b) = (one.tally.accounts.get(*who), other.tally.accounts.get(*who));
                    [
                        cell(a.or(b).map_or("", |row| row.label.as_str())),
                        both(a, b, Row::all_lockouts),
                        both(a, b, |row| row.guesses),
                        both(a, b, |row| row.guesses_refused),
                        both(a, b, |row| row.good_refused),
                    ]
                };
                page.line(&format!("  (first under {}, then under {})", one.head(), other.head()))
                    .table(
                        ["LOGIN", "LOCKOUTS", "GUESSES", "REFUSED", "GOOD REFUSED"],
                        5,
                        shown.iter().map(row).collect(),
                    )
            }
            [] => page,
        }
    }

    /// Networks that were locked, the wider ones of IPv6 among them.
    fn networks(&self, page: Page, all: &[IpNet]) -> Page {
        let (total, shown) = (all.len(), &all[..all.len().min(self.top)]);
        let page = page
            .line(&format!("Which networks would have been locked{}:", of_all(shown.len(), total)));
        let row = |network: &IpNet| {
            let row = |at: usize| self.tested.get(at)?.tally.sources.get(*network);
            let first = [row(0), row(1)]
                .into_iter()
                .flatten()
                .filter_map(|row| row.first_lockout);
            let longest = [row(0), row(1)]
                .into_iter()
                .flatten()
                .find(|row| row.lockouts > 0);
            [
                cell(bare(*network)),
                self.each((row(0), row(1)), |row| row.lockouts),
                cell(first.min().map_or_else(String::new, |at| at.to_string())),
                cell(longest.map_or_else(String::new, locked_for)),
            ]
        };
        page.table(
            ["NETWORK", "LOCKOUTS", "FIRST", "LOCKED FOR"],
            4,
            shown.iter().map(row).collect(),
        )
    }

    fn sources(&self, page: Page) -> Page {
        if self.facts.with_address == 0 {
            return page.line("The log tells no addresses.");
        }
        // What the log says of them is the same under every policy.
        let Some(first) = self.tested.first() else { return page };
        let mut all = first.tally.sources.top(usize::MAX, |row| row.failures > 0);
        all.sort_by_key(|(_, row)| std::cmp::Reverse(row.failures));
        let (total, shown) = (all.len(), &all[..all.len().min(self.top)]);
        let page = page.line(&format!("Where failures came from{}:", of_all(shown.len(), total)));
        let row = |(network, row): &(IpNet, &Row)| {
            let other = self
                .tested
                .get(1)
                .and_then(|tested| tested.tally.sources.get(*network));
            let people = match self.facts.with_login {
                0 => "not told".to_owned(),
                _ => at_least(row, row.different.len()),
            };
            [
                cell(bare(*network)),
                cell(count(row.failures)),
                cell(count(row.good)),
                cell(people),
                self.each((Some(row), other), |row| row.guesses),
                self.each((Some(row), other), |row| row.guesses_refused),
            ]
        };
        let head = ["ADDRESS", "FAILED", "GOOD", "ACCOUNTS", "GUESSES", "REFUSED"];
        page.table(head, 6, shown.iter().map(row).collect())
    }

    /// A number under one policy, or under both.
    fn each(&self, (a, b): (Option<&Row>, Option<&Row>), of: fn(&Row) -> u64) -> Cell {
        match self.tested.len() {
            1 => cell(count(a.map_or(0, of))),
            _ => both(a, b, of),
        }
    }

    /// The keys that matter most under any of the policies, the first first.
    pub(super) fn top_of<K: Copy + Eq + std::hash::Hash + Ord>(
        &self,
        rows: impl Fn(&Tally) -> &Rows<K>,
        matters: impl Fn(&Row) -> bool + Copy,
    ) -> Vec<K> {
        let mut all: Vec<(K, _)> = Vec::new();
        for tested in &self.tested {
            let top = rows(&tested.tally).top(usize::MAX, matters);
            all.extend(
                top.into_iter()
                    .map(|(key, row)| (key, (row.weight(), row.label.clone()))),
            );
        }
        all.sort_by(|(_, (a, first)), (_, (b, second))| b.cmp(a).then_with(|| first.cmp(second)));
        let mut seen = std::collections::HashSet::new();
        all.retain(|(key, _)| seen.insert(*key));
        all.into_iter().map(|(key, _)| key).collect()
    }
}

type Figure = fn(&Tally) -> String;

/// The sums, row by row.
fn figures(facts: &Facts) -> Vec<(&'static str, Figure)> {
    let mut rows: Vec<(&'static str, Figure)> =
        vec![("wrong guesses checked", |tally| count(tally.sum.guesses))];
    if facts.with_secret > 0 {
        rows.push(("  different ones", distinct));
    }
    rows.push(("wrong guesses refused", |tally| count(tally.sum.guesses_refused)));
    if facts.with_login > 0 {
        rows.extend([
            ("most guesses at one account", most_guesses as Figure),
            ("accounts locked", |tally| count(tally.sum.accounts_locked)),
            ("lockouts of accounts", |tally| count(tally.sum.lockouts.account)),
            ("  at one address", |tally| count(tally.sum.lockouts.account_at_address)),
        ]);
    }
    if facts.with_device > 0 {
        rows.push(("  on known devices", |tally| count(tally.sum.lockouts.device)));
    }
    rows.extend([
        ("networks locked", networks_locked as Figure),
        ("lockouts of networks", |tally| count(tally.sum.lockouts.address)),
        ("good sign-ins", |tally| count(tally.sum.good)),
        ("good sign-ins refused", |tally| count(tally.sum.good_refused)),
    ]);
    if facts.with_login > 0 {
        rows.push(("  of so many people", |tally| count(tally.sum.accounts_hurt)));
    }
    rows
}

fn most_guesses(tally: &Tally) -> String {
    count(tally.sum.most_guesses)
}

fn networks_locked(tally: &Tally) -> String {
    count(tally.sum.networks_locked)
}

fn distinct(tally: &Tally) -> String {
    let words = if tally.tells_all_apart() { "" } else { "at least " };
    format!("{words}{}", count(tally.sum.distinct))
}

fn account_row(tested: &Tested, who: Who) -> [Cell; 7] {
    let empty = Row::default();
    let row = tested.tally.accounts.get(who).unwrap_or(&empty);
    [
        cell(&row.label),
        cell(count(row.all_lockouts())),
        cell(
            row.first_lockout
                .map_or_else(String::new, |at| at.to_string()),
        ),
        cell(locked_for(row)),
        cell(count(row.guesses)),
        cell(count(row.guesses_refused)),
        cell(count(row.good_refused)),
    ]
}

fn locked_for(row: &Row) -> String {
    match (row.until_unlocked, row.locked_for) {
        (true, _) => "until unlocked".to_owned(),
        (false, Duration::ZERO) if row.partial_lockouts > 0 => "in part".to_owned(),
        (false, length) => spell_length(length),
    }
}

fn both(a: Option<&Row>, b: Option<&Row>, of: impl Fn(&Row) -> u64) -> Cell {
    let [a, b] = [a, b].map(|row| count(row.map_or(0, &of)));
    cell(format!("{a} / {b}"))
}

fn at_least(row: &Row, number: usize) -> String {
    let words = if row.incomplete { "at least " } else { "" };
    format!("{words}{}", count(number as u64))
}

fn of_all(shown: usize, total: usize) -> String {
    if shown == total { String::new() } else { format!(", the first {shown} of {total}") }
}

/// What the second policy does more or less than the first.
fn compared(one: &Tested, other: &Tested) -> String {
    let difference = |of: fn(&Sum) -> u64, what: &str| {
        let (before, after) = (of(&one.tally.sum), of(&other.tally.sum));
        let plural = |number: u64| if number == 1 { "" } else { "s" };
        match after.cmp(&before) {
            std::cmp::Ordering::Equal => format!("as many {what}s"),
            std::cmp::Ordering::Less => {
                let fewer = before - after;
                format!("{} {what}{} fewer", count(fewer), plural(fewer))
            }
            std::cmp::Ordering::Greater => {
                let more = after - before;
                format!("{} {what}{} more", count(more), plural(more))
            }
        }
    };
    format!(
        "Beside {}, {} would have checked {} and refused {}.",
        one.head(),
        other.head(),
        difference(|sum| sum.guesses, "wrong guess").replace("guesss", "guesses"),
        difference(|sum| sum.good_refused, "good sign-in")
    )
}
