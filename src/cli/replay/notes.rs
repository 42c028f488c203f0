//! What a reader must know to believe none of a report too much.

use super::facts::Facts;
use super::order::LOOK_BACK;
use super::report::{Report, Tested};
use crate::cli::bench::units::count;
use crate::domain::policy::Enforcement;

/// From what share of all attempts on an address seems to be a proxy's, in percent.
const MOST_FROM_ONE: u64 = 90;

/// Fewer attempts tell nothing of where most come from.
const MANY: u64 = 100;

impl Report {
    pub(super) fn notes(&self) -> Vec<String> {
        let of_policies = self
            .tested
            .iter()
            .flat_map(|tested| tested.notes(&self.facts));
        let mut notes: Vec<_> = self.facts.notes().into_iter().chain(of_policies).collect();
        if self.is_mostly_from_one() {
            notes.push(
                "nearly all attempts come from one address: if that is a proxy's, have the log tell \
                 the client's, or add exempt= with it to the policy"
                    .to_owned(),
            );
        }
        notes
    }

    fn is_mostly_from_one(&self) -> bool {
        let Some(tested) = self.tested.first() else { return false };
        let rows = tested.tally.sources.top(usize::MAX, |_| true);
        let most = rows
            .into_iter()
            .map(|(_, row)| row.failures + row.good)
            .max();
        let share = most.unwrap_or(0) * 100 / self.facts.with_address.max(1);
        self.facts.with_address >= MANY && share >= MOST_FROM_ONE
    }
}

impl Facts {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.with_login == 0 {
            notes.push(
                "the log tells no logins: it was replayed by address alone, and nobody's account \
                 could be locked"
                    .to_owned(),
            );
        }
        if self.refused > 0 {
            notes.push(format!(
                "{} attempts that the log says were refused were replayed as wrong guesses: whether \
                 their password was right is not known",
                count(self.refused)
            ));
        }
        if self.late > 0 {
            notes.push(format!(
                "{} lines were out of order, and were sorted among the {} before them",
                count(self.late),
                count(LOOK_BACK as u64)
            ));
        }
        if self.with_device > 0 {
            notes.push(
                "a device is known from its first good sign-in in the log on, so owners may be \
                 refused at its beginning who would not have been"
                    .to_owned(),
            );
        }
        notes
    }
}

impl Tested {
    fn notes(&self, facts: &Facts) -> Vec<String> {
        let mut notes = Vec::new();
        if self.counts_nothing(facts) {
            notes.push(format!("{} counts nothing that this log tells", self.title));
        }
        if self.policy.enforcement() == Enforcement::Monitor {
            notes.push(format!("{} only monitors: gateways would have refused nobody", self.title));
        }
        if self.forgotten > 0 {
            notes.push(format!(
                "{}: {} counters that said least were forgotten, as a gateway does whose memory is \
                 full",
                self.title,
                count(self.forgotten)
            ));
        }
        let left_out = self.tally.accounts.left_out + self.tally.sources.left_out;
        if left_out > 0 {
            notes.push(format!(
                "{}: {} accounts and addresses with the fewest failures are not in the tables, and \
                 numbers of accounts may be some too high; the other sums are exact",
                self.title,
                count(left_out)
            ));
        }
        notes
    }

    fn counts_nothing(&self, facts: &Facts) -> bool {
        let policy = &self.policy;
        let own = policy.by_account().is_some() || policy.by_account_at_address().is_some();
        let by_login = facts.with_login > 0 && own;
        let by_address = facts.with_address > 0 && policy.by_address().is_some();
        !policy.is_off() && !by_login && !by_address
    }
}
