//! What came of a log, as JSON whose field names stay.

use serde_json::{Value, json};

use super::facts::Facts;
use super::report::{Report, Tested};
use super::tally::{Listed, Row, bare};

impl Report {
    pub(super) fn view(&self) -> Value {
        let policies: Vec<_> = self
            .tested
            .iter()
            .map(|tested| self.policy_view(tested))
            .collect();
        json!({ "log": self.facts.view(), "policies": policies, "notes": self.notes() })
    }

    fn policy_view(&self, tested: &Tested) -> Value {
        let tally = &tested.tally;
        let accounts = tally
            .accounts
            .top(self.top, |row| row.failures + row.good_refused > 0);
        let sources = tally.sources.top(self.top, |row| row.failures > 0);
        let knows = self.facts.with_secret > 0;
        let account = |row: &Row| {
            let mut view = row_view("login", row);
            view["distinct_guesses"] = knows.then_some(row.different.len()).into();
            view["partial_lockouts"] = row.partial_lockouts.into();
            view
        };
        let source = |row: &Row| {
            let mut view = row_view("network", row);
            view["accounts"] = row.different.len().into();
            view
        };
        json!({
            "title": tested.title,
            "policy": tested.policy.to_string(),
            "sum": sum_view(tested, knows),
            "accounts": accounts.iter().map(|(_, row)| account(row)).collect::<Vec<_>>(),
            "accounts_told_apart": tally.accounts.len(),
            "networks": sources.iter().map(|(_, row)| source(row)).collect::<Vec<_>>(),
            "lockouts": tally.listed.iter().map(listed_view).collect::<Vec<_>>(),
            "lockouts_left_out": tally.sum.lockouts.all() - tally.listed.len() as u64,
            "counters_forgotten": tested.forgotten,
        })
    }
}

impl Facts {
    fn view(&self) -> Value {
        let bad = |(line, why): &(u64, String)| json!({ "line": line, "why": why });
        json!({
            "name": self.name,
            "format": self.format.name(),
            "format_guessed": self.is_guessed,
            "lines": self.lines,
            "attempts": self.attempts,
            "other_lines": self.other,
            "bad_lines": self.bad,
            "first_bad_lines": self.bad_lines.iter().map(bad).collect::<Vec<_>>(),
            "out_of_order": self.late,
            "refused_in_log": self.refused,
            "first": self.first.to_string(),
            "last": self.last.to_string(),
        })
    }
}

fn sum_view(tested: &Tested, knows: bool) -> Value {
    let sum = tested.tally.sum;
    json!({
        "guesses": sum.guesses,
        "distinct_guesses": knows.then_some(sum.distinct),
        "distinct_guesses_exact": knows.then(|| tested.tally.tells_all_apart()),
        "guesses_refused": sum.guesses_refused,
        "most_guesses_at_one_account": sum.most_guesses,
        "good": sum.good,
        "good_refused": sum.good_refused,
        "accounts_with_good_refused": sum.accounts_hurt,
        "accounts_locked": sum.accounts_locked,
        "networks_locked": sum.networks_locked,
        "lockouts": {
            "account": sum.lockouts.account,
            "account_at_address": sum.lockouts.account_at_address,
            "address": sum.lockouts.address,
            "device": sum.lockouts.device,
        },
    })
}

fn row_view(name: &str, row: &Row) -> Value {
    json!({
        name: row.label,
        "failures": row.failures,
        "guesses": row.guesses,
        "guesses_refused": row.guesses_refused,
        "good": row.good,
        "good_refused": row.good_refused,
        "lockouts": row.lockouts,
        "first_lockout": row.first_lockout.map(|at| at.to_string()),
        "locked_seconds": row.locked_for.as_secs(),
        "until_unlocked": row.until_unlocked,
    })
}

fn listed_view(listed: &Listed) -> Value {
    let lockout = &listed.lockout;
    json!({
        "by": listed.by,
        "login": listed.login,
        "network": listed.network.map(bare),
        "from": lockout.laid_at.to_string(),
        "until": lockout.length.map(|length| lockout.laid_at.after(length).to_string()),
        "after_guesses": lockout.failures,
    })
}
