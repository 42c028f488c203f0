//! What is known of a log itself, whatever the policy.

use super::attempt::{Attempt, Outcome};
use super::read::Format;
use super::tally::Sum;
use crate::cli::bench::units::count;
use crate::domain::time::Timestamp;

/// What is known of the log itself.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) is_guessed: bool,
    /// Which columns tell what, where that is worth saying.
    pub(super) columns: Option<String>,
    pub(super) lines: u64,
    pub(super) attempts: u64,
    pub(super) other: u64,
    pub(super) bad: u64,
    /// The first bad lines, and why they are.
    pub(super) bad_lines: Vec<(u64, String)>,
    pub(super) late: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// How many attempts the log says were refused.
    pub(super) refused: u64,
    pub(super) with_login: u64,
    pub(super) with_address: u64,
    pub(super) with_device: u64,
    pub(super) with_secret: u64,
}

impl Facts {
    pub(super) fn new(name: &str) -> Self {
        let name = if name == "-" { "standard input" } else { name };
        Self {
            name: name.to_owned(),
            format: Format::Csv,
            is_guessed: false,
            columns: None,
            lines: 0,
            attempts: 0,
            other: 0,
            bad: 0,
            bad_lines: Vec::new(),
            late: 0,
            first: Timestamp::from_micros(i64::MAX),
            last: Timestamp::from_micros(i64::MIN),
            refused: 0,
            with_login: 0,
            with_address: 0,
            with_device: 0,
            with_secret: 0,
        }
    }

    pub(super) fn add(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        self.first = self.first.min(attempt.at);
        self.last = self.last.max(attempt.at);
        self.refused += u64::from(attempt.outcome == Outcome::Refused);
        self.with_login += u64::from(attempt.login.is_some());
        self.with_address += u64::from(attempt.address.is_some());
        self.with_device += u64::from(attempt.device.is_some());
        self.with_secret += u64::from(attempt.secret.is_some());
    }

    /// How the log was read, in words.
    pub(super) fn how(&self) -> String {
        let format = self.format.name();
        let guessed = if self.is_guessed { ", as its first line looks" } else { "" };
        let columns = self.columns.as_ref().map(|columns| format!(" ({columns})"));
        format!("{} is read as {format}{guessed}{}", self.name, columns.unwrap_or_default())
    }

    pub(super) fn summary(&self, sum: Sum) -> String {
        let wrong = self.attempts - sum.good;
        format!(
            "{} sign-in attempts from {} to {}: {} failed, {} succeeded.",
            count(self.attempts),
            self.first,
            self.last,
            count(wrong),
            count(sum.good)
        )
    }
}
